"""What has left is known to the sample, and nothing of an old epoch follows into a new one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.calls.playout import MOST_SAMPLES, Playout
from media.sound.formats import PLAYOUT_FRAME_SAMPLES


def sound(samples: int, value: int = 1000) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


def test_frames_come_in_order_and_the_last_is_filled_with_silence() -> None:
    playout = Playout()
    playout.play(0, sound(480, 1))
    playout.play(0, sound(100, 2))
    first, second = playout.frame(), playout.frame()
    assert first == sound(480, 1)
    assert second == sound(100, 2) + sound(380, 0)
    assert (playout.played, playout.queued, playout.frame()) == (580, 0, None)


def test_sound_of_an_old_or_a_coming_epoch_is_ignored() -> None:
    playout = Playout()
    playout.flush(2)
    playout.play(1, sound(480))
    playout.play(3, sound(480))
    assert playout.queued == 0


def test_an_epoch_begins_at_nothing_and_never_twice() -> None:
    playout = Playout()
    playout.play(0, sound(960))
    playout.frame()
    assert playout.flush(1)
    assert (playout.played, playout.queued) == (0, 0)
    assert not playout.flush(1)
    assert not playout.flush(0)


def test_a_pause_keeps_the_queue_and_resuming_fades_in() -> None:
    playout = Playout()
    playout.play(0, sound(960))
    assert playout.pause()
    assert not playout.pause()
    assert playout.frame() is None
    assert playout.queued == 960
    playout.resume()
    frame = np.frombuffer(playout.frame() or b"", "<i2")
    assert frame[0] == 0
    assert 0 < frame[120] < 1000
    assert list(frame[240:]) == [1000] * 240


def test_more_than_five_seconds_is_not_kept_and_counted() -> None:
    playout = Playout()
    playout.play(0, sound(MOST_SAMPLES + 10))
    assert (playout.queued, playout.refused_samples) == (MOST_SAMPLES, 10)


@given(st.lists(st.integers(0, 1500), max_size=20), st.integers(0, 30))
def test_what_left_and_what_waits_is_what_was_played(pieces: list[int], frames: int) -> None:
    playout = Playout()
    for piece in pieces:
        playout.play(0, sound(piece))
    given_samples = min(sum(pieces), MOST_SAMPLES)
    for _ in range(frames):
        frame = playout.frame()
        assert frame is None or len(frame) == PLAYOUT_FRAME_SAMPLES * 2
    assert playout.played + playout.queued == given_samples
    assert playout.played == min(given_samples, frames * PLAYOUT_FRAME_SAMPLES)
