"""A call's credits: held ahead, extended while it goes on, charged by the second when it ends.

The hold and the call's row stand or fall together (storage/calls.py); each step may be repeated.
"""

from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from config.plans import Plan
from rooms.calls.meter import CallPrice, picture_lines
from rooms.commands import Answer
from rooms.credits.wallet import NOTHING, Credits, OpenHold, allowance_of, wallet_view
from rooms.errors import Conflict, PaymentRequired
from rooms.ports import LogStale, Principal
from rooms.shapes import CallEndReason, CallKind, Wallet
from storage import calls as store
from storage.calls import EndCall, InCallAlready, OpenCall
from storage.handed_calls import take_call
from storage.ids import new_id
from storage.ledger import turns


class Calling(Struct, frozen=True, kw_only=True):
    """A call as it is decided: who calls whom, who pays what."""

    who: Principal
    payer: str
    plan: Plan
    home: str
    room: str
    call: str
    hold: str
    companion: str
    kind: CallKind
    transport: str
    price: CallPrice
    key: str
    digest: bytes
    limit_ms: int


class CallTerms(Struct, frozen=True, kw_only=True):
    """What was agreed when a call began, and holds until it ends, whoever carries it."""

    price: CallPrice
    limit_ms: int


class CallTaken(Struct, frozen=True, kw_only=True):
    """Somebody else's open call that is ours now; `k` counts the extensions of its hold."""

    person: str
    companion: str
    kind: CallKind
    transport: str
    legs: int
    terms: CallTerms
    held_microcredits: int
    k: int


class CallOpened(Struct, frozen=True, kw_only=True):
    """It is held. `repeated`: this command was carried out before; here is its answer."""

    held_microcredits: int
    wallet: Wallet
    repeated: Answer | None = None


class CallSettled(Struct, frozen=True, kw_only=True):
    """It is over and charged; the same for whoever settles a second time."""

    captured_microcredits: int
    seconds: int
    reason: CallEndReason
    message: str | None
    n: int | None
    parent: str | None
    receipt: str | None
    wallet: Wallet
    at_ms: int


class CallCredits:
    """One node's way to the ledger, for calls."""

    def __init__(self, db: asyncpg.Pool, credits: Credits, hold_seconds: int) -> None:
        self._db = db
        self._credits = credits
        self._hold_seconds = hold_seconds

    async def open(
        self, calling: Calling, fence: int, node: str, *, amount: int, least: int
    ) -> CallOpened:
        """Hold credits and store the call. Raises ProductError or LogStale."""
        person = calling.who.person
        own = calling.payer == person.id
        answer = Answer(call=calling.call)
        wanted = OpenCall(
            person=person.id,
            key=calling.key,
            digest=calling.digest,
            answer=msgspec.to_builtins(answer),
            payer=calling.payer,
            timezone=person.timezone,
            allowance=allowance_of(calling.plan) if own else NOTHING,
            home=calling.home,
            room=calling.room,
            fence=fence,
            node=node,
            hold=calling.hold,
            call=calling.call,
            companion=calling.companion,
            amount=amount,
            least=min(least, amount),
            seconds=self._hold_seconds,
            kind=calling.kind,
            transport=calling.transport,
            terms=msgspec.to_builtins(CallTerms(price=calling.price, limit_ms=calling.limit_ms)),
        )
        try:
            async with self._credits.refusals(calling.plan):
                opened = await self._credits.surely(lambda: store.open_call(self._db, wanted))
        except InCallAlready as error:
            raise await self._in_call(error, person.id) from error
        except PaymentRequired as refused:
            if own:
                raise
            raise PaymentRequired(
                "The owner pays in this room, and has not enough credits for a call.",
                code="payer_out_of_credits",
                details={"payer": calling.payer},
            ) from refused
        if opened.outcome == "key_reused":
            raise Conflict("This key was used for something else.", code="key_reused", path="$.key")
        repeated = msgspec.convert(opened.answer, Answer) if opened.outcome == "repeated" else None
        if repeated is None:
            self._credits.tally.held += opened.granted
        return CallOpened(
            held_microcredits=opened.granted, wallet=wallet_view(opened.wallet), repeated=repeated
        )

    async def _in_call(self, error: InCallAlready, person: str) -> Conflict:
        if error.where == "room":
            return Conflict(
                "There is a call in this room already.", code="call_in_progress", retryable=True
            )
        found = await store.open_call_of(self._db, person)
        return Conflict(
            "You are in another call. End it first.",
            code="in_another_call",
            retryable=True,
            details={"call": found[0], "room": found[1]} if found else {},
        )

    async def extend(self, calling: Calling, fence: int, k: int, more: int, metered: int) -> int:
        """Hold `more`, or what there is; what is held now. Raises Unavailable or LogStale."""
        async with self._credits.refusals(calling.plan):
            before = await turns.extend_hold(
                self._db, calling.payer, calling.hold, fence, k, more, metered, self._hold_seconds
            )
        return before

    async def keep(
        self,
        calling: Calling,
        *,
        seconds: int,
        microcredits: int,
        legs: int,
        transport: str,
        quality: dict[str, Any],
    ) -> None:
        """Write down how far an open call has come. Raises Unavailable."""
        async with self._credits.refusals(calling.plan):
            await store.keep_call(
                self._db,
                calling.payer,
                calling.hold,
                seconds=seconds,
                cost=microcredits,
                legs=legs,
                transport=transport,
                quality=quality,
            )

    async def settle(
        self,
        calling: Calling,
        fence: int,
        *,
        metered_ms: int,
        free_ms: int,
        microcredits: int,
        reason: CallEndReason,
        quality: dict[str, Any],
        pictures: int = 0,
    ) -> CallSettled:
        """Charge the seconds, store the entry. Raises Unavailable (then repeat it) or LogStale."""
        receipt = new_id("rc")
        price, book = calling.price, self._credits.book
        doc = _receipt(
            calling.call,
            receipt,
            room=calling.room,
            companion=calling.companion,
            price_book=book.version,
            lines=msgspec.to_builtins(
                (*price.lines(metered_ms - free_ms), *picture_lines(book, pictures))
            ),
            discount_percent=price.discount_percent,
            total_ms=metered_ms,
        )
        end = EndCall(
            payer=calling.payer,
            hold=calling.hold,
            fence=fence,
            metered=microcredits,
            seconds=-(-metered_ms // 1000),
            reason=reason,
            message=new_id("m"),
            receipt=receipt,
            receipt_doc=doc,
            quality=quality,
        )
        return await self._end(end, calling.plan)

    async def take_over(
        self, hold: OpenHold, fence: int, *, metered_ms: int, microcredits: int
    ) -> CallSettled:
        """End a dead holder's call at what its log says had passed."""
        receipt = new_id("rc")
        doc = _receipt(
            hold.reply,
            receipt,
            room=hold.room or "",
            companion=hold.companion,
            price_book=self._credits.book.version,
            lines=[],
            discount_percent=0,
            total_ms=metered_ms,
        )
        end = EndCall(
            payer=hold.person,
            hold=hold.hold,
            fence=fence,
            metered=microcredits,
            seconds=-(-metered_ms // 1000),
            reason="holder_died",
            message=new_id("m"),
            receipt=receipt,
            receipt_doc=doc,
        )
        return await self._end(end, None)

    async def take(self, hold: OpenHold, fence: int, node: str) -> CallTaken | None:
        """Make it this node's, so that the holder before can settle it no more.

        None where it cannot go on: it has ended, or its terms are not known. Raises Unavailable.
        """
        async with self._credits.refusals(None):
            taken = await take_call(
                self._db, hold.person, hold.hold, fence, node, self._hold_seconds
            )
        if taken is None or not taken.terms:
            return None
        return CallTaken(
            person=taken.person,
            companion=taken.companion,
            kind=msgspec.convert(taken.kind, CallKind),
            transport=taken.transport,
            legs=taken.legs,
            terms=msgspec.convert(taken.terms, CallTerms),
            held_microcredits=taken.amount,
            k=taken.k,
        )

    async def ended(self, payer: str, hold: str, fence: int) -> CallSettled | None:
        """What became of a call that was settled, and perhaps never told. None: never opened."""
        end = EndCall(
            payer=payer, hold=hold, fence=fence, metered=0, seconds=0, reason="failed",
            message=new_id("m"),
        )  # fmt: skip
        try:
            return await self._end(end, None)
        except LogStale:
            return None

    async def _end(self, end: EndCall, plan: Plan | None) -> CallSettled:
        async with self._credits.refusals(plan):
            ended = await self._credits.surely(lambda: store.end_call(self._db, end))
        if ended.outcome == "settled":
            self._credits.tally.captured += ended.captured
        return CallSettled(
            captured_microcredits=ended.captured,
            seconds=ended.seconds,
            reason=msgspec.convert(ended.reason, CallEndReason),
            message=ended.message,
            n=ended.n,
            parent=ended.parent,
            receipt=ended.receipt,
            wallet=wallet_view(ended.wallet),
            at_ms=ended.at_ms,
        )


def _receipt(call: str, receipt: str, **more: Any) -> dict[str, Any]:
    """In the form of a reply's, so that every receipt is read the same way."""
    return {
        "id": receipt,
        "reply": call,
        "model": "",
        "provider": "",
        "minimum_applied": False,
        "status": "completed",
        "first_token_ms": None,
        "memories": [],
        "prompt": {},
        **more,
    }
