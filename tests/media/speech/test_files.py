"""Files of speech carry the mark, also where they are streamed and their length is not known."""

import io
import struct
import wave

import pytest

from media.sound.codec import CannotDecode, packed, unpacked
from media.speech.files import REMARK, wav_beginning

PCM = b"".join(struct.pack("<h", (n * 331) % 20_000 - 10_000) for n in range(24_000))


def test_a_wave_file_is_one_and_says_that_a_machine_spoke() -> None:
    whole = wav_beginning(len(PCM)) + PCM
    with wave.open(io.BytesIO(whole)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (24_000, 1, 24_000)
        assert file.readframes(24_000) == PCM
    assert REMARK.encode() in whole[:200]
    assert struct.unpack_from("<I", whole, 4)[0] == len(whole) - 8


async def stream(pcm: bytes) -> object:
    for at in range(0, len(pcm), 5_000):
        yield pcm[at : at + 5_000]


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac"])
async def test_sound_is_packed_and_unpacked_at_its_length(kind: str) -> None:
    blocks = [b async for b in packed(stream(PCM), kind, 24_000, REMARK, "Kindred")]
    back = await unpacked(b"".join(blocks), 16_000, 60)
    assert len(back) / 32_000 == pytest.approx(1.0, abs=0.12)


async def test_a_streamed_wave_file_of_unknown_length_is_read() -> None:
    back = await unpacked(wav_beginning() + PCM, 16_000, 60)
    assert len(back) / 32_000 == pytest.approx(1.0, abs=0.01)


async def test_packing_ends_with_an_error_where_the_sound_does() -> None:
    async def breaking() -> object:
        yield PCM
        raise RuntimeError("the voice broke")

    with pytest.raises(RuntimeError, match="the voice broke"):
        async for _ in packed(breaking(), "flac", 24_000, REMARK, "Kindred"):
            pass


@pytest.mark.parametrize("data", [b"", b"x", b"RIFF\0\0\0\0WAVE", bytes(10_000)])
async def test_bytes_without_sound_are_told(data: bytes) -> None:
    with pytest.raises(CannotDecode):
        await unpacked(data, 16_000, 60)


async def test_sound_beyond_the_limit_is_told() -> None:
    with pytest.raises(CannotDecode, match=r"longer than 0\.5 s"):
        await unpacked(wav_beginning(len(PCM)) + PCM, 16_000, 0.5)
