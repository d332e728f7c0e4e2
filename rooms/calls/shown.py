"""What a conversation tells its call is shown to the person and booked.

The first half of a call (rooms/calls/call.py is the other): captions, mouth shapes and feelings go
to whoever shows or draws them, times into the call's quality record. Nothing here decides.
"""

from typing import Final

import structlog

from media.calls.leg import Played
from media.speech.ports import Spoken
from rooms.calls.around import Caption, TurnTimes
from rooms.calls.doubts import Unseen
from rooms.calls.feelings import Feelings
from rooms.calls.parts import CallParts
from rooms.calls.quality import QualityBook
from rooms.calls.scribe import Scribe
from rooms.calls.sounding import Soundings
from rooms.calls.told import captioned, expressed, mouthed, sounded
from rooms.credits.calls import Calling
from rooms.errors import ProductError
from rooms.events import CallUnseen
from rooms.ports import RoomLog

logger: Final = structlog.get_logger(__name__)


class Shown:
    """See rooms/calls/around.py `Around`; what the leg tells is the call's."""

    def __init__(self, calling: Calling, log: RoomLog, parts: CallParts) -> None:
        self.calling = calling
        self.sign_in = calling.who.sign_in  # by which it came last; "": nobody here knows
        self.quality = QualityBook()
        self._log = log
        self._parts = parts
        self.scribe = Scribe(log)
        self._feelings = Feelings()
        self._soundings = Soundings()

    @property
    def person(self) -> str:
        """Who calls."""
        return self.calling.who.person.id

    def came_by(self, person: str, sign_in: str) -> bool:
        """Whether it is this person's, and not surely by another sign-in; empty: by any."""
        return self.person == person and (not sign_in or self.sign_in in {"", sign_in})

    def caption(self, caption: Caption) -> None:
        """Show what is being said."""
        self.scribe.caption(captioned(self.calling, caption))
        self._express(caption)

    def _express(self, caption: Caption) -> None:
        """What it feels at its words goes to whoever draws its face."""
        feeling = self._feelings.read(caption)
        if feeling.strength > 0:
            self._log.mention(expressed(self.calling, feeling))

    def turned(self, times: TurnTimes) -> None:
        """A turn is over."""
        self.quality.turned(times)
        self._parts.tally.interruptions += times.interrupted
        if times.out_ms is not None:
            self._parts.tally.out.see(times.out_ms / 1000)

    def refused(self, refusal: ProductError) -> None:
        """The room took no turn."""
        self.quality.refused()
        logger.info("a turn in a call was refused", call=self.calling.call, code=refusal.code)

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        """Speech was queued: its mouth shapes go to whoever draws them."""
        if piece.visemes:
            self._log.mention(mouthed(self.calling, epoch, at_sample, piece))

    def stands(self, played: Played) -> None:
        """Where the sound stands goes to whoever moves a mouth to it."""
        if (standing := self._soundings.read(played)) is not None:
            self._log.mention(sounded(self.calling, standing))

    def unseen(self, why: Unseen) -> None:
        """The camera was shut, because of what it showed or because nobody could judge that."""
        call = self.calling
        logger.warning("a camera was shut", call=call.call, why=why)
        self._parts.tally.cameras_shut[why] += 1
        told = CallUnseen(room=call.room, call=call.call, why=why)
        self.scribe.tell(told, call.who.person.id)

    def stands_anew(self) -> None:
        """Another leg: its sound is told from the beginning."""
        self._soundings = Soundings()
