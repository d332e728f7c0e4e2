"""Speech and words as files, for programs: text is spoken for a price, sound is understood for one.

Like a completion this needs no room. What is spoken is charged as it is handed out, clause by
clause, so that who hangs up pays for what was sent; what cannot be done costs nothing.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, cast

import msgspec
import structlog
from msgspec import Struct

from config.plans import Plan, PriceBook
from config.speech import SpeechSettings
from media.hearing.ports import HearingError, Transcriber
from media.sound.codec import CannotDecode, unpacked
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES
from media.speech.clauses import ClauseSplitter
from media.speech.ports import Speaker, SpeechError, Spoken, Viseme, VoiceChoice
from media.speech.wording import said_of
from rooms.credits.jobs import HeldJob, Job, JobCredits
from rooms.errors import Forbidden, Invalid, NotFound, TooMany, Unavailable
from rooms.ports import Principal
from rooms.stopping import finish
from rooms.voices import choice_of, named_voice

if TYPE_CHECKING:
    from rooms.companions.catalogue import Catalogue
    from rooms.ports import Screen
    from rooms.shapes import ReplyStatus

logger = structlog.get_logger(__name__)
WAITING_PER_PLACE: Final = 8


class Wanted(Struct, frozen=True, kw_only=True):
    """A request to speak. `voice` is a companion's slug or id, or a voice's name."""

    text: str
    voice: str
    speed: float = 1.0
    key: str | None = None


class Segment(Struct, frozen=True, kw_only=True):
    """Words of a stretch of a file, in seconds from its beginning."""

    start: float
    end: float
    text: str
    confidence: float | None = None


class Understood(Struct, frozen=True, kw_only=True):
    """A file as words."""

    text: str
    language: str
    seconds: float
    segments: list[Segment]
    cost_microcredits: int


class Places:
    """How many work at a time, and how many may wait for it."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once * WAITING_PER_PLACE
        self._waiting = 0

    async def take(self) -> None:
        """Wait for a place. Raises TooMany when too many wait already."""
        if self._waiting >= self._most:
            raise TooMany("Too many are waiting for speech here.", retry_after_ms=2_000)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Somebody else's turn."""
        self._free.release()


class Speaking:
    """One node's way to speech and words for files."""

    def __init__(
        self,
        *,
        speaker: Speaker,
        transcriber: Transcriber,
        credits: JobCredits,
        book: PriceBook,
        plans: dict[str, Plan],
        catalogue: "Catalogue",
        screen: "Screen",
        settings: SpeechSettings,
    ) -> None:
        self.settings = settings
        self.speaker = speaker
        self.credits = credits
        self.places = Places(settings.requests_at_once)
        self._transcriber = transcriber
        self._book = book
        self._plans = plans
        self._catalogue = catalogue
        self._screen = screen

    async def speak(self, who: Principal, wanted: Wanted) -> "Speech":
        """Hold the price, have the first sound made. Raises ProductError."""
        if len(wanted.text) > self.settings.characters_max:
            raise Invalid(
                f"At most {self.settings.characters_max} characters can be spoken at a time.",
                path="$.input",
            )
        if not said_of(wanted.text).text:
            raise Invalid("There is nothing to say in this text.", path="$.input")
        verdict = self._screen.screen(wanted.text, minor=who.minor, from_person=True)
        if verdict.action == "block":
            raise Forbidden("This cannot be said here.", code="content_blocked")
        choice, companion = await self._voice(who, wanted.voice)
        choice = msgspec.structs.replace(choice, rate=choice.rate * wanted.speed)
        job = Job(
            who=who,
            plan=self._plans[who.person.plan],
            what="characters spoken",
            quantity=len(wanted.text),
            unit_microcredits_per_1k=self._book.speech_microcredits_per_1k,
            companion=companion,
            key=wanted.key,
            digest=hashlib.sha256(msgspec.json.encode(wanted)).digest(),
        )
        speech = Speech(self, await self.credits.hold(job), wanted.text, choice)
        await speech.begin()
        return speech

    async def _voice(self, who: Principal, name: str) -> tuple[VoiceChoice, str]:
        """The voice called so, and the companion whose it is. Raises ProductError."""
        if (named := named_voice(name, who.person.language or "en")) is not None:
            return named, ""
        try:
            card = await self._catalogue.card(name, who)
        except NotFound as error:
            raise NotFound(
                "There is no companion and no voice of this name.", code="voice_not_found"
            ) from error
        return choice_of(await self._catalogue.find(card.id)), card.id

    async def understand(
        self, who: Principal, data: bytes, language: str | None, key: str | None
    ) -> Understood:
        """The words of a sound file. Raises ProductError."""
        await self.places.take()
        try:
            pcm = await unpacked(data, HEARING_RATE, self.settings.upload_seconds_max)
            samples = len(pcm) // SAMPLE_BYTES
            job = Job(
                who=who,
                plan=self._plans[who.person.plan],
                what="seconds transcribed",
                quantity=-(-samples // HEARING_RATE),
                unit_microcredits_per_1k=self._book.transcription_microcredits_per_1k,
                key=key,
                digest=hashlib.sha256(data + (language or "").encode()).digest(),
            )
            held = await self.credits.hold(job)
            return await self._understood(held, pcm, language)
        except CannotDecode as error:
            raise Invalid(
                f"This is not a sound file that can be read: {error}.", path="$.file"
            ) from error
        finally:
            self.places.give_back()

    async def _understood(self, held: HeldJob, pcm: bytes, language: str | None) -> Understood:
        """Stretch by stretch; what was understood before a failure is not charged."""
        from media.hearing.spans import spans_of  # numpy: not when a gateway starts

        segments: list[Segment] = []
        heard, done = language or "", 0
        try:
            for begin, end in spans_of(pcm):
                part = pcm[begin * SAMPLE_BYTES : end * SAMPLE_BYTES]
                words = await self._transcriber.transcribe(part, language)
                heard = heard or words.language
                if words.text:
                    segments.append(
                        Segment(
                            start=begin / HEARING_RATE,
                            end=end / HEARING_RATE,
                            text=words.text,
                            confidence=words.confidence,
                        )
                    )
            done = held.job.quantity
        except HearingError as error:
            logger.warning("a file was not understood", job=held.id, reason=str(error))
            raise Unavailable(
                "Nothing here can listen at the moment. Nothing was charged.",
                code="hearing_unavailable",
            ) from error
        finally:
            status: ReplyStatus = "completed" if done else "failed"
            cost = await finish(self.credits.settle(held, done, status))
        return Understood(
            text=" ".join(segment.text for segment in segments),
            language=heard,
            seconds=len(pcm) / SAMPLE_BYTES / HEARING_RATE,
            segments=segments,
            cost_microcredits=cost,
        )


class Speech:
    """A text being spoken. `close` settles what was handed out; it may be called twice."""

    def __init__(self, house: Speaking, held: HeldJob, text: str, choice: VoiceChoice) -> None:
        self.id = held.id
        self._house = house
        self._held = held
        self._choice = choice
        self._text = text
        self._done = 0  # characters whose sound was handed out
        self._status: ReplyStatus = "interrupted"
        self._placed = False
        self._closed = False
        self._pieces = self._spoken()
        self._first: bytes | None = None
        self._samples = 0  # handed out
        self._visemes: list[Viseme] = []

    async def begin(self) -> None:
        """Wait for a place and the first sound. Raises ProductError; then nothing is charged."""
        try:
            await self._house.places.take()
            self._placed = True
            self._first = await anext(self._pieces)
        except BaseException:
            self._done = 0
            await finish(self.close())
            raise

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """24 kHz samples."""
        assert self._first is not None
        yield self._first
        async for piece in self._pieces:
            yield piece
        self._status = "completed"

    def visemes(self) -> list[Viseme]:
        """The mouth shapes that became known since this was last asked; samples of the whole."""
        known, self._visemes = self._visemes, []
        return known

    async def close(self) -> None:
        """Stop, give the place back, charge what was handed out."""
        if self._closed:
            return
        self._closed = True
        await self._pieces.aclose()
        if self._placed:
            self._house.places.give_back()
        await self._house.credits.settle(self._held, self._done, self._status)

    async def _spoken(self) -> AsyncGenerator[bytes, None]:
        splitter = ClauseSplitter()
        said = False
        for clause in [*splitter.push(self._text), *splitter.finish()]:
            base = self._samples
            try:
                async with aclosing(self._clause(clause.text, again=not said)) as pieces:
                    async for piece in pieces:
                        self._done, said = clause.end, True
                        self._visemes += [
                            Viseme(one.shape, base + one.at_sample, one.samples)
                            for one in piece.visemes
                        ]
                        if piece.pcm:
                            self._samples += len(piece.pcm) // SAMPLE_BYTES
                            yield piece.pcm
            except SpeechError as error:
                self._status = "failed"
                logger.warning("a text was not spoken", job=self.id, reason=str(error))
                raise Unavailable(
                    "Nothing here can speak this at the moment.", code="speech_unavailable"
                ) from error
        if not said:
            raise Unavailable("The voice made no sound of this.", code="speech_unavailable")

    async def _clause(self, text: str, *, again: bool) -> AsyncGenerator[Spoken, None]:
        """One clause; the first may be asked for again, while a worker loads its voice."""
        begun = False
        try:
            async with aclosing(self._pieces_of(text)) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
                return
        except SpeechError as error:
            if begun or not again or not error.retryable:
                raise
        async with aclosing(self._pieces_of(text)) as pieces:
            async for piece in pieces:
                yield piece

    def _pieces_of(self, text: str) -> AsyncGenerator[Spoken, None]:
        spoken = self._house.speaker.speak(text, self._choice)
        return cast("AsyncGenerator[Spoken, None]", spoken)
