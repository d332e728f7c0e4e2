"""Seconds that are paid for without a room: a spoken `/v1/realtime` session, held as calls are.

The hold is a call's (it may stand for hours) and so is the meter (rooms/calls/meter.py); there is
no entry in any room. Should the node die, what it was last told had passed is charged.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from config.plans import Plan
from config.settings import Settings
from rooms.calls.meter import CallMeter, call_price
from rooms.commands import Answer
from rooms.credits.wallet import Credits, allowance_of
from rooms.errors import Unavailable
from rooms.ports import Principal
from storage.calls import hold_for_a_call, spoke
from storage.database import DATABASE_AWAY
from storage.ids import new_id
from storage.ledger import turns
from storage.ledger.turns import OpenTurn, SettleTurn

LEAST_SECONDS: Final = 10
TOLD_MS: Final = 15_000  # so often the time of a session is told to the database
MaySpeak = Callable[[Principal], Awaitable[int]]
_NO_ROOM_FENCE: Final = 0


class HeldSeconds(Struct, kw_only=True):
    """A session's hold and its meter. `k`: how often it was extended.

    `limit_ms`: where it is asked again whether more may; `told_ms`: what the database knows.
    """

    who: Principal
    plan: Plan
    companion: str
    id: str
    hold: str
    meter: CallMeter
    limit_ms: int
    told_ms: int = 0
    k: int = 0
    scarce: bool = False  # the last extension gave less than was asked for


class SecondsCredits:
    """One node's way to the ledger, for sound without a room.

    `may`: for how many milliseconds somebody may speak from now on; raises ProductError.
    """

    def __init__(
        self,
        db: asyncpg.Pool,
        credits: Credits,
        settings: Settings,
        node: str,
        now_ms: Callable[[], int],
        may: MaySpeak,
    ) -> None:
        self._db = db
        self._credits = credits
        self._plans = settings.plans
        self._ahead_ms = settings.calls.hold_seconds * 1000
        self.care_ms = settings.calls.care_seconds * 1000
        self._node = node
        self._hold_seconds = settings.rooms.hold_seconds
        self._now_ms = now_ms
        self._may = may

    async def open(self, who: Principal, companion: str) -> HeldSeconds:
        """Set the first seconds aside. Raises ProductError."""
        plan, person = self._plans[who.person.plan], who.person
        limit_ms = await self._may(who)
        price = call_price(self._credits.book, plan, "voice")
        hold, id_ = new_id("h", self._now_ms), new_id("voice", self._now_ms)
        amount = price.of(self._ahead_ms)
        turn = OpenTurn(
            sender=person.id,
            key=hold,
            digest=b"",
            answer=msgspec.to_builtins(Answer()),
            payer=person.id,
            timezone=person.timezone,
            allowance=allowance_of(plan),
            home=None,
            room=None,
            fence=_NO_ROOM_FENCE,
            node=self._node,
            hold=hold,
            reply=id_,
            companion=companion,
            amount=amount,
            least=min(amount, price.of(LEAST_SECONDS * 1000)),
            seconds=self._hold_seconds,
        )
        async with self._credits.refusals(plan):
            opened = await self._credits.surely(lambda: turns.open_turn(self._db, turn))
            await self._credits.surely(lambda: hold_for_a_call(self._db, person.id, hold))
        self._credits.tally.held += opened.granted
        return HeldSeconds(
            who=who,
            plan=plan,
            companion=companion,
            id=id_,
            hold=hold,
            meter=CallMeter(price, opened.granted),
            limit_ms=limit_ms,
        )

    def wanted(self, held: HeldSeconds) -> int:
        """How much more is to be held now; 0 while enough is."""
        meter = held.meter
        return meter.wanted(self._ahead_ms) if meter.left_ms <= self._ahead_ms // 2 else 0

    def to_tell(self, held: HeldSeconds) -> bool:
        """Whether what has passed is worth telling the database."""
        meter = held.meter
        return meter.metered_ms >= min(held.limit_ms, held.told_ms + TOLD_MS)

    async def tell(self, held: HeldSeconds) -> None:
        """Count what has passed for the day, and ask whether more may. Raises ProductError.

        Another session of the same person counts too, and so does a consent that was taken back.
        """
        await self._told(held)
        held.limit_ms = held.told_ms + await self._may(held.who)  # it has counted what was told

    async def _told(self, held: HeldSeconds) -> None:
        metered_ms = held.meter.metered_ms
        try:
            await spoke(self._db, held.who.person.id, held.hold, -(-metered_ms // 1000))
        except DATABASE_AWAY as error:
            raise Unavailable("The database does not answer.") from error
        held.told_ms = metered_ms

    async def extend(self, held: HeldSeconds, more: int) -> None:
        """Hold more, or what there is. Raises Unavailable or LogStale."""
        meter = held.meter
        async with self._credits.refusals(held.plan):
            amount = await turns.extend_hold(
                self._db, held.who.person.id, held.hold, _NO_ROOM_FENCE, held.k, more,
                meter.spent_microcredits, self._hold_seconds,
            )  # fmt: skip
        held.k += 1
        held.scarce = amount < meter.held_microcredits + more
        meter.held_microcredits = max(meter.held_microcredits, amount)

    async def settle(self, held: HeldSeconds) -> int:
        """Charge what had passed, give the rest back; what it came to. Raises Unavailable."""
        meter, price = held.meter, held.meter.price
        if meter.metered_ms > held.told_ms:
            await self._told(held)
        cost = meter.spent_microcredits
        receipt = new_id("rc", self._now_ms) if cost else None
        doc = {
            "id": receipt,
            "reply": held.id,
            "room": "",
            "companion": held.companion,
            "model": "",
            "provider": "",
            "price_book": self._credits.book.version,
            "lines": msgspec.to_builtins(price.lines(meter.metered_ms - meter.free_ms)),
            "discount_percent": price.discount_percent,
            "minimum_applied": False,
            "status": "completed",
            "first_token_ms": None,
            "total_ms": meter.metered_ms,
            "memories": [],
            "prompt": {},
        }
        turn = SettleTurn(
            payer=held.who.person.id,
            hold=held.hold,
            fence=_NO_ROOM_FENCE,
            metered=cost,
            status="completed",
            receipt=receipt,
            receipt_doc=doc if receipt else None,
        )
        async with self._credits.refusals(held.plan):
            settled = await self._credits.surely(lambda: turns.settle_turn(self._db, turn))
        if settled.outcome == "settled":
            self._credits.tally.captured += settled.captured
        return settled.captured
