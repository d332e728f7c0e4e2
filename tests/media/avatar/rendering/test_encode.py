"""An encoder keeps to its rate, gives a keyframe when asked, and bears a change of size."""

import numpy as np
import numpy.typing as npt
import pytest

from media.avatar.rendering.encode import Coded, FrameEncoder
from media.avatar.rendering.wire import Codec

SIZE, FPS = 256, 25


def busy(count: int, size: int = SIZE) -> list[npt.NDArray[np.uint8]]:
    """Pictures with enough in them for the highest rate here: a texture that moves in jumps."""
    chance = np.random.default_rng(4)
    texture = np.kron(chance.integers(0, 256, (96, 96), np.uint8), np.ones((8, 8), np.uint8))
    frames = []
    for _n in range(count):
        frame = np.full((size * 3 // 2, size), 128, np.uint8)
        at = int(chance.integers(0, size))
        frame[:size] = texture[at : at + size, at : at + size] // 2 + 60
        frames.append(frame)
    return frames


def coded(encoder: FrameEncoder, frames: list[npt.NDArray[np.uint8]], first: int) -> list[Coded]:
    found = [encoder.encode(frame, (first + n) * 40_000) for n, frame in enumerate(frames)]
    return [one for one in found if one is not None]


def kbps(told: list[Coded]) -> float:
    """Of what followed the keyframe, which every rate control forgives."""
    return sum(len(one.data) for one in told[5:]) * 8 * FPS / max(1, len(told) - 5) / 1000


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_receiver_that_can_take_less_is_sent_less(codec: Codec) -> None:
    encoder, frames = FrameEncoder(codec, SIZE, FPS, 1600), busy(150)
    before = kbps(coded(encoder, frames[:75], 0))
    encoder.follow(400)
    after = kbps(coded(encoder, frames[75:], 75)[25:])
    assert after < 0.6 * before
    assert after < 800
    encoder.follow(1600)
    assert kbps(coded(encoder, frames[:75], 150)[25:]) > 1.4 * after


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_keyframe_comes_when_it_is_asked_for_and_only_then(codec: Codec) -> None:
    encoder, frames = FrameEncoder(codec, SIZE, FPS, 600), busy(30)
    first = coded(encoder, frames[:15], 0)
    assert [one.key for one in first] == [True] + [False] * 14
    encoder.want_key()
    again = coded(encoder, frames[15:], 15)
    assert again[0].key
    assert not any(one.key for one in again[1:])


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_another_size_begins_with_a_keyframe(codec: Codec) -> None:
    encoder = FrameEncoder(codec, SIZE, FPS, 600)
    coded(encoder, busy(3), 0)
    encoder.shape(128, 15)
    smaller = coded(encoder, busy(3, 128), 3)
    assert [one.key for one in smaller] == [True, False, False]
    assert encoder.encode(busy(1, 128)[0], 0) is not None, "a clock that went back harms nothing"
