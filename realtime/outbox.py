"""What waits for one socket: bounded by bytes, deltas of a reply merged, nothing paid for dropped.

Pure. Entries are kept by reference until they leave; numbers are given on leaving.
"""

from collections import deque
from collections.abc import Sequence

from realtime.tallies import SocketTally
from realtime.told import Heard, Told, joined

LAGGING = 8  # entries that wait before deltas are merged
MERGED_BYTES_MAX = 16_384
HEARD_MAX = 256
HEARD_BYTES_MAX = 65_536
UNREAD = SocketTally()  # what nobody reads: of an outbox in a test


class Outbox:
    """First in, first out per log. A reader that keeps up gets every entry as it was logged.

    When entries pile up, a delta joins the one before it, if that is the last of its log that
    waits: so the order within a log never changes. Ephemeral things keep only the latest.
    """

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_cells",
        "_heard",
        "_heard_bytes",
        "_last",
        "_replay",
        "_tally",
    )

    def __init__(self, bytes_max: int, tally: SocketTally = UNREAD) -> None:
        self._tally = tally
        self._bytes_max = bytes_max
        self._bytes = 0
        self._replay: deque[Told] | None = None
        self._cells: deque[list[Told]] | None = None
        self._last: dict[str, list[Told]] | None = None  # of each log, the cell last waiting
        self._heard: dict[str, Heard] | None = None
        self._heard_bytes = 0

    def __len__(self) -> int:
        return len(self._cells or ()) + len(self._replay or ())

    @property
    def empty(self) -> bool:
        """Whether nothing at all waits."""
        return not self._cells and not self._replay and not self._heard

    @property
    def full(self) -> bool:
        """More waits than one socket may keep. A replay does not count: the log bounds it."""
        return self._bytes > self._bytes_max

    def load(self, replay: Sequence[Told]) -> None:
        """What a resumed session missed: goes out before anything else, as it is."""
        if replay:
            self._replay = deque(replay)

    def put(self, told: Told) -> None:
        """Add an entry behind the others of its log."""
        self._bytes += len(told.event)
        if self._cells is None or self._last is None:
            self._cells, self._last = deque(), {}
        if told.reply and len(self._cells) >= LAGGING:
            cell = self._last.get(told.log)
            if cell is not None and _joins(cell, told):
                cell.append(told)
                self._tally.merged += 1
                return
        cell = [told]
        self._cells.append(cell)
        self._last[told.log] = cell

    def take(self) -> Told | None:
        """The next entry, merged if it was."""
        if self._replay:
            return self._replay.popleft()
        if not self._cells:
            return None
        cell = self._cells.popleft()
        for told in cell:
            self._bytes -= len(told.event)
        if not self._cells:
            self._cells = self._last = None  # an idle socket keeps no empty containers
        elif self._last is not None and self._last.get(cell[0].log) is cell:
            del self._last[cell[0].log]
        return joined(cell)

    def hear(self, heard: Heard) -> None:
        """Something ephemeral; the latest of a key stands, and too many push out the oldest.

        Of a series, everything since its newest beginning is kept: mouth shapes of one utterance
        do not replace each other, and those of an utterance that was cut off are pointless.
        """
        if self._heard is None:
            self._heard = {}
        waiting = self._heard
        self._hush([heard.key] if heard.key in waiting else [])
        if heard.series:
            past = [
                key
                for key, one in waiting.items()
                if one.series == heard.series and one.epoch < heard.epoch
            ]
            self._hush(past)
        waiting[heard.key] = heard
        self._heard_bytes += len(heard.event)
        while len(waiting) > HEARD_MAX or (
            self._heard_bytes > HEARD_BYTES_MAX and len(waiting) > 1
        ):
            self._hush([next(iter(waiting))])

    def _hush(self, keys: Sequence[str]) -> None:
        """What nobody needs any more."""
        for key in keys:
            assert self._heard is not None
            self._heard_bytes -= len(self._heard.pop(key).event)
            self._tally.hushed += 1

    def take_heard(self) -> list[Heard]:
        """All that is ephemeral and waits."""
        if not self._heard:
            return []
        heard, self._heard = list(self._heard.values()), None
        self._heard_bytes = 0
        return heard


def _joins(cell: Sequence[Told], told: Told) -> bool:
    last = cell[-1]
    return (
        last.reply == told.reply
        and last.generation == told.generation
        and sum(len(one.event) for one in cell[-64:]) + len(told.event) < MERGED_BYTES_MAX
        and len(cell) < 64
    )


def merged(replay: Sequence[Told]) -> list[Told]:
    """A replay with the neighbouring deltas of each reply as one frame each."""
    cells: list[list[Told]] = []
    for told in replay:
        if cells and told.reply and cells[-1][-1].log == told.log and _joins(cells[-1], told):
            cells[-1].append(told)
        else:
            cells.append([told])
    return [joined(cell) for cell in cells]
