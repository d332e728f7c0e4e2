"""Voice notes, and other sound people leave here: taken in, written down, kept, heard, erased.

The words of a note are what the companion answers to and what is screened; they come from our own
recogniser and never from whoever sends the note. The sound is kept only with its owner's consent.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import structlog
from msgspec import Struct

from config.recordings import RecordingSettings
from media.hearing.ports import HearingError, Transcriber
from media.sound.opening import Fault, NotOpened, Opened, opened
from rooms.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ProductError,
    TooLarge,
    TooMany,
    Unavailable,
)
from rooms.ports import Principal
from rooms.shapes import VoicePart
from rooms.tapes import Tapes
from storage import recordings
from storage.blobs import KEY_BYTES, BlobDamaged, BlobMissing, Blobs
from storage.ids import new_id
from storage.people import caller
from storage.recordings import RecordingRow

logger = structlog.get_logger(__name__)
CONSENT: Final = "voice_notes"
UNSENT_HOURS: Final = 24
SWEPT_SECONDS: Final = 3_600.0
_SWEEP: Final = 500
_WAITING: Final = 16
Admit = Callable[[Principal, str], Awaitable[object]]


class Recording(Struct, frozen=True, kw_only=True):
    """One recording as its owner sees it. `waveform`: how loud each part is, 0..100."""

    id: str
    kind: str
    media_type: str
    bytes: int
    ms: int
    waveform: list[int]
    transcript: str
    language: str
    room: str | None
    message: str | None
    at: int
    call: str | None = None


class Recordings:
    """Sound that is kept. `transcriber` None: nobody listens here, so no note is taken."""

    def __init__(
        self,
        db: asyncpg.Pool,
        blobs: Blobs,
        settings: RecordingSettings,
        *,
        transcriber: Transcriber | None,
        admit: Admit,
    ) -> None:
        self.transcriber = transcriber
        self.tapes = Tapes(db, blobs, settings)
        self._db = db
        self._blobs = blobs
        self._settings = settings
        self._admit = admit
        self._opening = asyncio.Semaphore(settings.opening)
        self._waiting = 0

    @property
    def notes_offered(self) -> bool:
        """Whether voice notes can be sent here."""
        return self._settings.notes and self.transcriber is not None

    # --- taking in

    async def take_note(
        self, who: Principal, data: bytes, language: str | None = None
    ) -> Recording:
        """A file somebody recorded: opened, written down, sealed, kept. Raises ProductError."""
        await self._check(who, len(data))
        sound = await self._open(data)
        words = await self._write_down(sound, language)
        address = await asyncio.to_thread(self._blobs.put, who.person.id, data)
        row = RecordingRow(
            recording=new_id("v"),
            person=who.person.id,
            kind="voice_note",
            address=address,
            media_type=sound.media_type,
            bytes=len(data),
            ms=sound.ms,
            waveform=sound.waveform,
            transcript=words[0],
            language=words[1],
            room=None,
            message=None,
            at=time.time_ns() // 1_000_000,
        )
        limits = self._settings
        if not await recordings.keep(self._db, row, limits.kept_count, limits.kept_bytes):
            await self._drop_file(address)
            raise Conflict(
                "Your recordings take up all the room there is. Delete some of them first.",
                code="recordings_full",
                details={"unlocked_by": ["media/recordings"]},
            )
        return _shown(row)

    async def _check(self, who: Principal, size: int) -> None:
        if not self._settings.notes:
            raise Forbidden("Voice notes are not offered here.", code="notes_not_offered")
        if self.transcriber is None:
            raise Unavailable("Nobody listens here just now.", code="no_hearing", retryable=False)
        if size > self._settings.note_bytes:
            raise TooLarge(f"A voice note may have {self._settings.note_bytes} bytes.")
        known = await caller(self._db, who.person.id)
        if known is None or CONSENT not in known[1]:
            raise Forbidden(
                "Agree first that your voice notes are kept, sealed, until you delete them.",
                code="consent_needed",
                details={"purposes": [CONSENT], "unlocked_by": ["privacy/consents"]},
            )

    async def _open(self, data: bytes) -> Opened:
        if not data:
            raise _refused("empty", self._settings)
        if self._waiting >= _WAITING:
            raise TooMany("Many voice notes arrive just now.", retry_after_ms=2_000)
        self._waiting += 1
        try:
            async with self._opening:
                return await opened(
                    data,
                    longest_seconds=self._settings.note_seconds,
                    within_seconds=self._settings.opening_seconds,
                )
        except NotOpened as error:
            raise _refused(error.fault, self._settings) from error
        finally:
            self._waiting -= 1

    async def _write_down(self, sound: Opened, language: str | None) -> tuple[str, str]:
        assert self.transcriber is not None
        text, spoken = [], language or ""
        try:
            for piece in _pieces(sound.pcm):
                heard = await self.transcriber.transcribe(piece, language)
                text.append(heard.text.strip())
                spoken = heard.language or spoken
        except HearingError as error:
            logger.warning("a voice note was not understood", retryable=error.retryable)
            raise Unavailable("The voice note could not be written down just now.") from error
        words = " ".join(one for one in text if one)
        if not words:
            raise Invalid("No words were heard in it.", code="no_words")
        return words, spoken

    # --- what is kept

    async def page(
        self, who: Principal, limit: int, offset: int, kind: str = ""
    ) -> tuple[list[Recording], bool]:
        """One's own recordings, the newest first; and whether there are more."""
        rows = await recordings.of_person(self._db, who.person.id, limit + 1, offset, kind)
        return [_shown(row) for row in rows[:limit]], len(rows) > limit

    async def of_call(self, who: Principal, call: str) -> list[Recording]:
        """What one recorded of a call of one's own, once it has ended."""
        return [_shown(row) for row in await recordings.of_call(self._db, call, who.person.id)]

    async def heard_by(self, who: Principal, recording: str) -> RecordingRow:
        """A recording this person may hear: their own, or a note sent to a room they are in."""
        row = await recordings.find(self._db, recording)
        if row is not None and row.person != who.person.id:
            note = row.kind == "voice_note" and row.room is not None
            row = row if note and await self._is_in(who, row) else None
        if row is None:
            raise NotFound("There is no such recording.", code="recording_not_found")
        return row

    async def _is_in(self, who: Principal, row: RecordingRow) -> bool:
        assert row.room is not None
        try:
            await self._admit(who, row.room)
        except ProductError:
            return False
        return await recordings.visible(self._db, row.recording, who.person.id)

    async def sound(self, row: RecordingRow, start: int = 0, end: int | None = None) -> bytes:
        """Its bytes, or some of them."""
        try:
            return await asyncio.to_thread(self._blobs.read, row.address, start, end)
        except BlobMissing as error:
            raise NotFound("This recording is gone.", code="recording_not_found") from error
        except BlobDamaged as error:
            logger.error("a recording does not open", recording=row.recording)
            raise Unavailable("This recording is damaged.", retryable=False) from error

    async def delete(self, who: Principal, recording: str) -> None:
        """Erase one's own recording; its words stay in the message."""
        for _ in range(2):  # between the two looks it may have been put together
            address = await recordings.drop(self._db, recording, who.person.id)
            if address is not None:
                await self._drop_file(address)
                return
            if await self.tapes.drop(recording, who.person.id):
                return
        raise NotFound("There is no such recording.", code="recording_not_found")

    async def delete_calls(self, who: Principal, room: str) -> None:
        """Erase all one recorded of calls in a room."""
        await self.forget(await recordings.drop_calls_of_room(self._db, room, who.person.id))

    # --- erasure

    async def addresses_of(self, person: str) -> list[str]:
        """Where all sound of a person lies: ask before their rows go."""
        found = await self.tapes.addresses_of(person)
        at = 0
        while page := await recordings.of_person(self._db, person, _SWEEP, at):
            found += [row.address for row in page]
            at += len(page)
        return found

    async def forget(self, addresses: list[str]) -> None:
        """Erase files no recording names any more."""
        for address in set(addresses):
            await self._drop_file(address)

    async def sweep(self) -> int:
        """Erase what was never sent, and files whose rows are gone; how many files went."""
        await recordings.drop_unsent(self._db, UNSENT_HOURS)
        if self._settings.call_days:
            await self.forget(await recordings.drop_old_calls(self._db, self._settings.call_days))
        gone, before = 0, time.time() - SWEPT_SECONDS
        lying = await asyncio.to_thread(lambda: list(self._blobs.addresses(before)))
        for at in range(0, len(lying), _SWEEP):
            some = lying[at : at + _SWEEP]
            named = await recordings.named(self._db, some)
            for address in some:
                if address not in named:
                    gone += await asyncio.to_thread(self._blobs.erase, address)
        return gone

    async def _drop_file(self, address: str) -> None:
        if address not in await recordings.named(self._db, [address]):
            await asyncio.to_thread(self._blobs.erase, address)


async def claim(
    db: asyncpg.Pool, person: str, note: str, room: str, message: str
) -> tuple[VoicePart, str]:
    """Send one's note as this message: its part, and its words. Raises NotFound and Conflict."""
    row = await recordings.find(db, note)
    if row is None or row.person != person or row.kind != "voice_note":
        raise NotFound(
            "There is no such voice note of yours.", code="recording_not_found", path="$.voice"
        )
    if not await recordings.send(db, note, person, room, message):
        raise Conflict("This voice note was sent before.", code="already_sent", path="$.voice")
    part = VoicePart(
        recording=note,
        ms=row.ms,
        waveform=row.waveform,
        transcript=row.transcript,
        media_type=row.media_type,
    )
    return part, row.transcript


async def recordings_key(db: asyncpg.Pool) -> bytes:
    """The key sealed sound opens with; made when first asked for."""
    return await recordings.house_key(db, "recordings", secrets.token_bytes(KEY_BYTES))


def _pieces(pcm: bytes) -> list[bytes]:
    """At most 25 s each, cut where it is quietest: recognisers take no more at once."""
    longest, quiet = 25 * 32_000, 5 * 32_000
    found, at = [], 0
    while len(pcm) - at > longest:
        cut = _quietest(pcm, at + longest - quiet, at + longest)
        found.append(pcm[at:cut])
        at = cut
    return [*found, pcm[at:]]


def _quietest(pcm: bytes, start: int, end: int) -> int:
    from media.sound.levels import level_db

    step = 3_200  # 100 ms
    return min(range(start, end - step, step), key=lambda at: level_db(pcm[at : at + step])) + (
        step // 2
    )


def _refused(fault: Fault, settings: RecordingSettings) -> ProductError:
    match fault:
        case "too_long":
            seconds = settings.note_seconds
            return TooLarge(f"A voice note may last {seconds} seconds.", code="too_long")
        case "empty":
            return Invalid("There is nothing to hear in it.", code="empty_recording")
        case "not_audio":
            return Invalid("This is no sound we know: send webm, ogg, mp4, mp3, wav or flac.",
                           code="not_audio")  # fmt: skip
        case "too_slow":
            return Invalid("This file takes too long to open.", code="corrupt_audio")
        case "corrupt":
            return Invalid("This file is damaged.", code="corrupt_audio")


def _shown(row: RecordingRow) -> Recording:
    return Recording(
        id=row.recording,
        kind=row.kind,
        media_type=row.media_type,
        bytes=row.bytes,
        ms=row.ms,
        waveform=row.waveform,
        transcript=row.transcript,
        language=row.language,
        room=row.room,
        message=row.message,
        at=row.at,
        call=row.call,
    )
