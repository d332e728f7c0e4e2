"""What headsets told of how they drew a companion: frame rates, dropped frames, delay.

A client tells of one session again and again; the last word stands, and what it added is returned
so that it is counted once. No place, no person's words, no picture.
"""

import asyncpg
from msgspec import Struct

from storage.statements import sql


class VrSession(Struct, frozen=True, kw_only=True):
    """A session in a headset as it is kept. Instants are unix milliseconds."""

    session: str
    call: str | None
    device: str
    mode: str
    seconds: int
    frames: int
    dropped_frames: int
    frame_rate: float
    latency_ms: float
    started_at: int = 0
    seen_at: int = 0


class VrAdded(Struct, frozen=True):
    """What a report brought beyond the one before it."""

    new: bool
    frames: int
    dropped_frames: int


# The clause `of_call` keeps a session from being hung on another person's call. A report that is
# older than what is known (fewer frames) changes nothing.
KEEP_VR = sql(
    "keep_vr_session",
    """
    WITH known AS (
        SELECT frames, dropped_frames FROM vr_sessions WHERE person = $1 AND session = $2
    ), of_call AS (
        SELECT call FROM calls WHERE call = $3 AND person = $1
    ), room AS (
        SELECT count(*) < $11 AS is_left FROM vr_sessions WHERE person = $1 AND session <> $2
           AND started_at > now() - interval '1 day'
    ), kept AS (
        INSERT INTO vr_sessions AS v (person, session, call, device, mode, seconds, frames,
                                      dropped_frames, frame_rate, latency_ms)
        SELECT $1, $2, (SELECT call FROM of_call), $4, $5, $6, $7, $8, $9, $10
          FROM room WHERE is_left
        ON CONFLICT (person, session) DO UPDATE SET
            call = coalesce(v.call, excluded.call), seconds = excluded.seconds,
            frames = excluded.frames, dropped_frames = excluded.dropped_frames,
            frame_rate = excluded.frame_rate, latency_ms = excluded.latency_ms, seen_at = now()
         WHERE v.frames <= excluded.frames
        RETURNING frames, dropped_frames
    )
    SELECT (SELECT count(*) = 0 FROM known) AS new, (SELECT is_left FROM room) AS is_left,
        coalesce((SELECT frames FROM kept)
            - coalesce((SELECT frames FROM known), 0), 0)::bigint AS frames,
        greatest(0, coalesce((SELECT dropped_frames FROM kept)
            - coalesce((SELECT dropped_frames FROM known), 0), 0))::bigint AS dropped_frames
    """,
)
_COLUMNS = """session, call, device, mode, seconds, frames, dropped_frames,
    round(frame_rate::numeric, 2)::float8 AS frame_rate,
    round(latency_ms::numeric, 2)::float8 AS latency_ms,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM seen_at) * 1000)::bigint AS seen_at"""
VR_OF_CALLS = sql(
    "vr_sessions_of_calls",
    f"SELECT {_COLUMNS} FROM vr_sessions WHERE call = ANY($1) ORDER BY started_at",  # noqa: S608
)
VR_OF_PERSON = sql(
    "vr_sessions_of_person",
    f"SELECT {_COLUMNS} FROM vr_sessions WHERE person = $1 "  # noqa: S608
    "ORDER BY started_at DESC LIMIT $2",
)


async def keep_vr_session(
    db: asyncpg.Pool, person: str, row: VrSession, most_a_day: int
) -> VrAdded | None:
    """Write it down; what it added. None: this person told of `most_a_day` sessions already."""
    found = await db.fetchrow(
        KEEP_VR, person, row.session, row.call, row.device, row.mode, row.seconds, row.frames,
        row.dropped_frames, row.frame_rate, row.latency_ms, most_a_day,
    )  # fmt: skip
    assert found is not None
    if not found["is_left"]:
        return None
    return VrAdded(found["new"], found["frames"], found["dropped_frames"])


async def vr_sessions_of_calls(db: asyncpg.Pool, calls: list[str]) -> list[VrSession]:
    """The sessions of these calls, oldest first."""
    return [VrSession(**dict(row)) for row in await db.fetch(VR_OF_CALLS, calls)]


async def vr_sessions_of(db: asyncpg.Pool, person: str, limit: int) -> list[VrSession]:
    """A person's sessions, the newest first."""
    return [VrSession(**dict(row)) for row in await db.fetch(VR_OF_PERSON, person, limit)]
