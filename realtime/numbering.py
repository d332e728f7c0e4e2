"""Which frame of a session is which entry of which log; pure, and exact after any loss.

`seq` counts frames that left the outbox, after merging. An anchor ties a number to a place in a
log; between anchors counting the entries this person may see is enough. So any node that has
the record, the anchors and the logs can say exactly what comes after a number.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from realtime.lanes import NOT_NOW, Lane
from storage.bus.ports import Place

RUNS_MAX = 1_024  # changes of place a client may leave unacknowledged


class Anchor(Struct, frozen=True, array_like=True):
    """Frame `seq` is the entry at `pos` (the last one, if several were merged)."""

    seq: int
    log: str
    generation: str
    pos: int


class Record(Struct, frozen=True, array_like=True):
    """What outlives a socket: whose session it is, and where each log stood after `acked`.

    `log` is the one that frame `acked` came from, when the next may follow without an anchor.
    The bus relies on `person` and `epoch` coming first.
    """

    person: str
    epoch: str
    sign_in: str
    acked: int
    log: str
    base: dict[str, Place]


class _Run:
    """Frames from `seq` on that are neighbouring entries of one log, from `pos` on."""

    __slots__ = ("anchored", "generation", "log", "pos", "seq")

    def __init__(self, seq: int, log: str, generation: str, pos: int, anchored: bool) -> None:
        self.seq, self.log, self.generation, self.pos = seq, log, generation, pos
        self.anchored = anchored


class Numbering(Lane):
    """Gives numbers to entries; says when an anchor must be written first."""

    __slots__ = ("_base", "_dirty", "acked", "runs")

    def __init__(self, base: Mapping[str, Place], seq: int = 0) -> None:
        """`base`: where each log stood when frame `seq` was the last."""
        super().__init__(seq)
        self.acked = seq
        self._base: dict[str, Place] = dict(base)  # at `acked`
        self.runs: deque[_Run] | None = None  # after `acked`
        self._dirty = False

    def number(self, log: str, generation: str, pos: int, *, merged: bool) -> Anchor | None:
        """Give the next number to this entry; an Anchor to write before the frame, if needed."""
        self.seq += 1
        run = self.runs[-1] if self.runs else None
        anchored = merged or log != self.log or generation != self.generation
        if anchored or run is None or pos != self.pos + 1:
            if self.runs is None:
                self.runs = deque()
            self.runs.append(_Run(self.seq, log, generation, pos, anchored))
            if len(self.runs) > RUNS_MAX:
                self.ack(self.runs[RUNS_MAX // 2].seq)  # nobody comes back that far
        self.log, self.generation, self.pos = log, generation, pos
        return Anchor(self.seq, log, generation, pos) if anchored else None

    def next_of(self, log: str, generation: str, pos: int) -> int:
        """The number of an entry that needs no anchor, or 0 and nothing done where it needs one."""
        if log != self.log or generation != self.generation:
            return 0
        if pos == self.pos + 1 and self.runs:
            self.seq += 1
            self.pos = pos
        else:
            self.number(log, generation, pos, merged=False)
        return self.seq

    def ack(self, seq: int) -> None:
        """Frames up to `seq` were received: nobody will ask for them again."""
        seq = min(seq, self.seq)
        if seq <= self.acked:
            return
        self.acked, self._dirty = seq, True
        runs = self.runs
        while runs and runs[0].seq <= seq:
            run = runs[0]
            end = runs[1].seq - 1 if len(runs) > 1 else self.seq
            shown = min(end, seq) - run.seq
            self._base[run.log] = Place(run.generation, run.pos + shown)
            if end <= seq:
                runs.popleft()
            else:
                run.seq, run.pos, run.anchored = seq + 1, run.pos + shown + 1, False
        self.runs = runs or None
        if not runs:
            self.fd = NOT_NOW  # the next begins a run

    def record(self, person: str, epoch: str, sign_in: str) -> Record:
        """What to keep on the bus, together with `anchors`."""
        self._dirty = False
        return Record(person, epoch, sign_in, self.acked, self._log_at_acked(), dict(self._base))

    def anchors(self) -> list[Anchor]:
        """The anchors after `acked`."""
        runs = self.runs or ()
        return [Anchor(r.seq, r.log, r.generation, r.pos) for r in runs if r.anchored]

    @property
    def dirty(self) -> bool:
        """Whether the record on the bus is older than it could be."""
        return self._dirty

    def _log_at_acked(self) -> str:
        """The log frames go on in after `acked` as long as no anchor says otherwise."""
        if self.runs:
            first = self.runs[0]
            return "" if first.anchored else first.log
        return self.log


class Rest(Struct, frozen=True):
    """Where to read on in a log: `after` is a position, and `visible` entries more were shown."""

    generation: str
    after: int
    visible: int


def rests(record: Record, anchors: Sequence[Anchor], seq: int) -> dict[str, Rest] | None:
    """How far each log had been shown when frame `seq` was the last; `seq` >= record.acked.

    None: no frame had that number. Anchors may hold numbers given twice (a frame that died with
    its socket and was numbered again after a resume): the later one counts.
    """
    found = {log: Rest(place.generation, place.pos, 0) for log, place in record.base.items()}
    start = record.base.get(record.log)
    runs = standing([a for a in anchors if a.seq > record.acked])
    if start is not None:
        runs = [Anchor(record.acked, record.log, start.generation, start.pos), *runs]
    if seq > record.acked and not (runs and runs[0].seq <= seq):
        return None
    for i, anchor in enumerate(runs):
        if anchor.seq > seq:
            break
        end = runs[i + 1].seq - 1 if i + 1 < len(runs) else seq
        shown = min(seq, end) - anchor.seq
        found[anchor.log] = Rest(anchor.generation, anchor.pos, shown)
    return found


def standing(anchors: Sequence[Anchor]) -> list[Anchor]:
    """The anchors that count, by rising number: a number given again voids what followed it."""
    kept: list[Anchor] = []
    for anchor in anchors:
        while kept and kept[-1].seq >= anchor.seq:
            kept.pop()
        kept.append(anchor)
    return kept


def encode_record(record: Record) -> bytes:
    """For the bus."""
    return msgspec.msgpack.encode(record)


def decode_record(raw: bytes) -> Record:
    """From the bus."""
    return msgspec.msgpack.decode(raw, type=Record)


def encode_anchor(anchor: Anchor) -> bytes:
    """For the bus."""
    return msgspec.msgpack.encode(anchor)


def decode_anchors(raw: Sequence[bytes]) -> list[Anchor]:
    """From the bus, in the order they were written."""
    return [msgspec.msgpack.decode(one, type=Anchor) for one in raw]
