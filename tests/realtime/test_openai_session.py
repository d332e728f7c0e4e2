"""The rules of `/v1/realtime`, called: what each event is answered with."""

from typing import Any, get_args

import msgspec
import pytest
from openai.types.realtime import RealtimeClientEvent

from realtime.openai_conversation import GO_ON
from realtime.openai_session import Close, Hush, Speak
from realtime.openai_shapes import EVENT_NAMES, ClientEvent
from realtime.openai_telling import End
from rooms.completion import Spoken
from rooms.credits.entitlements import TurnsLeft
from rooms.errors import PaymentRequired
from tests.realtime.openai_talk import RULES, Talk, create, done, kinds


def test_the_greeting_names_the_companion_and_says_that_it_writes() -> None:
    session = Talk().events[0]["session"]
    assert session["model"] == "mira"
    assert session["output_modalities"] == ["text"]
    assert session["expires_at"] == 3_600


def test_a_response_is_told_in_openais_order_and_its_text_is_its_deltas() -> None:
    talk = Talk()
    asked = talk.say("Hello")
    told = talk.reply("How ", "are you?")
    assert kinds(talk.events)[3:] == [
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    by_kind = {event["type"]: event for event in told}
    assert by_kind["response.output_text.done"]["text"] == "How are you?"
    assert by_kind["conversation.item.added"]["previous_item_id"] == asked
    response = by_kind["response.done"]["response"]
    assert response["output"] == [by_kind["conversation.item.done"]["item"]]
    assert response["status"] == "completed"
    assert response["usage"]["total_tokens"] == 10
    assert response["usage"]["cost_microcredits"] == 90
    assert response["metadata"]["kindred_cost_microcredits"] == "90"
    assert response["metadata"]["kindred_receipt"] == "rc_1"


def test_a_response_may_have_instructions_a_limit_and_metadata_of_its_own() -> None:
    talk = Talk()
    talk.say("Hello")
    change = {"type": "realtime", "instructions": "Rhyme", "max_output_tokens": 50}
    updated = talk.send({"type": "session.update", "session": change})[0]
    assert updated["session"]["instructions"] == "Rhyme"
    speak = talk.ask(instructions="Shout", max_output_tokens=5, metadata={"topic": "tea"})
    assert (speak.spoken[0], speak.max_tokens) == (Spoken("system", "Shout"), 5)
    talk.take(talk.session.ended(speak.response, done()))
    assert talk.events[-1]["response"]["metadata"]["topic"] == "tea"
    assert (talk.ask().spoken[0], talk.orders[-1].max_tokens) == (Spoken("system", "Rhyme"), 50)  # type: ignore[union-attr]


def test_out_of_band_a_response_leaves_no_trace_in_the_conversation() -> None:
    talk = Talk()
    kept = talk.say("Hello")
    given = [
        {"type": "item_reference", "id": kept},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Only this"}],
        },
    ]
    speak = talk.ask(conversation="none", input=given)
    assert speak.spoken == (Spoken("user", "Hello\n\nOnly this"),)
    told = talk.take(talk.session.words(speak.response, "Yes"))
    told += talk.take(talk.session.ended(speak.response, done()))
    assert not [kind for kind in kinds(told) if kind.startswith("conversation.")]
    assert told[-1]["response"]["conversation_id"] is None
    assert talk.ask().spoken == (Spoken("user", "Hello"),)


@pytest.mark.parametrize(
    ("end", "status", "reason", "kind"),
    [
        (done(), "completed", None, None),
        (done(cut=True), "incomplete", "max_output_tokens", None),
        (done("interrupted"), "cancelled", "client_cancelled", None),
        (done("moderated", "sexual"), "incomplete", "content_filter", None),
        (done("out_of_credits", "out_of_credits", cut=True), "failed", None, "insufficient_quota"),
        (done("failed", "model_unavailable"), "failed", None, "server_error"),
    ],
)
def test_every_ending_has_openais_name(
    end: End, status: str, reason: str | None, kind: str | None
) -> None:
    talk = Talk()
    talk.say("Hello")
    told = talk.reply("Well, ", end=end)
    response = told[-1]["response"]
    assert response["status"] == response["status_details"]["type"] == status
    assert response["status_details"].get("reason") == reason
    assert response["status_details"].get("error", {}).get("type") == kind
    wanted = "completed" if status == "completed" else "incomplete"
    assert response["output"][0]["status"] == wanted
    assert talk.ask().spoken[-2:] == (Spoken("assistant", "Well, "), Spoken("user", GO_ON))


def test_a_response_that_could_not_begin_is_an_error_and_a_failed_response() -> None:
    talk = Talk()
    talk.say("Hello")
    talk.send({"type": "response.create", "event_id": "mine"})
    speak = talk.orders[-1]
    assert isinstance(speak, Speak)
    broke = PaymentRequired("No credits.", details={"unlocked_by": ["plus"]})
    error, failed = talk.take(talk.session.refused(speak.response, broke))
    assert error["error"]["type"] == "insufficient_quota"
    assert error["error"]["event_id"] == "mine"
    assert error["error"]["unlocked_by"] == ["plus"]
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["status_details"]["error"]["code"] == "out_of_credits"
    assert talk.ask(), "and another may be tried"


def test_one_response_at_a_time_and_cancelling_is_told_when_it_is_settled() -> None:
    talk = Talk()
    talk.say("Hello")
    speak = talk.ask()
    error = talk.error({"type": "response.create", "event_id": "second"})
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "second"
    cancel = {"type": "response.cancel", "response_id": speak.response}
    assert talk.error({**cancel, "response_id": "resp_other"})["code"] == (
        "response_cancel_not_active"
    )
    assert talk.send(cancel) == []
    assert talk.orders[-1] == Hush(speak.response)
    assert talk.error(cancel)["code"] == "response_cancel_not_active"
    (ended,) = talk.take(talk.session.ended(speak.response, done("interrupted")))
    assert ended["response"]["status"] == "cancelled"
    assert talk.error({"type": "response.cancel"})["code"] == "response_cancel_not_active"


VOICE = "voice_not_enabled"
AUDIO_PART = {"type": "input_audio", "audio": "AAAA"}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, VOICE, "type"),
        ({"type": "input_audio_buffer.commit"}, VOICE, "type"),
        ({"type": "input_audio_buffer.clear"}, VOICE, "type"),
        ({"type": "output_audio_buffer.clear"}, VOICE, "type"),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "output_modalities": ["audio"]},
            },
            VOICE,
            "session.output_modalities",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"output": {"voice": "marin"}}},
            },
            VOICE,
            "session.audio",
        ),
        (
            {"type": "response.create", "response": {"output_modalities": ["text", "audio"]}},
            VOICE,
            "response.output_modalities",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [AUDIO_PART]},
            },
            VOICE,
            "item.content[0].type",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "tools": [{"type": "function", "name": "f"}]},
            },
            "unsupported_parameter",
            "session.tools",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "model": "sol"}},
            "model_fixed",
            "session.model",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "colour": "red"}},
            "unknown_parameter",
            "session",
        ),
        (
            {"type": "session.update", "session": {"type": "transcription"}},
            "invalid_value",
            "session.type",
        ),
        ({"type": "session.update"}, "missing_required", ""),
        (
            {"type": "response.create", "response": {"max_output_tokens": 0}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "c", "output": ""},
            },
            "unsupported_item",
            "item.type",
        ),
        (create("x", role="wizard"), "invalid_value", "item.role"),
        (
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_image", "image_url": "data:"}],
                },
            },
            "unsupported_content",
            "item.content[0].type",
        ),
        ({"type": "conversation.item.retrieve", "item_id": "x"}, "item_not_found", "item_id"),
        ({"type": "session.dance"}, "unknown_event", "type"),
        ({"kind": "nothing"}, "missing_required", ""),
        (["no object"], "invalid_value", ""),
    ],
)
def test_every_refusal_names_the_field_and_the_clients_own_event(
    event: Any, code: str, param: str
) -> None:
    talk = Talk()
    named = {**event, "event_id": "mine"} if isinstance(event, dict) else event
    error = talk.error(named)
    assert (error["code"], error["param"].removeprefix("$")) == (code, param)
    assert error["event_id"] == ("mine" if isinstance(event, dict) else None)
    assert error["type"] in {"invalid_request_error", "not_found_error"}
    assert talk.send(create("still there")), "nothing else happened"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type": "session.update", "session": {"type": "realtime", "audio": %s}}',
        b'{"type": "conversation.item.create", "item": {"type": "message", "x": %s}}',
        b'{"type": "response.create", "response": {"input": [%s]}}',
        b"%s",
    ],
)
@pytest.mark.parametrize("depth", [60, 990, 1_900])
def test_nesting_of_any_depth_is_refused_and_brings_nothing_down(frame: bytes, depth: int) -> None:
    talk = Talk()
    (told,) = talk.take(talk.session.receive(frame % (b"[" * depth + b"]" * depth), 0.0))
    assert told["type"] == "error"
    nested = b'{"a":' * (depth // 3) + b"1" + b"}" * (depth // 3)
    (told,) = talk.take(talk.session.receive(frame % nested, 0.0))
    assert told["type"] == "error"


def test_text_cannot_be_cut_short() -> None:
    talk = Talk()
    item = talk.say("Hello")
    cut = {"type": "conversation.item.truncate", "content_index": 0, "audio_end_ms": 0}
    assert talk.error({**cut, "item_id": item})["code"] == "item_truncate_invalid"
    assert talk.error({**cut, "item_id": "other"})["code"] == "item_not_found"


def test_what_a_session_shows_may_be_sent_back_unchanged() -> None:
    talk = Talk()
    shown = talk.events[0]["session"]
    quiet = {"audio": {"input": {"turn_detection": None}}, "tracing": None}
    (told,) = talk.send({"type": "session.update", "session": {**shown, **quiet}})
    assert (told["type"], told["session"]) == ("session.updated", shown)


def test_a_large_frame_a_flood_and_the_end_of_the_hour_close_each_with_a_word() -> None:
    talk = Talk()
    (told,) = talk.send(create("x" * 5_000))
    assert (told["error"]["code"], talk.orders[-1]) == ("too_large", Close(1009))
    assert talk.send(create("x")) == []
    talk = Talk(msgspec.structs.replace(RULES, commands_per_second=1, commands_burst=2))
    answers = [talk.send(create("x")) for _ in range(7)]
    assert [told[0]["type"] for told in answers[:2]] == ["conversation.item.added"] * 2
    assert {told[0]["error"]["code"] for told in answers[2:6]} == {"rate_limited"}
    assert talk.orders[-1] == Close(4529)
    talk = Talk()
    (told,) = talk.take(talk.session.expired())
    assert (told["error"]["code"], talk.orders[-1]) == ("session_expired", Close(1001))


def test_the_plans_replies_a_minute_are_told_with_each_response() -> None:
    talk = Talk()
    speak = talk.ask()
    (told,) = talk.take(talk.session.opened(speak.response, TurnsLeft(20, 19, 3_000)))
    assert told["rate_limits"] == [
        {"name": "requests", "limit": 20, "remaining": 19, "reset_seconds": 3.0}
    ]


def test_every_event_of_the_union_is_listed_for_those_who_ask_for_another() -> None:
    tags = {kind.__struct_config__.tag for kind in ClientEvent.__args__}
    assert set(EVENT_NAMES) == tags
    (union, *_) = get_args(RealtimeClientEvent)
    assert tags == {kind.model_fields["type"].annotation.__args__[0] for kind in get_args(union)}
