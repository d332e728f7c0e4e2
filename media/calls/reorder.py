"""What was said, in its order: packets are sorted, waited for a little, and made up for when lost.

Pure: packets and times come in, orders to the decoder go out. The clock is the peer's own, so
sound keeps its length through losses: ten lost packets cost ten frames.
"""

from typing import Final, Literal

from msgspec import Struct

from media.calls.opus import ticks_in

FRAME_TICKS: Final = 960  # 20 ms at 48 kHz, the clock of Opus in RTP
LEAST_WAIT_US: Final = 40_000
MOST_WAIT_US: Final = 240_000
MOST_CONCEALED: Final = 5  # 100 ms made up; beyond that a gap is the truth
MOST_KEPT: Final = 64
_FAR_TICKS: Final = 48_000 * 30
_LATE_SHARE: Final = 0.25
_FORGET: Final = 0.98


class Step(Struct, frozen=True):
    """What to decode. `at_ticks` counts at 48 kHz from the first packet.

    `repair`: made up, with what the packet after the loss repeats; `conceal`: made up from before.
    """

    how: Literal["packet", "repair", "conceal"]
    at_ticks: int
    payload: bytes = b""


class _Packet(Struct):
    payload: bytes
    ticks: int
    arrived_us: int


class Reorder:
    """The packets of one sender."""

    def __init__(self) -> None:
        self.received = 0
        self.lost = 0
        self.late = 0  # came after they had been given up
        self.jitter_us = 0.0
        self._wait_us = float(LEAST_WAIT_US)
        self._next: int | None = None  # sequence number, unwrapped
        self._highest = 0
        self._kept: dict[int, _Packet] = {}
        self._last_stamp = 0
        self._ticks = 0  # of the latest packet
        self._end = 0  # where what was handed out ends
        self._transit_us: int | None = None
        self._given_up: dict[int, int] = {}

    @property
    def wait_us(self) -> int:
        """How long a missing packet is waited for now."""
        return int(self._wait_us)

    def add(self, sequence: int, stamp: int, payload: bytes, now_us: int) -> list[Step]:
        """A packet came. `sequence` has 16 bits, `stamp` 32."""
        self.received += 1
        number, ticks = self._unwrap(sequence, stamp)
        self._measure(ticks, now_us)
        if self._next is None:
            self._next = number
        if number < self._next:
            self.late += 1
            self._learn(number, now_us)
            return []
        if number - self._next > 2000:  # another stream under the same name
            self._kept.clear()
            self._next = number
        self._kept[number] = _Packet(payload, ticks, now_us)
        steps = self._ready()
        while len(self._kept) > MOST_KEPT:
            steps += self._give_up()
        return steps + self.tick(now_us)

    def tick(self, now_us: int) -> list[Step]:
        """Time has passed: a missing packet may have been waited for long enough."""
        steps: list[Step] = []
        while self._kept and now_us - self._oldest_us() >= self._wait_us:
            steps += self._give_up()
        return steps

    def wake_us(self) -> int | None:
        """When to call `tick`; None while nothing is missing."""
        return self._oldest_us() + self.wait_us if self._kept else None

    def _oldest_us(self) -> int:
        return min(packet.arrived_us for packet in self._kept.values())

    def _ready(self) -> list[Step]:
        steps: list[Step] = []
        while self._next is not None and (packet := self._kept.pop(self._next, None)):
            steps.append(Step("packet", packet.ticks, packet.payload))
            self._end = packet.ticks + (ticks_in(packet.payload) or FRAME_TICKS)
            self._next += 1
        return steps

    def _give_up(self) -> list[Step]:
        """The missing ones before the oldest that is here, made up for; then what follows."""
        assert self._next is not None
        found = min(self._kept)
        self.lost += found - self._next
        for number in range(max(self._next, found - MOST_KEPT), found):
            self._given_up[number] = self._kept[found].arrived_us
        while len(self._given_up) > MOST_KEPT:
            del self._given_up[next(iter(self._given_up))]
        after = self._kept[found]
        count = min(found - self._next, (after.ticks - self._end) // FRAME_TICKS)
        made_up = min(count, MOST_CONCEALED)
        steps = [Step("conceal", self._end + n * FRAME_TICKS) for n in range(made_up)]
        if steps and made_up == count:
            steps[-1] = Step("repair", steps[-1].at_ticks, after.payload)
        self._next = found
        return steps + self._ready()

    def _learn(self, number: int, now_us: int) -> None:
        """It came too late: wait that long from now on."""
        missed_us = self._given_up.pop(number, None)
        if missed_us is not None:
            self.lost -= 1
            wanted = min(MOST_WAIT_US, 1.1 * (now_us - missed_us))
            self._wait_us = max(self._wait_us, wanted)

    def _measure(self, ticks: int, now_us: int) -> None:
        transit = now_us - ticks * 1000 // 48
        if self._transit_us is not None:
            self.jitter_us += (abs(transit - self._transit_us) - self.jitter_us) / 16
        self._transit_us = transit
        least = max(LEAST_WAIT_US, min(MOST_WAIT_US, 3 * self.jitter_us))
        self._wait_us = max(least, self._wait_us * (1 - (1 - _FORGET) * _LATE_SHARE))

    def _unwrap(self, sequence: int, stamp: int) -> tuple[int, int]:
        if self._next is None and not self._highest:
            self._highest, self._last_stamp = sequence + (1 << 16), stamp
            return self._highest, 0
        step = (sequence - self._highest + (1 << 15)) % (1 << 16) - (1 << 15)
        number = self._highest + step
        ticks = self._ticks + (stamp - self._last_stamp + (1 << 31)) % (1 << 32) - (1 << 31)
        if abs(ticks - self._ticks) > _FAR_TICKS:  # the sender began a clock anew
            ticks = self._end
        if number > self._highest:
            self._highest, self._last_stamp, self._ticks = number, stamp, ticks
        return number, ticks
