"""Which of a person's sound may be told late: what is too soft to be speech, when nobody waits.

Pure. Who listens is silent most of a call; told every 20 ms, their silence costs as much as
their words. While its holder `gathers`, a leg tells it in pieces of 160 ms, and what may be speech
at once, with the silence before it.
"""

from collections.abc import Sequence
from typing import Final

from media.calls.leg import Heard
from media.sound.formats import HEARING_RATE, HEARING_WINDOW_SAMPLES, SAMPLE_BYTES
from media.sound.levels import FULL_SCALE, power_of, samples_of

GATHERED_SAMPLES: Final = 5 * HEARING_WINDOW_SAMPLES  # 160 ms: whole frames and whole windows
_CLOSE_SAMPLES: Final = HEARING_RATE // 2  # after sound, silence is told at once for so long
_MARGIN_DB: Final = 3.0  # a window of two soft frames' loud halves is louder than either


class Quiet:
    """Whether sound is told at once, for one leg."""

    def __init__(self) -> None:
        self._power: float | None = None  # mean square of samples; None: nothing is gathered
        self._close_until = 0

    def gather(self, below_db: float | None) -> None:
        """Sound below this level may be told late; None: nobody waits any longer."""
        if below_db is None:
            self._power = None
        else:
            self._power = float(FULL_SCALE * 10 ** ((below_db - _MARGIN_DB) / 20)) ** 2

    @property
    def gathers(self) -> bool:
        """Whether anything is told late."""
        return self._power is not None

    def waits(self, pcm: bytes, until: int) -> bool:
        """Whether this sound, which ends at sample `until` of 16 kHz, need not be told at once."""
        if self._power is None:
            return False
        if power_of(samples_of(pcm)) > self._power:
            self._close_until = until + _CLOSE_SAMPLES
        return until > self._close_until


class Gathering:
    """A leg's sound at 16 kHz, told at once or in pieces; nothing is left out or changed."""

    def __init__(self) -> None:
        self.quiet = Quiet()
        self._waiting: list[Heard] = []  # one after another, without a gap
        self._samples = 0

    def push(self, heard: Heard) -> Sequence[Heard]:
        """What is to be told now that this came."""
        if not self._waiting and not self.quiet.gathers:
            return (heard,)
        samples = len(heard.pcm) // SAMPLE_BYTES
        until = heard.at_sample + samples
        waits = self.quiet.waits(heard.pcm, until) and not heard.concealed
        told = () if self._follows(heard) else self.rest()
        self._waiting.append(heard)
        self._samples += samples
        if waits and self._samples < GATHERED_SAMPLES:
            return told
        return (*told, *self.rest())

    def rest(self) -> Sequence[Heard]:
        """What waits."""
        waiting, self._waiting, self._samples = self._waiting, [], 0
        if len(waiting) < 2:
            return waiting
        first, pcm = waiting[0], b"".join(one.pcm for one in waiting)
        return (Heard(pcm=pcm, at_sample=first.at_sample, concealed=first.concealed),)

    def _follows(self, heard: Heard) -> bool:
        """Whether it can be of one piece with what waits."""
        if not self._waiting:
            return True
        last = self._waiting[-1]
        ends = last.at_sample + len(last.pcm) // SAMPLE_BYTES
        return heard.at_sample == ends and heard.concealed == last.concealed
