"""A `/v1/realtime` session to talk with in tests: what it tells fits the client's own types."""

import itertools
import json
from typing import Any

import msgspec
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from realtime.openai_session import OpenAIRules, OpenAISession, Order, Speak, Tell
from realtime.openai_telling import End, end_of
from rooms.shapes import Usage

RULES = OpenAIRules(
    frame_bytes=4_096,
    commands_per_second=1_000_000,
    commands_burst=1_000_000,
    items=12,
    conversation_bytes=2_000,
)
USAGE = Usage(input_tokens=7, output_tokens=3, source="provider")
SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def done(status: Any = "completed", code: str | None = None, *, cut: bool = False) -> End:
    return end_of(status, code, cut=cut, usage=USAGE, cost_microcredits=90, receipt="rc_1")


class Talk:
    """A session and what it ordered; every event is checked against the client's own types."""

    def __init__(self, rules: OpenAIRules = RULES) -> None:
        numbers = itertools.count(1)
        self.session = OpenAISession(
            "mira", rules, lambda prefix: f"{prefix}_{next(numbers)}", 0.0, 3_600
        )
        self.orders: list[Order] = []
        self.events: list[dict[str, Any]] = []
        self.take(self.session.begin())

    def take(self, orders: list[Order]) -> list[dict[str, Any]]:
        """What was told just now."""
        told = [order.event for order in orders if isinstance(order, Tell)]
        for event in told:
            SERVER_EVENT.validate_python(json.loads(msgspec.json.encode(event)))
        self.orders += orders
        self.events += told
        return told

    def send(self, event: object, now: float = 0.0) -> list[dict[str, Any]]:
        return self.take(self.session.receive(msgspec.json.encode(event), now))

    def error(self, event: object) -> dict[str, Any]:
        """The one error this event is answered with."""
        (told,) = self.send(event)
        assert told["type"] == "error"
        error: dict[str, Any] = told["error"]
        return error

    def say(self, text: str, **more: Any) -> str:
        """Add a message; its id."""
        told = self.send(create(text, **more))
        assert [event["type"] for event in told] == [
            "conversation.item.added",
            "conversation.item.done",
        ], told
        item: str = told[0]["item"]["id"]
        return item

    def ask(self, **response: Any) -> Speak:
        """Begin a response; the order to speak."""
        before = len(self.orders)
        self.send({"type": "response.create", "response": response})
        (order,) = [one for one in self.orders[before:] if isinstance(one, Speak)]
        return order

    def reply(self, *pieces: str, end: End | None = None) -> list[dict[str, Any]]:
        """A whole response; what was told from its hold to its end."""
        speak = self.ask()
        told = self.take(self.session.opened(speak.response, None))
        for piece in pieces:
            told += self.take(self.session.words(speak.response, piece))
        return told + self.take(self.session.ended(speak.response, end or done()))


def create(text: str, role: str = "user", **more: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    after = more.pop("previous_item_id", None)
    return {
        "type": "conversation.item.create",
        "item": {**item, **more},
        "previous_item_id": after,
    }


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]
