"""A compiled prompt keeps what matters, drops the oldest first, and accounts for every token."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rooms.dialogue.prompt import Budget, Persona, Said, Scene, compile_prompt
from rooms.ports import Memory

PERSONA = Persona(name="Mira", sheet="A marine biologist.", brief="You are Mira, a biologist.")


def count(text: str) -> int:
    return (len(text) + 3) // 4


def scene(*said: Said, **more: object) -> Scene:
    return Scene(
        persona=PERSONA,
        person_name="Sam",
        language="en",
        local_time="Friday, 21:14",
        said=said,
        **more,  # type: ignore[arg-type]
    )


def test_the_free_window_is_the_last_ten_messages() -> None:
    said = [Said("person" if i % 2 == 0 else "companion", f"message {i}") for i in range(30)]
    compiled = compile_prompt(scene(*said), Budget(prompt_tokens=4000, reply_tokens=100), count)
    text = "\n".join(line.text for line in compiled.prompt.lines)
    assert "message 20" in text
    assert "message 19" not in text
    assert compiled.dropped == 20


def test_the_persona_and_the_bounds_come_first_and_memories_are_told_apart() -> None:
    compiled = compile_prompt(
        scene(Said("person", "hi"), memories=(Memory("m_1", "Sam keeps bees", 0.9),)),
        Budget(prompt_tokens=4000, reply_tokens=100),
        count,
    )
    names = [section.name for section in compiled.sections]
    assert names == ["persona", "bounds", "manner", "memories", "moment", "message.person"]
    assert "Sam keeps bees" in compiled.prompt.lines[0].text


def test_a_message_longer_than_the_budget_is_clipped_not_dropped() -> None:
    long = "start " + "x" * 100_000 + " end"
    compiled = compile_prompt(
        scene(Said("person", long)), Budget(prompt_tokens=600, reply_tokens=100), count
    )
    last = compiled.prompt.lines[-1].text
    assert last.startswith("start")
    assert last.endswith("end")
    assert len(last) < 2000


def test_a_long_history_begins_at_the_same_message_for_several_turns() -> None:
    said = [
        Said("person", "Go on, please. " + "word " * 20)
        if i % 2 == 0
        else Said("companion", f"message {i} " + "word " * 20)
        for i in range(200)
    ]
    begins = []
    for length in range(80, 200, 2):
        budget = Budget(prompt_tokens=1_000, reply_tokens=100, messages=0)
        compiled = compile_prompt(scene(*said[:length]), budget, count)
        begins.append(compiled.prompt.lines[1].text)
        assert said[length - 1].text in compiled.prompt.lines[-1].text
        assert compiled.input_tokens > 500, "no more than half of the room is given away"
    assert len(set(begins)) <= len(begins) / 3, "it moves on with every third turn at most"


def test_what_a_small_model_has_read_is_read_again_in_less_than_every_second_turn() -> None:
    """Ten messages are a plan's window: one that moves on with each turn costs seconds on a CPU."""
    said = [Said("companion" if i % 2 else "person", f"message {i}") for i in range(400)]
    budget = Budget(prompt_tokens=640, reply_tokens=60)
    again, before = 0, list[str]()
    for length in range(21, 400, 2):
        compiled = compile_prompt(scene(*said[:length], small_model=True), budget, count)
        lines = [line.text for line in compiled.prompt.lines]
        again += lines[: len(before)] != before
        before = lines
        assert 4 <= len(compiled.sections) - 1 <= 10
    assert again <= 190 / 2


def test_where_a_history_begins_does_not_hang_on_words_that_are_not_said_yet() -> None:
    """Also where few long messages have room: a small model reads them before the next words."""
    budget = Budget(prompt_tokens=640, reply_tokens=60)
    for first in range(60):
        said = [
            Said("companion" if i % 2 else "person", f"{first} {i} " + "river " * (60 + 5 * first))
            for i in range(20)
        ]
        begun = {
            compile_prompt(scene(*said, Said("person", last), small_model=True), budget, count)
            .prompt.lines[:-1]
            for last in ("So what now?", "What for so?", "Now so what?", "For what so?")
        }  # fmt: skip
        assert len(begun) == 1, first


def test_a_continued_reply_is_prefilled() -> None:
    compiled = compile_prompt(
        scene(Said("person", "tell me"), begun="Once upon"),
        Budget(prompt_tokens=4000, reply_tokens=100),
        count,
    )
    assert compiled.prompt.prefill == "Once upon"


@given(
    st.lists(st.tuples(st.booleans(), st.text(min_size=1, max_size=400)), max_size=40),
    st.integers(400, 3000),
)
def test_a_prompt_never_exceeds_its_budget_and_always_alternates(
    turns: list[tuple[bool, str]], budget: int
) -> None:
    said = [Said("person" if mine else "companion", text) for mine, text in turns]
    compiled = compile_prompt(
        scene(*said), Budget(prompt_tokens=budget, reply_tokens=50, messages=0), count
    )
    roles = [line.role for line in compiled.prompt.lines[1:]]
    assert all(a != b for a, b in itertools.pairwise(roles))
    assert not roles or roles[0] == "user"
    assert compiled.input_tokens <= budget + 40
