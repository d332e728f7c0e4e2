"""What leaves a peer connection: packets that are ready, taken by aiortc's sender as they come.

Nothing is encoded or paced here; both were done before.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from media.sound.formats import PLAYOUT_RATE

MOST_WAITING: Final = 16  # packets between the leg and the sender: they leave in the same turn
_CLOCK: Final = Fraction(1, PLAYOUT_RATE)


class OutgoingTrack(MediaStreamTrack):
    """Packets that are ready, for aiortc's sender to take as they come."""

    def __init__(self, kind: str, left: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.taken_due_us = 0  # when the packet that was taken last was due
        self._left = left
        self._ready: deque[tuple[Any, int]] = deque(maxlen=MOST_WAITING)
        self._wanted: asyncio.Future[None] | None = None

    def put(self, payload: bytes, sample: int, due_us: int) -> None:
        """A packet leaves as soon as the sender runs."""
        packet = Packet(payload)
        packet.pts, packet.time_base = sample, _CLOCK
        self._ready.append((packet, due_us))
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def recv(self) -> Any:
        """The next packet. Raises MediaStreamError once stopped."""
        while not self._ready:
            if self.readyState != "live":
                raise MediaStreamError
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        packet, due_us = self._ready.popleft()
        self.taken_due_us = due_us
        if self._left is not None:
            self._left(time.monotonic_ns() // 1000 - due_us)
        return packet

    def stop(self) -> None:
        """No more."""
        super().stop()
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
