"""What a small model reads before it is asked: never in anybody's way, on a virtual clock."""

import asyncio

import pytest

from rooms.dialogue.ports import Line, ModelBroken, Prompt
from rooms.dialogue.providers.scripted import Script, ScriptedModel
from rooms.dialogue.reading_ahead import READING_SECONDS, ReadingAhead, begin_alike
from rooms.dialogue.router import Router
from tests.rooms.dialogue.test_router import SETTINGS, said_by

pytestmark = pytest.mark.looptime
BEFORE = (Line("system", "You are Mira."), Line("user", "Hello"), Line("assistant", "Hi there"))
UNSAID = Prompt(lines=(*BEFORE, Line("user", "Anything")), max_output_tokens=50)
SAID = Prompt(lines=(*BEFORE, Line("user", "How are you?")), max_output_tokens=50)
OTHER = Prompt(lines=(Line("system", "You are Noor."), Line("user", "Hello")), max_output_tokens=50)
SLOW = Script(words=["So"], first_seconds=2.0)


def small(*scripts: Script) -> tuple[ScriptedModel, Router]:
    model = ScriptedModel(scripts)
    return model, Router([model], SETTINGS, is_demo=True)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_question_that_begins_alike_waits_until_it_was_read() -> None:
    model, router = small(SLOW, Script(words=["Well"]))
    reading = asyncio.create_task(router.read_ahead(UNSAID))
    await asyncio.sleep(0.5)
    began = now()
    assert (await said_by(router, SAID))[1] == "Well"
    assert now() - began == pytest.approx(1.5)
    assert reading.done()
    assert [prompt.max_output_tokens for prompt in model.asked] == [1, 50]
    assert model.asked[0].lines == UNSAID.lines


async def test_anybody_elses_question_does_not_wait() -> None:
    _, router = small(SLOW, Script(words=["Well"]))
    reading = asyncio.create_task(router.read_ahead(UNSAID))
    await asyncio.sleep(0.5)
    began = now()
    await said_by(router, OTHER)
    assert now() == began
    await reading


async def test_nothing_is_read_while_somebody_is_answered_or_it_reads_already() -> None:
    model, router = small(Script(words=["Well", " yes"], between_seconds=1.0), SLOW)
    async with router.stream(OTHER) as answer:
        await router.read_ahead(UNSAID)
        assert [item async for item in answer.words]
    assert len(model.asked) == 1
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(router.read_ahead(UNSAID))
        tasks.create_task(router.read_ahead(UNSAID))
    assert len(model.asked) == 2


async def test_a_reading_that_fails_is_nobodys_trouble() -> None:
    model, router = small(Script(refuses=ModelBroken("down")), Script(words=["Well"]))
    await router.read_ahead(UNSAID)
    assert not router.failures
    assert (await said_by(router, SAID))[1] == "Well"
    assert model.open == 0


async def test_a_reading_has_a_limit_and_those_who_wait_go_on() -> None:
    model, router = small(Script(hangs=True), Script(words=["Well"]))
    reading = asyncio.create_task(router.read_ahead(UNSAID))
    await asyncio.sleep(0)
    began = now()
    await said_by(router, SAID)
    assert now() - began == pytest.approx(READING_SECONDS)
    await reading
    assert model.open == 0


async def test_who_hangs_up_stops_the_reading_and_frees_those_who_wait() -> None:
    model, router = small(Script(hangs=True), Script(words=["Well"]))
    reading = asyncio.create_task(router.read_ahead(UNSAID))
    asking = asyncio.create_task(said_by(router, SAID))
    await asyncio.sleep(1.0)
    began = now()
    reading.cancel()
    assert (await asking)[1] == "Well"
    assert now() == began
    assert model.open == 0


async def test_a_question_given_up_while_it_waits_is_not_counted_on() -> None:
    model = ScriptedModel([SLOW])
    ahead = ReadingAhead(model)
    reading = asyncio.create_task(ahead.read(UNSAID))
    await asyncio.sleep(0.5)

    async def ask() -> None:
        async with ahead.asked(SAID):
            raise AssertionError("it was given up before")

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    asking.cancel()
    await reading
    await ahead.read(UNSAID)
    assert len(model.asked) == 2


async def test_models_that_are_paid_read_nothing_ahead() -> None:
    model = ScriptedModel([SLOW])
    await Router([model], SETTINGS).read_ahead(UNSAID)
    assert model.asked == []


def test_only_the_last_line_may_differ() -> None:
    assert begin_alike(UNSAID.lines, SAID.lines)
    assert not begin_alike(UNSAID.lines, OTHER.lines)
    assert not begin_alike(UNSAID.lines, (*SAID.lines, Line("assistant", "Fine")))
