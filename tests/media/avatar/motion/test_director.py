"""The director: alive in every state, the same for the same seed, and calm when interrupted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.avatar.motion.attitudes import ATTITUDES, Attitude
from media.avatar.motion.director import Director
from media.avatar.motion.expressions import EXPRESSIONS, Feeling, known, read_feeling
from media.avatar.state import COLUMN, HIGH, LOW, VISIBLE, Rows
from media.sound.formats import PLAYOUT_RATE
from tests.media.avatar.motion.speech import babble, length, sound, spans

FRAME = PLAYOUT_RATE // 25
# The most a part may move in one frame of 40 ms, by eye: lids and eyes are quick, a head is not.
QUICK = {"blink_left": 0.85, "blink_right": 0.85, "gaze_x": 1.1, "gaze_y": 1.1}
HEAD = {"yaw": 1.2, "pitch": 1.6, "roll": 1.2, "breath": 0.08, "sway": 0.2}


def look(director: Director, seconds: float, start: int = 0) -> Rows:
    """Watch silence for a while."""
    return np.array([director.row(start + k * FRAME) for k in range(int(seconds * 25))])


def column(rows: Rows, name: str) -> Rows:
    return rows[:, COLUMN[name]]


@pytest.mark.parametrize("attitude", ATTITUDES)
def test_never_a_frozen_frame(attitude: Attitude) -> None:
    director = Director("anna")
    director.behave(attitude)
    rows = look(director, 20)
    moved = (np.abs(np.diff(rows, axis=0)) > VISIBLE * 0.1).any(axis=1)
    assert moved.mean() > 0.97
    half = rows[12:] - rows[:-12]  # within half a second anybody sees it move
    assert (np.abs(half) > VISIBLE).any(axis=1).all()


@given(seed=st.integers(0, 9999), told=st.lists(st.sampled_from(
    [*ATTITUDES, "speak", "flush", "joy", "surprised", "sad", "angry", "pause"]),
    min_size=3, max_size=12))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_whatever_happens_the_face_stays_in_range_and_nothing_jumps(
    seed: int, told: list[str]
) -> None:
    director, chance = Director(str(seed)), np.random.default_rng(seed)
    rows, at, start, until = [], 0, 0, -1
    for what in told:
        if what == "speak":
            visemes = babble(chance, 20)
            director.speak(director.epoch + 1, 0, sound(visemes), visemes)
            start, until = at, at + length(visemes)
        elif what == "flush":
            director.flush(director.epoch + 1)
            until = -1
        elif what == "pause":
            until = -1
        elif what in EXPRESSIONS and what not in ATTITUDES:
            director.feel(Feeling(name=what))
        else:
            director.behave(what)  # type: ignore[arg-type]
        for _ in range(int(chance.integers(1, 40))):
            rows.append(director.row(at, at - start if at < until else None))
            at += FRAME
    face = np.array(rows)
    assert (face >= LOW).all()
    assert (face <= HIGH).all()
    for name, place in COLUMN.items():
        most = QUICK.get(name, HEAD.get(name, 0.8))
        assert np.abs(np.diff(face[:, place])).max(initial=0) <= most, name


def test_the_same_seed_gives_the_same_face_and_another_seed_another() -> None:
    visemes = babble(np.random.default_rng(3))

    def play(seed: str) -> Rows:
        director = Director(seed)
        director.speak(1, 0, sound(visemes), visemes)
        return np.array([director.row(k * FRAME, k * FRAME) for k in range(100)])

    assert (play("a") == play("a")).all()
    assert not (play("a") == play("b")).all()


@given(seed=st.integers(0, 9999), cut=st.integers(10, 90))
@settings(max_examples=30, deadline=None)
def test_an_interruption_closes_and_calms_the_face_within_120_ms(seed: int, cut: int) -> None:
    visemes = babble(np.random.default_rng(seed), 60)
    director = Director(str(seed))
    director.speak(1, 0, sound(visemes), visemes)
    for k in range(cut):
        director.row(k * FRAME, k * FRAME)
    director.flush(2)
    rows = np.array([director.row((cut + k) * FRAME) for k in range(6)])
    for name in ("jaw", "teeth", "press", "tuck", "tongue"):
        assert column(rows, name)[2] < 0.1, name  # the third frame is 120 ms later
        assert column(rows, name)[4] < 0.03, name
    assert abs(column(rows, "wide")[2]) < 0.12


def test_a_stale_epoch_says_nothing() -> None:
    visemes = spans(("sil", 100), ("aa", 400))
    director = Director("x")
    director.flush(5)
    director.speak(4, 0, sound(visemes), visemes)
    rows = np.array([director.row(k * FRAME, k * FRAME) for k in range(12)])
    assert column(rows, "jaw").max() == 0.0


def test_people_blink_about_as_often_as_people_do() -> None:
    director = Director("blinker")
    director.behave("listening")
    lids = column(look(director, 120), "blink_left")
    blinks = ((lids[1:] > 0.5) & (lids[:-1] <= 0.5)).sum()
    assert 15 <= blinks <= 80
    assert lids.max() > 0.95


def test_listening_looks_at_you_and_nods_and_thinking_looks_up_and_away() -> None:
    listening, thinking = Director("s"), Director("s")
    listening.behave("listening")
    thinking.behave("thinking")
    listens, thinks = look(listening, 30), look(thinking, 30)
    assert np.abs(np.median(column(listens, "gaze_x"))) < 0.1
    assert np.median(column(thinks, "gaze_y")) > 0.3
    assert np.median(np.abs(column(thinks, "gaze_x"))) > 0.2
    assert column(listens, "pitch").min() < -2.5  # a nod
    assert np.median(column(thinks, "pitch")) > 1.0


@pytest.mark.parametrize(("brief", "then"), [("greeting", "listening"), ("goodbye", "idle")])
def test_a_greeting_smiles_nods_and_is_over(brief: Attitude, then: Attitude) -> None:
    director = Director("g")
    director.behave(brief)
    rows = look(director, 4)
    assert column(rows, "smile")[20:50].max() > 0.45
    assert director.attitude == then
    assert column(rows, "smile")[-1] < 0.3


def test_the_head_nods_on_the_stresses_of_speech() -> None:
    visemes = spans(*(("DD", 60), ("aa", 240), ("sil", 300)) * 6)
    director, silent = Director("n"), Director("n")
    director.behave("speaking")
    silent.behave("speaking")
    director.speak(1, 0, sound(visemes), visemes)
    count = length(visemes) // FRAME
    spoken = np.array([director.row(k * FRAME, k * FRAME) for k in range(count)])
    quiet = np.array([silent.row(k * FRAME, k * FRAME) for k in range(count)])
    dips = column(spoken, "pitch") - column(quiet, "pitch")
    assert dips.min() < -0.8


def test_a_feeling_waits_for_the_word_it_belongs_to_and_then_fades() -> None:
    visemes = spans(
        ("aa", 3000),
    )
    director = Director("f")
    director.speak(1, 0, sound(visemes), visemes)
    director.feel(Feeling(name="joy"), at_sample=24_000)
    rows = np.array([director.row(k * FRAME, k * FRAME) for k in range(75)])
    assert column(rows, "smile")[24] < 0.2
    assert column(rows, "smile")[60] > 0.6
    later = look(director, 6, start=75 * FRAME)
    assert column(later, "smile")[-1] < 0.1


def test_words_ask_for_expressions() -> None:
    assert read_feeling("*laughs softly* you are funny").name == "joy"
    assert read_feeling("Oh no 😢").name == "sad"
    assert read_feeling("[sighs] fine").name == "sad"
    assert read_feeling("It rained.").name == "neutral"
    assert read_feeling("It rained.", valence=-0.8).name == "sad"
    assert read_feeling("Really?").name == "surprised"
    assert known("winks") == "playful"
    assert known("no such thing") == "neutral"
    assert all(name in COLUMN for offsets in EXPRESSIONS.values() for name in offsets)


def test_a_late_look_after_minutes_does_not_make_it_jump() -> None:
    director = Director("late")
    director.row(0)
    before = director.row(FRAME)
    after = director.row(600 * PLAYOUT_RATE)
    assert np.isfinite(after).all()
    assert np.abs(after - before)[COLUMN["jaw"]] < 0.1
