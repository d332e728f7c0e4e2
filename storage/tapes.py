"""Recordings under way, part by part: nothing is kept unless everybody agrees at that moment.

The database itself refuses a part once somebody's consent is gone, somebody is in the room who was
not asked, or the call is over; whoever writes parts need not be right about it.
"""

from typing import Literal

import asyncpg
from msgspec import Struct

from storage.statements import sql

Kept = Literal["kept", "ended", "not_agreed", "full"]


class Tape(Struct, frozen=True, kw_only=True):
    """A recording under way, or one whose call has ended and that is not put together yet."""

    recording: str
    person: str
    call: str


class Part(Struct, frozen=True, kw_only=True):
    """A run of whole pages of its file."""

    address: str
    bytes: int
    ms: int
    waveform: list[int]


_MAY = "all_agree(t.agreed, 'recording') AND are_all_of_room(t.agreed, t.room)"

BEGIN = sql(
    "begin_tape",
    """
    INSERT INTO tapes (recording, person, room, call, agreed)
    SELECT $1, c.person, c.room, c.call, $3 FROM calls c
     WHERE c.call = $2 AND c.ended_at IS NULL AND c.person = ANY ($3)
       AND all_agree($3, 'recording') AND are_all_of_room($3, c.room)
    RETURNING recording
    """,
)
ROOM_FOR = sql(
    "room_for_tape",
    """
    SELECT (SELECT count(*) FROM recordings WHERE person = $1)
         + (SELECT count(*) FROM tapes WHERE person = $1) < $2
       AND (SELECT coalesce(sum(bytes), 0)::bigint FROM recordings WHERE person = $1)
         + (SELECT coalesce(sum(bytes), 0)::bigint FROM tape_parts WHERE person = $1) < $3
    """,
)
KEEP = sql(
    "keep_tape_part",
    f"""
    WITH t AS (
        SELECT t.recording, t.person, {_MAY} AS may,
               (SELECT coalesce(sum(bytes), 0)::bigint FROM recordings WHERE person = t.person)
             + (SELECT coalesce(sum(bytes), 0)::bigint FROM tape_parts WHERE person = t.person)
             + $4 <= $7 AS fits
          FROM tapes t JOIN calls c ON c.call = t.call AND c.ended_at IS NULL
         WHERE t.recording = $1 AND t.ended_at IS NULL FOR UPDATE OF t
    ), kept AS (
        INSERT INTO tape_parts (recording, n, person, address, bytes, ms, waveform)
        SELECT t.recording, $2, t.person, $3, $4, $5, $6 FROM t WHERE t.may AND t.fits
        ON CONFLICT DO NOTHING
    )
    SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM t) THEN 'ended'
                WHEN NOT (SELECT may FROM t) THEN 'not_agreed'
                WHEN NOT (SELECT fits FROM t) THEN 'full' ELSE 'kept' END
    """,  # noqa: S608 - a constant
)
END = sql("end_tape", "UPDATE tapes SET ended_at = now() WHERE recording = $1 AND ended_at IS NULL")
CLOSE = sql(
    "close_tape",
    "UPDATE tapes SET ended_at = coalesce(ended_at, now()) WHERE recording = $1 AND person = $2 "
    "RETURNING recording",
)
# Whoever wrote it cannot any more, though it may only have been asleep.
TAKE = sql(
    "take_tape",
    """
    WITH taken AS (UPDATE tapes SET ended_at = now() WHERE call = $1 AND ended_at IS NULL
                   RETURNING agreed, begun_at)
    SELECT agreed FROM taken ORDER BY begun_at DESC LIMIT 1
    """,
)
OF_CALL = sql("tapes_of_call", "SELECT recording, person, call FROM tapes WHERE call = $1")
LEFT = sql(
    "tapes_left",
    "SELECT t.recording, t.person, t.call FROM tapes t LEFT JOIN calls c ON c.call = t.call "
    "WHERE c.call IS NULL OR c.ended_at < now() - make_interval(secs => $1) "
    "ORDER BY t.begun_at LIMIT $2",
)
KEPT_OF_CALL = sql("kept_tapes_of_call", "SELECT recordings_of_call($1)")
PARTS = sql(
    "parts_of_tape",
    "SELECT address, bytes, ms, waveform FROM tape_parts WHERE recording = $1 ORDER BY n",
)
PARTS_OF_PERSON = sql(
    "tape_parts_of_person", "SELECT DISTINCT address FROM tape_parts WHERE person = $1"
)
# One statement: the parts are gone when the recording stands, and not before.
FINISH = sql(
    "finish_tape",
    """
    WITH gone AS (DELETE FROM tapes WHERE recording = $1 RETURNING recording, person, room, call,
                  begun_at)
    INSERT INTO recordings (recording, person, kind, address, media_type, bytes, ms, waveform,
                            room, message, call, created_at)
    SELECT g.recording, g.person, 'call', $2, $3, $4, $5, $6, g.room,
           (SELECT c.message FROM calls c WHERE c.call = g.call), g.call, g.begun_at FROM gone g
    RETURNING recording
    """,
)
DROP = sql(
    "drop_tape", "DELETE FROM tapes WHERE recording = $1 AND person = $2 RETURNING recording"
)
# Rooms where something is recorded in front of this person.
RECORDED_ROOMS = sql(
    "recorded_rooms",
    "SELECT DISTINCT room, call FROM tapes WHERE $1 = ANY (agreed) AND ended_at IS NULL",
)


async def begin(db: asyncpg.Pool, recording: str, call: str, agreed: list[str]) -> bool:
    """A recording of an open call; False where not everybody in its room agrees."""
    return await db.fetchval(BEGIN, recording, call, agreed) is not None


async def room_for(db: asyncpg.Pool, person: str, most: int, most_bytes: int) -> bool:
    """Whether this person may have another recording."""
    return bool(await db.fetchval(ROOM_FOR, person, most, most_bytes))


async def keep(db: asyncpg.Pool, recording: str, n: int, part: Part, most_bytes: int) -> Kept:
    """Name the `n`th part, if it may be kept; may be repeated."""
    kept: Kept = await db.fetchval(
        KEEP, recording, n, part.address, part.bytes, part.ms, part.waveform, most_bytes
    )
    return kept


async def end(db: asyncpg.Pool, recording: str) -> None:
    """No further part belongs to it."""
    await db.execute(END, recording)


async def close(db: asyncpg.Pool, recording: str, person: str) -> bool:
    """No further part belongs to one of one's own; False where there is no such tape."""
    return await db.fetchval(CLOSE, recording, person) is not None


async def take(db: asyncpg.Pool, call: str) -> list[str]:
    """End what another holder was recording of a call: who had agreed to it; nobody, if nothing."""
    return list(await db.fetchval(TAKE, call) or ())


async def of_call(db: asyncpg.Pool, call: str) -> list[Tape]:
    """Those of a call that are not put together."""
    return [Tape(**dict(row)) for row in await db.fetch(OF_CALL, call)]


async def kept_of_call(db: asyncpg.Pool, call: str) -> list[str]:
    """Those of a call of which something is kept, in order: as its entry names them."""
    return list(await db.fetchval(KEPT_OF_CALL, call))


async def left(db: asyncpg.Pool, past_seconds: float, limit: int) -> list[Tape]:
    """Those of calls that ended so long ago: nobody puts them together any more."""
    return [Tape(**dict(row)) for row in await db.fetch(LEFT, past_seconds, limit)]


async def parts(db: asyncpg.Pool, recording: str) -> list[Part]:
    """Its parts, in order."""
    return [Part(**dict(row)) for row in await db.fetch(PARTS, recording)]


async def addresses_of(db: asyncpg.Pool, person: str) -> list[str]:
    """Where the parts of a person lie."""
    return [row["address"] for row in await db.fetch(PARTS_OF_PERSON, person)]


async def finish(db: asyncpg.Pool, recording: str, media_type: str, whole: Part) -> bool:
    """The parts are one recording now; False where somebody erased it meanwhile."""
    found = await db.fetchval(
        FINISH, recording, whole.address, media_type, whole.bytes, whole.ms, whole.waveform
    )
    return found is not None


async def drop(db: asyncpg.Pool, recording: str, person: str) -> bool:
    """Forget one of one's own, as far as it has come."""
    return await db.fetchval(DROP, recording, person) is not None


async def recorded_rooms(db: asyncpg.Pool, person: str) -> list[tuple[str, str]]:
    """(room, call) where something is recorded that this person agreed to."""
    return [(row["room"], row["call"]) for row in await db.fetch(RECORDED_ROOMS, person)]
