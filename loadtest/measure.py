"""What is measured while people talk: times in HDR histograms, and counters; both can be added up.

Times are taken in whole microseconds up to an hour, to three digits. A driver hands over what it
measured since the last time, so the parts of a second and of a process add up to the whole.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from time import perf_counter
from typing import Final

from hdrh.histogram import HdrHistogram
from msgspec import Struct

LONGEST_SECONDS: Final = 3600.0
_LONGEST_US: Final = int(LONGEST_SECONDS * 1e6)
_DIGITS: Final = 3

# What the shipped clients measure; a scenario may add names of its own.
MEASURES: Final = {
    "connect": "from the intended start until the server's greeting (or the HTTP answer)",
    "sign_in": "from the token being sent until `ready`",
    "ack": "from the intended moment of a message until the server has taken it",
    "first_token": "from the intended moment of a message until the first words of the reply",
    "inter_token": "between two deltas of one reply",
    "reply": "from the intended moment of a message until the whole reply",
    "delivery_lag": "from the server's clock in an event until the event is here",
    "fan_out": "from sending a message until another device has it",
    "resume": "from the intended moment of coming back until the session goes on",
    "back": "from the loss of the connection until the session goes on",
    "pong": "from a heartbeat until its answer",
    "call_answer": "from pressing call until the server's answer",
    "call_connected": "from pressing call until the first sound arrives",
    "voice_to_packet": "from the last sound said until the answer's first voiced packet came",
    "voice_to_voice": "and until that sound left the caller's jitter buffer",
    "sound_late": "how late each packet of sound came, beside the soonest of the call",
    "first_picture": "from the answer to a video call until its first picture is decoded",
    "picture_gap": "between two pictures",
    "picture_late": "how late a picture was there beside its stamp and the soonest of the call",
    "freeze": "how long a picture stood still: three usual gaps, or 150 ms longer than one",
    "skew": "how far mouth and sound were apart, over ten seconds, by the sender's clock",
    "waited": "how long after its intended moment a message was really sent",
}
COUNTERS: Final = {
    "starts": "people whose moment came",
    "late_starts": "started over 50 ms after their moment: the driver was late",
    "dropped_starts": "not started, because everybody was busy",
    "visits": "people who came and left again as they meant to",
    "unfinished": "people cut short at the end of the run",
    "turns": "messages said",
    "replies": "replies that came to their end",
    "interrupted": "replies that ended otherwise than completed",
    "deltas": "pieces of replies",
    "events": "numbered events",
    "lost_events": "numbers or words that never came",
    "repeated_events": "numbers or words that came twice",
    "losses": "connections that were lost or cut",
    "resumes": "sessions that went on",
    "resyncs": "sessions that could not go on where they were",
    "strained_seconds": "seconds in which a driver was saturated",
    "errors": "everything that went wrong, also counted by its code",
    "sound_frames": "pieces of 20 ms of sound heard",
    "sound_gaps": "holes of more than 60 ms between them",
    "pictures": "frames of video decoded",
    "picture_ms": "milliseconds in which pictures were to be seen",
    "freezes": "gaps between pictures that a person notices",
    "frozen_ms": "milliseconds of them",
    "slow_windows": "ten seconds with fewer than 20 pictures a second",
    "late_lips": "ten seconds of speech in which the lips came late",
    "early_lips": "and in which they came early",
    "video_bytes": "bytes of pictures received",
    "bytes_in": "bytes received",
    "bytes_out": "bytes sent",
}
AMONG: Final = {
    "late_starts": "starts",
    "dropped_starts": "starts",
    "visits": "starts",
    "unfinished": "starts",
    "replies": "turns",
    "interrupted": "turns",
    "errors": "turns",
    "lost_events": "events",
    "repeated_events": "events",
    "resyncs": "losses",
    "resumes": "losses",
    "freezes": "pictures",
    "frozen_ms": "picture_ms",
}
# What follows from two counters: so many of one for each of the other, times a factor.
FIGURES: Final = {
    "frame_rate": ("pictures", "picture_ms", 1000.0),
    "video_kbps": ("video_bytes", "picture_ms", 8.0),
    "frozen_share": ("frozen_ms", "picture_ms", 1.0),
}


def figure(name: str, counts: Mapping[str, int]) -> float | None:
    """A figure of FIGURES; None where nothing was counted."""
    part, among, factor = FIGURES[name]
    whole = counts.get(among, 0)
    return factor * counts.get(part, 0) / whole if whole else None


def figures(counts: Mapping[str, int]) -> dict[str, float]:
    """All that can be told."""
    found = {name: figure(name, counts) for name in FIGURES}
    return {name: value for name, value in found.items() if value is not None}


def histogram() -> HdrHistogram:
    """Microseconds up to an hour."""
    return HdrHistogram(1, _LONGEST_US, _DIGITS)


class Loop(Struct, frozen=True, kw_only=True):
    """How a driver itself fared in one interval: shares of one core, and how late its loop was."""

    cpu_share: float = 0.0
    waited_share: float = 0.0
    lag_p99_seconds: float = 0.0
    lag_max_seconds: float = 0.0


class Part(Struct, frozen=True, kw_only=True):
    """What one driver measured since its last part. Histograms are encoded."""

    driver: int
    at_seconds: float
    times: dict[str, str] = {}
    counts: dict[str, int] = {}
    people: int = 0
    connected: int = 0
    loop: Loop = Loop()
    last: bool = False


class Window(Struct, frozen=True):
    """The part of a run whose times count, by `time.perf_counter`.

    It is asked when something began, not when it ended: what is slow is not lost at its end.
    """

    since: float
    until: float

    def holds(self, began: float) -> bool:
        """Whether what began then counts."""
        return self.since <= began < self.until


class Measures:
    """One driver's, or one interval's, measurements."""

    def __init__(self, window: Window | None = None) -> None:
        self.times: dict[str, HdrHistogram] = {}
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._window = window

    def time(self, name: str, seconds: float) -> None:
        """Take a time that ends now. Clocks may go back a little, and an hour is the longest."""
        if self._window is not None and not self._window.holds(perf_counter() - seconds):
            return
        found = self.times.get(name)
        if found is None:
            found = self.times[name] = histogram()
        found.record_value(min(max(int(seconds * 1e6), 1), _LONGEST_US))

    def count(self, name: str, by: int = 1) -> None:
        """Count something; counting none of it tells that it is counted at all."""
        self.counts[name] += by

    def error(self, code: str) -> None:
        """Something went wrong: counted, and counted by its code."""
        self.counts["errors"] += 1
        self.counts[f"errors.{code}"] += 1

    def take(self) -> tuple[dict[str, str], dict[str, int]]:
        """What was measured since the last time, encoded; from here on it begins anew."""
        times = {name: one.encode().decode() for name, one in self.times.items()}
        counts = dict(self.counts)
        self.times = {}
        self.counts = defaultdict(int)
        return times, counts

    def add(self, times: dict[str, str], counts: dict[str, int]) -> None:
        """Add what was taken elsewhere."""
        for name, encoded in times.items():
            found = self.times.get(name)
            if found is None:
                found = self.times[name] = histogram()
            found.decode_and_add(encoded.encode())
        for name, n in counts.items():
            self.counts[name] += n


def seconds_at(found: HdrHistogram, percent: float) -> float:
    """The time that so many per cent stayed within."""
    total = found.total_count
    if not total:
        return 0.0
    rank = max(1, math.ceil(total * percent / 100 - 1e-9))  # the library would round it down
    return float(found.get_value_at_percentile(100 * rank / total)) / 1e6
