"""What is known of each recording: whose it is, how it looks and reads, where it was sent.

The sound itself lies in storage/blobs.py under `address`; a file no row names is swept away.
"""

from typing import Any

import asyncpg
from msgspec import Struct

from storage.statements import sql


class RecordingRow(Struct, frozen=True, kw_only=True):
    """One recording. `at` is unix milliseconds."""

    recording: str
    person: str
    kind: str
    address: str
    media_type: str
    bytes: int
    ms: int
    waveform: list[int]
    transcript: str
    language: str
    room: str | None
    message: str | None
    call: str | None = None
    at: int = 0


_COLUMNS = """recording, person, kind, address, media_type, bytes, ms, waveform, transcript,
    language, room, message, call, (extract(epoch FROM created_at) * 1000)::bigint AS at"""

HOUSE_KEY = sql(
    "house_key",
    """
    WITH made AS (
        INSERT INTO house_keys (name, secret) VALUES ($1, $2)
        ON CONFLICT (name) DO NOTHING RETURNING secret
    )
    SELECT secret FROM made UNION ALL SELECT secret FROM house_keys WHERE name = $1
    """,
)
# Counted and kept in one statement; two at once may go over by one, which does no harm.
KEEP = sql(
    "keep_recording",
    """
    INSERT INTO recordings (recording, person, kind, address, media_type, bytes, ms, waveform,
                            transcript, language)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
     WHERE (SELECT count(*) < $11 AND coalesce(sum(bytes), 0)::bigint + $6 <= $12
              FROM recordings WHERE person = $2)
    RETURNING recording
    """,
)
FIND = sql("find_recording", f"SELECT {_COLUMNS} FROM recordings WHERE recording = $1")  # noqa: S608
OF_PERSON = sql(
    "recordings_of_person",
    f"SELECT {_COLUMNS} FROM recordings WHERE person = $1 "  # noqa: S608
    "AND ($4 = '' OR kind = $4) ORDER BY created_at DESC, recording LIMIT $2 OFFSET $3",
)
OF_CALL = sql(
    "recordings_of_a_call",
    f"SELECT {_COLUMNS} FROM recordings WHERE call = $1 AND person = $2 "  # noqa: S608
    "ORDER BY created_at, recording",
)
DROP_CALLS_OF_ROOM = sql(
    "drop_recordings_of_calls",
    "DELETE FROM recordings WHERE room = $1 AND person = $2 AND kind = 'call' RETURNING address",
)
DROP_OLD_CALLS = sql(
    "drop_old_recordings_of_calls",
    "DELETE FROM recordings WHERE kind = 'call' AND created_at < now() - make_interval(days => $1) "
    "RETURNING address",
)
SEND = sql(
    "send_recording",
    """
    UPDATE recordings r SET room = $3, message = $4
     WHERE recording = $1 AND person = $2 AND kind = 'voice_note' AND (message IS NULL
        OR message = $4 OR NOT EXISTS (SELECT 1 FROM rooms o JOIN messages m ON m.home = o.home
            AND m.room = o.room AND m.message = r.message WHERE o.room = r.room))
    RETURNING recording
    """,
)
# Who was let in later hears nothing from before.
VISIBLE = sql(
    "visible_recording",
    """
    SELECT true FROM recordings r
      JOIN rooms o ON o.room = r.room
      JOIN messages m ON m.home = o.home AND m.room = r.room AND m.message = r.message
      JOIN members b ON b.home = o.home AND b.room = r.room AND b.member = $2
       AND b.kind = 'person' AND b.left_at IS NULL AND m.n > b.since_n
     WHERE r.recording = $1 AND m.status <> 'deleted'
    """,
)
DROP = sql(
    "drop_recording",
    "DELETE FROM recordings WHERE recording = $1 AND person = $2 RETURNING address",
)
DROP_UNSENT = sql(
    "drop_unsent_recordings",
    "DELETE FROM recordings WHERE message IS NULL AND kind = 'voice_note' "
    "AND created_at < now() - make_interval(hours => $1)",
)
NAMED = sql(
    "named_addresses",
    "SELECT address FROM recordings WHERE address = ANY($1) "
    "UNION SELECT address FROM tape_parts WHERE address = ANY($1)",
)


async def house_key(db: asyncpg.Pool, name: str, fresh: bytes) -> bytes:
    """The house's key of that name; `fresh` becomes it where there is none."""
    found: bytes | None = None
    while found is None:  # another node may have made it between the two halves
        found = await db.fetchval(HOUSE_KEY, name, fresh)
    return bytes(found)


async def keep(db: asyncpg.Pool, row: RecordingRow, most: int, most_bytes: int) -> bool:
    """Store a recording; False when this person has as many, or as much, as may be kept."""
    kept = await db.fetchval(
        KEEP, row.recording, row.person, row.kind, row.address, row.media_type, row.bytes, row.ms,
        row.waveform, row.transcript, row.language, most, most_bytes,
    )  # fmt: skip
    return kept is not None


async def find(db: asyncpg.Pool, recording: str) -> RecordingRow | None:
    """One recording."""
    record = await db.fetchrow(FIND, recording)
    return None if record is None else _row(record)


async def of_person(
    db: asyncpg.Pool, person: str, limit: int, offset: int = 0, kind: str = ""
) -> list[RecordingRow]:
    """A person's recordings, the newest first; `kind` empty: all of them."""
    return [_row(record) for record in await db.fetch(OF_PERSON, person, limit, offset, kind)]


async def of_call(db: asyncpg.Pool, call: str, person: str) -> list[RecordingRow]:
    """What this person recorded of a call, in order."""
    return [_row(record) for record in await db.fetch(OF_CALL, call, person)]


async def drop_calls_of_room(db: asyncpg.Pool, room: str, person: str) -> list[str]:
    """Forget all one recorded of calls in a room; the addresses of their files."""
    return [row["address"] for row in await db.fetch(DROP_CALLS_OF_ROOM, room, person)]


async def drop_old_calls(db: asyncpg.Pool, days: int) -> list[str]:
    """Forget recordings of calls that are older; the addresses of their files."""
    return [row["address"] for row in await db.fetch(DROP_OLD_CALLS, days)]


async def send(db: asyncpg.Pool, recording: str, person: str, room: str, message: str) -> bool:
    """It goes with this message; False when it is another's, gone, or went with one that stands.

    A message that never came about binds nothing.
    """
    return await db.fetchval(SEND, recording, person, room, message) is not None


async def visible(db: asyncpg.Pool, recording: str, person: str) -> bool:
    """Whether the message it went with is one this member of its room may see."""
    return await db.fetchval(VISIBLE, recording, person) is not None


async def drop(db: asyncpg.Pool, recording: str, person: str) -> str | None:
    """Forget one's own recording; the address of its file."""
    address: str | None = await db.fetchval(DROP, recording, person)
    return address


async def drop_unsent(db: asyncpg.Pool, hours: int) -> None:
    """Forget what was recorded and never sent."""
    await db.execute(DROP_UNSENT, hours)


async def named(db: asyncpg.Pool, addresses: list[str]) -> set[str]:
    """Those of these addresses that a recording still names."""
    return {record["address"] for record in await db.fetch(NAMED, addresses)}


def _row(record: asyncpg.Record) -> RecordingRow:
    values: dict[str, Any] = dict(record)
    return RecordingRow(**values)
