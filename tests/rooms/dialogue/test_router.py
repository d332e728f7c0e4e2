"""Who is asked, asked again, and given up: the router on a virtual clock with scripted models."""

import asyncio

import pytest

from config.models import ModelProvider, ModelSettings
from rooms.dialogue.ports import (
    Ended,
    Line,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnusable,
    Prompt,
    Words,
)
from rooms.dialogue.providers.scripted import Script, ScriptedModel
from rooms.dialogue.providers.table import PROVIDERS
from rooms.dialogue.router import Router, build_router

pytestmark = pytest.mark.looptime

PROMPT = Prompt(lines=(Line("user", "Hello"),), max_output_tokens=50)
GOOD = Script(words=["Hi", " there"])
CUT = Script(words=["Hi"], error=ModelBroken("cut"))
DOWN = Script(refuses=ModelBroken("down"))
SETTINGS = ModelSettings(
    first_token_seconds=10.0,
    stall_seconds=5.0,
    retries=1,
    circuit_failures=3,
    circuit_seconds=30.0,
)


def router_of(*models: ScriptedModel, settings: ModelSettings = SETTINGS) -> Router:
    """A router on the loop's own clock, with chance always in the middle."""
    clock = asyncio.get_running_loop().time
    return Router(list(models), settings, clock=clock, chance=lambda: 0.5)


async def said_by(router: Router, prompt: Prompt = PROMPT) -> tuple[str, str]:
    """Who answered, and what."""
    async with router.stream(prompt) as answer:
        items = [item async for item in answer.words]
    assert isinstance(items[-1], Ended)
    return answer.provider, "".join(item.text for item in items if isinstance(item, Words))


async def error_of(router: Router) -> ModelError:
    """How it failed before a word came."""
    with pytest.raises(ModelError) as caught:
        await said_by(router)
    return caught.value


async def test_the_first_provider_answers() -> None:
    first, second = ScriptedModel([GOOD], "a"), ScriptedModel([GOOD], "b")
    assert await said_by(router_of(first, second)) == ("a", "Hi there")
    assert (len(second.asked), first.open) == (0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        DOWN,
        Script(refuses=ModelBusy("slow down")),
        Script(error=ModelBroken("cut before a word")),
        Script(),
        Script(words=["", " ", "\n"]),
    ],
)
async def test_a_failure_before_the_first_word_is_tried_again_and_then_elsewhere(
    bad: Script,
) -> None:
    first, second = ScriptedModel([bad], "a"), ScriptedModel([GOOD], "b")
    assert await said_by(router_of(first, second)) == ("b", "Hi there")
    assert (len(first.asked), first.open) == (2, 0)


async def test_a_second_try_may_succeed() -> None:
    first, second = ScriptedModel([DOWN, GOOD], "a"), ScriptedModel([GOOD], "b")
    assert (await said_by(router_of(first, second)))[0] == "a"


async def test_no_first_word_in_time_goes_to_the_next_at_once() -> None:
    slow = ScriptedModel([Script(words=["late"], first_seconds=60.0)], "a")
    second = ScriptedModel([GOOD], "b")
    began = asyncio.get_running_loop().time()
    assert (await said_by(router_of(slow, second)))[0] == "b"
    assert asyncio.get_running_loop().time() - began == pytest.approx(10.0, abs=0.1)
    assert (len(slow.asked), slow.open) == (1, 0)


async def test_a_model_that_never_answers_is_a_timeout() -> None:
    router = router_of(ScriptedModel([Script(hangs=True)]))
    assert isinstance(await error_of(router), ModelTimeout)


async def test_after_the_first_word_nobody_else_is_asked() -> None:
    first, second = ScriptedModel([CUT], "a"), ScriptedModel([GOOD], "b")
    async with router_of(first, second).stream(PROMPT) as answer:
        assert await anext(answer.words) == Words("Hi")
        with pytest.raises(ModelBroken):
            await anext(answer.words)
    assert (len(first.asked), len(second.asked)) == (1, 0)


async def test_silence_in_mid_reply_is_a_timeout() -> None:
    model = ScriptedModel([Script(words=["Hi"], hangs=True)])
    with pytest.raises(ModelTimeout, match="mid-reply"):
        await said_by(router_of(model))
    assert model.open == 0


async def test_a_slow_listener_is_not_taken_for_a_silent_model() -> None:
    async with router_of(ScriptedModel([GOOD])).stream(PROMPT) as answer:
        async for _ in answer.words:
            await asyncio.sleep(60)


async def test_a_short_wish_to_wait_is_kept_when_nobody_else_is_there() -> None:
    busy = Script(refuses=ModelBusy("slow down", retry_after_seconds=3.0))
    model = ScriptedModel([busy, GOOD])
    began = asyncio.get_running_loop().time()
    await said_by(router_of(model))
    assert asyncio.get_running_loop().time() - began == pytest.approx(3.0, abs=0.01)


async def test_a_wish_to_wait_is_not_waited_for_when_another_can_answer() -> None:
    busy = Script(refuses=ModelBusy("slow down", retry_after_seconds=3.0))
    first, second = ScriptedModel([busy], "a"), ScriptedModel([GOOD], "b")
    began = asyncio.get_running_loop().time()
    assert (await said_by(router_of(first, second)))[0] == "b"
    assert asyncio.get_running_loop().time() - began < 0.01


async def test_a_long_wish_to_wait_rests_the_provider_that_long() -> None:
    busy = Script(refuses=ModelBusy("slow down", retry_after_seconds=60.0))
    router = router_of(ScriptedModel([busy, GOOD]))
    assert (await error_of(router)).retry_after_seconds == 60.0
    error = await error_of(router)
    assert error.retry_after_seconds == pytest.approx(60.0)
    await asyncio.sleep(61)
    assert (await said_by(router))[1] == "Hi there"


@pytest.mark.parametrize("error", [ModelRefused("no"), ModelUnusable("wrong key")])
async def test_a_refusal_is_not_repeated_but_the_next_is_asked(error: ModelError) -> None:
    first, second = ScriptedModel([Script(refuses=error)], "a"), ScriptedModel([GOOD], "b")
    assert (await said_by(router_of(first, second)))[0] == "b"
    assert len(first.asked) == 1


async def test_a_provider_that_declines_to_answer_is_not_asked_again() -> None:
    first = ScriptedModel([Script(reason="filtered")], "a")
    assert isinstance(await error_of(router_of(first)), ModelRefused)
    assert len(first.asked) == 1


async def test_after_failures_in_a_row_a_provider_rests_and_one_trial_decides() -> None:
    first = ScriptedModel([DOWN, DOWN, DOWN, DOWN, GOOD], "a")
    second = ScriptedModel([GOOD], "b")
    router = router_of(first, second)
    for _ in range(4):
        assert (await said_by(router))[0] == "b"
    assert len(first.asked) == 3, "at the third failure it rests"
    await asyncio.sleep(31)
    assert (await said_by(router))[0] == "b"
    assert len(first.asked) == 4, "one trial, which failed"
    await asyncio.sleep(31)
    assert (await said_by(router))[0] == "a"


async def test_one_bad_message_cannot_silence_a_model_for_everybody() -> None:
    refusing = [Script(refuses=ModelRefused("no"))] * 20
    model = ScriptedModel([*refusing, GOOD])
    router = router_of(model)
    for _ in range(20):
        await error_of(router)
    assert (await said_by(router))[1] == "Hi there"


async def test_while_all_rest_it_is_told_for_how_long() -> None:
    router = router_of(ScriptedModel([DOWN]))
    for _ in range(2):
        await error_of(router)
    error = await error_of(router)
    assert "rest" in str(error)
    assert 0 < (error.retry_after_seconds or 0) <= 30


async def test_cancelling_closes_the_stream_and_frees_the_trial() -> None:
    model = ScriptedModel([DOWN, DOWN, DOWN, Script(hangs=True), GOOD])
    router = router_of(model)
    for _ in range(2):
        await error_of(router)
    await asyncio.sleep(31)
    trial = asyncio.create_task(said_by(router))
    await asyncio.sleep(1)
    assert model.open == 1
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert model.open == 0
    assert (await said_by(router))[1] == "Hi there", "a trial that was left is open to the next"


async def test_leaving_early_closes_the_stream() -> None:
    model = ScriptedModel([Script(words=["Hi"], hangs=True)])
    async with router_of(model).stream(PROMPT) as answer:
        assert await anext(answer.words) == Words("Hi")
    assert model.open == 0


async def test_a_smaller_second_choice_gets_a_shorter_prompt() -> None:
    talk = tuple(Line("user", f"{number} " + "word " * 40) for number in range(50))
    prompt = Prompt(lines=(Line("system", "You are Mira."), *talk), max_output_tokens=64)
    small = ScriptedModel([GOOD], "small", context_tokens=512)
    await said_by(router_of(ScriptedModel([DOWN], "a"), small), prompt)
    lines = small.asked[0].lines
    assert lines[0] == Line("system", "You are Mira.")
    assert lines[-1] == talk[-1]
    assert sum(small.count_tokens(line.text) for line in lines) < 512 - 64


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    odd = ModelProvider(kind="scripted")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown model provider 'scripted'; known: openai, anth"):
        build_router(ModelSettings(use=["x"], providers={"x": odd}), None, None)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown provider 'mine'; known: embedded"):
        build_router(ModelSettings(use=["mine"]), None, None)


def test_no_setting_reaches_the_scripted_provider() -> None:
    assert not any("scripted" in kind + place for kind, place in PROVIDERS.items())


def test_the_shipped_model_is_called_a_demonstration_and_no_other() -> None:
    mine = ModelProvider(base_url="http://127.0.0.1:1/v1", model="m")
    own = ModelProvider(kind="embedded", model="/models/some.Q4.gguf")
    providers = {"mine": mine, "own": own}

    def router(*use: str) -> Router:
        return build_router(ModelSettings(use=list(use), providers=providers), None, None)

    assert router("embedded").is_demo
    assert not router("mine", "embedded").is_demo
    assert not router("own").is_demo
    assert router("own").model == "some.Q4"
    assert router("embedded").context_tokens <= 1024
