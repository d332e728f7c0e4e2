"""Files strangers send: what is sound is opened, all else is named for what it is."""

from pathlib import Path

import pytest

from media.sound.opening import NotOpened, Opened, bars_of, opened
from media.sound.wav import wav_of
from tests.media.sound.sounds import recorded, tone

ICON = Path(__file__).parents[3] / "server" / "web" / "icons" / "icon-192.png"


async def open_it(data: bytes, longest_seconds: float = 10) -> Opened:
    return await opened(data, longest_seconds=longest_seconds, within_seconds=30)


async def fault_of(data: bytes, longest_seconds: float = 10) -> str:
    with pytest.raises(NotOpened) as refused:
        await open_it(data, longest_seconds)
    return refused.value.fault


@pytest.mark.parametrize(
    ("container", "codec", "media_type"),
    [
        ("webm", "libopus", "audio/webm"),
        ("ogg", "libopus", "audio/ogg"),
        ("mp4", "aac", "audio/mp4"),
        ("wav", "pcm_s16le", "audio/wav"),
        ("flac", "flac", "audio/flac"),
    ],
)
async def test_what_browsers_and_phones_record_is_opened(
    container: str, codec: str, media_type: str
) -> None:
    if container == "mp4":  # needs a file it can seek in, which io.BytesIO is
        codec = "aac"
    found = await open_it(recorded(container, codec))
    assert found.media_type == media_type
    assert abs(found.ms - 2_000) <= 60
    assert len(found.pcm) == pytest.approx(2 * 16_000 * found.ms / 1000, abs=64)
    assert len(found.waveform) == 64
    assert min(found.waveform[2:30]) > 90  # it sounds in the first half
    assert max(found.waveform[36:]) < 20  # and is silent in the second


async def test_what_is_no_sound_is_said_to_be_none() -> None:
    for data in (b"", b"hello " * 200, bytes(20_000), b'{"a": 1}'):
        assert await fault_of(data) == "not_audio", data[:8]
    assert await fault_of(ICON.read_bytes()) in {"not_audio", "corrupt"}


async def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(wav_of(tone(1, 16_000).tobytes(), 16_000))
    lists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other}'\n",
    ]
    for text in lists:
        assert await fault_of(text.encode()) in {"not_audio", "corrupt"}


async def test_too_long_is_found_while_opening_however_small_the_file() -> None:
    silence = wav_of(bytes(2 * 16_000 * 30), 16_000)
    assert await fault_of(silence) == "too_long"
    bomb = recorded("flac", "flac", seconds=60)
    assert await fault_of(bomb, longest_seconds=5) == "too_long"


async def test_next_to_nothing_is_empty() -> None:
    assert await fault_of(wav_of(bytes(2 * 1_600), 16_000)) == "empty"


async def test_a_file_that_lies_about_its_size_takes_no_memory() -> None:
    honest = bytearray(wav_of(tone(1, 16_000).tobytes(), 16_000))
    honest[40:44] = (2**31).to_bytes(4, "little")
    found = await open_it(bytes(honest))
    assert found.ms == 1_000


async def test_a_file_cut_in_half_gives_what_is_there_or_is_damaged() -> None:
    whole = recorded()
    found = await open_it(whole[: len(whole) // 2])
    assert 500 < found.ms < 1_600


async def test_opening_ends_when_its_time_is_over() -> None:
    with pytest.raises(NotOpened) as refused:
        await opened(recorded(), longest_seconds=10, within_seconds=0.001)
    assert refused.value.fault == "too_slow"


def test_bars_show_how_loud_it_is() -> None:
    loud = tone(1, 16_000).tobytes()
    assert bars_of(loud, 4)[0] == 100
    assert bars_of(loud, 4)[3] == 0
    assert bars_of(bytes(3200), 8) == [0] * 8
    whisper = (tone(1, 16_000) // 200).tobytes()
    assert max(bars_of(whisper, 4)) < 100
