"""How much of a spoken session is paid: time while sound flows, and never less than the sound."""

from realtime.openai_seconds import IDLE_MS, SoundTime

SECOND = 24_000


def test_a_microphone_that_streams_is_counted_by_the_clock() -> None:
    time = SoundTime()
    for ms in range(0, 10_000, 100):
        time.heard(2_400, ms)
    assert time.due_ms(10_000) == 10_000
    assert time.due_ms(10_500) == 500
    assert time.due_ms(10_500) == 0


def test_nothing_counts_once_no_sound_has_flowed_for_a_while() -> None:
    time = SoundTime()
    time.heard(2_400, 1_000)
    assert time.due_ms(3_600_000) == IDLE_MS
    assert not time.flows(3_600_000)
    time.heard(2_400, 3_600_000)
    assert time.due_ms(3_601_000) == 1_000


def test_sound_that_comes_at_once_counts_as_long_as_it_sounds() -> None:
    time = SoundTime()
    time.heard(60 * SECOND, 0)
    assert time.due_ms(100) == 60_000
    time.spoken(30 * SECOND, 200)
    assert time.due_ms(300) == 0  # both sides at the same time are paid for once
    time.spoken(60 * SECOND, 400)
    assert time.due_ms(500) == 30_000


def test_before_the_first_sound_nothing_counts_and_a_clock_may_stand_anywhere() -> None:
    time = SoundTime()
    assert time.due_ms(5_000_000) == 0
    time.spoken(SECOND, 6_000_000)
    assert time.due_ms(6_000_500) == 1_000
