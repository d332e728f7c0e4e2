"""How one `/v1/realtime` response is told, from its first words to its usage: events, no state.

The order is OpenAI's: item, part, deltas, then each of them done, and the response last, when
it is settled and its cost is known.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from realtime.openai_conversation import Item
from rooms.credits.entitlements import TurnsLeft
from rooms.shapes import ReplyStatus, Usage

Event = tuple[str, dict[str, Any]]
Status = Literal["completed", "cancelled", "incomplete", "failed"]
_STATUSES: Final[dict[ReplyStatus, Status]] = {
    "completed": "completed",
    "interrupted": "cancelled",
    "moderated": "incomplete",
    "out_of_credits": "failed",
    "failed": "failed",
}
_MESSAGES: Final = {
    "out_of_credits": "Your credits ran out in the middle of this reply.",
    "model_unavailable": "The language model does not answer.",
    "turn_too_long": "This reply took too long.",
}


class End(Struct, frozen=True, kw_only=True):
    """How a response ended, and what it came to."""

    status: Status
    reason: str | None = None
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    cost_microcredits: int = 0
    receipt: str | None = None


class Response(Struct, kw_only=True):
    """The response under way."""

    id: str
    item: Item
    event_id: str | None
    conversation: str | None  # None: it is out of band and not kept
    max_output_tokens: int | Literal["inf"]
    metadata: dict[str, str]
    asked: list[Item] = []  # the person's words that it answers
    texts: list[str] = []
    stopping: bool = False
    audio: bool = False  # it is spoken; its text is what was put into sound

    def place(self) -> dict[str, Any]:
        """Where a piece of text belongs."""
        return {
            "response_id": self.id,
            "item_id": self.item.id,
            "output_index": 0,
            "content_index": 0,
        }

    def shown(self, end: End | None = None) -> dict[str, Any]:
        """The response as clients read it, in progress or ended."""
        shown: dict[str, Any] = {
            "object": "realtime.response",
            "id": self.id,
            "status": "in_progress" if end is None else end.status,
            "status_details": None,
            "output": [],
            "conversation_id": self.conversation,
            "output_modalities": ["audio"] if self.audio else ["text"],
            "max_output_tokens": self.max_output_tokens,
            "usage": None,
            "metadata": self.metadata or None,
        }
        if end is None:
            return shown
        if self.texts:
            shown["output"] = [self.item.shown()]
        shown["status_details"] = _details(end)
        shown["usage"] = _usage(end)
        receipt = {"kindred_cost_microcredits": str(end.cost_microcredits)}
        if end.receipt is not None:
            receipt["kindred_receipt"] = end.receipt
        return {**shown, "metadata": {**self.metadata, **receipt}}


def end_of(
    status: ReplyStatus,
    code: str | None,
    *,
    cut: bool,
    usage: Usage,
    cost_microcredits: int,
    receipt: str | None,
) -> End:
    """A settled reply's end in OpenAI's words. `cut`: it met its limit of tokens."""
    told, reason, error = _STATUSES[status], None, None
    if told == "completed" and cut:
        told, reason = "incomplete", "max_output_tokens"
    elif told == "cancelled":
        reason = "client_cancelled"
    elif told == "incomplete":
        reason = "content_filter"
    elif told == "failed":
        kind = "insufficient_quota" if status == "out_of_credits" else "server_error"
        message = _MESSAGES.get(code or "", "The reply failed.")
        error = {"type": kind, "code": code or "internal", "message": message}
    return End(
        status=told,
        reason=reason,
        error=error,
        usage=usage,
        cost_microcredits=cost_microcredits,
        receipt=receipt,
    )


def opening_events(response: Response, before: str | None) -> list[Event]:
    """The item and its one part come into being."""
    item = response.item.shown()
    events: list[Event] = [
        (
            "response.output_item.added",
            {"response_id": response.id, "output_index": 0, "item": item},
        )
    ]
    if response.conversation is not None:
        events.append(("conversation.item.added", {"previous_item_id": before, "item": item}))
    part = _part(response, "")
    events.append(("response.content_part.added", {**response.place(), "part": part}))
    return events


def ended_events(response: Response, end: End, before: str | None, *, held: bool) -> list[Event]:
    """Everything is done, the response last."""
    events: list[Event] = []
    if response.texts:
        text, item = response.item.texts[0], response.item.shown()
        part = _part(response, text)
        of_it = {"response_id": response.id, "output_index": 0, "item": item}
        events = [
            *_done(response, text),
            ("response.content_part.done", {**response.place(), "part": part}),
            ("response.output_item.done", of_it),
        ]
        if held:
            events.append(("conversation.item.done", {"previous_item_id": before, "item": item}))
    return [*events, ("response.done", {"response": response.shown(end)})]


def _part(response: Response, text: str) -> dict[str, Any]:
    if response.audio:
        return {"type": "audio", "transcript": text}
    return {"type": "text", "text": text}


def _done(response: Response, text: str) -> list[Event]:
    place = response.place()
    if not response.audio:
        return [("response.output_text.done", {**place, "text": text})]
    return [
        ("response.output_audio.done", place),
        ("response.output_audio_transcript.done", {**place, "transcript": text}),
    ]


def rate_limits(turns: TurnsLeft | None) -> list[dict[str, Any]]:
    """The plan's replies a minute; nothing where it does not count them."""
    if turns is None:
        return []
    return [
        {
            "name": "requests",
            "limit": turns.limit,
            "remaining": turns.remaining,
            "reset_seconds": turns.full_ms / 1000,
        }
    ]


def _details(end: End) -> dict[str, Any]:
    details: dict[str, Any] = {"type": end.status}
    if end.reason is not None:
        details["reason"] = end.reason
    if end.error is not None:
        known = ("type", "code", "message")
        details["error"] = {name: end.error[name] for name in known if name in end.error}
    return details


def _usage(end: End) -> dict[str, Any] | None:
    usage = end.usage
    if usage is None:
        return None
    return {
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "input_token_details": {"text_tokens": usage.input_tokens, "audio_tokens": 0},
        "output_token_details": {"text_tokens": usage.output_tokens, "audio_tokens": 0},
        "cost_microcredits": end.cost_microcredits,
    }
