"""What a connection of a person looks like from within, whatever protocol it speaks.

The registry counts seats, an actor hands them what happens, a transport hands them frames.
"""

from typing import Protocol

from realtime.lanes import Lane
from realtime.told import Heard, Told


class Out(Protocol):
    """A seat's way out for log entries."""

    @property
    def lane(self) -> Lane | None:
        """Where entries may be written past it (realtime/lanes.py)."""

    def send_now(self, told: Told) -> bool:
        """Whether there is nothing more to do about it."""

    def put(self, told: Told) -> None:
        """It waits; `flush` follows."""


class Seat(Protocol):
    """`opened` comes first, `lost` last."""

    @property
    def transport(self) -> str:
        """Which door it came in by."""

    @property
    def waiting(self) -> int:
        """How many entries or events wait to go out."""

    @property
    def out(self) -> Out:
        """Where entries of the person's logs go."""

    @property
    def sign_in(self) -> str:
        """Under which sign-in or API key it was opened."""

    # what the transport tells
    def opened(self) -> None: ...
    def received(self, data: bytes) -> None: ...
    def received_binary(self, data: bytes) -> None: ...
    def stuck(self) -> None: ...
    def writable(self) -> None: ...
    def lost(self) -> None: ...
    def close(self, code: int, reason: str = "") -> None: ...

    # what the actor hands on
    def hear(self, heard: Heard) -> None: ...
    def flush(self) -> None: ...
    def replaced(self, session: str, owner: str) -> None: ...
