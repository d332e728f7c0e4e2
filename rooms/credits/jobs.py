"""Work charged by the quantity, without a room: characters spoken, seconds understood.

The same two commits as a turn (storage/ledger/turns.py): the worst case is held before anything is
done, what was done is charged, the rest goes back; both may be repeated. A request that comes again
under its own key is done again and not charged again.
"""

from collections.abc import Callable
from typing import Any, Literal

import asyncpg
import msgspec
from msgspec import Struct

from config.plans import Plan
from rooms.commands import Answer
from rooms.credits.wallet import Credits, allowance_of
from rooms.errors import Conflict
from rooms.ports import Principal
from rooms.shapes import ReceiptLine, ReplyStatus, Usage
from storage.ids import new_id
from storage.ledger import turns
from storage.ledger.turns import OpenTurn, SettleTurn

What = Literal["characters spoken", "seconds transcribed"]
_NO_ROOM_FENCE = 0


class Job(Struct, frozen=True, kw_only=True):
    """What is asked for. `quantity` is the most it can come to."""

    who: Principal
    plan: Plan
    what: What
    quantity: int
    unit_microcredits_per_1k: int
    companion: str = ""
    key: str | None = None
    digest: bytes = b""


class HeldJob(Struct, frozen=True, kw_only=True):
    """A job whose price is set aside. `free`: nothing is charged, whatever is done."""

    job: Job
    id: str
    hold: str
    free: bool


def job_price(unit_microcredits_per_1k: int, discount_percent: int, quantity: int) -> int:
    """Fractions round up once, at the end."""
    assert quantity >= 0
    return -(-quantity * unit_microcredits_per_1k * (100 - discount_percent) // 100_000)


class JobCredits:
    """One node's way to the ledger, for jobs."""

    def __init__(
        self,
        db: asyncpg.Pool,
        credits: Credits,
        node: str,
        *,
        hold_seconds: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._db = db
        self._credits = credits
        self._node = node
        self._hold_seconds = hold_seconds
        self._now_ms = now_ms

    async def hold(self, job: Job) -> HeldJob:
        """Set the worst case aside. Raises ProductError."""
        held = HeldJob(
            job=job, id=new_id("job", self._now_ms), hold=new_id("h", self._now_ms), free=False
        )
        amount = self._price(job, job.quantity)
        person = job.who.person
        turn = OpenTurn(
            sender=person.id,
            key=job.key or held.hold,
            digest=job.digest,
            answer=msgspec.to_builtins(Answer()),
            payer=person.id,
            timezone=person.timezone,
            allowance=allowance_of(job.plan),
            home=None,
            room=None,
            fence=_NO_ROOM_FENCE,
            node=self._node,
            hold=held.hold,
            reply=held.id,
            companion=job.companion,
            amount=amount,
            least=amount,
            seconds=self._hold_seconds,
        )
        async with self._credits.refusals(job.plan):
            opened = await self._credits.surely(lambda: turns.open_turn(self._db, turn))
        if opened.outcome == "key_reused":
            raise Conflict("This key was used for something else.", code="key_reused")
        if opened.outcome == "repeated":
            return msgspec.structs.replace(held, free=True)
        self._credits.tally.held += opened.granted
        return held

    async def settle(self, held: HeldJob, done: int, status: ReplyStatus) -> int:
        """Charge for what was done; the microcredits it came to. May be repeated."""
        if held.free:
            return 0
        job = held.job
        cost = self._price(job, min(done, job.quantity))
        receipt = new_id("rc", self._now_ms) if done else None
        turn = SettleTurn(
            payer=job.who.person.id,
            hold=held.hold,
            fence=_NO_ROOM_FENCE,
            metered=cost,
            status=status,
            usage=msgspec.to_builtins(Usage(input_tokens=0, output_tokens=0, source="kindred")),
            receipt=receipt,
            receipt_doc=self._receipt(held, receipt, done, status) if receipt else None,
        )
        async with self._credits.refusals(job.plan):
            settled = await self._credits.surely(lambda: turns.settle_turn(self._db, turn))
        if settled.outcome == "settled":
            self._credits.tally.captured += settled.captured
        return settled.captured

    def _price(self, job: Job, quantity: int) -> int:
        return job_price(job.unit_microcredits_per_1k, job.plan.discount_percent, quantity)

    def _receipt(
        self, held: HeldJob, receipt: str, done: int, status: ReplyStatus
    ) -> dict[str, Any]:
        job = held.job
        line = ReceiptLine(
            what=job.what,
            quantity=done,
            unit_microcredits_per_1k=job.unit_microcredits_per_1k,
            microcredits=job_price(job.unit_microcredits_per_1k, 0, done),
        )
        return {
            "id": receipt,
            "reply": held.id,
            "room": "",
            "companion": job.companion,
            "model": "",
            "provider": "",
            "price_book": self._credits.book.version,
            "lines": [msgspec.to_builtins(line)],
            "discount_percent": job.plan.discount_percent,
            "minimum_applied": False,
            "status": status,
            "first_token_ms": None,
            "total_ms": 0,
            "memories": [],
            "prompt": {},
        }
