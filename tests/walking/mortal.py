"""Stores of a test's own, which can be killed like kill -9 and come back with what they kept.

The session's stores are shared and must live; these die as often as a test wants.
"""

import asyncio
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.database import connect
from storage.embedded.child import Command, end, spawn, tidy_sockets, wait_ready
from storage.embedded.postgres import Postgres
from storage.embedded.valkey import Valkey
from storage.migrate import migrate

_numbers = itertools.count(1)


class Mortal:
    """One server. `kill` is kill -9; `revive` starts it on the same folder and waits for it."""

    def __init__(self, server: Postgres | Valkey) -> None:
        self.server = server
        self._child: subprocess.Popen[bytes] | None = None
        self._command: Command | None = None

    def begin(self) -> None:
        """Start it, unless it runs."""
        if self._child is not None and self._child.poll() is None:
            return
        self.server.prepare()
        self._command = self.server.command()
        self._child = spawn(self._command)
        wait_ready(self._child, self._command, self.server.ready, self.server.start_seconds)

    async def revive(self) -> None:
        """Start it while the loop goes on; on the main thread, which its life is tied to."""
        self.server.prepare()
        self._command = self.server.command()
        self._child = child = spawn(self._command)
        await asyncio.to_thread(
            wait_ready, child, self._command, self.server.ready, self.server.start_seconds
        )

    def kill(self) -> None:
        """As if the machine had lost it."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def finish(self) -> None:
        """End it in order."""
        if self._child is not None and self._command is not None:
            end(self._child, self._command.stop, 10.0)


class MortalStores:
    """Both servers, written to disk as in earnest: what was committed outlives them."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder, connections=60)
        self.valkey = Valkey(folder, durable=True)
        self.database = Mortal(self.postgres)
        self.bus = Mortal(self.valkey)

    async def fresh_database(self) -> str:
        """The address of a new, migrated database."""
        name = f"mortal_{next(_numbers)}"
        owner = await connect(self.postgres.url("postgres"))
        await owner.execute(f"CREATE DATABASE {name}")
        await owner.close()
        connection = await connect(self.postgres.url(name))
        await migrate(connection)
        await connection.close()
        return self.postgres.url(name)


@contextmanager
def mortal_stores(folder: Path) -> Iterator[MortalStores]:
    """Both servers, running, until the block ends."""
    stores = MortalStores(folder)
    try:
        stores.database.begin()
        stores.bus.begin()
        yield stores
    finally:
        stores.bus.finish()
        stores.database.finish()
        tidy_sockets(folder)
