"""Recordings of calls while they are made: begun, kept part by part, put together when a call ends.

What is kept is sealed like every sound here. Whoever dies in between loses the seconds that were
not a part yet; the parts are put together by whichever node looks next.
"""

import asyncio
import contextlib
from itertools import pairwise
from typing import Final, Protocol

import asyncpg
import structlog

from config.recordings import RecordingSettings
from media.recording.ogg import CONTENT_TYPE, closed
from rooms.errors import Conflict, Forbidden, Unavailable
from storage import recordings, tapes
from storage.blobs import BlobDamaged, BlobMissing, Blobs
from storage.database import DATABASE_AWAY
from storage.ids import new_id
from storage.tapes import Kept, Part, Tape

logger = structlog.get_logger(__name__)
CONSENT: Final = "recording"
LEFT_SECONDS: Final = 5.0
BARS: Final = 64
_BATCH: Final = 20


class Sealed(Protocol):
    """What was packed; see media/recording/packing.py `Packed`."""

    data: bytes
    ms: int
    waveform: list[int]


class Tapes:
    """One house's. Nothing of a codec is needed here."""

    def __init__(self, db: asyncpg.Pool, blobs: Blobs, settings: RecordingSettings) -> None:
        self.settings = settings
        self._db = db
        self._blobs = blobs

    # --- while the call goes on

    async def begin(self, person: str, call: str, agreed: list[str]) -> str:
        """A recording of this person's call. Raises Forbidden, Conflict, Unavailable."""
        limits = self.settings
        recording = new_id("v")
        try:
            roomy = await tapes.room_for(self._db, person, limits.kept_count, limits.kept_bytes)
            begun = roomy and await tapes.begin(self._db, recording, call, agreed)
        except DATABASE_AWAY as error:
            raise Unavailable("The database does not answer; nothing is recorded.") from error
        if not roomy:
            raise Conflict(
                "Your recordings take up all the room there is. Delete some of them first.",
                code="recordings_full",
                details={"unlocked_by": ["media/recordings"]},
            )
        if not begun:
            raise Forbidden(
                "Not everybody in this room agrees that the call is recorded.",
                code="recording_not_agreed",
            )
        return recording

    async def keep(self, tape: Tape, n: int, packed: Sealed) -> Kept:
        """Seal a part and name it; what may not be kept is erased again. May be repeated.

        Raises what the stores raise when they are away.
        """
        address = await asyncio.to_thread(self._blobs.put, tape.person, packed.data)
        part = Part(address=address, bytes=len(packed.data), ms=packed.ms, waveform=packed.waveform)
        kept = await tapes.keep(self._db, tape.recording, n, part, self.settings.kept_bytes)
        if kept != "kept":
            await self._erase([address])
        return kept

    async def end(self, recording: str) -> None:
        """Nothing more belongs to it."""
        with contextlib.suppress(*DATABASE_AWAY):  # the end of the call says so too
            await tapes.end(self._db, recording)

    async def take(self, call: str) -> list[str]:
        """End what an earlier holder was recording: who had agreed to it. Raises Unavailable."""
        try:
            return await tapes.take(self._db, call)
        except DATABASE_AWAY as error:
            raise Unavailable("The database does not answer.") from error

    async def kept_of(self, call: str) -> list[str]:
        """The recordings of a call of which something is kept, whoever held it then."""
        return await tapes.kept_of_call(self._db, call)

    # --- when it has ended

    async def finish(self, call: str) -> None:
        """Put the recordings of a call together that has ended. Safe to repeat."""
        for tape in await tapes.of_call(self._db, call):
            await self._finish(tape)

    async def finish_left(self) -> int:
        """Put those together whose holder died; how many there were."""
        found = await tapes.left(self._db, LEFT_SECONDS, _BATCH)
        for tape in found:
            logger.info("a recording is put together", recording=tape.recording)
            await self._finish(tape)
        return len(found)

    async def drop(self, recording: str, person: str) -> bool:
        """Erase one of one's own, as far as it has come; further parts are refused."""
        if not await tapes.close(self._db, recording, person):
            return False
        parts = await tapes.parts(self._db, recording)  # no other can come from here on
        if not await tapes.drop(self._db, recording, person):
            return False
        await self._erase([part.address for part in parts])
        return True

    async def addresses_of(self, person: str) -> list[str]:
        """Where the parts of a person lie."""
        return await tapes.addresses_of(self._db, person)

    async def _finish(self, tape: Tape) -> None:
        parts = await tapes.parts(self._db, tape.recording)
        if not parts:
            await tapes.drop(self._db, tape.recording, tape.person)
            return
        try:
            whole = await asyncio.to_thread(self._joined, tape.person, parts)
        except (BlobMissing, BlobDamaged):
            if not await tapes.parts(self._db, tape.recording):
                return  # somebody else was faster
            logger.error("a part of a recording cannot be read", recording=tape.recording)
            there = await asyncio.to_thread(self._there, parts)
            if not there:
                await tapes.drop(self._db, tape.recording, tape.person)
                return
            whole = await asyncio.to_thread(self._joined, tape.person, there)
        stands = await tapes.finish(self._db, tape.recording, CONTENT_TYPE, whole)
        left = [part.address for part in parts]
        await self._erase(left if stands else [*left, whole.address])

    def _there(self, parts: list[Part]) -> list[Part]:
        """Those that can still be read."""
        found = []
        for part in parts:
            with contextlib.suppress(BlobMissing, BlobDamaged):
                self._blobs.read(part.address)
                found.append(part)
        return found

    def _joined(self, person: str, parts: list[Part]) -> Part:
        """The whole file, sealed. Raises BlobMissing."""
        data = closed(b"".join(self._blobs.read(part.address) for part in parts))
        seconds = [level for part in parts for level in part.waveform]
        return Part(
            address=self._blobs.put(person, data),
            bytes=len(data),
            ms=sum(part.ms for part in parts),
            waveform=_bars(seconds),
        )

    async def _erase(self, addresses: list[str]) -> None:
        """Those that nothing names: another node may have kept the very same bytes."""
        named = await recordings.named(self._db, addresses)
        for address in set(addresses) - named:
            await asyncio.to_thread(self._blobs.erase, address)


def _bars(seconds: list[int]) -> list[int]:
    """As many bars as a voice note has, or one for each second of a short call."""
    count = min(BARS, len(seconds))
    edges = [len(seconds) * n // count for n in range(count + 1)] if count else []
    return [max(seconds[a:b]) for a, b in pairwise(edges)]
