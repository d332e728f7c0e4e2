"""What a call shows and keeps of itself, put into words of the protocol.

Values from values: who is told, and when, is rooms/calls/call.py's.
"""

from media.avatar.arkit import EXPRESSION_WEIGHTS
from media.avatar.motion.expressions import Feeling
from media.calls.leg import LegAddress
from media.speech.ports import Spoken
from rooms.calls.around import Caption
from rooms.calls.life import CallLife
from rooms.calls.sounding import Standing
from rooms.credits.calls import Calling, CallSettled
from rooms.events import CallCaption, CallExpression, CallSounding, CallUpdated, CallViseme
from rooms.ports import CallMark
from rooms.shapes import CallPart, Message, Sender


def captioned(calling: Calling, caption: Caption) -> CallCaption:
    """What is being said, by whom."""
    by_person = caption.who == "person"
    return CallCaption(
        room=calling.room,
        call=calling.call,
        of=calling.who.person.id if by_person else calling.companion,
        utterance=caption.id,
        text=caption.text,
        final=caption.final,
        withdrawn=caption.withdrawn,
    )


def expressed(calling: Calling, feeling: Feeling) -> CallExpression:
    """What the companion's face shows, for whoever draws it."""
    return CallExpression(
        room=calling.room,
        call=calling.call,
        person=calling.who.person.id,
        name=feeling.name,
        strength=feeling.strength,
        arkit=EXPRESSION_WEIGHTS[feeling.name],
    )


def mouthed(calling: Calling, epoch: int, at_sample: int, piece: Spoken) -> CallViseme:
    """The mouth shapes of queued speech, for whoever draws them."""
    return CallViseme(
        room=calling.room,
        call=calling.call,
        person=calling.who.person.id,
        epoch=epoch,
        at_sample=at_sample,
        visemes=list(piece.visemes),
    )


def sounded(calling: Calling, standing: Standing) -> CallSounding:
    """Where the sound stands, for whoever moves a mouth to it."""
    return CallSounding(
        room=calling.room,
        call=calling.call,
        person=calling.who.person.id,
        epoch=standing.epoch,
        samples=standing.samples,
        playing=standing.playing,
    )


def marked(
    calling: Calling, life: CallLife, leg: LegAddress | None, now_ms: int, pictures: int
) -> CallMark:
    """What the log keeps, so that a call whose holder dies goes on with the same meter."""
    return CallMark(
        calling.call,
        calling.payer,
        calling.hold,
        calling.companion,
        life.meter.metered_ms,
        life.meter.spent_microcredits,
        free_ms=life.meter.free_ms,
        care_ms=life.care_ms(now_ms),
        leg=leg,
        beside_microcredits=life.meter.beside_microcredits,
        pictures=pictures,
    )


def updated(calling: Calling, life: CallLife, *, recorded: bool) -> CallUpdated:
    """How the call stands, and what it has cost so far."""
    return CallUpdated(
        room=calling.room,
        call=calling.call,
        state=life.state,
        seconds=life.seconds,
        cost_microcredits=life.meter.spent_microcredits,
        recorded=recorded,
    )


def entry_of(calling: Calling, settled: CallSettled, recordings: list[str]) -> Message | None:
    """The entry a call leaves in its room; None where that is gone."""
    if settled.message is None or settled.n is None:
        return None
    part = CallPart(
        call=calling.call,
        kind=calling.kind,
        reason=settled.reason,
        seconds=settled.seconds,
        cost_microcredits=settled.captured_microcredits,
        person=calling.who.person.id,
        companion=calling.companion,
        receipt=settled.receipt,
        recordings=recordings,
    )
    return Message(
        id=settled.message,
        room=calling.room,
        n=settled.n,
        sender=Sender(kind="system", id=calling.call, name=""),
        parts=[part],
        at=settled.at_ms,
        parent=settled.parent,
        cost_microcredits=settled.captured_microcredits,
        receipt=settled.receipt,
    )
