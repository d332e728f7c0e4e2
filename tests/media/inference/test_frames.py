"""Frames survive any cutting; what is no frame is refused before it takes memory."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hearing.ports import Transcript
from media.inference.frames import (
    FRAME_BYTES_MOST,
    AskSpeech,
    BadFrame,
    FrameCutter,
    Piece,
    Sound,
    WordsTold,
    decode_asked,
    decode_told,
    encode,
)
from media.inference.peer import parse_address
from media.speech.ports import Spoken, SpokenWord, Viseme, VoiceChoice

ASKED = [Sound(7, 512, b"\1\2" * 512), AskSpeech(3, "Good night.", VoiceChoice(rate=1.1))]
MARKED = Spoken(pcm=b"\0\0", words=(SpokenWord(0, 4, 0, 2400),), visemes=(Viseme("aa", 0, 240),))
TOLD = [Piece(3, MARKED), WordsTold(4, Transcript(text="नमस्ते", confidence=0.5))]


@given(st.lists(st.integers(1, 700), max_size=12))
def test_frames_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    stream = b"".join(encode(frame) for frame in (*ASKED, *TOLD))
    cutter, found, at = FrameCutter(), list[bytes](), 0
    for cut in (*cuts, len(stream)):
        found += cutter.feed(stream[at : at + cut])
        at += cut
    decoded = [decode_asked(data) for data in found[:2]] + [decode_told(data) for data in found[2:]]
    assert decoded == [*ASKED, *TOLD]


def test_what_is_too_long_is_refused_by_its_length_alone() -> None:
    with pytest.raises(BadFrame):
        FrameCutter(1000).feed((1001).to_bytes(4, "big"))
    with pytest.raises(BadFrame):
        encode(Sound(1, 0, bytes(FRAME_BYTES_MOST)))


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    for frame in _frames_of(data):
        try:
            decode_asked(frame)
        except msgspec.MsgspecError:
            continue


def _frames_of(data: bytes) -> list[bytes]:
    try:
        return FrameCutter(200).feed(data)
    except BadFrame:
        return []


def test_addresses() -> None:
    assert parse_address("unix:/run/a.sock") == "/run/a.sock"
    assert parse_address("tcp:127.0.0.1:7000") == ("127.0.0.1", 7000)
    assert parse_address("tcp:[::1]:7000") == ("::1", 7000)
    for bad in ("", "http://host:1", "tcp:host", "tcp:host:0", "tcp:host:x", "unix:relative"):
        with pytest.raises(ValueError, match="neither"):
            parse_address(bad)
