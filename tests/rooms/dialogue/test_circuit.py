"""The router's rules, called directly: whatever happens, a circuit is never stuck."""

from hypothesis import given
from hypothesis import strategies as st

from rooms.dialogue.circuit import (
    RETRY_WAIT_SECONDS_MAX,
    Circuit,
    wait_before_asking_again,
)
from rooms.dialogue.ports import ModelBroken, ModelBusy, ModelError, ModelRefused, ModelTimeout

ERRORS = st.sampled_from(
    [
        ModelBroken("x"),
        ModelBusy("x", retry_after_seconds=2.0),
        ModelBusy("x", retry_after_seconds=100.0),
        ModelTimeout("x"),
        ModelRefused("x"),
    ]
)
STEPS = st.lists(st.one_of(st.floats(0, 20), st.sampled_from(["good", "left"]), ERRORS))


@given(STEPS)
def test_after_any_history_a_rest_ends_and_one_asker_may_try(
    steps: list[float | str | ModelError],
) -> None:
    circuit, now = Circuit(), 0.0
    for step in steps:
        if isinstance(step, float):
            now += step
        if not circuit.may_ask(now):
            continue
        asked = circuit.asked(now)
        assert not (asked.trying and asked.may_ask(now)), "one trial at a time"
        match step:
            case ModelError():
                circuit = asked.failed_with(step, now, 3, 30.0)
            case "good":
                circuit = asked.succeeded()
            case _:
                circuit = asked.left()
    later = now + circuit.rests_seconds(now) + 1e-6  # sums of floats fall short by a hair
    assert circuit.may_ask(later)
    assert circuit.rests_seconds(now) <= 100.0 + 1e-6


@given(ERRORS, st.integers(1, 5), st.integers(0, 4), st.booleans(), st.floats(0, 1))
def test_a_wait_is_short_or_not_waited(
    error: ModelError, attempt: int, retries: int, others: bool, chance: float
) -> None:
    wait = wait_before_asking_again(error, attempt, retries, others=others, chance=chance)
    if wait is None:
        return
    assert error.retryable
    assert attempt <= retries
    assert (error.retry_after_seconds or 0.0) <= wait <= RETRY_WAIT_SECONDS_MAX
    assert not others or wait <= 0.5
