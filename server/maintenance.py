"""`kindred migrate`: the schema brought up to date, or looked at, without starting the rest."""

import asyncio

from click import echo

from config.settings import Settings
from server.borrowed import borrowed_stores
from server.supervisor.folder import CannotStart
from server.up import bring_up_to_date
from storage.database import DatabaseUnreachable, connect
from storage.embedded.child import StoreFailed
from storage.migrate import MigrationError, pending


def migrate_now(settings: Settings, *, check: bool) -> int:
    """Migrate, or with `check` only say what is due. Returns the exit status."""
    try:
        with borrowed_stores(settings) as addresses:
            if check:
                return _tell_due(asyncio.run(_due(addresses.database)))
            own = not settings.database.url
            applied = asyncio.run(bring_up_to_date(addresses.database, own=own))
    except (CannotStart, StoreFailed, DatabaseUnreachable, MigrationError) as error:
        echo(f"That did not work. {error}", err=True)
        return 1
    for name in applied:
        echo(f"applied {name}")
    echo("The schema is up to date.")
    return 0


async def _due(url: str) -> list[str]:
    connection = await connect(url)
    try:
        return [migration.name for migration in await pending(connection)]
    finally:
        await connection.close()


def _tell_due(names: list[str]) -> int:
    for name in names:
        echo(f"due: {name}")
    echo("Run `kindred migrate` to apply them." if names else "The schema is up to date.")
    return 1 if names else 0
