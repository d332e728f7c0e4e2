"""A log's entry on its way to sockets: one object for all who see it, encoded once per format.

Sessions hold references to it, never copies.
"""

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from realtime.codec import Format, encode_json, number_json, number_pack, repacked
from storage.bus.ports import Entry, Place, Wanted

NUMBERED: Final = b'{"seq":'


def text_head(length: int) -> bytes:
    """The head of a text frame of a WebSocket, as a server sends it."""
    if length < 126:
        return b"\x81%c" % length
    if length < 65_536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


class Told(Struct, eq=False, gc=False):
    """An entry: where it lies in its log, whom it is for, and its event in JSON.

    A node keeps 100,000 of the last ones: none can be part of a cycle, and the collector never
    looks at them.
    """

    log: str
    generation: str
    pos: int
    at: int
    to: str
    reply: str
    event: bytes
    merged: bool = False
    _packed: bytes | None = None
    tail: bytes = b""
    head: bytes = b""
    digits: int = 0

    @staticmethod
    def of(log: str, generation: str, pos: int, entry: Wanted | Entry) -> "Told":
        """What was appended there, or read from there."""
        return Told(log, generation, pos, entry.at, entry.to, entry.reply, entry.event)

    def begin(self, digits: int) -> None:
        """A JSON frame but for its number of so many digits: `head` before it, `tail` behind."""
        if not self.tail:
            self.tail = b',"at":%d,%b' % (self.at, self.event[1:])
        self.head = text_head(len(NUMBERED) + digits + len(self.tail)) + NUMBERED
        self.digits = digits

    def visible(self, person: str, since: Place | None = None) -> bool:
        """Whether this person may see it; what is private to somebody else takes no number.

        `since`: what lies up to there was said before they came.
        """
        if since is not None and self.pos <= since.pos and self.generation == since.generation:
            return False
        return not self.to or self.to == person

    def frame(self, seq: int, form: Format) -> bytes:
        """The event as the frame with this number."""
        if form == "json":
            return number_json(self.event, seq, self.at)
        if self._packed is None:
            self._packed = repacked(self.event)
        return number_pack(self._packed, seq, self.at)


def joined(deltas: Sequence[Told]) -> Told:
    """Neighbouring deltas of one reply as one, standing where the last of them stood."""
    if len(deltas) == 1:
        return deltas[0]
    last = deltas[-1]
    decoded = [msgspec.json.decode(delta.event) for delta in deltas]
    event = {**decoded[0], **decoded[-1]}  # the newest cost, if there is one
    event["offset"] = decoded[0]["offset"]
    event["text"] = "".join(one["text"] for one in decoded)
    return Told(
        last.log,
        last.generation,
        last.pos,
        last.at,
        last.to,
        last.reply,
        encode_json(event),
        merged=True,
    )


def seat_place(place: Place) -> str:
    """A place in a log as a member's seat keeps it."""
    return f"{place.generation}:{place.pos}" if place.generation else ""


def place_in(seat: str) -> Place | None:
    """The place a seat keeps; None for the beginning."""
    generation, _, pos = seat.rpartition(":")
    return Place(generation, int(pos)) if generation and pos.isdigit() else None


class Heard:
    """Something ephemeral. A later one of the same `key` makes an earlier one pointless.

    One of a `series` stands beside its neighbours until the series begins a new `epoch`. `to`: the
    one person it is for; empty for everybody who follows the log.
    """

    __slots__ = ("_packed", "epoch", "event", "key", "series", "to")

    def __init__(
        self, key: str, event: bytes, *, series: str = "", epoch: int = 0, to: str = ""
    ) -> None:
        self.key = key
        self.event = event
        self.series = series
        self.epoch = epoch
        self.to = to
        self._packed: bytes | None = None

    def frame(self, form: Format) -> bytes:
        """The event as a frame without number."""
        if form == "json":
            return self.event
        if self._packed is None:
            self._packed = repacked(self.event)
        return self._packed


class _Whose(msgspec.Struct, tag=None):
    type: str
    room: str = ""
    person: str = ""
    epoch: int = 0
    at_sample: int = -1  # mouth shapes of other moments do not replace each other


_ONES_OWN = frozenset(("call.viseme", "call.sounding", "call.expression"))
_whose = msgspec.json.Decoder(_Whose).decode


def heard(event: bytes) -> Heard:
    """An ephemeral event in JSON, with the key it is replaced by."""
    whose = _whose(event)
    key = f"{whose.type}/{whose.room}/{whose.person}"
    to = whose.person if whose.type in _ONES_OWN else ""
    if whose.at_sample < 0:
        return Heard(key, event, to=to)
    place = f"{key}/{whose.epoch}/{whose.at_sample}"
    return Heard(place, event, series=key, epoch=whose.epoch, to=to)
