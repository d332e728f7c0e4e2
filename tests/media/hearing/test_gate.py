"""The level gate: silence passes nothing, speech passes whole, noise does not hold it open."""

from hypothesis import given
from hypothesis import strategies as st

from media.hearing.gate import Gate


def passed(gate: Gate, levels: list[float], probability: float = 0.0) -> list[bool]:
    found = []
    for level in levels:
        passes = gate.passes(level)
        if passes:
            gate.judged(probability)
        found.append(passes)
    return found


def test_silence_passes_nothing() -> None:
    assert not any(passed(Gate(), [-120.0] * 1000 + [-70.0] * 1000))


def test_speech_passes_from_its_first_loud_window() -> None:
    gate = Gate()
    passed(gate, [-80.0] * 100)
    assert all(passed(gate, [-30.0] * 20, probability=0.9))


def test_nobody_is_shut_out_in_mid_speech() -> None:
    gate = Gate()
    assert all(passed(gate, [-30.0] + [-90.0] * 500, probability=0.5))


def test_it_closes_half_a_second_after_the_last_word() -> None:
    gate = Gate()
    passed(gate, [-30.0] * 10, probability=0.9)
    assert passed(gate, [-80.0] * 30, probability=0.02).count(True) == 15


def test_steady_noise_raises_the_threshold_but_not_above_speech() -> None:
    gate = Gate()
    late = passed(gate, [-52.0] * 6000)[-100:]
    assert not any(late)
    assert gate.passes(-40.0)
    loud = Gate()
    passed(loud, [-20.0] * 6000)
    assert loud.threshold_db <= -42.0


@given(st.lists(st.floats(-120, 0), max_size=200))
def test_loud_sound_always_passes(levels: list[float]) -> None:
    gate = Gate()
    for level, passes in zip(levels, passed(gate, levels, 0.0), strict=True):
        assert passes or level < -42.0
