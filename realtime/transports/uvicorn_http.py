"""uvicorn's HTTP protocol, which does not wait for ever on a peer that takes nothing.

`await send()` of a streamed answer waits for the transport, and the transport waits for a peer
who may have stopped reading: without an end to that, each such stream keeps its task, its
buffers and its socket. Name it in uvicorn's `http` setting.
"""

import asyncio
import contextlib
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

NOTSENT_BYTES = 65_536


class HttpProtocol(HttpToolsProtocol):
    """Hangs up on whoever takes less than a bufferful in `stuck_seconds`."""

    stuck_seconds = 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stuck_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, AttributeError):
                # What the kernel holds unsent is out of our sight: keep it small.
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck_timer is None:
            self._stuck_timer = self.loop.call_later(self.stuck_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._not_stuck()

    def connection_lost(self, exc: Exception | None) -> None:
        self._not_stuck()
        super().connection_lost(exc)

    def _not_stuck(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
