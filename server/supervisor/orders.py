"""What the supervisor tells a gateway when it starts it: settings, addresses, inherited sockets.

It travels as JSON in one environment variable, which only the same user can read.
"""

import os

import msgspec
from msgspec import Struct

from config.settings import Settings

VARIABLE = "KINDRED_CHILD_ORDERS"


class GatewayOrders(Struct, frozen=True, kw_only=True):
    """Everything a gateway needs to begin.

    `listen_fd` is a listening socket, `ready_fd` a pipe that takes one byte when it serves,
    `metrics_fd` another listening socket, where metrics are on.
    """

    settings: Settings
    database_url: str
    bus_url: str
    node: str
    model_url: str | None
    model_key: str | None
    inference_addresses: list[str] = []
    inference_key: str = ""
    listen_fd: int
    ready_fd: int
    metrics_fd: int | None = None

    def to_environment(self) -> dict[str, str]:
        """The variable to start a gateway with."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls) -> "GatewayOrders":
        """Read them, once: children of the gateway are not to see them."""
        return msgspec.json.decode(os.environ.pop(VARIABLE).encode(), type=cls)
