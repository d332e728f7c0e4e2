"""What the supervisor tells a media worker when it starts it; one environment variable, as JSON."""

import os
from typing import Final

import msgspec
from msgspec import Struct

from config.media import MediaSettings

VARIABLE: Final = "KINDRED_CALLS_ORDERS"


class WorkerOrders(Struct, frozen=True, kw_only=True):
    """Everything a worker needs. `socket`: where it listens, on this host; empty: `media.listen`.

    `ready_fd`: a pipe that takes one byte when it serves.
    """

    name: str
    media: MediaSettings
    bus_url: str
    socket: str = ""
    ready_fd: int = -1

    def to_environment(self) -> dict[str, str]:
        """The variable to start a worker with."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls) -> "WorkerOrders":
        """Read them, once."""
        return msgspec.json.decode(os.environ.pop(VARIABLE).encode(), type=cls)
