"""The quality record of a call: how long each stage took, what the network lost, what was heard.

Pure: fed while the call goes on, read when it ends. Numbers only; no sound, no words, no address.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from media.calls.leg import LegQuality
from rooms.calls.around import TurnTimes

KEPT: Final = 512  # turns whose times are remembered; a longer call keeps the newest
STAGES: Final = ("pause", "transcript", "decided", "word", "clause", "sound", "out")


class Stage(Struct, frozen=True, kw_only=True):
    """A stage's times after the person's last voiced sample, in milliseconds."""

    count: int
    p50_ms: int
    p95_ms: int
    most_ms: int


class CallQuality(Struct, frozen=True, kw_only=True):
    """How a call went. `remote` is coarse (`host`, `srflx`, `relay`)."""

    turns: int = 0
    interruptions: int = 0
    speculated: int = 0
    words_heard: int = 0
    refused: int = 0
    stages: dict[str, Stage] = {}
    received: int = 0
    lost: int = 0
    concealed_ms: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    late_ms_p99: float = 0.0
    gaps: int = 0
    gap_ms: int = 0
    blocked_ms: int = 0
    legs: int = 0
    remote: str = ""
    video_frames: int = 0
    video_freezes: int = 0


class QualityBook:
    """Collects one call's figures."""

    def __init__(self) -> None:
        self._times: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self._now = CallQuality()
        self._gap_at: int | None = None
        self._blocked_at: int | None = None

    def turned(self, times: TurnTimes) -> None:
        """A turn is over."""
        for stage in STAGES:
            took: int | None = getattr(times, f"{stage}_ms")
            if took is not None:
                kept = self._times[stage]
                kept.append(took)
                del kept[:-KEPT]
        self._add(
            turns=1,
            interruptions=int(times.interrupted),
            speculated=int(times.speculated),
            words_heard=times.words_heard,
        )

    def refused(self) -> None:
        """A turn was refused."""
        self._add(refused=1)

    def network(self, seen: LegQuality) -> None:
        """What a leg tells every few seconds."""
        self._add(
            received=seen.received,
            lost=seen.lost,
            concealed_ms=seen.concealed_ms,
            video_frames=seen.video_frames,
            video_freezes=seen.video_freezes,
        )
        now = self._now
        self._now = msgspec.structs.replace(
            now,
            jitter_ms=max(now.jitter_ms, seen.jitter_ms),
            late_ms_p99=max(now.late_ms_p99, seen.late_ms_p99),
            round_trip_ms=now.round_trip_ms if seen.round_trip_ms is None else seen.round_trip_ms,
        )

    def connected(self, remote: str, now_ms: int) -> None:
        """A leg's sound flows: the gap before it, if there was one, is over."""
        self._add(legs=1)
        self._now = msgspec.structs.replace(self._now, remote=remote)
        if self._gap_at is not None:
            self._add(gaps=1, gap_ms=now_ms - self._gap_at)
            self._gap_at = None

    def lost(self, now_ms: int) -> None:
        """The leg in use is no more."""
        self._gap_at = now_ms if self._gap_at is None else self._gap_at
        self.blocked(now_ms, on=False)

    def blocked(self, now_ms: int, *, on: bool) -> None:
        """The person's end takes nothing, or takes again."""
        if on:
            self._blocked_at = now_ms if self._blocked_at is None else self._blocked_at
        elif self._blocked_at is not None:
            self._add(blocked_ms=now_ms - self._blocked_at)
            self._blocked_at = None

    def record(self) -> CallQuality:
        """All of it so far."""
        stages = {name: _stage(times) for name, times in self._times.items() if times}
        return msgspec.structs.replace(self._now, stages=stages)

    def stored(self) -> dict[str, Any]:
        """The record as it is kept."""
        kept: dict[str, Any] = msgspec.to_builtins(self.record())
        return kept

    def _add(self, **more: int) -> None:
        now = self._now
        self._now = msgspec.structs.replace(
            now, **{name: getattr(now, name) + by for name, by in more.items()}
        )


def _stage(times: list[int]) -> Stage:
    ranked = sorted(times)
    last = len(ranked) - 1
    return Stage(
        count=len(ranked),
        p50_ms=ranked[last // 2],
        p95_ms=ranked[last * 95 // 100],
        most_ms=ranked[-1],
    )
