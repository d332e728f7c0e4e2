"""Conducts a call: what the person says becomes turns of the room, replies become heard speech.

A thin shell around media/voice/talk.py, which decides everything in audio samples; here its orders
are carried out with an ear, a speaker, a leg and the room.
"""

from config.voice import VoiceSettings
from media.calls.leg import GoneReason, Leg
from media.hearing.ports import Ear
from media.speech.ports import Speaker, VoiceChoice
from rooms.calls.around import Around
from rooms.ports import Principal
from rooms.room import ChatRoom


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
        self._room = room
        self._who = who
        self._ear = ear
        self._speaker = speaker
        self._choice = choice
        self._settings = settings
        self._around = around

    async def run(self, leg: Leg) -> GoneReason:
        """Talk over this leg until it is gone; says why. Cancelling it interrupts what is said.

        What was being said is interrupted when the leg goes, and settled before this returns. The
        leg stays the caller's to close.
        """
        raise NotImplementedError

    async def say(self, text: str, *, interruptible: bool = True) -> int:
        """Say words that are no reply (greeting, disclosure, goodbye); how many code points were
        heard. They wait for what is being said, and cost nothing. Not interruptible: nothing pauses
        or stops them, and what the person says meanwhile is answered afterwards.

        Without a leg it returns 0 at once.
        """
        raise NotImplementedError

    async def hush(self) -> None:
        """Interrupt whatever is being said, as if the person had spoken; settled on return."""
        raise NotImplementedError
