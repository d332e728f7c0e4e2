"""The gateways of one host on one port: started together, and renewed one after another.

A rolling restart starts the successor on the same listening socket before its predecessor is
told to hand over, so that no connection is ever refused; whoever was connected resumes there.
"""

import asyncio
import itertools
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from server.supervisor.keeper import ChildFailed, Keeper
from server.supervisor.listening import listens, rest
from server.supervisor.orders import GatewayOrders
from server.supervisor.parts import Gateway
from server.supervisor.supervisor import Supervisor

HAND_OVER = signal.SIGUSR2


class Gateways:
    """`orders` says what a gateway is told, `bury` that its node is dead."""

    def __init__(
        self,
        sockets: list[socket.socket],
        logs: Path,
        say: Callable[[str], None],
        *,
        orders: Callable[[int, int, str], GatewayOrders],
        bury: Callable[[str], None],
        drain_seconds: float,
        metrics: list[socket.socket] | None = None,
    ) -> None:
        self._metrics = metrics or []
        self._sockets = sockets
        self._logs = logs
        self._say = say
        self._orders = orders
        self._bury = bury
        self._drain_seconds = drain_seconds
        self._lives = itertools.count(1)
        self._keepers: list[Keeper] = []

    async def start(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """All of them; returns when each serves."""
        numbered = enumerate(self._sockets, 1)
        self._keepers = [self._keeper(number, listening) for number, listening in numbered]
        supervisor.start(tasks, self._keepers)
        await supervisor.ready(self._keepers)

    async def renew(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """One after another: start the successor, then have the predecessor hand over.

        A successor that does not come up is given up, and the rest stays as it is: ChildFailed.
        """
        for i, listening in enumerate(self._sockets):
            old, new = self._keepers[i], self._keeper(i + 1, listening, trial=True)
            supervisor.start(tasks, [new])
            await new.decided.wait()
            if new.why_not:
                supervisor.forget(new)
                raise ChildFailed(f"{new.why_not} The old one goes on.")
            self._keepers[i] = new
            await old.stop(HAND_OVER)
            supervisor.forget(old)
            self._say(f"Gateway {i + 1} was renewed.")

    def _keeper(self, number: int, listening: socket.socket, *, trial: bool = False) -> Keeper:
        metrics = self._metrics[number - 1] if self._metrics else None
        gateway = Gateway(number, listening, self._orders, self._logs, self._lives, metrics)
        return Keeper(
            gateway,
            self._say,
            stop_seconds=self._drain_seconds + 5.0,
            trial=trial,
            on_end=lambda: self._ended(number, gateway),
        )

    def _ended(self, number: int, gateway: Gateway) -> None:
        """A life is over; if no successor serves on its socket, the others take its share."""
        self._bury(gateway.node)
        if not self._keepers or self._keepers[number - 1].part is not gateway:
            return
        pairs = zip(self._keepers, self._sockets, strict=True)
        if any(one.pid and listens(listening) for one, listening in pairs):
            rest(self._sockets[number - 1])
