"""A heard and spoken Realtime session, by calling it: every event fits the client's own types."""

import base64
import itertools
import struct
from typing import Any

import msgspec

from media.speech.ports import SpokenWord
from realtime.openai_orders import Hear, Transcribe
from realtime.openai_session import Hush, Speak
from realtime.openai_turns import Began, Stopped, TurnDetection, Turns
from realtime.openai_voice import VoiceSession
from rooms.errors import PaymentRequired, ProductError, Unavailable
from tests.realtime.openai_talk import RULES, Talk, done

WINDOW = 512
LARGE = msgspec.structs.replace(RULES, frame_bytes=100_000)
SECOND = base64.b64encode(struct.pack("<24000h", *([100] * 24_000))).decode()
REFUSED = PaymentRequired("Your plan has no voice calls.", code="plan_required")


class VoiceTalk(Talk):
    """A `Talk` that is heard."""

    session: VoiceSession

    def __init__(self, refusal: ProductError | None = None) -> None:
        numbers = itertools.count(1)
        self.session = VoiceSession(
            "mira", LARGE, lambda prefix: f"{prefix}_{next(numbers)}", 0.0, 3_600, refusal
        )
        self.orders = []
        self.events = []
        self.take(self.session.begin())

    def update(self, **session: Any) -> list[dict[str, Any]]:
        return self.send({"type": "session.update", "session": {"type": "realtime", **session}})

    def voice(self, from_ms: int, until_ms: int, probability: float) -> list[dict[str, Any]]:
        told = []
        for end in range(from_ms * 16 + WINDOW, until_ms * 16 + 1, WINDOW):
            told += self.take(self.session.judged(end, WINDOW, probability))
        return told

    def last(self, kind: type) -> Any:
        return next(order for order in reversed(self.orders) if isinstance(order, kind))


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in told]


def heard(talk: VoiceTalk, text: str = "Hello there") -> Speak:
    """A whole spoken turn, up to the response it asks for."""
    talk.send({"type": "input_audio_buffer.append", "audio": SECOND})
    talk.voice(0, 1_000, 0.9)
    talk.voice(1_000, 1_600, 0.1)
    order = talk.last(Transcribe)
    talk.take(talk.session.transcribed(order, text))
    speak: Speak = talk.last(Speak)
    return speak


def test_a_turn_is_found_committed_transcribed_and_answered() -> None:
    talk = VoiceTalk()
    talk.update(output_modalities=["audio"])
    assert talk.send({"type": "input_audio_buffer.append", "audio": SECOND}) == []
    assert len(talk.last(Hear).pcm) == 48_000
    (started,) = talk.voice(0, 1_000, 0.9)
    assert (started["type"], started["audio_start_ms"]) == ("input_audio_buffer.speech_started", 0)
    told = talk.voice(1_000, 1_600, 0.1)
    assert kinds(told) == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert {event.get("item_id", started["item_id"]) for event in told} == {started["item_id"]}
    order = talk.last(Transcribe)
    assert (order.from_sample, order.until_sample // 16) == (0, 1_512)
    told = talk.take(talk.session.transcribed(order, "Hello there"))
    assert kinds(told) == [
        "conversation.item.input_audio_transcription.completed", "response.created",
    ]  # fmt: skip
    assert told[0]["transcript"] == "Hello there"
    assert told[1]["response"]["output_modalities"] == ["audio"]
    assert talk.last(Speak).spoken[-1].text == "Hello there"


def test_a_spoken_response_is_told_in_openais_order() -> None:
    talk = VoiceTalk()
    talk.update(output_modalities=["audio"])
    response = heard(talk).response
    assert talk.session.is_spoken(response)
    told = talk.take(talk.session.clause(response, "Hi there. "))
    assert kinds(told) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
    ]
    assert told[2]["part"] == {"type": "audio", "transcript": ""}
    (delta,) = talk.take(talk.session.sound(response, b"\1\0" * 480, ()))
    assert base64.b64decode(delta["delta"]) == b"\1\0" * 480
    talk.take(talk.session.clause(response, "How are you?"))
    told = talk.take(talk.session.ended(response, done()))
    assert kinds(told) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert told[1]["transcript"] == "Hi there. How are you?"
    content = told[-1]["response"]["output"][0]["content"]
    assert content == [{"type": "output_audio", "transcript": "Hi there. How are you?"}]


def test_speaking_up_stops_the_response_and_is_answered_once_that_has_ended() -> None:
    talk = VoiceTalk()
    talk.update(output_modalities=["audio"])
    response = heard(talk).response
    talk.take(talk.session.clause(response, "I was going to say "))
    talk.voice(2_000, 2_500, 0.9)
    assert talk.last(Hush) == Hush(response)
    talk.voice(2_500, 3_100, 0.1)
    order = talk.last(Transcribe)
    told = talk.take(talk.session.transcribed(order, "Wait"))
    assert "response.created" not in kinds(told)
    told = talk.take(talk.session.ended(response, done("interrupted")))
    assert kinds(told)[-2:] == ["response.done", "response.created"]
    assert talk.last(Speak).spoken[-1].text == "Wait"


def test_what_was_heard_is_what_is_remembered() -> None:
    talk = VoiceTalk()
    talk.update(output_modalities=["audio"])
    response = heard(talk).response
    talk.take(talk.session.clause(response, "One two. "))
    words = (SpokenWord(0, 3, 0, 2_400), SpokenWord(4, 8, 2_400, 2_400))
    talk.take(talk.session.sound(response, b"\0\0" * 4_800, words))
    talk.take(talk.session.clause(response, "Three four."))
    words = (SpokenWord(0, 5, 0, 2_400), SpokenWord(6, 11, 2_400, 2_400))
    talk.take(talk.session.sound(response, b"\0\0" * 4_800, words))
    told = talk.take(talk.session.ended(response, done()))
    item = told[-1]["response"]["output"][0]["id"]

    def cut(ms: int) -> str:
        (told,) = talk.send(
            {"type": "conversation.item.truncate", "item_id": item, "content_index": 0,
             "audio_end_ms": ms}
        )  # fmt: skip
        assert told["type"] == "conversation.item.truncated"
        (shown,) = talk.send({"type": "conversation.item.retrieve", "item_id": item})
        found: str = shown["item"]["content"][0]["transcript"]
        return found

    assert cut(320) == "One two. Three"
    assert cut(150) == "One"
    assert cut(20) == ""


def test_a_response_may_be_cut_before_it_has_ended() -> None:
    talk = VoiceTalk()
    talk.update(output_modalities=["audio"])
    response = heard(talk).response
    told = talk.take(talk.session.clause(response, "One two."))
    item = told[0]["item"]["id"]
    talk.take(talk.session.sound(response, b"\0\0" * 4_800, (SpokenWord(0, 3, 0, 2_400),)))
    talk.send({"type": "conversation.item.truncate", "item_id": item, "content_index": 0,
               "audio_end_ms": 110})  # fmt: skip
    talk.take(talk.session.ended(response, done("interrupted")))
    assert talk.session.is_spoken(response) is False
    (shown,) = talk.send({"type": "conversation.item.retrieve", "item_id": item})
    assert shown["item"]["content"][0]["transcript"] == "One"


def test_without_turn_detection_the_client_commits_and_asks() -> None:
    talk = VoiceTalk()
    (updated,) = talk.update(audio={"input": {"turn_detection": None}})
    assert updated["session"]["audio"]["input"]["turn_detection"] is None
    assert talk.error({"type": "input_audio_buffer.commit"})["code"] == (
        "input_audio_buffer_commit_empty"
    )
    talk.send({"type": "input_audio_buffer.append", "audio": SECOND})
    assert talk.voice(0, 2_000, 0.9) == []
    told = talk.send({"type": "input_audio_buffer.commit"})
    assert kinds(told)[0] == "input_audio_buffer.committed"
    order = talk.last(Transcribe)
    assert (order.from_sample, order.until_sample) == (0, 16_000)
    assert kinds(talk.take(talk.session.transcribed(order, "Hi"))) == [
        "conversation.item.input_audio_transcription.completed"
    ]
    talk.send({"type": "input_audio_buffer.append", "audio": SECOND})
    assert kinds(talk.send({"type": "input_audio_buffer.clear"})) == ["input_audio_buffer.cleared"]
    assert talk.error({"type": "input_audio_buffer.commit"})["code"]
    told = talk.send({"type": "response.create", "response": {"output_modalities": ["text"]}})
    assert told[0]["response"]["output_modalities"] == ["text"]


def test_what_cannot_be_heard_is_said() -> None:
    talk = VoiceTalk()
    for audio in ("not base64!", None, base64.b64encode(b"odd").decode()):
        error = talk.error({"type": "input_audio_buffer.append", "audio": audio})
        assert error["param"] == "audio"
    for session in (
        {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
        {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8000}}}},
    ):
        error = talk.error({"type": "session.update", "session": {"type": "realtime", **session}})
        assert error["param"].startswith("session.audio")
    assert talk.error({"type": "output_audio_buffer.clear"})["param"] == "type"
    order = Transcribe("item_x", 0, 16_000)
    (failed,) = talk.take(talk.session.not_transcribed(order, Unavailable("Nobody listens.")))
    assert failed["type"].endswith("failed")


def test_who_may_not_call_is_told_why_and_goes_on_in_writing() -> None:
    talk = VoiceTalk(REFUSED)
    error = talk.error({"type": "input_audio_buffer.append", "audio": SECOND})
    assert error["code"] == "plan_required"
    spoken = {"type": "realtime", "output_modalities": ["audio"]}
    assert talk.error({"type": "session.update", "session": spoken})["code"] == "plan_required"
    assert kinds(talk.send({"type": "response.create"})) == ["response.created"]


def test_silence_clicks_and_short_pauses_are_no_turns() -> None:
    turns = Turns(TurnDetection())

    def run(from_ms: int, until_ms: int, probability: float) -> list[Any]:
        ends = range(from_ms * 16 + WINDOW, until_ms * 16 + 1, WINDOW)
        return [one for end in ends if (one := turns.judge(end, WINDOW, probability))]

    assert run(0, 1_000, 0.1) == []
    assert run(1_000, 1_064, 0.9) == []
    assert run(1_064, 2_000, 0.1) == []
    (began,) = run(2_000, 3_000, 0.9)
    assert isinstance(began, Began)
    assert began.from_sample < 2_000 * 16
    assert run(3_000, 3_400, 0.1) == []
    assert run(3_400, 4_000, 0.8) == []
    (stopped,) = run(4_000, 4_700, 0.1)
    assert isinstance(stopped, Stopped)
    assert stopped.from_sample == began.from_sample
    assert run(4_700, 6_000, 0.1) == []


def test_nothing_else_is_let_past_the_limit_of_events_under_the_name_of_sound() -> None:
    talk = VoiceTalk()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    made = {"type": "conversation.item.create", "item": item}
    (error,) = talk.send({"event_id": "input_audio_buffer.append", **made})
    assert (error["type"], error["error"]["param"]) == ("error", "event_id")
    assert kinds(talk.send({"event_id": "mine", **made}))[0] == "conversation.item.added"
    assert (
        talk.send({"event_id": "mine", "type": "input_audio_buffer.append", "audio": SECOND}) == []
    )
