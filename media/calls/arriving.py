"""A person's sound as a socket's frames bring it: at 16 kHz, told where an ear's window ends.

Pure. An ear looks at 512 samples at once (media/inference/windows.py): what is told between two
ends of windows wakes a talk that can do nothing with it, and a call's sound costs a third less.
Of silence nobody waits for, five windows are told at once (media/calls/quiet.py).
"""

from collections.abc import Sequence

from media.calls.binary import Arrivals, SoundFrame
from media.calls.leg import Heard
from media.calls.opus import Decoder
from media.calls.quiet import GATHERED_SAMPLES, Quiet
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES
from media.sound.formats import HEARING_WINDOW_SAMPLES as _WINDOW
from media.sound.prompt import PromptResampler


class Arriving:
    """The sound of one direction. `places` counts its frames."""

    def __init__(self, sample_rate: int | None) -> None:
        """`sample_rate` of PCM16; None for Opus. Raises NoOpus and WrongRate."""
        self._decoder = Decoder() if sample_rate is None else None
        self._resampler = PromptResampler(sample_rate or HEARING_RATE, HEARING_RATE)
        self.begin()

    def begin(self) -> None:
        """Everything begins anew: the clock stands at 0, and nothing waits."""
        self.places = Arrivals()
        self.quiet = Quiet()
        self._waiting: list[bytes] = []  # at the rate it came in
        self._samples = 0  # of it
        self._from = 0  # where it begins on the leg's clock, and ends
        self._until = 0

    def push(self, frame: SoundFrame) -> Sequence[Heard]:
        """What is to be told now that this frame came. Raises BadPacket."""
        sound = frame.sound if self._decoder is None else self._decoder.decode(frame.sound)
        samples = self._samples + len(sound) // SAMPLE_BYTES
        until = self._from + self._resampler.ready(samples)
        at = self.places.place(frame, until - self._until)
        told: Sequence[Heard] = ()
        if at != self._until:  # a jump: what came before it lies before it
            told = self.rest()
            samples = len(sound) // SAMPLE_BYTES
            until = at + self._resampler.ready(samples)
            self._from = at
        self._waiting.append(sound)
        self._samples, self._until = samples, until
        step = GATHERED_SAMPLES if self.quiet.waits(sound, until) else _WINDOW
        if until // step > self._from // step:
            return (*told, *self.rest())
        return told

    def rest(self) -> Sequence[Heard]:
        """What waits, though its window is not whole."""
        pcm = self._resampler.push(b"".join(self._waiting))
        self._waiting.clear()
        self._samples = 0
        if not pcm:
            return ()
        heard = Heard(pcm=pcm, at_sample=self._from)
        self._from = self._until
        return (heard,)
