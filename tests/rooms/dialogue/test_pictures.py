"""Pictures on their way to a model: in each vendor's real form, and to nobody who cannot see."""

import base64

import pytest

from config.models import ModelProvider
from rooms.dialogue.fitting import fitted
from rooms.dialogue.ports import Line, ModelBroken, Picture, Prompt
from rooms.dialogue.prompt import SIGHT, Budget, Persona, Said, Scene, compile_prompt
from rooms.dialogue.providers.scripted import Script, ScriptedModel
from rooms.dialogue.providers.table import make_provider
from tests.rooms.dialogue.test_conformance import answer_of
from tests.rooms.dialogue.test_router import PROMPT, router_of, said_by
from tests.rooms.dialogue.upstream import Upstream

JPEG = b"\xff\xd8 a small picture \xff\xd9"
SHOWN = Picture(JPEG, 512, 384)
TOLD = base64.b64encode(JPEG).decode()
LINES = (
    Line("system", "You are Mira."),
    Line("user", "Hello"),
    Line("assistant", "Hello you"),
    Line("user", "What am I holding?"),
)
SEEING = Prompt(lines=LINES, max_output_tokens=50, pictures=(SHOWN,))


@pytest.mark.parametrize("upstream", ["openai"], indirect=True)
async def test_openai_is_shown_a_data_address_with_the_last_words(upstream: Upstream) -> None:
    model = make_provider("openai", ModelProvider(base_url=upstream.url, model="m", vision=True))
    assert model.sees
    async with model.stream(SEEING) as words:
        assert [item async for item in words]
    await model.aclose()
    messages = upstream.asked[0]["messages"]
    assert [type(one["content"]) for one in messages] == [str, str, str, list]
    assert messages[-1]["content"] == [
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/jpeg;base64,{TOLD}", "detail": "low"},
        },
        {"type": "text", "text": "What am I holding?"},
    ]


@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
async def test_anthropic_is_shown_a_block_before_the_last_words(upstream: Upstream) -> None:
    settings = ModelProvider(kind="anthropic", base_url=upstream.url, model="m", vision=True)
    model = make_provider("anthropic", settings)
    async with model.stream(SEEING) as words:
        assert [item async for item in words]
    await model.aclose()
    asked = upstream.asked[0]
    assert asked["system"] == "You are Mira."
    assert asked["messages"][-1] == {
        "role": "user",
        "content": [
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": TOLD},
            },
            {"type": "text", "text": "What am I holding?"},
        ],
    }


@pytest.mark.parametrize("upstream", ["openai", "anthropic"], indirect=True)
async def test_without_a_picture_words_stay_plain(upstream: Upstream, provider: object) -> None:
    await answer_of(provider)  # type: ignore[arg-type]
    assert all(isinstance(one["content"], str) for one in upstream.asked[0]["messages"])


@pytest.mark.looptime
async def test_a_blind_provider_is_asked_without_and_it_is_known_who_saw() -> None:
    seeing = ScriptedModel([Script(words=["I", " see"])], "seeing", sees=True)
    blind = ScriptedModel([Script(words=["I", " hear"])], "blind")
    prompt = Prompt(lines=PROMPT.lines, max_output_tokens=50, pictures=(SHOWN,))
    router = router_of(seeing, blind)
    assert router.sees
    async with router.stream(prompt) as answer:
        assert (answer.provider, answer.saw) == ("seeing", 1)
    assert seeing.asked[-1].pictures == (SHOWN,)
    down = ScriptedModel([Script(refuses=ModelBroken("down"))], "down", sees=True)
    router = router_of(down, blind)
    async with router.stream(prompt) as answer:
        assert (answer.provider, answer.saw) == ("blind", 0)
    assert blind.asked[-1].pictures == ()
    assert (await said_by(router_of(blind)))[0] == "blind"


def test_a_picture_takes_its_room_in_the_budget_and_stands_in_the_account() -> None:
    persona = Persona(name="Mira", sheet="Kind.", brief="Mira.")
    said = tuple(Said("person", f"Message {n} " + "word " * 40) for n in range(20))
    scene = Scene(
        persona=persona,
        person_name="Ada",
        language="en",
        local_time="noon",
        said=said,
        spoken=True,
        pictures=(SHOWN,),
    )
    budget = Budget(prompt_tokens=1_000, reply_tokens=50, messages=0)
    seen = compile_prompt(scene, budget, lambda text: len(text) // 4)
    plain = compile_prompt(
        Scene(**{**{f: getattr(scene, f) for f in scene.__struct_fields__}, "pictures": ()}),
        budget,
        lambda text: len(text) // 4,
    )
    (section,) = [one for one in seen.sections if one.name == "picture"]
    assert (section.text, section.tokens) == ("", SHOWN.tokens)
    assert SHOWN.tokens == 263
    assert SIGHT in seen.prompt.lines[0].text
    assert seen.prompt.pictures == (SHOWN,)
    assert seen.dropped > plain.dropped
    assert SIGHT not in plain.prompt.lines[0].text
    assert seen.input_tokens <= 1_000


def test_a_smaller_model_makes_room_for_the_picture() -> None:
    lines = (Line("system", "s"), *(Line("user", "w " * 100) for _ in range(10)))
    with_one = Prompt(lines=lines, max_output_tokens=50, pictures=(SHOWN,))
    without = Prompt(lines=lines, max_output_tokens=50)
    count = len
    assert len(fitted(with_one, 1_500, 50, count).lines) < len(
        fitted(without, 1_500, 50, count).lines
    )


def test_no_picture_shows_in_what_is_printed_of_it() -> None:
    assert "small picture" not in repr(SHOWN)
    assert "small picture" not in repr(SEEING)
    assert Picture(JPEG, 20, 20).tokens == 85
