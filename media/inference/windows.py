"""Cuts a call's sound into the windows a network judges, and decides which are worth judging.

Pure: the caller's half of an ear. Sound that comes twice is dropped, a gap is silence, and what
the gate keeps back never leaves the gateway.
"""

from collections import deque
from typing import Final

from msgspec import Struct

from media.hearing.gate import KEPT_WINDOWS, OPEN_DB, Gate
from media.sound.formats import HEARING_RATE, HEARING_WINDOW_SAMPLES, SAMPLE_BYTES
from media.sound.levels import SILENCE_DB, levels_db

WINDOW_SAMPLES: Final = HEARING_WINDOW_SAMPLES
WINDOW_BYTES: Final = WINDOW_SAMPLES * SAMPLE_BYTES
_GATHER_SECONDS_A_CALL: Final = 0.001
_GAP_MOST: Final = 2 * HEARING_RATE  # of a longer one only the end is told


def gather_seconds(calls: int) -> float:
    """How long a window may wait for those of others: nothing to speak of alone, and never longer
    than a window lasts. Both sides of a connection gather, and fall in step where a worker has one
    gateway; with several, a window may wait so long on each side."""
    return min(WINDOW_SAMPLES / HEARING_RATE, _GATHER_SECONDS_A_CALL * calls)


class Window(Struct, frozen=True):
    """One window that ends at `until_sample`. `passes`: it is to be judged; `before` then holds
    the sound just before it that was kept back."""

    until_sample: int
    level_db: float
    passes: bool
    pcm: bytes = b""
    before: bytes = b""

    @property
    def at_sample(self) -> int:
        """Where it begins."""
        return self.until_sample - WINDOW_SAMPLES


class Windows:
    """The windows of one call."""

    def __init__(self, open_db: float = OPEN_DB) -> None:
        self.gate = Gate(open_db=open_db)
        self._at = 0  # where the open window begins
        self._open = bytearray()
        self._held_back: deque[bytes] = deque(maxlen=KEPT_WINDOWS)

    @property
    def end(self) -> int:
        """The sample after the last one that came."""
        return self._at + len(self._open) // SAMPLE_BYTES

    def push(self, pcm: bytes, at_sample: int) -> list[Window]:
        """The windows this sound completes."""
        if at_sample < self.end:
            pcm = pcm[SAMPLE_BYTES * (self.end - at_sample) :]
        elif at_sample > self.end:
            found = self._silence_until(at_sample)
            return found + self._take(pcm)
        return self._take(pcm)

    def unfinished(self) -> tuple[int, bytes]:
        """The open window as it is: where it begins, and its sound so far."""
        return self._at, bytes(self._open)

    def _silence_until(self, sample: int) -> list[Window]:
        missing = sample - self.end
        if missing <= _GAP_MOST:
            return self._take(bytes(SAMPLE_BYTES * missing))
        # A long one: finish this window, jump, and come out with a whole window of silence.
        found = self._take(bytes(WINDOW_BYTES - len(self._open)))
        self._held_back.clear()
        self._at += (sample - self._at) // WINDOW_SAMPLES * WINDOW_SAMPLES
        self.gate = Gate(open_db=self.gate.open_db)
        found.append(Window(self._at, SILENCE_DB, passes=False))
        return found + self._take(bytes(SAMPLE_BYTES * (sample - self._at)))

    def _take(self, pcm: bytes) -> list[Window]:
        self._open += pcm
        whole = len(self._open) // WINDOW_BYTES * WINDOW_BYTES
        if not whole:
            return []
        sound = bytes(self._open[:whole])
        del self._open[:whole]
        cuts, levels = range(0, whole, WINDOW_BYTES), levels_db(sound, WINDOW_SAMPLES)
        return [
            self._judge(sound[at : at + WINDOW_BYTES], level)
            for at, level in zip(cuts, levels, strict=True)
        ]

    def _judge(self, pcm: bytes, level: float) -> Window:
        self._at += WINDOW_SAMPLES
        was_open = self.gate.is_open
        if not self.gate.passes(level):
            self._held_back.append(pcm)
            return Window(self._at, level, passes=False)
        before = b"" if was_open else b"".join(self._held_back)
        self._held_back.clear()
        return Window(self._at, level, passes=True, pcm=pcm, before=before)
