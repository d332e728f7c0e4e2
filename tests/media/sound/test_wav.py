"""Wave files of every width are read, and any bytes at all are answered, never with a crash."""

import contextlib
import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sound.levels import pcm_of, samples_of
from media.sound.wav import NotWav, read_wav, wav_header, wav_of

PCM = pcm_of(0.3 * np.sin(np.arange(1600) * 0.1))


def by_the_library(width: int, channels: int, raw: bytes, rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setsampwidth(width)
        writer.setnchannels(channels)
        writer.setframerate(rate_hz)
        writer.writeframes(raw)
    return file.getvalue()


def test_ours_is_read_by_the_library_and_by_us() -> None:
    with wave.open(io.BytesIO(wav_of(PCM, 16_000))) as reader:
        assert reader.getframerate() == 16_000
        assert reader.readframes(5000) == PCM
    sound = read_wav(wav_of(PCM, 16_000))
    assert (sound.pcm, sound.rate_hz, sound.seconds) == (PCM, 16_000, 0.1)
    assert len(sound.at(24_000)) == 4800


@pytest.mark.parametrize(("width", "shift"), [(3, 8), (4, 16)])
def test_wider_samples_keep_their_upper_bytes(width: int, shift: int) -> None:
    wide = [int(sample) << shift for sample in samples_of(PCM)]
    raw = b"".join(value.to_bytes(width, "little", signed=True) for value in wide)
    assert read_wav(by_the_library(width, 1, raw)).pcm == PCM


def test_eight_bits_and_floats_and_two_channels() -> None:
    assert samples_of(read_wav(by_the_library(1, 1, b"\x80\xff\x00")).pcm).tolist() == [
        0,
        127 << 8,
        -128 << 8,
    ]
    stereo = np.repeat(samples_of(PCM), 2).astype("<i2").tobytes()
    assert read_wav(by_the_library(2, 2, stereo)).pcm == PCM
    floats = np.array([0.5, -0.5], dtype="<f4").tobytes()
    head = struct.pack("<HHIIHH", 3, 1, 8000, 32_000, 4, 32)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + head + b"data\x08\0\0\0" + floats
    assert len(read_wav(b"RIFF\0\0\0\0" + body).pcm) == 4


def test_a_stream_without_an_end_is_read_to_its_end() -> None:
    assert read_wav(wav_header(None, 24_000) + PCM).pcm == PCM


def test_too_long_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(NotWav, match="longer than"):
        read_wav(wav_of(bytes(32_000), 16_000), most_seconds=0.5)


@given(st.binary(max_size=200), st.integers(0, 60), st.binary(max_size=8))
def test_any_bytes_are_answered(tail: bytes, at: int, patch: bytes) -> None:
    good = bytearray(wav_of(PCM[:64], 16_000))
    good[at : at + len(patch)] = patch
    for data in (tail, bytes(good), bytes(good) + tail, bytes(good[: at + 8])):
        with contextlib.suppress(NotWav):
            assert len(read_wav(data).pcm) % 2 == 0
