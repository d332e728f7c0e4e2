"""Takes up the calls that another holder left: they go on here, or are ended, charged once.

Runs when a room is opened, before any command, after rooms/takeover.py has ended the replies. A
call ends where its log knows nothing of it: it was never told, or the log was lost.
"""

from typing import TYPE_CHECKING

import msgspec
import structlog

from rooms.credits.calls import CallCredits, CallSettled
from rooms.credits.wallet import OpenHold
from rooms.events import CallEnded, MessageCreated, WalletUpdated
from rooms.ports import CallMark, RoomLog, Telling

if TYPE_CHECKING:
    from rooms.room import ChatRoom

logger = structlog.get_logger(__name__)


async def take_up_calls_left(
    room: "ChatRoom", log: RoomLog, credits: CallCredits, holds: list[OpenHold]
) -> None:
    """Go on with the call that an earlier holder began, or settle it and tell how it ended."""
    marks = {mark.call: mark for mark in await log.open_calls()}
    for hold in holds:
        mark = marks.pop(hold.reply, None)
        if mark is not None and await room.calls.take_up(hold, mark):
            logger.info("a call goes on here", call=hold.reply)
            continue
        settled = await credits.take_over(
            hold,
            log.fence,
            metered_ms=mark.metered_ms if mark else 0,
            microcredits=max(mark.microcredits if mark else 0, hold.metered),
        )
        logger.info("a call was taken over", call=hold.reply, seconds=settled.seconds)
        await _tell(room, log, hold.reply, hold.person, hold.hold, settled)
    for mark in marks.values():
        found = await credits.ended(mark.person, mark.hold, log.fence)
        if found is None:
            await log.mark(msgspec.structs.replace(mark, over=True))
        else:
            await _tell(room, log, mark.call, mark.person, mark.hold, found)


async def _tell(
    room: "ChatRoom", log: RoomLog, call: str, payer: str, hold: str, settled: CallSettled
) -> None:
    entry = await room.stored(settled.message) if settled.message else None
    tellings = []
    if entry is not None:
        room.tree.add(entry)
        tellings.append(Telling(MessageCreated(room=log.room, message=entry)))
    ended = CallEnded(
        room=log.room,
        call=call,
        reason=settled.reason,
        seconds=settled.seconds,
        cost_microcredits=settled.captured_microcredits,
        receipt=settled.receipt,
        message=entry,
    )
    wallet = WalletUpdated(
        available_microcredits=settled.wallet.available_microcredits,
        held_microcredits=settled.wallet.held_microcredits,
        lots=settled.wallet.lots,
    )
    over = CallMark(call, payer, hold, "", 0, 0, over=True)
    await log.append([*tellings, Telling(ended, mark=over), Telling(wallet, to=payer)])
