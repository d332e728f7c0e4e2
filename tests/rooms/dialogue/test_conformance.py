"""Every provider keeps the port's promises against a server that speaks its vendor's format."""

import asyncio
import email.utils
import time

import pytest

from config.models import ModelProvider
from rooms.dialogue.ports import (
    Ended,
    LanguageModel,
    Line,
    ModelBroken,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnusable,
    Prompt,
    Words,
)
from rooms.dialogue.providers.table import make_provider
from tests.rooms.dialogue.upstream import Answer, Upstream

PROMPT = Prompt(
    lines=(
        Line("system", "You are Mira."),
        Line("user", "Hello"),
        Line("assistant", "Hi!"),
        Line("user", "How are you? 你好 🌧"),
    ),
    max_output_tokens=50,
)


async def answer_of(provider: LanguageModel, prompt: Prompt = PROMPT) -> tuple[str, Ended]:
    """The whole answer."""
    items = []
    async with provider.stream(prompt) as stream:
        async for item in stream:
            items.append(item)
    assert isinstance(items[-1], Ended)
    words = items[:-1]
    assert all(isinstance(item, Words) and item.text and item.tokens > 0 for item in words)
    return "".join(item.text for item in words if isinstance(item, Words)), items[-1]


async def broken_answer(provider: LanguageModel) -> tuple[str, ModelError]:
    """What came before the failure, and the failure."""
    said = ""
    try:
        async with provider.stream(PROMPT) as stream:
            async for item in stream:
                assert isinstance(item, Words)
                said += item.text
    except ModelError as error:
        return said, error
    raise AssertionError("it did not fail")


async def test_words_come_in_order_and_the_end_carries_the_counts(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(words=("Rain", " again", ",", " 雨", " 🌧"))]
    text, ended = await answer_of(provider)
    assert text == "Rain again, 雨 🌧"
    assert ended == Ended(reason="stop", input_tokens=11, output_tokens=5)


@pytest.mark.parametrize("reason", ["stop", "length", "filtered"])
async def test_why_it_ended_is_told(
    upstream: Upstream, provider: LanguageModel, reason: str
) -> None:
    upstream.answers = [Answer(words=("So",), reason=reason)]  # type: ignore[arg-type]
    assert (await answer_of(provider))[1].reason == reason


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_the_network_may_split_bytes_anywhere(
    upstream: Upstream, provider: LanguageModel, size: int
) -> None:
    upstream.answers = [Answer(words=("Snow", " ❄️", " fällt"), bytes_at_once=size)]
    assert (await answer_of(provider))[0] == "Snow ❄️ fällt"


async def test_without_counts_none_are_invented(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(words=("a", "b"), then="no usage")]
    ended = (await answer_of(provider))[1]
    assert ended.output_tokens is None


async def test_a_missing_farewell_is_no_failure(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(words=("All", " said."), then="no farewell")]
    assert (await answer_of(provider))[0] == "All said."


@pytest.mark.parametrize("then", ["cut", "abort", "garbage", "invalid utf-8", "error"])
async def test_a_stream_that_breaks_gives_its_words_first(
    upstream: Upstream, provider: LanguageModel, then: str
) -> None:
    upstream.answers = [Answer(words=("One", " two"), then=then)]  # type: ignore[arg-type]
    said, error = await broken_answer(provider)
    # An aborted connection may lose what was still under way, like any real one.
    assert said == "One two" or (then == "abort" and "One two".startswith(said))
    assert type(error) is ModelBroken
    assert error.retryable


async def test_overload_in_mid_stream_is_told_as_busy(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(words=("One",), then="overloaded")]
    said, error = await broken_answer(provider)
    assert (said, type(error)) == ("One", ModelBusy)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ModelRefused),
        (401, ModelUnusable),
        (403, ModelUnusable),
        (404, ModelUnusable),
        (429, ModelBusy),
        (500, ModelBroken),
        (502, ModelBroken),
        (529, ModelBusy),
    ],
)
async def test_a_status_becomes_the_error_it_means(
    upstream: Upstream, provider: LanguageModel, status: int, kind: type[ModelError]
) -> None:
    upstream.answers = [Answer(status=status, body='{"error": {"message": "no", "type": "x"}}')]
    said, error = await broken_answer(provider)
    assert (said, type(error)) == ("", kind)
    assert len(upstream.asked) == 1, "the router retries, nobody else"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "never"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
async def test_the_providers_wish_to_wait_is_kept(
    upstream: Upstream, provider: LanguageModel, headers: dict[str, str], seconds: float | None
) -> None:
    upstream.answers = [Answer(status=429, headers=headers, body="{}")]
    error = (await broken_answer(provider))[1]
    assert error.retry_after_seconds == seconds


async def test_a_wish_to_wait_may_be_a_date(upstream: Upstream, provider: LanguageModel) -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    upstream.answers = [Answer(status=503, headers={"retry-after": date}, body="{}")]
    error = (await broken_answer(provider))[1]
    assert error.retry_after_seconds is not None
    assert 25 < error.retry_after_seconds <= 31


async def test_leaving_in_mid_stream_hangs_up_at_once(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(words=("One",), then="stall")]
    async with provider.stream(PROMPT) as stream:
        assert (await anext(stream)) == Words("One", 1)
    async with asyncio.timeout(0.1):
        await upstream.left.wait()


@pytest.mark.parametrize("answer", [Answer(late=True), Answer(words=("One",), then="stall")])
async def test_cancelling_hangs_up_at_once(
    upstream: Upstream, provider: LanguageModel, answer: Answer
) -> None:
    upstream.answers = [answer]
    waiting = asyncio.Event()

    async def listen() -> None:
        async with provider.stream(PROMPT) as stream:
            if answer.words:
                await anext(stream)
            waiting.set()
            await anext(stream)

    task = asyncio.create_task(listen())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(0.1):
        await upstream.left.wait()


async def test_hidden_reasoning_is_never_shown(upstream: Upstream, provider: LanguageModel) -> None:
    words = ("<th", "ink>She is", " sad</thi", "nk>\n\n", "Come", " here, 2 < 3")
    upstream.answers = [Answer(words=words, thinking="be warm")]
    assert (await answer_of(provider))[0] == "Come here, 2 < 3"


async def test_an_answer_without_words_ends_without_any(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer()]
    assert (await answer_of(provider))[0] == ""


async def test_a_finished_answer_leaves_its_connection_for_the_next(
    upstream: Upstream, provider: LanguageModel
) -> None:
    for _ in range(3):
        await answer_of(provider)
    assert (len(upstream.asked), upstream.connections) == (3, 1)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_nobody_listening_is_a_broken_provider(kind: str) -> None:
    settings = ModelProvider(kind=kind, base_url="http://127.0.0.1:1", model="m")  # type: ignore[arg-type]
    provider = make_provider(kind, settings)
    assert isinstance((await broken_answer(provider))[1], ModelBroken)
    await provider.aclose()


async def test_the_key_and_the_limits_are_sent(upstream: Upstream, provider: LanguageModel) -> None:
    await answer_of(provider)
    headers, asked = upstream.headers[0], upstream.asked[0]
    assert "a-key-for-tests" in (headers.get("authorization", "") + headers.get("x-api-key", ""))
    assert asked["model"] == "some-model"
    assert asked["max_tokens"] == 50
    assert asked["stream"] is True
    assert asked["messages"][-1] == {"role": "user", "content": "How are you? 你好 🌧"}
