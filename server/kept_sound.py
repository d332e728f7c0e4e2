"""Sound that is kept, as the house is put together: where it lies sealed, what stops it at once."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import asyncpg
import structlog

from config.settings import Settings
from media.inference.client import Inference
from rooms.calls.parts import CallParts
from rooms.commands import Answer, CallShut, RecordingSet
from rooms.errors import ProductError
from rooms.lobby import Lobby
from rooms.ports import Principal
from rooms.recordings import Recordings, recordings_key
from rooms.room import RoomParts
from rooms.tapes import CONSENT
from server.accounts.service import Accounts
from server.shut_calls import shut_call
from storage import tapes
from storage.blobs import FileBlobs
from storage.ids import new_id

logger = structlog.get_logger(__name__)
Commands = Callable[[Principal, RecordingSet | CallShut, str], Awaitable[Answer]]


async def kept_sound(
    db: asyncpg.Pool, settings: Settings, inference: Inference, lobby: Lobby
) -> Recordings:
    """Kept sound, sealed with a key that only the database has."""
    blobs = FileBlobs(Path(settings.data) / "recordings", await recordings_key(db))
    return Recordings(
        db,
        blobs,
        settings.recordings,
        transcriber=inference.transcriber if inference.peers else None,
        admit=lobby.admit,
    )


def kept_while_agreed(
    db: asyncpg.Pool,
    recordings: Recordings,
    parts: RoomParts,
    accounts: Accounts,
    command: Commands,
) -> None:
    """Calls are recorded into these, and a consent withdrawn stops one."""
    accounts.sign_ins.shut = partial(shut_call, db, command)
    if parts.calls is not None:
        parts.calls.tapes = recordings.tapes
        accounts.withdrawn = partial(withdrawn, db, command, parts.calls)


async def withdrawn(
    db: asyncpg.Pool, command: Commands, calls: CallParts, who: Principal, purpose: str
) -> None:
    """A consent was taken back: what it allowed stops now."""
    await stop_recording(db, command, who, purpose)
    if purpose in calls.settings.consents:
        await shut_call(db, command, who.person.id, "")


async def stop_recording(db: asyncpg.Pool, command: Commands, who: Principal, purpose: str) -> None:
    """Somebody agrees to recordings no more: those under way in front of them stop now.

    A holder that cannot be told is refused its next part by the database.
    """
    if purpose != CONSENT:
        return
    for room, call in await tapes.recorded_rooms(db, who.person.id):
        key = new_id("k")
        try:
            await command(who, RecordingSet(id="0", room=room, call=call, on=False), key)
        except ProductError as error:
            logger.warning("a recording could not be stopped at once", code=error.code)
