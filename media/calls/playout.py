"""What waits to be played, by epoch: an interruption drops the old epoch, and late sound of it.

Pure: whoever paces asks for the next frame. Samples are counted as they leave, so that what a
person heard is known to the sample.
"""

from collections import deque
from typing import Final

import numpy as np

from media.sound.formats import PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE, SAMPLE_BYTES

MOST_SAMPLES: Final = 5 * PLAYOUT_RATE
FADE_SAMPLES: Final = PLAYOUT_RATE // 100
_FRAME_BYTES: Final = PLAYOUT_FRAME_SAMPLES * SAMPLE_BYTES


class Playout:
    """The queue of one leg. `played` samples of `epoch` have left."""

    def __init__(self) -> None:
        self.epoch = 0
        self.played = 0
        self.paused = False
        self.refused_samples = 0  # beyond what is kept: whoever plays does not look
        self._pieces: deque[memoryview] = deque()
        self._bytes = 0
        self._fade_in = False

    @property
    def queued(self) -> int:
        """Samples that have not left."""
        return self._bytes // SAMPLE_BYTES

    @property
    def sounding(self) -> bool:
        """Whether the next frame has sound."""
        return not self.paused and self._bytes > 0

    def play(self, epoch: int, pcm: bytes) -> None:
        """Sound of `epoch` behind what is queued; of another epoch, or half a sample, nothing."""
        pcm = pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES]
        if epoch != self.epoch or not pcm:
            return
        room = MOST_SAMPLES * SAMPLE_BYTES - self._bytes
        if len(pcm) > room:
            self.refused_samples += (len(pcm) - room) // SAMPLE_BYTES
            pcm = pcm[:room]
        if pcm:
            self._pieces.append(memoryview(pcm))
            self._bytes += len(pcm)

    def flush(self, epoch: int) -> bool:
        """Begin `epoch` with nothing. False: that one, or a later one, has begun already."""
        if epoch <= self.epoch:
            return False
        self.epoch, self.played, self.paused = epoch, 0, False
        self._pieces.clear()
        self._bytes, self._fade_in = 0, False
        return True

    def pause(self) -> bool:
        """Hold it. False: it was held."""
        was, self.paused = self.paused, True
        return not was

    def resume(self) -> None:
        """Go on, softly."""
        if self.paused:
            self.paused, self._fade_in = False, True

    def frame(self) -> bytes | None:
        """The next 20 ms, the last of a sentence filled up with silence; None: silence."""
        if not self.sounding:
            return None
        taken = bytearray()
        while self._pieces and len(taken) < _FRAME_BYTES:
            piece = self._pieces.popleft()
            wanted = _FRAME_BYTES - len(taken)
            taken += piece[:wanted]
            if len(piece) > wanted:
                self._pieces.appendleft(piece[wanted:])
        self._bytes -= len(taken)
        self.played += len(taken) // SAMPLE_BYTES
        taken += bytes(_FRAME_BYTES - len(taken))
        if self._fade_in:
            self._fade_in = False
            return faded_in(bytes(taken))
        return bytes(taken)


def faded_in(pcm: bytes) -> bytes:
    """The sound with its first 10 ms rising from nothing."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32)
    count = min(FADE_SAMPLES, len(sound))
    sound[:count] *= np.arange(count, dtype=np.float32) / count
    return sound.astype("<i2").tobytes()
