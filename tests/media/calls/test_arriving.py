"""Sound of a socket is told where an ear's window ends: no later than it can be judged."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from media.calls.arriving import Arriving
from media.calls.binary import PCM16, SoundFrame
from media.calls.leg import Heard
from media.sound.formats import HEARING_RATE, HEARING_WINDOW_SAMPLES


def frame(seq: int, pcm: bytes, at_ms: int) -> SoundFrame:
    return SoundFrame(PCM16, 0, 1, seq, at_ms * 1000, pcm)


def told(arriving: Arriving, frames: list[SoundFrame]) -> list[Heard]:
    return [heard for one in frames for heard in arriving.push(one)]


def test_a_whole_window_never_waits_and_half_a_window_wakes_nobody() -> None:
    arriving, known = Arriving(HEARING_RATE), 0
    for seq in range(100):
        for heard in arriving.push(frame(seq, bytes(640), seq * 20)):
            assert heard.at_sample == known
            known += len(heard.pcm) // 2
        came = 320 * (seq + 1)
        assert known >= came // HEARING_WINDOW_SAMPLES * HEARING_WINDOW_SAMPLES


def test_what_is_told_is_all_that_came_in_its_order() -> None:
    arriving = Arriving(HEARING_RATE)
    sound = Random(3).randbytes(640 * 50)
    frames = [frame(n, sound[640 * n : 640 * (n + 1)], 20 * n) for n in range(50)]
    heard = [*told(arriving, frames), *arriving.rest()]
    assert b"".join(one.pcm for one in heard) == sound
    assert len(heard) <= 32


def test_a_pause_in_sending_is_a_jump_and_what_came_before_it_is_told_before_it() -> None:
    arriving = Arriving(HEARING_RATE)
    heard = told(arriving, [frame(0, bytes(640), 0), frame(1, bytes(640), 1_000)])
    heard += arriving.rest()
    assert [(one.at_sample, len(one.pcm) // 2) for one in heard] == [(0, 320), (16_000, 320)]


@given(st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000]), st.integers(1, 60))
def test_at_any_rate_all_but_the_filters_share_is_told(rate: int, ms: int) -> None:
    arriving = Arriving(rate)
    size = rate * ms // 1000
    frames = [frame(n, bytes(2 * size), n * ms) for n in range(100)]
    heard = [*told(arriving, frames), *arriving.rest()]
    samples = sum(len(one.pcm) // 2 for one in heard)
    wanted = 100 * size * HEARING_RATE / rate
    assert wanted - HEARING_RATE * 0.06 <= samples <= wanted + 1
    ends = [one.at_sample + len(one.pcm) // 2 for one in heard]
    assert [one.at_sample for one in heard][1:] == ends[:-1]
