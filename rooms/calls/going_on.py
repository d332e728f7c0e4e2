"""A call that another holder began goes on here: the same meter and conversation, a new clock.

What it is made of lies in the database (who, what was agreed, what is held) and in the room's log
(how far it came, where its leg waits). What lies between the two holders is charged to nobody.
"""

from typing import TYPE_CHECKING

from config.calls import CallSettings
from rooms.calls.call import Call
from rooms.calls.life import CallLife, LifeRules
from rooms.calls.parts import CallParts
from rooms.credits.calls import Calling
from rooms.credits.wallet import OpenHold
from rooms.ports import CallMark

if TYPE_CHECKING:
    from rooms.calls.calls import Inside


def rules_of(settings: CallSettings, disclosure_seconds: int, limit_ms: int) -> LifeRules:
    """A call's rules in milliseconds."""
    return LifeRules(
        connect_ms=int(settings.connect_seconds * 1000),
        reconnect_ms=int(settings.reconnect_seconds * 1000),
        hold_ms=settings.hold_seconds * 1000,
        goodbye_ms=settings.goodbye_seconds * 1000,
        mark_ms=int(settings.mark_seconds * 1000),
        disclose_ms=disclosure_seconds * 1000,
        care_ms=settings.care_seconds * 1000,
        limit_ms=limit_ms,
    )


async def taken_up(parts: CallParts, room: "Inside", hold: OpenHold, mark: CallMark) -> Call | None:
    """The call of this hold, ours from now on; None where it cannot go on. Raises Unavailable."""
    log, plans, row = room.log, room.parts.plans, room.members.row
    taken = await parts.credits.take(hold, log.fence, parts.node)
    who = await parts.again(taken.person) if taken is not None else None
    if taken is None or who is None or who.person.plan not in plans:
        return None
    if not room.members.may_go_on(who.person.id, taken.companion):
        return None
    calling = Calling(
        who=who,
        payer=hold.person,
        plan=plans[who.person.plan],
        home=row.home,
        room=row.room,
        call=mark.call,
        hold=hold.hold,
        companion=taken.companion,
        kind=taken.kind,
        transport=taken.transport,
        price=taken.terms.price,
        key="",  # it was carried out; nobody repeats it here
        digest=b"",
        limit_ms=taken.terms.limit_ms,
    )
    rules = rules_of(parts.settings, parts.disclosure_seconds, calling.limit_ms)
    now = parts.clock_ms()
    life = CallLife(rules, calling.price, taken.held_microcredits, now, greets=True)
    life.take_up(
        now, k=taken.k, metered_ms=mark.metered_ms, free_ms=mark.free_ms, care_ms=mark.care_ms
    )
    life.meter.beside_microcredits = mark.beside_microcredits
    call = Call(calling, life, log, parts, left=mark.leg, legs=taken.legs)
    call.sight.shown = call.sight.paid = mark.pictures
    return call
