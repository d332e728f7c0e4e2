"""What is particular to Anthropic: the system apart, the person first, no empty lines."""

import json

import pytest

from rooms.dialogue.ports import LanguageModel, Line, ModelRefused, Prompt
from tests.rooms.dialogue.test_conformance import PROMPT, answer_of, broken_answer
from tests.rooms.dialogue.upstream import Answer, Upstream

pytestmark = pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)


def refusal(message: str) -> Answer:
    """A 400 in Anthropic's form."""
    error = {"type": "invalid_request_error", "message": message}
    return Answer(status=400, body=json.dumps({"type": "error", "error": error}))


async def test_the_system_text_travels_apart(upstream: Upstream, provider: LanguageModel) -> None:
    await answer_of(provider)
    asked = upstream.asked[0]
    assert asked["system"] == "You are Mira."
    assert [line["role"] for line in asked["messages"]] == ["user", "assistant", "user"]
    assert upstream.headers[0]["anthropic-version"]


async def test_a_greeting_is_preceded_by_the_person(
    upstream: Upstream, provider: LanguageModel
) -> None:
    prompt = Prompt(
        lines=(Line("assistant", "Hi, I am Mira."), Line("user", "  "), Line("user", "Hello")),
        max_output_tokens=10,
        prefill="Nice to ",
        stop=("\n", "END"),
    )
    await answer_of(provider, prompt)
    asked = upstream.asked[0]
    assert [line["role"] for line in asked["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert asked["messages"][-1]["content"] == "Nice to", "trailing blanks are refused"
    assert asked["stop_sequences"] == ["END"], "blank ones are refused"
    assert "system" not in asked


async def test_a_model_without_prefill_is_told_to_go_on(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [
        refusal("This model does not support assistant message prefill."),
        Answer(words=(" more",)),
    ]
    prompt = Prompt(lines=PROMPT.lines, max_output_tokens=10, prefill="And then")
    for _ in range(2):
        assert (await answer_of(provider, prompt))[0] == " more"
    last = upstream.asked[-1]["messages"]
    assert [line["role"] for line in last[-2:]] == ["assistant", "user"]
    assert len(upstream.asked) == 3, "it is learnt once"


async def test_a_model_without_a_temperature_is_asked_without(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [
        refusal("`temperature` is deprecated for this model."),
        Answer(words=("Fine",)),
    ]
    assert (await answer_of(provider))[0] == "Fine"
    assert ["temperature" in asked for asked in upstream.asked] == [True, False]


async def test_any_other_refusal_is_final(upstream: Upstream, provider: LanguageModel) -> None:
    upstream.answers = [refusal("prompt is too long")]
    error = (await broken_answer(provider))[1]
    assert type(error) is ModelRefused
    assert len(upstream.asked) == 1
