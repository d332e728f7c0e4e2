"""Everything we keep about a person, as one JSON object by table.

It is written to a temporary file first: a slow download then holds no database connection,
and a long life does not have to fit into memory.
"""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import asyncpg

from storage.erase import SECRET_TABLES, rows_of, tables_of_people

MEMORY_BYTES: Final = 4_194_304
PIECE_BYTES: Final = 65_536


async def archive_of(db: asyncpg.Pool, person: str) -> IO[bytes]:
    """The archive, open at its beginning; `pieces_of` closes it."""
    file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed by who reads it
    try:
        async with (
            db.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            file.write(b"{")
            tables = [t for t in await tables_of_people(connection) if t.name not in SECRET_TABLES]
            for position, table in enumerate(tables):
                file.write(f'{"," if position else ""}"{table.name}":['.encode())
                first = True
                async for row in rows_of(connection, table, person):
                    file.write((row if first else f",{row}").encode())
                    first = False
                file.write(b"]")
            file.write(b"}")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def pieces_of(archive: IO[bytes]) -> Iterator[bytes]:
    """The archive, piece by piece; closes it at the end."""
    with archive:
        while piece := archive.read(PIECE_BYTES):
            yield piece
