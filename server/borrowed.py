"""Lending the stores to a command: those of a running Kindred, else started for the occasion.

`kindred backup`, `migrate` and `admin` work the same whether or not Kindred runs.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.settings import Settings
from server.supervisor.folder import CannotStart, DataFolder
from server.up import DATABASE, Addresses, embedded_stores
from storage.embedded.child import end, spawn, tidy_sockets, wait_ready
from storage.embedded.postgres import Postgres
from storage.embedded.valkey import Valkey


@contextmanager
def borrowed_stores(settings: Settings, *, bus: bool = False) -> Iterator[Addresses]:
    """The addresses of database and bus, both answering. Raises CannotStart, StoreFailed.

    The bus is started only if `bus`; its address may be empty otherwise.
    """
    folder = DataFolder(Path(settings.data))
    running = folder.running()
    if running is not None:
        yield Addresses(running.database_url, running.bus_url)
        return
    postgres, valkey = embedded_stores(settings, folder.path)
    if postgres is None and (valkey is None or not bus):
        yield Addresses(settings.database.url, settings.bus.url)
        return
    if not (folder.path / "VERSION").exists():
        raise CannotStart(
            f"{folder.path} has nothing in it yet: run `kindred up`, or name another with --data."
        )
    folder.claim()
    with ExitStack() as stack:
        stack.callback(folder.release)
        stack.callback(tidy_sockets, folder.path)
        database_url, bus_url = settings.database.url, settings.bus.url
        if postgres is not None:
            stack.enter_context(_started(postgres))
            database_url = postgres.url(DATABASE)
        if bus and valkey is not None:
            stack.enter_context(_started(valkey))
            bus_url = valkey.url()
        yield Addresses(database_url, bus_url)


@contextmanager
def _started(server: Postgres | Valkey) -> "Iterator[subprocess.Popen[bytes]]":
    """A server that runs for the length of the block."""
    server.prepare()
    command = server.command()
    child = spawn(command)
    try:
        wait_ready(child, command, server.ready, server.start_seconds)
        yield child
    finally:
        end(child, command.stop, 30.0)
