"""The file of a recording: what any player reads in it, whole or cut off."""

import numpy as np
import pytest

from media.recording.ogg import NotOgg, OggWriter, closed
from media.recording.packing import Packer
from media.recording.tape import Cut
from tests.media.recording.sides import channels, loudest_hz

SECOND = 50


def cut(seconds: float, left_hz: float, right_hz: float) -> Cut:
    def tone(rate: int, hz: float) -> bytes:
        at = np.arange(int(rate * seconds)) / rate
        return (np.sin(2 * np.pi * hz * at) * 12_000).astype("<i2").tobytes()

    return Cut(tone(16_000, left_hz), tone(24_000, right_hz))


def recorded(parts: int = 4) -> list[bytes]:
    packer = Packer(7, 40_000)
    return [packer.pack(cut(1.0, 440, 1_320)).data for _ in range(parts)]


def test_the_person_is_left_and_the_companion_right() -> None:
    sound = channels(closed(b"".join(recorded())))
    assert abs(sound.shape[1] / 48_000 - 4.0) < 0.05
    middle = sound[:, 48_000:144_000]
    assert abs(loudest_hz(middle[0]) - 440) < 3
    assert abs(loudest_hz(middle[1]) - 1_320) < 3


def test_a_file_that_breaks_off_after_any_part_plays_as_far_as_it_goes() -> None:
    parts = recorded()
    for count in range(1, 5):
        sound = channels(closed(b"".join(parts[:count])))
        assert abs(sound.shape[1] / 48_000 - count) < 0.05


def test_the_last_page_is_marked_as_the_last_and_only_that() -> None:
    data = closed(b"".join(recorded(2)))
    flags = [data[at + 5] for at in range(len(data)) if data[at : at + 5] == b"OggS\0"]
    assert flags[0] == 2
    assert flags[-1] == 4
    assert set(flags[1:-1]) == {0}


def test_large_packets_make_more_pages_and_no_page_is_too_long() -> None:
    ogg = OggWriter(1)
    data = ogg.beginning(2, 24_000, ["A=b"]) + ogg.pages([bytes(1_000)] * 100)
    assert closed(data)[:-1]
    assert data.count(b"OggS\0") == 2 + 2


def test_silence_is_small_and_its_bars_are_flat() -> None:
    packed = Packer(1, 40_000).pack(Cut(bytes(32_000 * 5), bytes(48_000 * 5)))
    assert packed.ms == 5_000
    assert packed.waveform == [0] * 5
    assert len(packed.data) < 5_000
    loud = Packer(1, 40_000).pack(cut(2.0, 300, 300))
    assert min(loud.waveform) > 70


@pytest.mark.parametrize("data", [b"", b"RIFF", b"OggS", recorded(1)[0][:-1]])
def test_what_is_not_whole_pages_is_refused(data: bytes) -> None:
    with pytest.raises(NotOgg):
        closed(data)
