"""What waits for one socket: bounded by bytes, deltas of a reply merged, nothing paid for dropped.

Pure. Entries are kept by reference until they leave; numbers are given on leaving.
"""

from collections import deque

import msgspec
from msgspec import Struct

from realtime.codec import encode_json

LAGGING = 8  # entries that wait before deltas are merged


class Waiting(Struct, frozen=True):
    """An entry of a log on its way to a socket; `merged` says it stands for several."""

    log: str
    generation: str
    pos: int
    at: int
    reply: str
    event: bytes
    merged: bool = False


class Outbox:
    """First in, first out. `merge` is asked for when the reader lags."""

    __slots__ = ("_bytes", "_bytes_max", "_waiting")

    def __init__(self, bytes_max: int) -> None:
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """More waits than one socket may keep."""
        return self._bytes > self._bytes_max

    def put(self, entry: Waiting) -> None:
        """Add an entry behind the others; a delta joins the one before it when many wait."""
        last = self._waiting[-1] if len(self._waiting) >= LAGGING else None
        if last is not None and last.reply and (last.reply, last.log) == (entry.reply, entry.log):
            self._waiting.pop()
            self._bytes -= len(last.event)
            entry = joined(last, entry)
        self._waiting.append(entry)
        self._bytes += len(entry.event)

    def take(self) -> Waiting | None:
        """The next entry."""
        if not self._waiting:
            return None
        entry = self._waiting.popleft()
        self._bytes -= len(entry.event)
        return entry


def joined(first: Waiting, second: Waiting) -> Waiting:
    """Two neighbouring deltas of one reply as one."""
    a, b = msgspec.json.decode(first.event), msgspec.json.decode(second.event)
    a["text"] += b["text"]
    if "cost_microcredits" in b:
        a["cost_microcredits"] = b["cost_microcredits"]
    return Waiting(
        first.log, second.generation, second.pos, second.at, first.reply, encode_json(a), True
    )
