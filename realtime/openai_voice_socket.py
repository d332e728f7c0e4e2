"""A `/v1/realtime` socket with ears and a voice: carries out what realtime/openai_voice.py orders.

Sound is heard by the ear of a call, replies are cut into clauses and spoken as they come. What is
played is the client's: it is sent as fast as it is made and as the reader takes it.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

from media.hearing.ports import Ear, HearingError
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE
from media.sound.prompt import PromptResampler
from media.speech.clauses import ClauseSplitter
from media.speech.ports import Speaker, SpeechError, VoiceChoice
from realtime.openai_orders import Hear, Transcribe
from realtime.openai_seconds import Seconds
from realtime.openai_session import OpenAIRules, Speak
from realtime.openai_socket import Companions, OpenAISocket, VoiceParts
from realtime.openai_voice import VoiceSession
from rooms.completion import Completion
from rooms.errors import ProductError, Unavailable
from rooms.ports import Principal
from storage.ids import new_id

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
CLAUSES_AHEAD: Final = 2
PIECES_WAITING: Final = 500
_NO_EARS: Final = "Nothing here can listen at the moment."
_NO_VOICE: Final = "Nothing here can speak at the moment."


class VoiceSocket(OpenAISocket):
    """See `OpenAISocket`."""

    __slots__ = (
        "_ear",
        "_hears",
        "_listening",
        "_pieces",
        "_refusal",
        "_resampler",
        "_seconds",
        "_voice",
        "_window",
    )

    session: VoiceSession

    def __init__(
        self,
        node: "Realtime",
        companions: Companions,
        who: Principal,
        model: str,
        voice: VoiceParts,
        refusal: ProductError | None,
    ) -> None:
        self._refusal = refusal
        super().__init__(node, companions, who, model)
        self._voice = voice
        self._ear: Ear | None = None
        self._hears = False
        self._listening: asyncio.Task[None] | None = None
        self._pieces: deque[bytes] = deque(maxlen=PIECES_WAITING)
        self._resampler = PromptResampler(PLAYOUT_RATE, HEARING_RATE)
        credits = companions.seconds
        self._seconds = (
            Seconds(credits, who, node.now, node.spawn, self._unpaid) if credits else None
        )
        self._window = 0  # where the last judgement ended, and where the ear's sound does

    def _session(self, model: str, rules: OpenAIRules, expires_at: int) -> VoiceSession:
        node = self._node
        return VoiceSession(
            model,
            rules,
            lambda prefix: new_id(prefix, node.now_ms),
            node.now(),
            expires_at,
            self._refusal,
        )

    def lost(self) -> None:
        """The socket is gone, and so is whoever listened."""
        super().lost()
        if self._seconds is not None:
            self._seconds.close()
        if self._listening is not None:
            self._listening.cancel()

    # --- hearing

    def _hear(self, order: Hear | Transcribe) -> None:
        match order:
            case Hear(pcm=pcm):
                if self._seconds is not None and not self._seconds.heard(len(pcm) // 2):
                    return
                self._pieces.append(self._resampler.push(pcm))
                self._push()
                if not self._hears:
                    self._hears = True
                    self._node.spawn(self._listen())
            case Transcribe():
                self._node.spawn(self._transcribe(order))

    def _push(self) -> None:
        while self._ear is not None and self._pieces:
            piece = self._pieces.popleft()
            if piece:
                self._ear.push(piece, self._window)
                self._window += len(piece) // 2

    async def _listen(self) -> None:
        """Judgements as they come, until the socket is gone."""
        self._listening, last = asyncio.current_task(), 0
        try:
            await self._hold_seconds()
            ear = self._ear = await self._voice.listens(self.who.person.language)
            try:
                self._push()
                while not self.session.closed:
                    judged = await ear.voiced()
                    window, last = judged.until_sample - last, judged.until_sample
                    self._obey(self.session.judged(judged.until_sample, window, judged.probability))
            finally:
                await ear.aclose()
        except ProductError as unpaid:
            self._pieces.clear()
            self._obey(self.session.unpaid(unpaid))
        except HearingError as error:
            logger.warning("an ear failed", kind=type(error).__name__)
            refusal = Unavailable(_NO_EARS, code="voice_unavailable", retry_after_ms=1_000)
            self._obey(self.session.unheard(refusal))
        finally:
            self._ear, self._listening, self._hears = None, None, False

    async def _transcribe(self, order: Transcribe) -> None:
        ear = self._ear
        try:
            if ear is None:
                raise HearingError("nobody listens")
            found = await ear.transcribe(order.from_sample, order.until_sample)
        except HearingError:
            refusal = Unavailable(_NO_EARS, code="voice_unavailable")
            self._obey(self.session.not_transcribed(order, refusal))
            return
        try:
            self._obey(self.session.transcribed(order, found.text))
        except ProductError as error:  # the item was deleted meanwhile
            self._obey(self.session.not_transcribed(order, error))

    # --- seconds

    async def _hold_seconds(self) -> None:
        """Sound is about to flow: its seconds are held. Raises ProductError."""
        if self._seconds is not None:
            await self._seconds.open((await self._companions.card(self._model, self.who)).id)

    def _by_second(self, response: str) -> bool:
        return self._seconds is not None and self.session.is_spoken(response)

    async def _begun(self, order: Speak) -> Completion:
        if self._by_second(order.response):
            await self._hold_seconds()
        begun = await super()._begun(order)
        if begun.cares and self._seconds is not None:
            self._seconds.care()
        return begun

    def _unpaid(self, refusal: ProductError) -> None:
        """No more of it may be spoken: nothing sounds any more, either way."""
        self._pieces.clear()
        self._hush()
        if self._listening is not None:
            self._listening.cancel()
        self._obey(self.session.unpaid(refusal))

    # --- speaking

    async def _utter(self, response: str, started: Completion) -> None:
        """Clauses as they are whole, each spoken while the next is thought of."""
        if not self.session.is_spoken(response):
            await super()._utter(response, started)
            return
        async with started, asyncio.timeout(self._companions.turn_seconds):
            self._obey(self.session.opened(response, started.turns))
            speaker, choice = await self._speaker()
            clauses: asyncio.Queue[str | None] = asyncio.Queue(CLAUSES_AHEAD)
            speaking = asyncio.ensure_future(self._speak_all(response, speaker, choice, clauses))
            try:
                splitter = ClauseSplitter()
                async for piece in started.words():
                    for clause in splitter.push(piece):
                        await _put(clauses, clause.text, speaking)
                for clause in splitter.finish():
                    await _put(clauses, clause.text, speaking)
                await _put(clauses, None, speaking)
                await speaking
            except SpeechError as error:
                raise Unavailable(_NO_VOICE, code="voice_unavailable") from error
            finally:
                speaking.cancel()
                await asyncio.wait([speaking])

    async def _speaker(self) -> tuple[Speaker, VoiceChoice]:
        try:
            card = await self._companions.card(self._model, self.who)
            return await self._voice.speaks(card.id, self.who.person.language)
        except SpeechError as error:
            raise Unavailable(_NO_VOICE, code="voice_unavailable") from error

    async def _speak_all(
        self,
        response: str,
        speaker: Speaker,
        choice: VoiceChoice,
        clauses: "asyncio.Queue[str | None]",
    ) -> None:
        while (text := await clauses.get()) is not None:
            self._obey(self.session.clause(response, text))
            if not text.strip():
                continue
            async for piece in speaker.speak(text, choice):
                if self._seconds is not None and not self._seconds.spoken(len(piece.pcm) // 2):
                    return
                self._obey(self.session.sound(response, piece.pcm, piece.words))
                if not self._flowing.is_set():
                    await self._flowing.wait()


async def _put(
    clauses: "asyncio.Queue[str | None]", text: str | None, speaking: "asyncio.Future[None]"
) -> None:
    """Wait for room, or for the speaker's failure."""
    putting = asyncio.ensure_future(clauses.put(text))
    try:
        await asyncio.wait([putting, speaking], return_when=asyncio.FIRST_COMPLETED)
        if speaking.done() and not putting.done():
            await speaking
    finally:
        putting.cancel()
