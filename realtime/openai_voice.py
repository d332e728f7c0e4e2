"""A `/v1/realtime` conversation that is heard and spoken, as a pure state machine.

Everything of realtime/openai_session.py, and OpenAI's events of sound: the input buffer and its
turns, transcripts, spoken responses, and what was heard of them (`conversation.item.truncate`).
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from media.speech.ports import SpokenWord
from realtime.openai_conversation import Item
from realtime.openai_errors import error_object
from realtime.openai_orders import Hear, Transcribe
from realtime.openai_session import Hush, OpenAIRules, OpenAISession, Order
from realtime.openai_shapes import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemTruncate,
    OutputAudioClear,
    ResponseAsked,
    SessionChange,
)
from realtime.openai_telling import End, opening_events
from realtime.openai_turns import SAMPLES_PER_MS, Began, Stopped, TurnDetection, Turns
from realtime.session import Bucket
from rooms.errors import BadRequest, Invalid, ProductError

APPENDS_PER_SECOND: Final = 120.0
APPENDS_BURST: Final = 300
OUT_PER_MS: Final = 24
_APPEND: Final = b'"input_audio_buffer.append"'
Modality = Literal["text", "audio"]


class Format(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PCM16 at 24 kHz, mono, is what is spoken here."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24_000] = 24_000


class AudioIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session.audio.input`; noise is what the ears deal with anyway."""

    format: Format | None = None
    transcription: dict[str, Any] | None = None
    turn_detection: TurnDetection | msgspec.UnsetType | None = msgspec.UNSET
    noise_reduction: Any = None


class AudioOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session.audio.output`. A companion has its own voice, whatever is asked for."""

    format: Format | None = None
    voice: Any = None
    speed: float | None = None


class Audio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session.audio`."""

    input: AudioIn | None = None
    output: AudioOut | None = None


class VoiceSession(OpenAISession):
    """See `OpenAISession`; `judged` and `transcribed` are what became of what was heard."""

    __slots__ = (
        "_appends", "_as_sound", "_clause", "_cuts", "_detection", "_due", "_heard", "_item",
        "_may", "_modality", "_out", "_turns",
    )  # fmt: skip

    def __init__(
        self,
        model: str,
        rules: OpenAIRules,
        name: Callable[[str], str],
        now: float,
        expires_at: int,
        refusal: ProductError | None,
    ) -> None:
        """`refusal`: why this person may not call; said when they try to."""
        super().__init__(model, rules, name, now, expires_at)
        self._may = refusal
        self._modality: Modality = "text"
        self._detection: TurnDetection | None = TurnDetection()
        self._turns = Turns(TurnDetection())
        self._appends = Bucket(APPENDS_PER_SECOND, APPENDS_BURST, now)
        self._as_sound = False  # how what came last was counted
        self._heard = 0  # 24 kHz samples that came
        self._item = ""  # of what is being said
        self._due = False  # a response waits for the one that is being stopped
        self._out = 0  # 24 kHz samples of the response under way
        self._clause = (0, 0)  # the character and the sample at which it begins
        self._cuts: dict[str, int] = {}

    # --- what the client sends

    def receive(self, raw: bytes, now: float) -> list[Order]:
        """Sound comes far more often than anything else, and is counted by itself."""
        self._as_sound = _APPEND in raw[:128]
        if self._as_sound and not self.closed:
            self._appends.take(now)
            if not self._appends.flooding():
                self._bucket.give_back()
        return super().receive(raw, now)

    def _do(self, event: ClientEvent) -> list[Order]:
        if self._as_sound and not isinstance(event, AudioAppend):
            raise Invalid("This name is for sound.", code="invalid_value", path="$.event_id")
        match event:
            case AudioAppend(audio=audio):
                self._check_may()
                return [Hear(self._decoded(audio))]
            case AudioCommit():
                self._check_may()
                return self._commit_by_hand()
            case AudioClear():
                self._turns.forget(self._now16)
                return [self._tell("input_audio_buffer.cleared")]
            case ItemTruncate():
                return self._truncate(event)
            case OutputAudioClear():
                raise Invalid(
                    "What was sent is played by you: truncate the item.", code="invalid_value",
                    path="$.type",
                )  # fmt: skip
        return super()._do(event)

    def _check_may(self) -> None:
        if self._may is not None:
            raise self._may

    def _decoded(self, audio: object) -> bytes:
        try:
            pcm = base64.b64decode(audio if isinstance(audio, str) else b"!", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Invalid("This is not base64.", code="invalid_value", path="$.audio") from error
        if len(pcm) % 2:
            raise Invalid("PCM16 has two bytes a sample.", code="invalid_value", path="$.audio")
        self._heard += len(pcm) // 2
        return pcm

    @property
    def _now16(self) -> int:
        return self._heard * 2 // 3

    def _change(self, change: SessionChange) -> list[Order]:
        modality = self._wanted(change.output_modalities, "$.session")
        audio = _audio_of(change.audio)
        told = super()._change(msgspec.structs.replace(change, audio=None, output_modalities=None))
        self._modality = modality or self._modality
        if audio.input is not None and audio.input.turn_detection is not msgspec.UNSET:
            self._detection = audio.input.turn_detection
            self._turns = Turns(self._detection or TurnDetection())
            self._turns.floor = self._now16
        return [self._tell("session.updated", session=self._shown()), *told[1:]]

    def _wanted(self, modalities: list[str] | None, path: str) -> Modality | None:
        if modalities is None or modalities == ["text"]:
            return None if modalities is None else "text"
        if modalities == ["audio"]:
            self._check_may()
            return "audio"
        raise Invalid(
            "The output can be ['text'] or ['audio'].", code="invalid_value",
            path=f"{path}.output_modalities",
        )  # fmt: skip

    def _respond(self, asked: ResponseAsked, event_id: str | None) -> list[Order]:
        modality = self._wanted(asked.output_modalities, "$.response") or self._modality
        bare = msgspec.structs.replace(asked, output_modalities=None, audio=None)
        orders = super()._respond(bare, event_id)
        speaking = self._speaking
        assert speaking is not None, "it was just begun"
        self._out = 0
        if modality == "audio":
            speaking.audio = speaking.item.audio = True
            orders[0] = self._tell("response.created", response=speaking.shown())
        return orders

    def _truncate(self, event: ItemTruncate) -> list[Order]:
        item = self._conversation.find(event.item_id, "$.item_id")
        if not item.audio or item.role != "assistant" or event.audio_end_ms < 0:
            raise Invalid(
                "Only what a companion said aloud can be cut short.",
                code="item_truncate_invalid",
                path="$.item_id",
            )
        self._cuts[item.id] = event.audio_end_ms
        if item.status != "in_progress":
            self._cut(item)
        return [
            self._tell(
                "conversation.item.truncated",
                item_id=item.id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        ]

    def _cut(self, item: Item) -> None:
        """Keep the words that had sounded by then."""
        until = self._cuts.pop(item.id, None)
        if until is None:
            return
        heard = [chars for chars, sample in item.marks if sample <= until * OUT_PER_MS]
        item.texts = [item.text()[: max(heard, default=0)]]

    # --- what was heard

    def judged(self, until_sample: int, window: int, probability: float) -> list[Order]:
        """One judgement of voice activity, at 16 kHz."""
        if self.closed or self._detection is None:
            return []
        match self._turns.judge(until_sample, window, probability):
            case Began(from_sample=began):
                return self._began(began)
            case Stopped(from_sample=began, until_sample=until):
                stopped = self._tell(
                    "input_audio_buffer.speech_stopped",
                    audio_end_ms=until // SAMPLES_PER_MS,
                    item_id=self._item,
                )
                return [stopped, *self._committed(began, until)]
        return []

    def _began(self, began: int) -> list[Order]:
        self._item = self._name("item")
        orders: list[Order] = [
            self._tell(
                "input_audio_buffer.speech_started",
                audio_start_ms=began // SAMPLES_PER_MS,
                item_id=self._item,
            )
        ]
        speaking, rules = self._speaking, self._detection
        interrupts = rules is not None and rules.interrupt_response
        if speaking is not None and interrupts and not speaking.stopping:
            speaking.stopping = True
            orders.append(Hush(speaking.id))
        return orders

    def _commit_by_hand(self) -> list[Order]:
        since, until = self._turns.floor, self._now16
        if until - since < 100 * SAMPLES_PER_MS:
            raise BadRequest(
                "The buffer has less than 100 ms of sound.",
                code="input_audio_buffer_commit_empty",
            )
        self._turns.forget(until)
        self._item = self._name("item")
        return self._committed(since, until)

    def _committed(self, since: int, until: int) -> list[Order]:
        item = Item(self._item, "user", [], audio=True)
        before = self._conversation.insert(item, None)
        shown = item.shown()
        return [
            self._tell("input_audio_buffer.committed", previous_item_id=before, item_id=item.id),
            self._tell("conversation.item.added", previous_item_id=before, item=shown),
            self._tell("conversation.item.done", previous_item_id=before, item=shown),
            Transcribe(item.id, since, until),
        ]

    def transcribed(self, order: Transcribe, text: str) -> list[Order]:
        """The words of a span; a response follows where turns are detected."""
        if self.closed:
            return []
        item = self._conversation.find(order.item, "$.item_id")
        item.texts = [text]
        self._conversation.grown(item)
        seconds = (order.until_sample - order.from_sample) / (1000 * SAMPLES_PER_MS)
        orders: list[Order] = [
            self._tell(
                "conversation.item.input_audio_transcription.completed",
                item_id=item.id,
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": round(seconds, 3)},
            )
        ]
        rules = self._detection
        if text.strip() and rules is not None and rules.create_response:
            orders += self._respond_soon()
        return orders

    def not_transcribed(self, order: Transcribe, error: ProductError) -> list[Order]:
        """Nobody could tell the words."""
        if self.closed:
            return []
        return [
            self._tell(
                "conversation.item.input_audio_transcription.failed",
                item_id=order.item,
                content_index=0,
                error=error_object(error),
            )
        ]

    def unpaid(self, error: ProductError) -> list[Order]:
        """Sound is paid for no more: it is refused from here on."""
        self._may = error
        return self.unheard(error)

    def unheard(self, error: ProductError) -> list[Order]:
        """Nobody listens."""
        return [] if self.closed else [self._refuse(error, None)]

    def _respond_soon(self) -> list[Order]:
        if self._speaking is not None:
            self._due = True
            return []
        self._due = False
        try:
            return self._respond(ResponseAsked(), None)
        except ProductError as error:
            return [self._refuse(error, None)]

    # --- what is said

    def is_spoken(self, response: str) -> bool:
        """Whether this response goes out as sound."""
        speaking = self._current(response)
        return speaking is not None and speaking.audio

    def clause(self, response: str, text: str) -> list[Order]:
        """Words that are about to sound."""
        speaking = self._current(response)
        if self.closed or speaking is None or not text:
            return []
        told: list[Order] = []
        if not speaking.texts:
            before = None
            if speaking.conversation is not None:
                before = self._conversation.append(speaking.item)
            told += self._number(opening_events(speaking, before))
        self._clause = (sum(map(len, speaking.texts)), self._out)
        speaking.texts.append(text)
        place = speaking.place()
        return [*told, self._tell("response.output_audio_transcript.delta", **place, delta=text)]

    def sound(self, response: str, pcm: bytes, words: tuple[SpokenWord, ...]) -> list[Order]:
        """Sound of the clause told last, and when its words sound, from its beginning."""
        speaking = self._current(response)
        if self.closed or speaking is None:
            return []
        begins, at = self._clause
        speaking.item.marks += [
            (begins + word.end, at + word.at_sample + word.samples) for word in words
        ]
        self._out += len(pcm) // 2
        delta = base64.b64encode(pcm).decode()
        return [self._tell("response.output_audio.delta", **speaking.place(), delta=delta)]

    def ended(self, response: str, end: End) -> list[Order]:
        """It is over; what waited for it comes next."""
        speaking = self._current(response)
        orders = super().ended(response, end)
        if speaking is not None and speaking.audio:
            speaking.item.marks.append((len(speaking.item.text()), self._out))
            self._cut(speaking.item)
        if self._due and not self.closed:
            orders += self._respond_soon()
        return orders

    def _shown(self) -> dict[str, Any]:
        pcm = {"type": "audio/pcm", "rate": 24_000}
        return {
            **super()._shown(),
            "output_modalities": [self._modality],
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": msgspec.to_builtins(self._detection),
                },
                "output": {"format": pcm, "voice": self._model, "speed": 1.0},
            },
        }


def _audio_of(raw: object) -> Audio:
    if raw is None:
        return Audio()
    try:
        return msgspec.convert(raw, Audio)
    except msgspec.ValidationError as error:
        text, _, at = str(error).rpartition(" - at `")
        path = "$.session.audio" + at.rstrip("`").removeprefix("$")
        raise Invalid(text or str(error), code="invalid_value", path=path) from error
