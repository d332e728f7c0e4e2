"""What is particular to OpenAI-compatible addresses: each of them lacks something else."""

import json

import pytest

from rooms.dialogue.ports import LanguageModel, Line, ModelBroken, ModelUnusable, Prompt, Words
from rooms.dialogue.providers import reading
from rooms.dialogue.providers.openai import OpenAIDecoder
from tests.rooms.dialogue.test_conformance import answer_of, broken_answer
from tests.rooms.dialogue.upstream import Answer, Upstream

pytestmark = pytest.mark.parametrize("upstream", ["openai"], indirect=True)


def refusal(message: str, param: str | None = None) -> Answer:
    """A 400 in OpenAI's form."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param}}
    return Answer(status=400, body=json.dumps(body))


async def test_an_address_that_rejects_stream_options_is_asked_without(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [
        refusal("Unrecognized request argument supplied: stream_options"),
        Answer(words=("Fine",), then="no usage"),
    ]
    assert (await answer_of(provider))[0] == "Fine"
    assert (await answer_of(provider))[0] == "Fine"
    assert ["stream_options" in asked for asked in upstream.asked] == [True, False, False]


async def test_a_model_that_wants_other_names_gets_them(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
        ),
        refusal("Unsupported value: 'temperature' does not support 0.8.", "temperature"),
        Answer(words=("Fine",)),
    ]
    assert (await answer_of(provider))[0] == "Fine"
    last = upstream.asked[-1]
    assert (last["max_completion_tokens"], "max_tokens" in last, "temperature" in last) == (
        50,
        False,
        False,
    )


async def test_words_about_a_parameter_are_not_taken_for_its_refusal(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [refusal("Blocked: 'what temperature is it' is not allowed.")]
    await broken_answer(provider)
    assert len(upstream.asked) == 1


async def test_a_page_instead_of_a_stream_names_the_address_as_the_fault(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(headers={"content-type": "text/html"}, body="<html>Welcome</html>")]
    error = (await broken_answer(provider))[1]
    assert isinstance(error, ModelUnusable)
    assert "text/html" in str(error)


async def test_a_used_up_quota_is_not_asked_again(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [Answer(status=429, body='{"error": {"code": "insufficient_quota"}}')]
    error = (await broken_answer(provider))[1]
    assert isinstance(error, ModelUnusable)


async def test_a_begun_reply_stands_last_and_stops_are_at_most_four(
    upstream: Upstream, provider: LanguageModel
) -> None:
    prompt = Prompt(
        lines=(Line("user", "Go on"),),
        max_output_tokens=10,
        stop=("a", "b", "c", "d", "e"),
        prefill="Once upon",
        temperature=2.0,
    )
    await answer_of(provider, prompt)
    asked = upstream.asked[0]
    assert asked["messages"][-1] == {"role": "assistant", "content": "Once upon"}
    assert asked["stop"] == ["a", "b", "c", "d"]
    assert asked["temperature"] == 0.8, "the operator's setting is the most"


async def test_what_the_provider_wrote_is_kept_for_the_operator_only(
    upstream: Upstream, provider: LanguageModel
) -> None:
    upstream.answers = [refusal("You said: my secret")]
    error = (await broken_answer(provider))[1]
    assert "secret" in error.detail
    assert "secret" not in str(error)


async def test_a_line_without_end_is_refused(upstream: Upstream, provider: LanguageModel) -> None:
    items: reading.Items = reading.deque()
    decoder = OpenAIDecoder()
    decoder.feed(b"data: " + b"x" * 900_000, items)
    with pytest.raises(ModelBroken, match="without end"):
        decoder.feed(b"x" * 100_000, items)
    assert not items


@pytest.mark.parametrize(
    "chunk", [b"null", b"[]", b'{"choices": 3}', b'{"choices": [{"delta": 1}]}']
)
async def test_json_of_another_shape_is_a_broken_chunk(
    upstream: Upstream, provider: LanguageModel, chunk: bytes
) -> None:
    items: reading.Items = reading.deque([Words("before")])
    with pytest.raises(ModelBroken, match="cannot be read"):
        OpenAIDecoder().feed(b"data: " + chunk + b"\n\n", items)
    assert len(items) == 1
