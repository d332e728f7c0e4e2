"""What a headset says of how it drew a companion: checked, kept as its last word, counted once.

Numbers only. A report says how fast pictures came, how many were late and how far behind the
person's own movement they were; who they are and where they stood is nobody's business.
"""

from typing import Annotated, Final, Literal

import asyncpg
from msgspec import Meta, Struct

from rooms.errors import Invalid, TooMany
from rooms.ports import Principal
from rooms.tallies import HeadsetTally
from storage import vr_sessions as store
from storage.vr_sessions import VrSession

Device = Literal["quest_2", "quest_3", "quest_pro", "vision_pro", "pico", "pc", "phone", "other"]
Mode = Literal["vr", "ar"]
FASTEST: Final = 240  # pictures a second; no headset shows more
MOST_A_DAY: Final = 200
LISTED: Final = 50


class VrReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session in a headset so far. Send it again as it goes on; the last word stands.

    `frames` were shown, `dropped_frames` should have been; `latency_ms` is from a pose to its
    picture, on average. `call`: the call it belongs to, where it belongs to one of yours.
    """

    device: Device
    mode: Mode
    seconds: Annotated[int, Meta(ge=0, le=86_400)]
    frames: Annotated[int, Meta(ge=0, le=86_400 * FASTEST)]
    dropped_frames: Annotated[int, Meta(ge=0, le=86_400 * FASTEST)]
    frame_rate: Annotated[float, Meta(ge=0, le=FASTEST)]
    latency_ms: Annotated[float, Meta(ge=0, le=5_000)]
    call: Annotated[str, Meta(max_length=64)] | None = None


async def take_report(
    db: asyncpg.Pool, tally: HeadsetTally | None, who: Principal, session: str, told: VrReport
) -> None:
    """Keep it. Raises Invalid for numbers that cannot be, TooMany beyond a day's sessions."""
    _check(told)
    row = VrSession(
        session=session,
        call=told.call,
        device=told.device,
        mode=told.mode,
        seconds=told.seconds,
        frames=told.frames,
        dropped_frames=told.dropped_frames,
        frame_rate=round(told.frame_rate, 2),
        latency_ms=round(told.latency_ms, 2),
    )
    added = await store.keep_vr_session(db, who.person.id, row, MOST_A_DAY)
    if added is None:
        raise TooMany("Enough sessions for a day.", code="vr_sessions_limit")
    if tally is not None:
        tally.took(told.device, told.frame_rate, added)


async def sessions_of(db: asyncpg.Pool, who: Principal) -> list[VrSession]:
    """One's own sessions, the newest first."""
    return await store.vr_sessions_of(db, who.person.id, LISTED)


async def of_calls(db: asyncpg.Pool, calls: list[str]) -> dict[str, list[VrSession]]:
    """The sessions of some calls, by call."""
    found: dict[str, list[VrSession]] = {}
    for row in await store.vr_sessions_of_calls(db, calls) if calls else []:
        found.setdefault(row.call or "", []).append(row)
    return found


def _check(told: VrReport) -> None:
    most = (told.seconds + 2) * FASTEST
    if told.frames > most or told.dropped_frames > most:
        raise Invalid(
            f"No headset shows that many pictures in {told.seconds} seconds.",
            code="vr_impossible",
            path="$.frames",
        )
