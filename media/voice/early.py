"""Words that are understood early: from two quiet windows on, before anybody knows it is a pause.

Pure. Most such moments are ends of turns, and the recogniser then has a head start; what was begun
in mid-speech is dropped. One at a time, and after a vain one not again for half a second.
"""

from collections.abc import Iterator
from typing import Final

from media.sound.formats import HEARING_RATE
from media.voice.orders import Drop, ListenEarly, Order, Transcribed
from media.voice.speech import Piece

PER_MS: Final = HEARING_RATE // 1000
AGAIN_MS: Final = 500


class Early:
    """One person's. `piece` is what is being understood, or was, and no pause yet."""

    def __init__(self, early_ms: int, pause_ms: int) -> None:
        """`early_ms` of quiet; 0, or a whole pause, is never."""
        self.piece: Piece | None = None
        self._after = early_ms * PER_MS if 0 < early_ms < pause_ms else 0
        self._not_before = 0

    def due(self, silent: int, now: int) -> bool:
        """Whether it is worth beginning: quiet for long enough, and nothing has begun."""
        return bool(self._after) and self.piece is None and self._due_at(silent, now)

    def begin(self, piece: Piece, now: int) -> Iterator[Order]:
        """Have this understood."""
        self.piece, self._not_before = piece, now + AGAIN_MS * PER_MS
        yield ListenEarly(piece.number, piece.from_sample, piece.until_sample)

    def take(self, now: int) -> Piece | None:
        """It is a pause: what was begun is what it is asked about. In between nobody spoke."""
        piece, self.piece = self.piece, None
        if piece is not None:
            piece.until_sample, self._not_before = now, 0
        return piece

    def drop(self) -> Iterator[Order]:
        """Somebody speaks on."""
        piece, self.piece = self.piece, None
        if piece is not None:
            yield Drop(piece.number)

    def understood(self, fact: Transcribed, now: int) -> bool:
        """Whether these words are the early ones: they wait until it is a pause."""
        piece = self.piece
        if piece is None or piece.number != fact.piece:
            return False
        piece.transcript, piece.heard_at = fact.transcript, now
        return True

    def declined(self, number: int) -> bool:
        """Nobody had time for it; whether it was still early."""
        if self.piece is None or self.piece.number != number:
            return False
        self.piece = None
        return True

    def _due_at(self, silent: int, now: int) -> bool:
        return silent >= self._after and now >= self._not_before
