"""One connection between a gateway and a worker: frames out and in, nothing that waits.

Both sides use it. Frames of one turn of the loop leave in one write, and what may wait a moment
leaves with what follows it, so that the other side wakes once for all of them; one that reads too
slowly is noticed by `backed_up`, and whoever writes then leaves out what can be left out.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final, cast

from media.inference.frames import BadFrame, Frame, FrameCutter, encode

_MUCH_BYTES: Final = 512_000
BACKED_UP_BYTES: Final = 4_000_000  # two minutes of sound
BROKEN_BYTES: Final = 16_000_000  # nobody reads any more


class Link(asyncio.Protocol):
    """`received` takes the bytes of each frame, and may raise BadFrame; `lost` is called once."""

    def __init__(
        self, received: Callable[[bytes], None], lost: Callable[[str], None], most_bytes: int
    ) -> None:
        self._received = received
        self._lost = lost
        self._cutter = FrameCutter(most_bytes)
        self._transport: asyncio.Transport | None = None
        self._why = "the connection ended"
        self._drained = asyncio.Event()
        self._drained.set()
        self._leaving: list[bytes] = []  # with the next write
        self._left_at = -math.inf
        self._next: asyncio.Handle | None = None
        self._in_a_moment = False  # `_next` is a timer

    def trust(self, most_bytes: int) -> None:
        """The other side has shown that it may send long frames."""
        self._cutter.most_bytes = most_bytes

    def send(self, frame: Frame, gather_seconds: float = 0.0) -> None:
        """Never waits; dropped when the connection is gone. Raises BadFrame.

        It leaves with this turn of the loop, or so long after the write before it.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._leaving.append(encode(frame))
        if self._next is not None and (gather_seconds or not self._in_a_moment):
            return
        loop = asyncio.get_running_loop()
        due = self._left_at + gather_seconds
        self._stop_waiting()
        if gather_seconds and due > loop.time():
            self._next, self._in_a_moment = loop.call_at(due, self._leave), True
        else:
            self._next = loop.call_soon(self._leave)

    def _stop_waiting(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next, self._in_a_moment = None, False

    def _leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        self._next, self._in_a_moment = None, False
        self._left_at = asyncio.get_running_loop().time()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(b"".join(leaving))
        if transport.get_write_buffer_size() > BROKEN_BYTES:
            self.close("the other side does not read")

    @property
    def backed_up(self) -> bool:
        """Whether much is still to be sent."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > BACKED_UP_BYTES

    async def drained(self) -> None:
        """Wait until there is room again; for those who make much."""
        if self._leaving:
            await asyncio.sleep(0)  # they leave, and say whether there is room
        await self._drained.wait()

    def close(self, why: str) -> None:
        """End it at once."""
        if self._transport is not None and not self._transport.is_closing():
            self._why = why
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MUCH_BYTES)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._cutter.feed(data):
                self._received(frame)
        except BadFrame as error:
            self.close(str(error))

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._drained.set()
        self._lost(f"{self._why}: {exc}" if exc else self._why)
