"""A gateway: one uvicorn on an inherited socket, serving the application.

Started by the supervisor as `python -m server.gateway`; its orders are in the environment.
"""

import asyncio
import contextlib
import os
import resource
import socket
import sys
from typing import Any, Final

import uvicorn

from realtime.transports.doorway import Doorway
from realtime.transports.uvicorn_socket import SocketProtocol
from server.collecting import YOUNG_SECONDS, Collecting
from server.supervisor.gateways import HAND_OVER
from server.supervisor.listening import BACKLOG
from server.supervisor.orders import GatewayOrders

TICKS_A_LOOK: Final = round(YOUNG_SECONDS * 10)  # uvicorn ticks every tenth of a second


class GatewayServer(uvicorn.Server):
    """uvicorn, telling when it serves, and letting the application drain before it closes."""

    def __init__(self, config: uvicorn.Config, app: Any, ready_fd: int) -> None:
        super().__init__(config)
        self._app = app
        self._ready_fd = ready_fd
        self._handing_over = False
        self._collecting = Collecting()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then write the byte the supervisor waits for."""
        asyncio.get_running_loop().add_signal_handler(HAND_OVER, self.hand_over)
        await super().startup(sockets)
        if self.started:
            os.write(self._ready_fd, b"1")
        os.close(self._ready_fd)

    async def on_tick(self, counter: int) -> bool:
        """Ask to end also when the application's own life is over: uvicorn would serve on without.

        The supervisor starts a new one; a gateway that answers `draining` for ever helps nobody.
        """
        if counter % TICKS_A_LOOK == 0:
            self._collecting.young()
        return await super().on_tick(counter) or self.lifespan.error_occurred

    def hand_over(self) -> None:
        """A successor serves already: send everybody there, and end."""
        self._handing_over = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain (refuse new work, let replies finish), then close what is left.

        With a successor on the same socket, what is new goes there from now on.
        """
        if self._handing_over:
            for server in self.servers:
                server.close()
        drain = getattr(self._app.state, "drain", None)
        if drain is not None:
            await drain(leave_at_once=self._handing_over)
        await super().shutdown(sockets)


def configure(app: Any, orders: GatewayOrders) -> uvicorn.Config:
    """uvicorn's settings from ours."""
    server, sockets = orders.settings.server, orders.settings.sockets
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Doorway,
        ws=SocketProtocol,
        ws_max_size=sockets.frame_bytes * 4,  # ours answers politely above frame_bytes
        ws_ping_interval=None,  # the protocol has its own heartbeat
        ws_per_message_deflate=False,  # small frames; compression costs more than it saves
        backlog=BACKLOG,  # uvicorn listens anew on what it inherits
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=server.trusted_proxies or None,
        timeout_graceful_shutdown=max(1, round(server.drain_seconds)),
        ssl_certfile=server.tls_cert or None,
        ssl_keyfile=server.tls_key or None,
    )


def raise_descriptor_limit() -> None:
    """Every socket takes a descriptor; take all the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1_048_576
    if soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def main() -> int:
    """Build the application and serve it until told to stop."""
    raise_descriptor_limit()
    orders = GatewayOrders.from_environment()
    from server.app import create_app

    app = create_app(
        orders.settings,
        database_url=orders.database_url,
        bus_url=orders.bus_url,
        node=orders.node,
        model_url=orders.model_url,
        model_key=orders.model_key,
        metrics_fd=orders.metrics_fd,
        inference_addresses=orders.inference_addresses,
        inference_key=orders.inference_key,
    )
    server = GatewayServer(configure(app, orders), app, orders.ready_fd)
    listening = socket.socket(fileno=orders.listen_fd)
    server.run(sockets=[listening])
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
