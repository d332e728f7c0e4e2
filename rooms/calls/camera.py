"""A person's camera in their call: who may share it, the consent that is kept, what it costs."""

from typing import TYPE_CHECKING, Final

from config.calls import CallSettings
from rooms.calls.call import Call
from rooms.commands import Answer, CallCamera
from rooms.dialogue.ports import Picture
from rooms.errors import Conflict, Forbidden, NotFound
from rooms.events import CallSeen
from rooms.ports import Principal
from storage.people import consent

if TYPE_CHECKING:
    from rooms.calls.calls import Calls
    from rooms.parts import RoomParts

PURPOSE: Final = "camera"


def cameras_offered(settings: CallSettings, *, sees: bool) -> bool:
    """Whether anybody's camera can be shown; `sees`: the model takes pictures."""
    judged = settings.camera_unchecked or bool(settings.camera_check_url)
    return settings.camera and sees and judged


def check_camera(settings: CallSettings, *, sees: bool) -> None:
    """Raises Forbidden where nobody's camera can be seen."""
    if cameras_offered(settings, sees=sees):
        return
    why = "Cameras are not shown here."
    if settings.camera and not sees:
        why = "The model behind this companion takes no pictures."
    raise Forbidden(why, code="camera_not_offered")


async def share(
    parts: "RoomParts", call: Call | None, who: Principal, command: CallCamera
) -> Answer:
    """Open the companion's eyes in a call, or shut them. Raises ProductError.

    They shut first and are told of it afterwards; they open once the consent is kept.
    """
    calls, db = parts.calls, parts.db
    if calls is None:
        raise Forbidden("Calls are not offered here.", code="calls_not_offered")
    if call is None or not call.going_on or command.call != call.calling.call:
        raise NotFound("This call has ended.", code="call_not_found")
    if call.person != who.person.id:
        raise Forbidden("Only who called can show a camera.", code="not_your_call")
    sight, leg = call.sight, call.leg
    wish = sight.wish()
    if command.on:
        if who.minor:
            raise Forbidden("Showing a camera is for adults.", code="adults_only")
        check_camera(calls.settings, sees=parts.turn.router.sees)
        if sight.doubts.closed:
            raise Forbidden("Your camera stays off in this call.", code="camera_closed")
        _check_connection(call)
    else:
        sight.end()
    await consent(
        db, who.person.id, PURPOSE, command.call, granted=command.on, address="", agent=""
    )
    if command.on and leg is not None and leg is call.leg and wish == sight.wishes:
        sight.begin(leg)
    return Answer(call=command.call)


def _check_connection(call: Call) -> None:
    leg = call.leg
    if call.calling.kind != "video" or leg is None or leg.address.transport != "webrtc":
        raise Conflict(
            "The call has no connection that carries pictures.",
            code="no_pictures_here",
            retryable=leg is None,
        )


async def shown(calls: "Calls", person: str, key: str | None) -> tuple[Picture, ...]:
    """What this person's camera showed with the words of `key`; see rooms/calls/sight.py."""
    call = calls.now
    return await call.sight.pictures(key) if call is not None and calls.covers(person) else ()


def saw(calls: "Calls", parts: "RoomParts", pictures: int, status: str) -> None:
    """An answered turn had so many pictures: they are charged, at the call's discount and within
    its hold, unless nobody was told the answer, or the call is free for a while."""
    call, book = calls.now, parts.turn.credits.book
    if not pictures or call is None or status == "moderated":
        return
    price, cared = call.calling.price, call.cared_for
    listed = pictures * (book.camera_microcredits if book.calls_include_replies else 0)
    if not price.free and not cared:
        call.life.meter.add(-(-listed * (100 - price.discount_percent) // 100))
    call.sight.shown += pictures
    call.sight.paid += 0 if cared else pictures
    told = CallSeen(
        room=call.calling.room,
        call=call.calling.call,
        pictures=call.sight.shown,
        cost_microcredits=call.life.meter.beside_microcredits,
    )
    call.scribe.tell(told, call.person)
