"""Any sequence of events on `/v1/realtime` is answered, and a client can follow."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.openai_session import Speak
from realtime.openai_shapes import EVENT_NAMES
from rooms.errors import Forbidden
from tests.realtime.openai_talk import Talk, create, done

ids = st.sampled_from(["a", "b", "c", "root", "item_9", "", "é"])
texts = st.sampled_from(["", "Hello", "one two", "ü" * 40, "x" * 700, "\x00"])
parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "output_text", "input_audio", "text"])},
    optional={"text": texts, "audio": st.just("AAAA")},
)
items = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message", "message", "message", "function_call", "item_reference"]
        ),
        "role": st.sampled_from(["user", "user", "assistant", "system", "tool"]),
        "content": st.lists(parts, max_size=3),
    },
    optional={"id": ids, "status": st.sampled_from(["completed", "odd"])},
)
tokens = st.sampled_from([1, 5, "inf", 0, "many", None])
modalities = st.sampled_from([["text"], ["audio"], ["text", "audio"], [], None])
sessions = st.fixed_dictionaries(
    {"type": st.sampled_from(["realtime", "realtime", "transcription"])},
    optional={
        "instructions": texts,
        "output_modalities": modalities,
        "max_output_tokens": tokens,
        "audio": st.sampled_from(
            [None, {}, {"input": {"turn_detection": None}}, {"output": {"voice": "x"}}]
        ),
        "model": st.sampled_from(["mira", "sol"]),
        "tools": st.sampled_from([[], [{"type": "function"}]]),
    },
)
responses = st.fixed_dictionaries(
    {},
    optional={
        "conversation": st.sampled_from(["auto", "none", "new"]),
        "input": st.lists(items, max_size=3),
        "instructions": texts,
        "max_output_tokens": tokens,
        "metadata": st.dictionaries(st.sampled_from(["k", "x" * 65]), texts, max_size=2),
        "output_modalities": modalities,
    },
)
plain: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def event_of(kind: str, fields: dict[str, Any]) -> Any:
    return st.fixed_dictionaries(
        {"type": st.just(kind), **fields}, optional={"event_id": st.sampled_from(["e1", 5])}
    )


good_creates = st.builds(
    create, st.sampled_from(["Hello", "one two", "ü" * 40]), st.sampled_from(["user", "assistant"])
)
CANCEL = {"type": "response.cancel"}
known = st.sampled_from(["a", "b", "c"])
placed = st.builds(
    create, st.just("Hi"), id=known, previous_item_id=known | st.sampled_from(["root", None])
)
events = st.one_of(
    event_of("session.update", {"session": sessions}),
    event_of("conversation.item.create", {"item": items, "previous_item_id": ids | st.none()}),
    event_of("conversation.item.retrieve", {"item_id": ids}),
    event_of("conversation.item.delete", {"item_id": ids}),
    event_of(
        "conversation.item.truncate",
        {"item_id": ids, "content_index": st.just(0), "audio_end_ms": st.just(1)},
    ),
    event_of("response.create", {"response": responses | st.none()}),
    event_of("response.cancel", {"response_id": st.sampled_from(["resp_1", None])}),
    event_of("input_audio_buffer.append", {"audio": st.just("AAAA")}),
    st.dictionaries(
        st.sampled_from(["type", "item", "session"]), st.sampled_from(EVENT_NAMES) | plain
    ),
    plain,
).map(msgspec.json.encode)
likely = good_creates | placed | st.sampled_from([{"type": "response.create"}, CANCEL])
frames = likely.map(msgspec.json.encode) | events | st.binary(max_size=40)
ends = st.sampled_from(
    [
        done(),
        done(cut=True),
        done("interrupted"),
        done("moderated", "x"),
        done("out_of_credits", "out_of_credits"),
        done("failed", "internal"),
    ]
)
moves = st.one_of(
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("frame"), likely.map(msgspec.json.encode)),
    st.tuples(st.just("opened"), st.none()),
    st.tuples(st.just("words"), st.sampled_from(["Ah, ", "ö", ""])),
    st.tuples(st.just("ended"), ends),
    st.tuples(st.just("refused"), st.just(Forbidden("No.", code="content_blocked"))),
    st.tuples(st.just("binary"), st.none()),
)


class Mirror:
    """The conversation as a client rebuilds it from what it is told, and each response's text."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.spoken: dict[str, str] = {}
        self.open: list[str] = []

    def hear(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "conversation.item.added":
                before = event["previous_item_id"]
                place = 0 if before is None else self.items.index(before) + 1
                self.items.insert(place, event["item"]["id"])
            case "conversation.item.deleted":
                self.items.remove(event["item_id"])
            case "response.created":
                assert self.open == []
                self.open.append(event["response"]["id"])
                self.spoken[event["response"]["id"]] = ""
            case "response.output_text.delta":
                assert self.open == [event["response_id"]]
                self.spoken[event["response_id"]] += event["delta"]
            case "response.output_text.done":
                assert self.spoken[event["response_id"]] == event["text"]
            case "response.done":
                response = event["response"]
                assert self.open.pop() == response["id"]
                output = "".join(item["content"][0]["text"] for item in response["output"])
                assert output == self.spoken[response["id"]]


def asked_place(frame: bytes) -> str:
    """After which item a frame wants its own; empty where it does not say."""
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if not isinstance(event, dict) or event.get("type") != "conversation.item.create":
        return ""
    place = event.get("previous_item_id")
    return place if isinstance(place, str) else ""


@settings(max_examples=120, deadline=None)
@given(st.lists(moves, min_size=25, max_size=60))
def test_any_sequence_is_answered_event_by_event_and_a_client_can_follow_it(
    made: list[tuple[str, Any]],
) -> None:
    talk, mirror = Talk(), Mirror()
    speaking = ""
    for move, what in made:
        seen, ordered = len(talk.events), len(talk.orders)
        session = talk.session
        match move:
            case "frame":
                told = talk.take(session.receive(what, 0.0))
                if told and told[0]["type"] == "conversation.item.added":
                    assert asked_place(what) in {"", told[0]["previous_item_id"] or "root"}
            case "binary":
                talk.take(session.receive_binary(0.0))
            case "opened":
                talk.take(session.opened(speaking, None))
            case "words":
                talk.take(session.words(speaking, what))
            case "ended":
                talk.take(session.ended(speaking, what))
            case "refused":
                talk.take(session.refused(speaking, what))
        orders = talk.orders[ordered:]
        if move in {"frame", "binary"}:
            assert orders, "an event went unanswered"
        for order in orders:
            if isinstance(order, Speak):
                speaking = order.response
                assert order.spoken[-1].role == "user"
                assert order.spoken[-1].text.strip()
        for event in talk.events[seen:]:
            mirror.hear(event)
    for event in talk.take(talk.session.ended(speaking, done())):
        mirror.hear(event)
    assert mirror.open == [], "a response never ended"
    names = [event["event_id"] for event in talk.events]
    assert len(set(names)) == len(names)
    for item in mirror.items:
        (shown,) = talk.send({"type": "conversation.item.retrieve", "item_id": item})
        assert shown["type"] == "conversation.item.retrieved"
        assert shown["item"]["status"] != "in_progress"
