"""What a small model reads before it is asked: never in anybody's way, on a virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rooms.dialogue.ports import Line, ModelBroken, Prompt
from rooms.dialogue.providers.scripted import Script, ScriptedModel
from rooms.dialogue.reading_ahead import (
    READING_SECONDS,
    REST_SECONDS,
    ReadingAhead,
    begin_alike,
)
from rooms.dialogue.router import Router
from tests.rooms.dialogue.test_router import SETTINGS, said_by

pytestmark = pytest.mark.looptime
BEFORE = (Line("system", "You are Mira."), Line("user", "Hello"), Line("assistant", "Hi there"))
UNSAID = Prompt(lines=(*BEFORE, Line("user", "Anything")), max_output_tokens=50)
SAID = Prompt(lines=(*BEFORE, Line("user", "How are you?")), max_output_tokens=50)
OTHER = Prompt(lines=(Line("system", "You are Noor."), Line("user", "Hello")), max_output_tokens=50)
SLOW = Script(words=["So"], first_seconds=2.0)
WELL = Script(words=["Well"])
HANGS = Script(hangs=True)


def small(*scripts: Script) -> tuple[ScriptedModel, Router]:
    model = ScriptedModel(scripts)
    clock = asyncio.get_running_loop().time
    return model, Router([model], SETTINGS, is_demo=True, clock=clock)


def unread(prompt: Prompt | None = UNSAID) -> Callable[[], Awaitable[Prompt | None]]:
    async def made() -> Prompt | None:
        return prompt

    return made


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_question_that_begins_alike_waits_until_it_was_read() -> None:
    model, router = small(SLOW, WELL)
    reading = asyncio.create_task(router.read_ahead(unread()))
    await asyncio.sleep(0.5)
    began = now()
    assert (await said_by(router, SAID))[1] == "Well"
    assert now() - began == pytest.approx(1.5)
    assert reading.done()
    assert [prompt.max_output_tokens for prompt in model.asked] == [1, 50]
    assert model.asked[0].lines == UNSAID.lines


async def test_anybody_elses_question_stops_a_reading_which_then_begins_again() -> None:
    model, router = small(SLOW, SLOW, SLOW)
    reading = asyncio.create_task(router.read_ahead(unread()))
    await asyncio.sleep(0.5)
    began = now()
    asking = asyncio.create_task(said_by(router, OTHER))
    await asyncio.sleep(0.1)
    assert model.open == 1, "the reading has stopped"
    await asking
    assert now() - began == pytest.approx(2.0)
    await reading
    assert [prompt.lines for prompt in model.asked] == [UNSAID.lines, OTHER.lines, UNSAID.lines]
    assert now() - began == pytest.approx(4.0)


async def test_a_reading_waits_until_nobody_is_answered_and_reads_what_is_new_by_then() -> None:
    model, router = small(Script(words=["Well", " yes"], between_seconds=1.0), SLOW)
    newest = [OTHER]

    async def made() -> Prompt:
        return newest[-1]

    async with router.stream(OTHER) as answer:
        reading = asyncio.create_task(router.read_ahead(made))
        newest.append(UNSAID)
        assert [item async for item in answer.words]
        assert len(model.asked) == 1
    await reading
    assert model.asked[1].lines == UNSAID.lines


async def test_one_conversation_is_read_after_another() -> None:
    model, router = small(SLOW)
    began = now()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(router.read_ahead(unread()))
        tasks.create_task(router.read_ahead(unread(OTHER)))
    assert [prompt.lines for prompt in model.asked] == [UNSAID.lines, OTHER.lines]
    assert now() - began == pytest.approx(4.0)


async def test_where_there_is_nothing_to_read_nothing_is_read() -> None:
    model, router = small(SLOW)
    await router.read_ahead(unread(None))
    assert model.asked == []


async def test_a_reading_that_fails_is_nobodys_trouble_and_not_tried_again_at_once() -> None:
    model, router = small(Script(refuses=ModelBroken("down")), WELL)
    await router.read_ahead(unread())
    assert not router.failures
    assert (await said_by(router, SAID))[1] == "Well"
    assert model.open == 0
    await router.read_ahead(unread())
    assert len(model.asked) == 2
    await asyncio.sleep(REST_SECONDS)
    await router.read_ahead(unread())
    assert len(model.asked) == 3


async def test_a_reading_has_a_limit_and_those_who_wait_go_on() -> None:
    model, router = small(HANGS, WELL)
    reading = asyncio.create_task(router.read_ahead(unread()))
    await asyncio.sleep(0)
    began = now()
    await said_by(router, SAID)
    assert now() - began == pytest.approx(READING_SECONDS)
    await reading
    assert model.open == 0


async def test_who_hangs_up_stops_the_reading_and_frees_those_who_wait() -> None:
    model, router = small(HANGS, WELL)
    reading = asyncio.create_task(router.read_ahead(unread()))
    asking = asyncio.create_task(said_by(router, SAID))
    await asyncio.sleep(1.0)
    began = now()
    reading.cancel()
    assert (await asking)[1] == "Well"
    assert now() == began
    assert model.open == 0


async def test_a_question_given_up_while_it_waits_keeps_nobody_from_reading() -> None:
    model = ScriptedModel([SLOW])
    ahead = ReadingAhead(model, now)
    reading = asyncio.create_task(ahead.read(unread()))
    await asyncio.sleep(0.5)

    async def ask() -> None:
        async with ahead.asked(SAID):
            raise AssertionError("it was given up before")

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    asking.cancel()
    await reading
    await ahead.read(unread(OTHER))
    assert [prompt.lines for prompt in model.asked] == [UNSAID.lines, OTHER.lines]


async def test_a_model_whose_circuit_is_open_is_not_bothered() -> None:
    model, router = small(Script(refuses=ModelBroken("down")))
    while not router.resting()["scripted"]:
        with pytest.raises(ModelBroken):
            await said_by(router, SAID)
    asked = len(model.asked)
    await router.read_ahead(unread())
    assert len(model.asked) == asked


async def test_models_that_are_paid_read_nothing_ahead() -> None:
    model = ScriptedModel([SLOW])
    await Router([model], SETTINGS).read_ahead(unread())
    assert model.asked == []


def test_only_the_last_line_may_differ() -> None:
    assert begin_alike(UNSAID.lines, SAID.lines)
    assert not begin_alike(UNSAID.lines, OTHER.lines)
    assert not begin_alike(UNSAID.lines, (*SAID.lines, Line("assistant", "Fine")))
