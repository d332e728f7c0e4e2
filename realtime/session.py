"""One device's numbering, as a pure state machine: no await, no clock, no socket.

`seq` counts frames that left the outbox, after merging. An anchor ties a number to a place in a
log; between anchors counting the entries this person may see is enough. So any node that has
the record, the anchors and the logs can say exactly what comes after a number.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct


class Place(Struct, frozen=True, array_like=True):
    """A position in one generation of a log."""

    generation: str
    pos: int


class Anchor(Struct, frozen=True, array_like=True):
    """Frame `seq` is the entry at `pos` (the last one, if several were merged)."""

    seq: int
    log: str
    generation: str
    pos: int


class Record(Struct, frozen=True, kw_only=True):
    """What outlives a socket: whose session it is, and where each log stood when it began."""

    person: str
    epoch: str
    owner: str
    sign_in: str
    base: dict[str, Place]


class Numbering:
    """Gives numbers to entries; says when an anchor must be written first."""

    __slots__ = ("_log", "_places", "seq")

    def __init__(self, base: Mapping[str, Place], seq: int = 0) -> None:
        self.seq = seq
        self._places: dict[str, Place] = dict(base)
        self._log: str | None = None  # the log of the last frame

    def place(self, log: str) -> Place | None:
        """How far this session has been shown a log."""
        return self._places.get(log)

    def shown(self, log: str, generation: str, pos: int) -> bool:
        """Whether an entry was shown already (a duplicate delivery, a replay that overlaps)."""
        place = self._places.get(log)
        return place is not None and place.generation == generation and pos <= place.pos

    def number(self, log: str, generation: str, pos: int, *, merged: bool) -> Anchor | None:
        """Give the next number to this entry; an Anchor to write before the frame, if needed."""
        self.seq += 1
        place = self._places.get(log)
        anew = place is not None and place.generation != generation
        self._places[log] = Place(generation, pos)
        if log == self._log and not merged and not anew:
            return None
        self._log = log
        return Anchor(self.seq, log, generation, pos)

    def skip(self, log: str, generation: str, pos: int) -> None:
        """An entry this person may not see: the place moves, no number is given."""
        self._places[log] = Place(generation, pos)

    def restart(self) -> None:
        """The next frame writes an anchor, whatever it is (after a resume on another socket)."""
        self._log = None


class Rest(Struct, frozen=True):
    """Where to read on in a log: `after` is a position, and `visible` entries more were shown."""

    log: str
    generation: str
    after: int
    visible: int


def rests(record: Record, anchors: Sequence[Anchor], seq: int) -> dict[str, Rest]:
    """How far each log had been shown when frame `seq` was the last.

    Anchors may hold numbers given twice (a frame that died with its socket and was numbered
    again after a resume): the later one counts, for it was written later.
    """
    found = {log: Rest(log, place.generation, place.pos, 0) for log, place in record.base.items()}
    runs = standing(anchors)
    for i, anchor in enumerate(runs):
        if anchor.seq > seq:
            break
        end = runs[i + 1].seq - 1 if i + 1 < len(runs) else seq
        shown = min(seq, end) - anchor.seq
        found[anchor.log] = Rest(anchor.log, anchor.generation, anchor.pos, shown)
    return found


def standing(anchors: Sequence[Anchor]) -> list[Anchor]:
    """The anchors that count, by rising number: a number given again voids what followed it."""
    kept: list[Anchor] = []
    for anchor in anchors:
        while kept and kept[-1].seq >= anchor.seq:
            kept.pop()
        kept.append(anchor)
    return kept


class Bucket:
    """A command rate: `burst` at once, `per_second` steadily. Time is passed in."""

    __slots__ = ("_burst", "_filled_at", "_left", "_per_second")

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left = float(burst)
        self._filled_at = now

    def take(self, now: float) -> float:
        """Take one: 0 if allowed, else the seconds to wait (the debt grows: flooding shows)."""
        self._left = min(self._burst, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        self._left -= 1
        return 0.0 if self._left >= 0 else -self._left / self._per_second

    def flooding(self) -> bool:
        """Whether the debt is so deep that nobody sends like this by accident."""
        return self._left < -2 * self._burst


def encode_anchor(anchor: Anchor) -> bytes:
    """For the bus."""
    return msgspec.msgpack.encode(anchor)


def decode_anchors(raw: Sequence[bytes]) -> list[Anchor]:
    """From the bus, in the order they were written."""
    return [msgspec.msgpack.decode(one, type=Anchor) for one in raw]
