"""The last minute of a call's sound, as far as anybody made any: silence takes no room.

Pure. Pieces lie where they belong on the call's clock; what was never heard reads as silence.
"""

from collections import deque
from typing import Final

from media.sound.formats import HEARING_RATE, SAMPLE_BYTES

KEPT_SECONDS: Final = 60
_KEPT_SAMPLES: Final = KEPT_SECONDS * HEARING_RATE


class KeptSound:
    """One call's. A piece that begins where the last one did replaces it."""

    def __init__(self, seconds: int = KEPT_SECONDS) -> None:
        self._most = seconds * HEARING_RATE
        self._pieces: deque[tuple[int, bytes]] = deque()
        self.end = 0

    def keep(self, at_sample: int, pcm: bytes) -> None:
        """Sound at its place; pieces come in order, and what is too old is forgotten."""
        while self._pieces and self._pieces[-1][0] >= at_sample:
            self._pieces.pop()
        self._pieces.append((at_sample, pcm))
        self.end = at_sample + len(pcm) // SAMPLE_BYTES
        while self._pieces and self._end_of(self._pieces[0]) <= self.end - self._most:
            self._pieces.popleft()

    def forget(self, before_sample: int) -> None:
        """Nobody will ask for what lies before this sample; whole pieces of it go."""
        while self._pieces and self._end_of(self._pieces[0]) <= before_sample:
            self._pieces.popleft()

    def span(self, from_sample: int, until_sample: int) -> bytes:
        """The sound between two samples, silence where there was none; at most 60 s."""
        first = max(0, from_sample, until_sample - _KEPT_SAMPLES)
        if until_sample <= first:
            return b""
        sound = bytearray(SAMPLE_BYTES * (until_sample - first))
        for piece in self._pieces:
            start, end = max(first, piece[0]), min(until_sample, self._end_of(piece))
            if start < end:
                there = piece[1][
                    SAMPLE_BYTES * (start - piece[0]) : SAMPLE_BYTES * (end - piece[0])
                ]
                sound[SAMPLE_BYTES * (start - first) : SAMPLE_BYTES * (end - first)] = there
        return bytes(sound)

    def heard_anything(self, from_sample: int, until_sample: int) -> bool:
        """Whether any sound was kept in the span."""
        return any(
            piece[0] < until_sample and self._end_of(piece) > from_sample for piece in self._pieces
        )

    @property
    def bytes_kept(self) -> int:
        """What it takes."""
        return sum(len(pcm) for _, pcm in self._pieces)

    def pieces(self) -> list[tuple[int, bytes]]:
        """Everything, in order."""
        return list(self._pieces)

    @staticmethod
    def _end_of(piece: tuple[int, bytes]) -> int:
        return piece[0] + len(piece[1]) // SAMPLE_BYTES
