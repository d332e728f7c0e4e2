"""Credits as turns and people meet them: hold, settle, receipts, balance, and clear refusals.

The only place where storage's money errors become answers that people can act on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import msgspec
from msgspec import Struct

from config.plans import Plan, PriceBook
from rooms.commands import Answer
from rooms.credits.meter import Meter
from rooms.credits.prices import is_unmetered, least_case, price, worst_case
from rooms.errors import Conflict, Forbidden, NotFound, PaymentRequired, Unavailable
from rooms.ports import LogStale, Principal
from rooms.shapes import Lot, Receipt, ReplyStatus, Usage, Wallet
from rooms.tallies import CreditTally
from storage.database import DATABASE_AWAY
from storage.ids import new_id
from storage.ledger import turns, wallets
from storage.ledger.turns import Allowance, HoldRow, OpenTurn, SettleTurn, WalletRow

if TYPE_CHECKING:
    from rooms.asking import Asked

T = TypeVar("T")
ASK_AGAIN_SECONDS = (0.05, 0.2, 0.5, 1.0)
OpenHold = HoldRow
NOTHING = Allowance(0, "never")  # another payer's allowance is minted by their own plan, not here


class Opened(Struct, frozen=True, kw_only=True):
    """Commit 1, done. `repeated`: this command was carried out before; here is its answer.

    `in_full`: the whole worst case is held, so that only the limit of tokens can end the reply.
    """

    answer: Answer
    n: int
    at_ms: int
    granted_microcredits: int
    meter: Meter
    in_full: bool = False
    repeated: Answer | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """What a turn delivered; all that commit 2 needs to know. `heard_until`: it was spoken."""

    status: ReplyStatus
    code: str | None
    continuable: bool
    text: str
    logged_microcredits: int
    usage: Usage
    provider: str
    model: str
    first_token_ms: int | None
    total_ms: int
    heard_until: int | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """Commit 2, done. `low` is what to tell a person who is running out, else empty."""

    captured_microcredits: int
    n: int | None
    at_ms: int
    receipt: str | None
    wallet: Wallet | None
    low: str = ""


class Credits:
    """One node's way to the ledger."""

    def __init__(
        self,
        db: asyncpg.Pool,
        plans: dict[str, Plan],
        book: PriceBook,
        *,
        hold_seconds: int,
        now_ms: Callable[[], int],
    ) -> None:
        self.tally = CreditTally()
        self._db = db
        self._plans = plans
        self.book = book
        self._hold_seconds = hold_seconds
        self._now_ms = now_ms

    # --- a turn

    async def open(self, asked: "Asked", fence: int, node: str) -> Opened:
        """Hold the worst case and store the message. Raises ProductError or LogStale."""
        most_tokens = asked.compiled.prompt.max_output_tokens
        tokens = asked.compiled.input_tokens
        free = bool(asked.fixed_reply) or is_unmetered(asked.plan, self.book)
        amount = 0 if free else worst_case(self.book, asked.plan, tokens, most_tokens)
        least = 0 if free else least_case(self.book, asked.plan, tokens, most_tokens)
        message = asked.message
        turn = OpenTurn(
            sender=asked.who.person.id,
            key=asked.key or asked.hold,
            digest=asked.digest,
            answer=msgspec.to_builtins(asked.answer),
            payer=asked.payer,
            timezone=asked.who.person.timezone,
            allowance=allowance_of(asked.plan) if asked.payer == asked.who.person.id else NOTHING,
            home=asked.home or None,
            room=asked.room or None,
            fence=fence,
            node=node,
            hold=asked.hold,
            reply=asked.reply,
            companion=asked.companion,
            amount=amount,
            least=least,
            seconds=self._hold_seconds,
            message=message.id if message else None,
            parent=message.parent if message else asked.parent,
            parts=msgspec.to_builtins(message.parts) if message else None,
            words=message.text if message else "",
            edited=bool(message and message.siblings),
        )
        try:
            async with self.refusals(asked.plan):
                opened = await self.surely(lambda: turns.open_turn(self._db, turn))
        except PaymentRequired as refused:
            if asked.payer == asked.who.person.id:
                raise
            raise PaymentRequired(
                "The owner pays in this room, and has not enough credits for this.",
                code="payer_out_of_credits",
                details={"payer": asked.payer},
            ) from refused
        if opened.outcome == "key_reused":
            raise Conflict("This key was used for something else.", code="key_reused", path="$.key")
        if opened.outcome != "repeated":
            self.tally.held += opened.granted
        answer = msgspec.convert(opened.answer, Answer)
        plan = asked.plan
        if asked.fixed_reply:
            plan = msgspec.structs.replace(plan, discount_percent=100)
        return Opened(
            answer=answer,
            n=opened.n,
            at_ms=opened.at_ms,
            granted_microcredits=opened.granted,
            meter=Meter(self.book, plan, tokens, opened.granted),
            in_full=opened.granted >= amount,
            repeated=answer if opened.outcome == "repeated" else None,
        )

    async def surely(self, statement: Callable[[], Awaitable[T]]) -> T:
        """If the answer is lost, ask again: both commits are safe to repeat, and must be known."""
        for wait_seconds in ASK_AGAIN_SECONDS:
            try:
                return await statement()
            except DATABASE_AWAY:
                await asyncio.sleep(wait_seconds)
        return await statement()

    async def settle(self, asked: "Asked", outcome: Outcome, fence: int) -> Settled:
        """Charge what was delivered; the rest goes back. Raises Unavailable while the database
        is away; then repeat it. Raises LogStale when another holder has the room."""
        captured = self._cost(asked, outcome)
        receipt = new_id("rc", self._now_ms) if outcome.text else None
        doc = self._receipt(asked, outcome, receipt) if receipt else None
        turn = SettleTurn(
            payer=asked.payer,
            hold=asked.hold,
            fence=fence,
            metered=captured,
            status=outcome.status,
            parent=asked.parent,
            continues=asked.continues,
            parts=_stored_parts(outcome),
            words=outcome.text,
            continuable=outcome.continuable,
            usage=msgspec.to_builtins(outcome.usage),
            memories=tuple(memory.id for memory in asked.memories),
            receipt=receipt,
            receipt_doc=doc,
        )
        return await self._settle(turn, asked.plan)

    async def take_over(self, hold: OpenHold, outcome: Outcome, fence: int) -> Settled:
        """Settle a dead holder's hold at what its log says was shown."""
        receipt = new_id("rc", self._now_ms) if outcome.text else None
        turn = SettleTurn(
            payer=hold.person,
            hold=hold.hold,
            fence=fence,
            metered=outcome.logged_microcredits,
            status=outcome.status,
            parts=[{"type": "text", "text": outcome.text}] if outcome.text else None,
            words=outcome.text,
            continuable=outcome.continuable,
            receipt=receipt,
            receipt_doc=self._bare_receipt(hold, outcome, receipt) if receipt else None,
        )
        return await self._settle(turn, None)

    async def open_holds(self, home: str, room: str) -> list[OpenHold]:
        """Holds that an earlier holder left open in a room."""
        return await turns.open_holds(self._db, home, room)

    async def _settle(self, turn: SettleTurn, plan: Plan | None) -> Settled:
        async with self.refusals(plan):
            settled = await self.surely(lambda: turns.settle_turn(self._db, turn))
        self.tally.captured += settled.captured
        wallet = wallet_view(settled.wallet)
        return Settled(
            captured_microcredits=settled.captured,
            n=settled.n,
            at_ms=settled.at_ms,
            receipt=settled.receipt,
            wallet=wallet,
            low=self._low(wallet, settled.captured),
        )

    def _cost(self, asked: "Asked", outcome: Outcome) -> int:
        """What was logged, or the provider's exact count of a whole reply; nothing for nothing."""
        if not outcome.text or asked.fixed_reply:
            return 0
        if outcome.status == "completed" and outcome.usage.source == "provider":
            usage = outcome.usage
            exact = price(self.book, asked.plan, usage.input_tokens, usage.output_tokens)
            return exact.microcredits
        return outcome.logged_microcredits

    def _low(self, wallet: Wallet, captured: int) -> str:
        """Warn once a handful of replies like this one are left."""
        left = wallet.available_microcredits
        if captured == 0 or left >= 5 * captured:
            return ""
        return "Your credits are nearly used up."

    # --- people

    async def balance(self, who: Principal) -> Wallet:
        """What a person can spend now; mints today's allowance if it is due."""
        person = who.person
        row = await wallets.balance(
            self._db, person.id, person.timezone, allowance_of(self._plans[person.plan])
        )
        return wallet_view(row)

    async def grant(
        self, person: str, timezone: str, kind: str, microcredits: int, ref: str, note: str = ""
    ) -> int:
        """Give credits once per `ref` (admin, packages); returns what is available after."""
        lot = {
            "id": ref,
            "kind": kind,
            "amount": microcredits,
            "expires": None,
            "priority": {"daily": 10, "subscription": 20, "bonus": 25}.get(kind, 30),
            "promo": kind != "purchased",
        }
        _, available = await wallets.grant(
            self._db, person, timezone, lot, ref, {"origin": kind, "note": note}
        )
        return available

    async def receipt(self, who: Principal, receipt: str) -> Receipt:
        """One of the person's own receipts."""
        doc = await wallets.receipt(self._db, who.person.id, receipt)
        if doc is None:
            raise NotFound("There is no such receipt.", code="receipt_not_found")
        return msgspec.convert(doc, Receipt)

    # --- inside

    @asynccontextmanager
    async def refusals(self, plan: Plan | None) -> AsyncIterator[None]:
        """Storage's money errors as answers that people can act on."""
        try:
            yield
        except turns.StaleHolder as error:
            raise LogStale from error
        except turns.CompanionBlocked as error:
            raise Forbidden(
                "You have blocked this companion. Unblock it to write again.",
                code="companion_blocked",
            ) from error
        except turns.NotEnoughCredits as error:
            raise self._out_of_credits(error, plan) from error
        except turns.NoSuchHold as error:
            raise LogStale from error
        except DATABASE_AWAY as error:
            raise Unavailable("The database does not answer; nothing was lost.") from error

    def _out_of_credits(self, error: turns.NotEnoughCredits, plan: Plan | None) -> PaymentRequired:
        details: dict[str, object] = {
            "available_microcredits": error.available,
            "needed_microcredits": error.needed,
        }
        if error.ceiling is not None:
            return PaymentRequired(
                f"This would go beyond the ceiling you set for the {error.ceiling}. "
                "Raise it in your wallet to go on.",
                code="ceiling_reached",
                details={**details, "ceiling": error.ceiling},
            )
        if plan is not None and plan.allowance_period != "never":
            details["renews"] = plan.allowance_period
        details["unlocked_by"] = ["buy_credits", *self._larger_than(plan)]
        return PaymentRequired(
            "Not enough credits for a reply. Your allowance returns with the new "
            f"{plan.allowance_period if plan else 'day'}.",
            details=details,
        )

    def _larger_than(self, plan: Plan | None) -> list[str]:
        have = plan.allowance_microcredits if plan else 0
        return [name for name, other in self._plans.items() if other.allowance_microcredits > have]

    def _receipt(self, asked: "Asked", outcome: Outcome, receipt: str) -> dict[str, Any]:
        usage = outcome.usage
        reckoned = price(self.book, asked.plan, usage.input_tokens, usage.output_tokens)
        parts: dict[str, int] = {}
        for section in asked.compiled.sections:
            parts[section.name] = parts.get(section.name, 0) + section.tokens
        return _receipt_doc(
            outcome,
            receipt,
            reply=asked.reply,
            room=asked.room,
            companion=asked.companion,
            price_book=self.book.version,
            lines=msgspec.to_builtins(reckoned.lines),
            discount_percent=100 if asked.fixed_reply else asked.plan.discount_percent,
            minimum_applied=reckoned.minimum_applied,
            memories=[memory.id for memory in asked.memories],
            prompt=parts,
        )

    def _bare_receipt(self, hold: OpenHold, outcome: Outcome, receipt: str) -> dict[str, Any]:
        """After a crash only the log speaks: what was shown, and what it had cost by then."""
        return _receipt_doc(
            outcome,
            receipt,
            reply=hold.reply,
            room=hold.room or "",
            companion=hold.companion,
            price_book=self.book.version,
            lines=[],
            discount_percent=0,
            minimum_applied=False,
            memories=[],
            prompt={},
        )


def allowance_of(plan: Plan) -> Allowance:
    """What a plan mints, as the ledger wants it."""
    return Allowance(plan.allowance_microcredits, plan.allowance_period)


def wallet_view(row: WalletRow) -> Wallet:
    """A wallet as people see it."""
    return Wallet(
        available_microcredits=row.available,
        held_microcredits=row.held,
        lots=[
            Lot(kind=lot["kind"], remaining_microcredits=lot["amount"], expires_at=lot["expires"])
            for lot in row.lots
        ],
    )


def _stored_parts(outcome: Outcome) -> list[dict[str, Any]] | None:
    """A moderated reply is stored without its words, so that the tree shows that it was."""
    if not outcome.text and outcome.status != "moderated":
        return None
    heard = {} if outcome.heard_until is None else {"heard_until": outcome.heard_until}
    return [{"type": "text", "text": outcome.text, **heard}]


def _receipt_doc(outcome: Outcome, receipt: str, **more: Any) -> dict[str, Any]:
    return {
        "id": receipt,
        "model": outcome.model,
        "provider": outcome.provider,
        "status": outcome.status,
        "first_token_ms": outcome.first_token_ms,
        "total_ms": outcome.total_ms,
        **more,
    }
