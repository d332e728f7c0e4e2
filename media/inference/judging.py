"""Voice activity of all calls, judged together: what comes within a tick is one batch.

A single talker is judged at once; with many, windows are gathered for a millisecond a call, up to
a window's length, which makes each three times cheaper.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from media.hearing.activity import Memory
from media.hearing.gate import NOBODY
from media.inference.windows import WINDOW_BYTES, WINDOW_SAMPLES, gather_seconds
from media.sound.formats import SAMPLE_BYTES
from media.sound.levels import floats_of

if TYPE_CHECKING:
    from media.hearing.activity import Activity

_ROUNDS_MOST: Final = 16
_REMINDED_WINDOWS: Final = 4  # before a gate opened, where the network remembers silence
WAITING_MOST: Final = 512  # windows of one call: 16 s, should all of it come at once


class Stream:
    """One call's windows that wait, and what the network remembers of it."""

    __slots__ = ("end", "last", "memory", "tell", "waiting")

    def __init__(self, tell: Callable[[int, float], None]) -> None:
        """`tell` takes the end of a window and its probability."""
        self.tell = tell
        self.memory = Memory()
        self.waiting: deque[tuple[int, bytes, bool]] = deque()
        self.end = 0
        self.last = 0.0


class Judging:
    """The batches of one worker."""

    def __init__(self) -> None:
        self._activity: Activity | None = None
        self._ready: dict[Stream, None] = {}
        self._streams: set[Stream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ticked = 0.0
        self.windows = 0
        self.batches = 0

    def begin(self, activity: "Activity") -> None:
        """The network is there; what waits is judged now."""
        self._activity = activity
        self._schedule()

    def add(self, stream: Stream, at_sample: int, pcm: bytes, *, told: bool) -> None:
        """Whole windows of a call. After a gap in mid-speech the network starts afresh; one that
        fell asleep in silence wakes up in silence, and need not be told of all of it again."""
        if at_sample != stream.end:
            self._skip_all(stream)
            if stream.last >= NOBODY or not stream.end:
                stream.memory.forget()
            elif not told:
                kept = pcm[-_REMINDED_WINDOWS * WINDOW_BYTES :]
                at_sample += (len(pcm) - len(kept)) // SAMPLE_BYTES
                pcm = kept
        for at in range(0, len(pcm) - WINDOW_BYTES + 1, WINDOW_BYTES):
            at_sample += WINDOW_SAMPLES
            stream.waiting.append((at_sample, pcm[at : at + WINDOW_BYTES], told))
        stream.end = at_sample
        self._streams.add(stream)
        while len(stream.waiting) > WAITING_MOST:
            self._skip(stream)
        if stream.waiting:
            self._ready[stream] = None
            self._schedule()

    @property
    def is_busy(self) -> bool:
        """Whether windows wait."""
        return bool(self._ready)

    def drop(self, stream: Stream) -> None:
        """The call is over."""
        self._ready.pop(stream, None)
        self._streams.discard(stream)
        stream.waiting.clear()

    def close(self) -> None:
        """No more batches."""
        self._ready.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _skip_all(self, stream: Stream) -> None:
        while stream.waiting:
            self._skip(stream)

    def _skip(self, stream: Stream) -> None:
        """Too late to be judged: answered as the one before it was."""
        until, _, told = stream.waiting.popleft()
        if told:
            stream.tell(until, stream.last)

    def _schedule(self) -> None:
        if self._timer is None and self._ready and self._activity is not None:
            due = self._ticked + gather_seconds(len(self._streams))
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._ticked = asyncio.get_running_loop().time()
        for _ in range(_ROUNDS_MOST):
            if not self._ready:
                break
            self._round()
        self._schedule()

    def _round(self) -> None:
        """One window of each call that has any."""
        assert self._activity is not None
        streams = list(self._ready)
        windows = [stream.waiting.popleft() for stream in streams]
        found = self._activity.judge(
            [floats_of(pcm) for _, pcm, _ in windows], [stream.memory for stream in streams]
        )
        self.windows += len(windows)
        self.batches += 1
        for stream, (until, _, told), probability in zip(streams, windows, found, strict=True):
            stream.last = probability
            if told:
                stream.tell(until, probability)
            if not stream.waiting:
                del self._ready[stream]
