"""One `/v1/realtime` conversation as a pure state machine: client events in, orders out.

No await, no clock, no socket: what each event of OpenAI's Realtime protocol is answered with,
and what a response tells from its beginning to its end, is decided here and tested by calling
it. `realtime/openai_socket.py` carries the orders out.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from realtime import frames
from realtime.openai_conversation import Conversation, Item, item_of, last_words, spoken
from realtime.openai_errors import error_object
from realtime.openai_orders import Hear, Transcribe
from realtime.openai_shapes import (
    RESPONSE_KNOWN,
    SESSION_KNOWN,
    TEXT_ONLY,
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputAudioClear,
    ResponseAsked,
    ResponseCancel,
    ResponseCreate,
    SessionChange,
    SessionUpdate,
    event_id_in,
    no_voice,
    read,
    read_message,
    refuse_unsupported,
)
from realtime.openai_telling import End, Response, ended_events, opening_events, rate_limits
from realtime.session import Bucket
from rooms.completion import Spoken
from rooms.credits.entitlements import TurnsLeft
from rooms.errors import BadRequest, Conflict, Invalid, ProductError, TooLarge, TooMany

CLOSE_EXPIRED: Final = 1001


class OpenAIRules(Struct, frozen=True, kw_only=True):
    """What a client must keep to; from the settings."""

    frame_bytes: int
    commands_per_second: float
    commands_burst: int
    items: int
    conversation_bytes: int


class Tell(Struct, frozen=True):
    """Send this event."""

    event: dict[str, Any]


class Speak(Struct, frozen=True):
    """Begin a response; then `opened`, `words` and `ended`, or `refused`."""

    response: str
    spoken: tuple[Spoken, ...]
    max_tokens: int | None


class Hush(Struct, frozen=True):
    """Stop the response under way and settle it; then `ended`."""

    response: str


class Close(Struct, frozen=True):
    """Close the socket. Nothing comes after this."""

    code: int


Order = Tell | Speak | Hush | Close | Hear | Transcribe


class OpenAISession:
    """`begin`, `receive` and what became of a response return what is to be done, in order."""

    __slots__ = (
        "_bucket",
        "_conversation",
        "_conversation_id",
        "_expires_at",
        "_instructions",
        "_max_output_tokens",
        "_model",
        "_name",
        "_numbered",
        "_rules",
        "_speaking",
        "closed",
        "id",
    )

    def __init__(
        self,
        model: str,
        rules: OpenAIRules,
        name: Callable[[str], str],
        now: float,
        expires_at: int,
    ) -> None:
        """`name` makes an id from its prefix; `expires_at` is the unix second of the end."""
        self.closed = False
        self.id = name("sess")
        self._model = model
        self._rules = rules
        self._name = name
        self._expires_at = expires_at
        self._conversation = Conversation(rules.items, rules.conversation_bytes)
        self._conversation_id = name("conv")
        self._instructions = ""
        self._max_output_tokens: int | Literal["inf"] = "inf"
        self._speaking: Response | None = None
        self._bucket = Bucket(rules.commands_per_second, rules.commands_burst, now)
        self._numbered = 0

    # --- what the client sends

    def begin(self) -> list[Order]:
        """The greeting."""
        return [self._tell("session.created", session=self._shown())]

    def receive(self, raw: bytes, now: float) -> list[Order]:
        """A text frame."""
        if self.closed:
            return []
        wait_seconds = self._bucket.take(now)
        if self._bucket.flooding():
            return self.close(frames.CLOSE_FLOODING)
        if len(raw) > self._rules.frame_bytes:
            large = TooLarge(f"A frame may have {self._rules.frame_bytes} bytes here.")
            return [self._refuse(large, None), *self.close(frames.CLOSE_TOO_LARGE)]
        try:
            event = read(raw)
        except ProductError as error:
            return [self._refuse(error, event_id_in(raw))]
        if wait_seconds > 0:
            retry_after_ms = int(wait_seconds * 1000) + 1
            slow = TooMany("You are sending too fast.", retry_after_ms=retry_after_ms)
            return [self._refuse(slow, event.event_id)]
        try:
            return self._do(event)
        except ProductError as error:
            return [self._refuse(error, event.event_id)]

    def receive_binary(self, now: float) -> list[Order]:
        """A binary frame, which means nothing here."""
        if self.closed:
            return []
        self._bucket.take(now)
        if self._bucket.flooding():
            return self.close(frames.CLOSE_FLOODING)
        return [self._refuse(BadRequest("Events are text frames.", code="invalid_json"), None)]

    def _do(self, event: ClientEvent) -> list[Order]:
        """Raises ProductError, and has changed nothing then."""
        match event:
            case SessionUpdate(session=change):
                return self._change(change)
            case ItemCreate():
                return self._create(event)
            case ItemRetrieve(item_id=item):
                found = self._conversation.find(item, "$.item_id")
                return [self._tell("conversation.item.retrieved", item=found.shown())]
            case ItemDelete(item_id=item):
                self._conversation.delete(item)
                return [self._tell("conversation.item.deleted", item_id=item)]
            case ItemTruncate(item_id=item):
                self._conversation.find(item, "$.item_id")
                raise Invalid(
                    "Only a message that was spoken aloud can be cut short.",
                    code="item_truncate_invalid",
                    path="$.item_id",
                )
            case ResponseCreate(response=asked):
                return self._respond(asked or ResponseAsked(), event.event_id)
            case ResponseCancel(response_id=response):
                return self._cancel(response)
            case AudioAppend() | AudioCommit() | AudioClear() | OutputAudioClear():
                raise no_voice("$.type")

    def _change(self, change: SessionChange) -> list[Order]:
        refuse_unsupported(change, SESSION_KNOWN, "$.session")
        if change.model is not None and change.model != self._model:
            raise Invalid(
                "The model of a session cannot be changed; open another.",
                code="model_fixed",
                path="$.session.model",
            )
        if change.instructions is not None:
            self._instructions = change.instructions
        if change.max_output_tokens is not None:
            self._max_output_tokens = change.max_output_tokens
        return [self._tell("session.updated", session=self._shown())]

    def _create(self, event: ItemCreate) -> list[Order]:
        message = read_message(event.item, "$.item")
        item = item_of(message, message.id or self._name("item"))
        before = self._conversation.insert(item, event.previous_item_id)
        shown = item.shown()
        return [
            self._tell("conversation.item.added", previous_item_id=before, item=shown),
            self._tell("conversation.item.done", previous_item_id=before, item=shown),
        ]

    def _respond(self, asked: ResponseAsked, event_id: str | None) -> list[Order]:
        if self._speaking is not None:
            raise Conflict(
                f"The response {self._speaking.id} is still under way: wait for its "
                "response.done, or cancel it.",
                code="conversation_already_has_active_response",
            )
        refuse_unsupported(asked, RESPONSE_KNOWN, "$.response")
        held = asked.conversation != "none"
        if held:
            self._conversation.room_for(0)
        items = self._conversation.context() if asked.input is None else self._given(asked.input)
        wishes = self._instructions if asked.instructions is None else asked.instructions
        most = asked.max_output_tokens or self._max_output_tokens
        self._speaking = response = Response(
            id=self._name("resp"),
            item=Item(self._name("item"), "assistant", [], "in_progress"),
            event_id=event_id,
            conversation=self._conversation_id if held else None,
            max_output_tokens=most,
            metadata=asked.metadata or {},
            asked=last_words(items),
        )
        tokens = None if most == "inf" else most
        return [
            self._tell("response.created", response=response.shown()),
            Speak(response.id, spoken(items, wishes), tokens),
        ]

    def _given(self, given: Sequence[object]) -> list[Item]:
        """The items of a response's own context: new ones, and references to known ones."""
        items: list[Item] = []
        for number, raw in enumerate(given):
            path = f"$.response.input[{number}]"
            if isinstance(raw, dict) and raw.get("type") == "item_reference":
                items.append(self._conversation.find(str(raw.get("id")), f"{path}.id"))
            else:
                items.append(item_of(read_message(raw, path), ""))
        return items

    def _cancel(self, response: str | None) -> list[Order]:
        speaking = self._speaking
        if speaking is None or (response is not None and response != speaking.id):
            raise Invalid("There is no such response to cancel.", code="response_cancel_not_active")
        if speaking.stopping:
            raise Invalid("It is being cancelled already.", code="response_cancel_not_active")
        speaking.stopping = True
        return [Hush(speaking.id)]

    # --- what became of a response

    def opened(self, response: str, turns: TurnsLeft | None) -> list[Order]:
        """It is paid for in advance and begins."""
        if self.closed or self._current(response) is None:
            return []
        return [self._tell("rate_limits.updated", rate_limits=rate_limits(turns))]

    def words(self, response: str, text: str) -> list[Order]:
        """More of it; the first words bring the item into being."""
        speaking = self._current(response)
        if self.closed or speaking is None or not text:
            return []
        told: list[Order] = []
        if not speaking.texts:
            before = None
            if speaking.conversation is not None:
                before = self._conversation.append(speaking.item)
            told += self._number(opening_events(speaking, before))
        speaking.texts.append(text)
        told.append(self._tell("response.output_text.delta", **speaking.place(), delta=text))
        return told

    def refused(self, response: str, error: ProductError) -> list[Order]:
        """It could not begin; the error is told by itself and as the response's end."""
        speaking = self._current(response)
        if self.closed or speaking is None:
            return []
        if error.code == "content_blocked":
            for item in speaking.asked:
                item.refused = True
        told = self._refuse(error, speaking.event_id)
        return [told, *self.ended(response, End(status="failed", error=error_object(error)))]

    def ended(self, response: str, end: End) -> list[Order]:
        """It is over and settled, however it ended."""
        speaking = self._current(response)
        if speaking is None:
            return []
        self._speaking = None
        if self.closed:
            return []
        item = speaking.item
        item.status = "completed" if end.status == "completed" else "incomplete"
        before = None
        held = speaking.conversation is not None and self._conversation.holds(item)
        if speaking.texts:
            item.texts = ["".join(speaking.texts)]
            if held:
                self._conversation.grown(item)
                before = self._conversation.before(item.id)
        return self._number(ended_events(speaking, end, before, held=held))

    def expired(self) -> list[Order]:
        """The session has lasted as long as one may."""
        if self.closed:
            return []
        over = Invalid("Your session has reached its end; open another.", code="session_expired")
        return [self._refuse(over, None), *self.close(CLOSE_EXPIRED)]

    def lost(self) -> None:
        """Nobody is there any more: let go of what was said."""
        self.closed = True
        self._conversation = Conversation(0, 0)

    def close(self, code: int) -> list[Order]:
        """The end, on our side."""
        self.closed = True
        return [Close(code)]

    # --- how it is told

    def _current(self, response: str) -> Response | None:
        speaking = self._speaking
        return speaking if speaking is not None and speaking.id == response else None

    def _refuse(self, error: ProductError, event_id: str | None) -> Tell:
        told = error_object(error)
        if error.retry_after_ms is not None:
            told["retry_after_ms"] = error.retry_after_ms
        if error.path is not None:
            told["param"] = error.path.removeprefix("$.")
        return self._tell("error", error={**told, "event_id": event_id})

    def _tell(self, kind: str, **fields: Any) -> Tell:
        self._numbered += 1
        event_id = f"event_{self.id.removeprefix('sess_')}_{self._numbered}"
        return Tell({"type": kind, "event_id": event_id, **fields})

    def _number(self, events: Sequence[tuple[str, dict[str, Any]]]) -> list[Order]:
        return [self._tell(kind, **fields) for kind, fields in events]

    def _shown(self) -> dict[str, Any]:
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self._model,
            "output_modalities": TEXT_ONLY,
            "instructions": self._instructions,
            "max_output_tokens": self._max_output_tokens,
            "tools": [],
            "tool_choice": "none",
            "truncation": "auto",
            "expires_at": self._expires_at,
        }
