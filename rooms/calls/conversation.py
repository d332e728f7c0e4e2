"""Conducts a call: what the person says becomes turns of the room, replies become heard speech.

A thin shell around media/voice/talk.py, which decides everything in audio samples; leg by leg its
orders are carried out by rooms/calls/conductor.py.
"""

from config.voice import VoiceSettings
from media.calls.leg import GoneReason, Leg
from media.hearing.ports import Ear
from media.sound.formats import HEARING_WINDOW_SAMPLES
from media.speech.ports import Speaker, VoiceChoice
from rooms.calls.around import Around
from rooms.calls.conductor import Conductor, TalkParts
from rooms.ports import LogStale, Principal
from rooms.room import ChatRoom
from rooms.stopping import finish


class Conversation:
    """One call's talk. Made once per call; `run` once per leg, one after another.

    While a leg runs, every reply in the room is spoken into it, whoever asked for it and however
    (a typed message too); between legs replies are written as ever.
    """

    def __init__(
        self,
        room: ChatRoom,
        who: Principal,
        ear: Ear,
        speaker: Speaker,
        choice: VoiceChoice,
        settings: VoiceSettings,
        around: Around,
    ) -> None:
        """`who` is the person on the leg: what is heard is sent in their name and on their credits.

        The ear and the speaker stay the caller's to close.
        """
        self._parts = TalkParts(
            room=room,
            who=who,
            ear=ear,
            speaker=speaker,
            choice=choice,
            settings=settings,
            around=around,
        )
        self._now: Conductor | None = None
        self._ear_sample = 0

    async def run(self, leg: Leg) -> GoneReason:
        """Talk over this leg until it is gone; says why. Cancelling it interrupts what is said.

        What was being said is interrupted when the leg goes, and settled before this returns. The
        leg stays the caller's to close. Raises LogStale when the room has another holder.
        """
        room, conductor = self._parts.room, Conductor(self._parts, leg, self._ear_sample)
        self._now = conductor
        room.speak_through(conductor)
        try:
            return await conductor.run()
        except* LogStale as stale:
            raise LogStale from stale
        finally:
            self._now, self._ear_sample = None, _next_window(conductor.listening.ends)
            room.speak_through(None)
            await finish(room.close(interrupt=True))

    async def say(self, text: str, *, interruptible: bool = True) -> int:
        """Say words that are no reply (greeting, disclosure, goodbye); how many code points were
        heard. They wait for what is being said, and cost nothing. Not interruptible: nothing pauses
        or stops them, and what the person says meanwhile is answered afterwards.

        Without a leg it returns 0 at once. Cancelling it ends the words.
        """
        if self._now is None or not text.strip():
            return 0
        saying = self._now.say(text, interruptible=interruptible)
        try:
            await saying.over.wait()
        finally:
            if not saying.over.is_set():
                await finish(saying.stop())
        return saying.heard_until

    async def hush(self) -> None:
        """Interrupt whatever is being said, as if the person had spoken; settled on return."""
        if self._now is not None:
            self._now.hush()
            await self._parts.room.close(interrupt=True)


def _next_window(sample: int) -> int:
    """Where an ear's next window begins: a leg's own clock, and what it tells, begin with one."""
    return -(-sample // HEARING_WINDOW_SAMPLES) * HEARING_WINDOW_SAMPLES
