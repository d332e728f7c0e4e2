"""The rules of staff's hand in a room: what follows from each command, and who may not."""

import pytest

from rooms.commands import Oversee
from rooms.dialogue.prompt import BOUNDS, Budget, Persona, Said, Scene, compile_prompt
from rooms.errors import Conflict, Invalid, ProductError, TooLarge, TooMany
from rooms.oversight import (
    ENDED,
    PAUSED,
    RESUMED,
    Oversight,
    after,
    check_watches,
    refusal_of,
)


def ordered(act: str, text: str = "", *, once: bool = True) -> Oversee:
    return Oversee(id="1", room="r_1", act=act, text=text, once=once)  # type: ignore[arg-type]


def test_a_pause_is_told_once_and_refuses_turns_until_it_is_lifted() -> None:
    paused, told = after(Oversight(), ordered("pause"), 100)
    assert (paused.halted, told) == ("paused", PAUSED)
    assert after(paused, ordered("pause"), 100) == (paused, "")
    with pytest.raises(Conflict) as refused:
        paused.check_running()
    assert refused.value.code == "room_paused"
    running, told = after(paused, ordered("resume"), 100)
    assert told == RESUMED
    running.check_running()
    assert after(running, ordered("resume"), 100) == (running, "")


def test_an_ended_room_refuses_turns_and_is_not_paused_again() -> None:
    ended, told = after(Oversight(halted="paused"), ordered("end"), 100)
    assert told == ENDED
    with pytest.raises(Conflict) as refused:
        ended.check_running()
    assert refused.value.code == "room_ended"
    with pytest.raises(Conflict):
        after(ended, ordered("pause"), 100)


def test_a_direction_is_for_one_reply_or_until_it_is_withdrawn() -> None:
    once, told = after(Oversight(), ordered("whisper", " Be brief. "), 100)
    assert (once.direction, told) == ("Be brief.", "")
    assert once.replied().direction == ""
    standing, _ = after(Oversight(), ordered("whisper", "Be brief.", once=False), 100)
    assert standing.replied() == standing
    assert after(standing, ordered("withdraw"), 100)[0].direction == ""


@pytest.mark.parametrize(("text", "kind"), [(" \u200b", Invalid), ("x" * 101, TooLarge)])
def test_a_direction_has_words_and_an_end(text: str, kind: type[ProductError]) -> None:
    with pytest.raises(kind):
        after(Oversight(), ordered("whisper", text), 100)


@pytest.mark.parametrize(
    ("role", "scopes", "enabled", "code"),
    [
        ("member", {"*"}, True, "missing_role"),
        ("moderator", {"*"}, True, "missing_role"),
        ("admin", {"chat"}, True, "missing_scope"),
        ("admin", {"*"}, False, "oversight_off"),
        ("admin", {"*"}, True, None),
    ],
)
def test_only_an_administrator_looks(
    role: str, scopes: set[str], enabled: bool, code: str | None
) -> None:
    refusal = refusal_of(role, frozenset(scopes), enabled=enabled)
    assert (refusal.code if refusal else None) == code


def test_nobody_watches_more_rooms_than_the_limit() -> None:
    check_watches(7, 8)
    with pytest.raises(TooMany):
        check_watches(8, 8)


@pytest.mark.parametrize("small", [False, True])
def test_a_direction_stands_behind_the_bounds_and_in_no_account(small: bool) -> None:
    scene = Scene(
        persona=Persona(name="Mira", sheet="A sailor.", brief="You are Mira."),
        person_name="Sam",
        language="en",
        local_time="Monday, 10:00",
        said=(Said("person", "Hello"),),
        small_model=small,
    )
    budget = Budget(prompt_tokens=1_000, reply_tokens=100)
    plain = compile_prompt(scene, budget, len)
    directed = compile_prompt(
        Scene(**{**_fields(scene), "direction": "Speak of the sea."}), budget, len
    )
    system = directed.prompt.lines[0].text
    assert system.index(BOUNDS) < system.index("Speak of the sea.")
    assert (directed.directed, plain.directed) == (True, False)
    assert directed.input_tokens == plain.input_tokens
    assert directed.sections == plain.sections


def _fields(scene: Scene) -> dict[str, object]:
    return {name: getattr(scene, name) for name in Scene.__struct_fields__}
