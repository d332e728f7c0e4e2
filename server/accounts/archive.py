"""Everything we keep about a person, as one JSON object by table.

It is written to a temporary file first: a slow download then holds no database connection,
and a long life does not have to fit into memory.
"""

import base64
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import asyncpg
import structlog

from rooms.errors import ProductError
from rooms.recordings import Recordings
from storage import recordings
from storage.erase import SECRET_TABLES, rows_of, tables_of_people

MEMORY_BYTES: Final = 4_194_304
PIECE_BYTES: Final = 65_536
PAGE: Final = 100
logger = structlog.get_logger(__name__)


async def archive_of(db: asyncpg.Pool, person: str, sounds: Recordings | None = None) -> IO[bytes]:
    """The archive, open at its beginning; `pieces_of` closes it. `sounds` adds what one said."""
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
        if sounds is not None:
            await _write_sounds(file, db, person, sounds)
        file.write(b"}")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def _write_sounds(file: IO[bytes], db: asyncpg.Pool, person: str, sounds: Recordings) -> None:
    """Each recording's sound, as it was sent, in Base64 under its id."""
    file.write(b',"sound_of_recordings":{')
    offset = 0
    while page := await recordings.of_person(db, person, PAGE, offset):
        for row in page:
            comma = "," if offset else ""
            file.write(f'{comma}"{row.recording}":"'.encode())
            try:
                file.write(base64.b64encode(await sounds.sound(row)))
            except ProductError as error:
                logger.warning("a recording is missing from an export", code=error.code)
            file.write(b'"')
            offset += 1
    file.write(b"}")


def pieces_of(archive: IO[bytes]) -> Iterator[bytes]:
    """The archive, piece by piece; closes it at the end."""
    with archive:
        while piece := archive.read(PIECE_BYTES):
            yield piece
