"""What turns, credits and models are counted by: plain numbers, written where the thing happens.

Nothing here knows who reads them (server/observability/ does), and nothing here holds an id.
"""

from collections import Counter

from storage.spread import (
    ANSWER_SECONDS,
    FIRST_WORD_SECONDS,
    PICTURE_RATES,
    TURN_SECONDS,
    WORDS_SECONDS,
    Spread,
)
from storage.vr_sessions import VrAdded


class TurnTally:
    """One per node."""

    __slots__ = ("between_words", "ended", "first_word", "pieces", "refused", "whole")

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()  # by status
        self.refused = 0  # turns that never opened
        self.pieces = 0  # pieces of text the models gave
        self.first_word = Spread(FIRST_WORD_SECONDS)
        self.between_words = Spread(WORDS_SECONDS)
        self.whole = Spread(TURN_SECONDS)

    def end(self, status: str, first_word_ms: int | None, total_ms: int) -> None:
        """A turn was settled."""
        self.ended[status] += 1
        self.whole.see(total_ms / 1000)
        if first_word_ms is not None:
            self.first_word.see(first_word_ms / 1000)


class CreditTally:
    """What was set aside for turns and what of it was charged, in microcredits."""

    __slots__ = ("captured", "held")

    def __init__(self) -> None:
        self.held = 0
        self.captured = 0


class HeadsetTally:
    """Sessions in headsets, as their reports add up."""

    __slots__ = ("dropped", "frame_rate", "frames", "sessions")

    def __init__(self) -> None:
        self.sessions: Counter[str] = Counter()  # by device
        self.frames = 0
        self.dropped = 0
        self.frame_rate = Spread(PICTURE_RATES)

    def took(self, device: str, frame_rate: float, added: VrAdded) -> None:
        """A report brought something new."""
        self.sessions[device] += added.new
        self.frames += added.frames
        self.dropped += added.dropped_frames
        if added.frames:
            self.frame_rate.see(frame_rate)


class CallTally:
    """Calls of one node."""

    __slots__ = (
        "cameras_shut",
        "ended",
        "headsets",
        "interruptions",
        "live",
        "lost",
        "out",
        "received",
        "refused",
        "seconds",
    )

    def __init__(self) -> None:
        self.live = 0
        self.seconds = 0  # metered
        self.refused: Counter[str] = Counter()  # calls that never began, by code
        self.ended: Counter[str] = Counter()  # by reason
        self.cameras_shut: Counter[str] = Counter()  # by why
        self.interruptions = 0
        self.received = 0  # packets, and those that never came
        self.lost = 0
        self.out = Spread(ANSWER_SECONDS)  # last voiced sample in to first sample out
        self.headsets = HeadsetTally()
