"""A person's camera in its worker: closed unless opened, and even then one still at a time.

A look asks the peer for one whole picture; what comes unasked is dropped before it is decoded.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from media.calls.leg import LegEvent
from media.calls.stills import still
from media.calls.wire import Codec

ASK_AGAIN_SECONDS: Final = 0.25
TRIES: Final = 4


class Films(Protocol):
    """The part of a peer that can be looked at: media/calls/engine.py `Peer`."""

    def want_picture(self) -> None: ...

    def want_no_picture(self) -> None: ...


class Camera:
    """One leg's. `tell` takes the stills."""

    def __init__(self, peer: Films, tell: Callable[[LegEvent], None]) -> None:
        self._peer = peer
        self._tell = tell
        self._on = False
        self._pixels = 0
        self._most_bytes = 0
        self._tries = 0
        self._timer: asyncio.TimerHandle | None = None
        self._opened = 0  # how often the eyes were opened or shut: a still of before is not told

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """Open the eyes, or shut them: then nothing is seen any more, whatever is under way."""
        self._opened += 1
        self._on, self._pixels, self._most_bytes = on, pixels, most_bytes
        self._rest()

    def look(self) -> None:
        """Take one still. Asked again while one is under way, it is the same."""
        if self._on and self._timer is None:
            self._tries = TRIES
            self._ask()

    def came(self, codec: Codec, data: bytes) -> None:
        """A whole picture came."""
        if not self._on or self._timer is None:
            return
        self._rest()
        loop, opened = asyncio.get_running_loop(), self._opened
        work = loop.run_in_executor(None, still, codec, data, self._pixels, self._most_bytes)

        def done(made: asyncio.Future) -> None:  # type: ignore[type-arg]
            if made.cancelled() or made.exception() is not None or made.result() is None:
                return
            if self._on and opened == self._opened:
                self._tell(made.result())

        work.add_done_callback(done)

    def _ask(self) -> None:
        """Once more, for a packet of it may have been lost; then it is given up."""
        if self._tries == 0:
            self._rest()
            return
        self._tries -= 1
        self._peer.want_picture()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(ASK_AGAIN_SECONDS, self._ask)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._peer.want_no_picture()
