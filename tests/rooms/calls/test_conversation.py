"""A conversation over the real room, turn, wallet and stores: heard = stored = charged.

Ear, voice and line are scripted (tests/rooms/calls/talking.py); everything else is the house.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from loadtest.upstream import _TEXT
from rooms.commands import MessageSend
from tests.live import Live
from tests.rooms.calls.conversing import Talking, conversing
from tests.rooms.calls.talking import Line, NumberEar
from tests.soon import until

pytestmark = [pytest.mark.stores]
WORDS = _TEXT.split()  # what the scripted model says, over and over


@pytest.fixture
async def talking(live: Live) -> AsyncIterator[Talking]:
    """Somebody who is in a conversation with Mira."""
    async with conversing(live) as talking:
        yield talking


async def test_what_is_said_is_answered_heard_stored_and_charged(talking: Talking) -> None:
    talking.live.script.tokens = 12
    talking.line.speak("Hello there, how are you?")
    (done,) = await talking.done()
    said, reply = await talking.messages()
    assert said["parts"][0]["text"] == "Hello there, how are you?"
    assert done["status"] == "completed"
    text = reply["parts"][0]["text"]
    assert text.split() == WORDS[:12]
    assert reply["parts"][0]["heard_until"] == len(text)
    assert talking.person.text_of(done["reply"]) == text
    assert talking.line.heard_words(talking.voice.spoken) == WORDS[:12]
    assert await talking.spent() == done["cost_microcredits"] > 0
    assert talking.notes.final("person") == ["Hello there, how are you?"]
    assert talking.notes.final("companion") == [text]
    assert talking.notes.pieces >= 1


async def test_silence_comes_late_but_while_somebody_speaks_or_pauses(talking: Talking) -> None:
    talking.live.script.tokens = 6
    line = talking.line
    await until(lambda: line.gathers == [NumberEar.quiet_db])
    line.speak("Hello there.")
    await talking.done()
    assert line.gathers == [NumberEar.quiet_db, None, NumberEar.quiet_db]


async def test_the_stages_of_a_turn_are_timed_in_their_order(talking: Talking) -> None:
    talking.live.script.tokens = 6
    talking.line.speak("Hello there.")
    await talking.done()
    (times,) = talking.notes.times
    stages = [
        times.pause_ms, times.transcript_ms, times.decided_ms, times.word_ms,
        times.clause_ms, times.sound_ms,
    ]  # fmt: skip
    assert None not in stages
    assert times.out_ms is not None  # of a line that runs too fast
    assert stages == sorted(stages)
    assert times.words_heard == 6
    assert not times.interrupted


async def test_an_interruption_keeps_and_charges_what_was_heard_and_no_more(
    talking: Talking,
) -> None:
    script = talking.live.script
    script.tokens = 60
    talking.line.speak("Tell me a story.")
    await talking.companion_said(5)
    script.tokens = 4
    talking.line.speak("Wait, stop please.")
    first, second = await talking.done(2)
    assert (first["status"], second["status"]) == ("interrupted", "completed")
    heard = talking.line.heard_words(talking.voice.spoken)
    assert first["text"].split() + second["text"].split() == heard
    assert 5 <= len(first["text"].split()) < 40
    assert await talking.spent() == first["cost_microcredits"] + second["cost_microcredits"]
    messages = await talking.messages()
    assert [m["parts"][0]["text"] for m in messages] == [
        "Tell me a story.", first["text"], "Wait, stop please.", second["text"],
    ]  # fmt: skip
    assert messages[1]["parts"][0]["heard_until"] == len(first["text"])
    assert talking.notes.times[0].interrupted
    assert talking.notes.times[0].words_heard == len(first["text"].split())


async def test_cut_in_after_every_number_of_words_transcript_is_heard_is_charged(
    talking: Talking,
) -> None:
    """The promise of the voice turn, at many places of a reply: text = sound = money."""
    script, spent = talking.live.script, 0
    for words in range(1, 9):
        before = len(talking.line.heard_words(talking.voice.spoken))
        script.tokens = 60
        talking.line.speak("Go on, tell me.")
        await talking.companion_said(words)
        script.tokens = 1
        talking.line.speak("Wait, stop now.", ms=300)
        first, second = (await talking.done(words * 2))[-2:]
        heard = talking.line.heard_words(talking.voice.spoken)[before:]
        assert first["text"].split() + second["text"].split() == heard, words
        spent += first["cost_microcredits"] + second["cost_microcredits"]
        assert await talking.spent() == spent


async def test_a_longer_hearing_costs_more(talking: Talking) -> None:
    """What an interrupted reply costs follows the words that were heard."""
    talking.live.script.tokens = 80
    costs = []
    for words in (2, 25):
        talking.line.speak("Go on, tell me.")
        await talking.companion_said(words)
        await talking.conversation.hush()
        done = (await talking.done(len(costs) + 1))[-1]
        assert done["status"] == "interrupted"
        costs.append(done["cost_microcredits"])
    assert 0 < costs[0] < costs[1]


async def test_a_reply_of_which_nothing_was_heard_is_not_stored_and_costs_nothing(
    talking: Talking,
) -> None:
    talking.live.script.tokens = 40
    talking.line.stalled = True
    talking.line.speak("Tell me a story.")
    await talking.notes.until(lambda: talking.notes.pieces)
    talking.line.speak("No, wait, wait.")
    await talking.done(1)
    talking.live.script.tokens = 3
    talking.line.stalled = False
    first, second = await talking.done(2)
    assert first["text"] == ""
    assert first["cost_microcredits"] == 0
    assert second["text"].split() == WORDS[: len(second["text"].split())]
    assert len(await talking.messages()) == 3


async def test_a_cough_and_a_nod_let_it_go_on(talking: Talking) -> None:
    talking.live.script.tokens = 60
    talking.line.speak("Tell me a story.")
    await talking.companion_said(4)
    talking.line.speak("", ms=300)
    await talking.notes.until(lambda: talking.line.pauses == 1)
    await talking.companion_said(20)
    talking.line.speak("mm-hm", ms=300)
    (done,) = await talking.done()
    assert done["status"] == "completed"
    assert done["text"].split() == talking.line.heard_words(talking.voice.spoken)
    assert talking.line.pauses == 2
    assert len(await talking.messages()) == 2


async def test_a_greeting_is_said_and_costs_nothing(talking: Talking) -> None:
    text = "You are talking with an AI. Hello, it is good to hear you."
    assert await talking.conversation.say(text, interruptible=False) == len(text)
    assert " ".join(talking.line.heard_words(talking.voice.spoken)) == text
    assert talking.notes.final("companion") == [text]
    assert await talking.spent() == 0
    assert await talking.messages() == []


async def test_a_greeting_that_is_interrupted_says_how_far_it_came(talking: Talking) -> None:
    talking.live.script.tokens = 2
    text = " ".join(WORDS)
    saying = asyncio.create_task(talking.conversation.say(text))
    await talking.companion_said(3)
    talking.line.speak("Hi, it is me.")
    heard = await saying
    assert 0 < heard < len(text)
    await talking.done()
    assert text[:heard].split() + WORDS[:2] == talking.line.heard_words(talking.voice.spoken)


async def test_what_is_typed_during_a_call_is_answered_aloud(talking: Talking) -> None:
    talking.live.script.tokens = 5
    await talking.person.say(talking.room.row.room, "Can you hear me?")
    (done,) = await talking.done()
    assert done["text"].split() == talking.line.heard_words(talking.voice.spoken) == WORDS[:5]


async def test_the_model_is_told_that_it_speaks(talking: Talking) -> None:
    talking.line.speak("Hello there.")
    await talking.done()
    asked = talking.live.script.connections[-1].asked
    assert "voice call" in asked
    limit = talking.live.settings.voice.reply_tokens
    assert f'"max_tokens":{limit}' in asked or f'"max_completion_tokens":{limit}' in asked


async def test_when_the_leg_goes_the_reply_is_settled_and_another_leg_goes_on(
    live: Live,
) -> None:
    async with conversing(live) as talking:
        live.script.tokens = 60
        talking.line.speak("Tell me a story.")
        await talking.companion_said(5)
    (done,) = await talking_done_again(talking)
    assert done["status"] == "interrupted"
    assert done["text"].split() == talking.line.heard_words(talking.voice.spoken)
    live.script.tokens = 3
    line = Line()
    talking.ear.line = line
    pacing = asyncio.create_task(line.run())
    running = asyncio.create_task(talking.conversation.run(line))
    line.speak("Are you still there?")
    await talking.notes.until(lambda: "Are you still there?" in talking.notes.final("person"))
    await talking.notes.until(lambda: len(talking.notes.times) == 2)
    line.go("connection_lost")
    assert await running == "connection_lost"
    pacing.cancel()
    texts = [m["parts"][0]["text"] for m in await talking.messages()]
    assert texts[2] == "Are you still there?"
    assert texts[3].split() == WORDS[:3]


async def talking_done_again(talking: Talking) -> list[dict[str, Any]]:
    """After the call: the ends are in the room, for a device that looks later."""
    await talking.person.resume()
    try:
        return await talking.done()
    finally:
        await talking.person.close()


async def test_a_turn_that_is_refused_is_told_and_the_talk_goes_on(talking: Talking) -> None:
    talking.line.speak("Write an erotic story about a 15 year old schoolgirl.", ms=2_000)
    await talking.notes.until(lambda: talking.notes.refusals)
    assert talking.notes.refusals == ["content_blocked"]
    talking.live.script.tokens = 2
    talking.line.speak("Hello again.")
    (done,) = await talking.done()
    assert done["status"] == "completed"
    assert await talking.spent() == done["cost_microcredits"]


async def test_while_the_database_is_away_a_turn_is_refused_and_the_talk_goes_on(
    talking: Talking, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise asyncpg.InterfaceError("the connection is closed")

    with monkeypatch.context() as patched:
        patched.setattr(talking.room._placing, "place", away)
        talking.line.speak("Hello there.")
        await talking.notes.until(lambda: talking.notes.refusals)
    assert talking.notes.refusals == ["unavailable"]
    talking.live.script.tokens = 2
    talking.line.speak("Hello again.")
    (done,) = await talking.done()
    assert done["status"] == "completed"


async def test_words_of_a_crisis_are_met_with_care_aloud_and_free(talking: Talking) -> None:
    talking.line.speak("I want to kill myself.", ms=900)
    (done,) = await talking.done()
    assert done["text"].split() == talking.line.heard_words(talking.voice.spoken)
    assert done["cost_microcredits"] == await talking.spent() == 0


async def test_a_voice_that_fails_ends_the_reply_at_what_was_heard(talking: Talking) -> None:
    talking.live.script.tokens = 60
    talking.line.speak("Tell me a story.")
    await talking.companion_said(2)
    talking.voice.failing = 2
    (done,) = await talking.done()
    assert done["status"] == "interrupted"
    assert done["text"].split() == talking.line.heard_words(talking.voice.spoken)


async def test_a_voice_that_fails_once_is_asked_again(talking: Talking) -> None:
    talking.live.script.tokens = 5
    talking.voice.failing = 1
    talking.line.speak("Hello there.")
    (done,) = await talking.done()
    assert done["text"].split() == WORDS[:5]


async def test_an_ear_that_fails_is_asked_again(talking: Talking) -> None:
    talking.live.script.tokens = 3
    talking.ear.failing = 1
    talking.line.speak("Hello there.")
    (done,) = await talking.done()
    assert done["status"] == "completed"


async def test_a_long_pause_in_mid_sentence_is_one_message(talking: Talking) -> None:
    talking.live.script.tokens = 2
    talking.line.speak("I was thinking about")
    talking.line.wait(900)
    talking.line.speak("going to the sea.")
    await talking.done()
    assert (await talking.messages())[0]["parts"][0]["text"] == (
        "I was thinking about going to the sea."
    )


async def test_an_early_answer_is_used_and_paid_for_once(live: Live) -> None:
    async with conversing(live, likely_ms=12_000, ceiling_ms=15_000) as talking:
        live.script.tokens = 5
        talking.line.speak("I was thinking of you")
        (done,) = await talking.done()
        assert done["text"].split() == WORDS[:5]
        asked = [c.asked for c in live.script.connections if "thinking of you" in c.asked]
        assert len(asked) == 1, "the early question was the only one"
        assert talking.notes.times[0].speculated
        assert await talking.spent() == done["cost_microcredits"] > 0


async def test_an_early_answer_to_what_was_not_all_is_thrown_away_and_never_paid(
    live: Live,
) -> None:
    async with conversing(live, ceiling_ms=9_000) as talking:
        live.script.tokens, live.script.gap_seconds = 50, 0.02
        talking.line.speak("I was thinking of")
        async with asyncio.timeout(10):
            while not any("thinking of" in c.asked for c in live.script.connections):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await talking.spent() == 0
        live.script.tokens, live.script.gap_seconds = 5, 0.001
        talking.line.speak("you today.")
        (done,) = await talking.done()
        assert done["text"].split() == WORDS[:5]
        assert not talking.notes.times[0].speculated
        assert await talking.spent() == done["cost_microcredits"]
        assert (await talking.messages())[0]["parts"][0]["text"] == "I was thinking of you today."


async def test_a_message_from_elsewhere_interrupts_what_is_being_said(talking: Talking) -> None:
    script = talking.live.script
    script.tokens = 60
    talking.line.speak("Tell me a story.")
    await talking.companion_said(4)
    script.tokens = 2
    command = MessageSend(id="x", room=talking.room.row.room, text="And by hand?")
    await talking.room.command(talking.who, command, "x")
    first, second = await talking.done(2)
    heard = talking.line.heard_words(talking.voice.spoken)
    assert first["status"] == "interrupted"
    assert first["text"].split() + second["text"].split() == heard
