"""Ends what a dead holder left open, so that nothing is charged twice and nothing is lost.

The log knows how far each reply came, the database which holds stand open; between them every
moment of a crash is covered (docs/why/takeover.md). Runs when a room is opened, before any
command.
"""

import structlog

from rooms.calls.takeover import take_up_calls_left
from rooms.credits.calls import CallCredits
from rooms.credits.wallet import Credits, OpenHold, Outcome
from rooms.events import MessageCreated, ReplyDone, RoomEvent, WalletUpdated
from rooms.ports import RoomLog, Telling, Unfinished
from rooms.room import ChatRoom
from rooms.shapes import Usage, text_of

logger = structlog.get_logger(__name__)


async def end_what_was_left(
    room: ChatRoom, log: RoomLog, credits: Credits, calls: CallCredits
) -> None:
    """Settle every reply that an earlier holder began; tell how each ended. Calls go on."""
    logged = {left.metered.reply: left for left in await log.unfinished()}
    holds = await credits.open_holds(room.row.home, room.row.room)
    held = {hold.reply: hold for hold in holds if hold.kind == "reply"}
    for reply in logged.keys() | held.keys():
        left, hold = logged.get(reply), held.get(reply)
        if hold is not None:
            await _settle(room, log, credits, hold, left)
        elif left is not None:
            await _tell_stored_end(room, log, left)
    await take_up_calls_left(room, log, calls, [hold for hold in holds if hold.kind == "call"])


async def _settle(
    room: ChatRoom, log: RoomLog, credits: Credits, hold: OpenHold, left: Unfinished | None
) -> None:
    """An open hold: charge what the log says was shown, and no more."""
    text = left.text if left else ""
    outcome = Outcome(
        status="interrupted",
        code="holder_died",
        continuable=bool(text),
        text=text,
        logged_microcredits=left.metered.microcredits if left else 0,
        usage=Usage(input_tokens=0, output_tokens=0, source="kindred"),
        provider="",
        model="",
        first_token_ms=None,
        total_ms=0,
    )
    settled = await credits.take_over(hold, outcome, log.fence)
    logger.info("a reply was taken over", reply=hold.reply, characters=len(text))
    tellings: list[RoomEvent] = []
    if hold.message is not None and left is None:  # else it was logged with the reply's beginning
        asked = await room.stored(hold.message)
        if asked is not None:
            tellings.append(MessageCreated(room=log.room, message=asked))
    stored = await room.stored(hold.reply)
    tellings.append(
        ReplyDone(
            room=log.room,
            reply=hold.reply,
            status="interrupted",
            text=text,
            cost_microcredits=settled.captured_microcredits,
            message=stored,
            receipt=settled.receipt,
            continuable=bool(text),
            code="holder_died",
        )
    )
    await log.append([Telling(event) for event in tellings])
    if settled.wallet is not None:
        view = settled.wallet
        wallet = WalletUpdated(
            available_microcredits=view.available_microcredits,
            held_microcredits=view.held_microcredits,
            lots=view.lots,
        )
        await log.append([Telling(wallet, to=hold.person)])


async def _tell_stored_end(room: ChatRoom, log: RoomLog, left: Unfinished) -> None:
    """Settled, but its end was never told: tell it from what is stored."""
    stored = await room.stored(left.metered.reply)
    done = ReplyDone(
        room=log.room,
        reply=left.metered.reply,
        status=stored.status if stored and stored.status != "deleted" else "interrupted",
        text=text_of(stored.parts) if stored else "",
        cost_microcredits=stored.cost_microcredits if stored else 0,
        message=stored,
        usage=stored.usage if stored else None,
        receipt=stored.receipt if stored else None,
        continuable=stored.continuable if stored else False,
    )
    await log.append([Telling(done)])
