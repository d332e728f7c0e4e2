"""The reader of frames by calling it: any bytes, in any pieces, are messages or a violation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.transports.incoming import Came, Closed, Incoming, Message, Part, Ping, Violation
from tests.realtime.raw import BINARY, CONT, PING, TEXT, close, frame

BYTES_MAX = 1_000
Read = tuple[list[Came], int | None]


def read(pieces: list[bytes]) -> Read:
    """What came, and the code of the violation that ended it."""
    incoming = Incoming(BYTES_MAX)
    came: list[Came] = []
    try:
        for piece in pieces:
            incoming.feed(piece)
            while (one := incoming.next()) is not None:
                came.append(one)
                if isinstance(one, Closed):
                    return came, None
            assert incoming.waiting_bytes <= 2 * BYTES_MAX + 14  # a frame and its fragments
    except Violation as broken:
        return came, broken.code
    return came, None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


kinds = st.sampled_from([TEXT, CONT, BINARY, PING])
frames = st.one_of(
    st.binary(max_size=40),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=300),
        fin=st.booleans(),
        mask=st.sampled_from([b"\x00" * 4, b"\x01\x02\x03\x04"]),
        reserved=st.sampled_from([0, 0, 0, 0, 1, 2, 4]),
    ),
    st.builds(
        frame, st.sampled_from([TEXT, CONT, BINARY, PING]), st.text(max_size=20).map(str.encode)
    ),
    st.builds(close, st.integers(0, 65_535)),
)
streams = st.lists(frames, max_size=8).map(b"".join)


@given(streams, st.lists(st.integers(0, 10_000), max_size=12))
def test_how_bytes_are_cut_changes_nothing(data: bytes, places: list[int]) -> None:
    assert read(cut(data, places)) == read([data])


@given(streams)
def test_a_breach_has_a_code_that_may_be_said(data: bytes) -> None:
    assert read([data])[1] in {None, 1002, 1007, 1009}


@given(st.lists(st.text(max_size=60), min_size=1), st.integers(1, 9), st.booleans())
def test_whatever_is_sent_in_fragments_arrives_whole(
    texts: list[str], size: int, pings: bool
) -> None:
    sent = b""
    for text in texts:
        raw = text.encode()
        pieces = [raw[i : i + size] for i in range(0, len(raw), size)] or [b""]
        for i, piece in enumerate(pieces):
            sent += frame(CONT if i else TEXT, piece, fin=i == len(pieces) - 1)
            sent += frame(PING, b"p") if pings else b""
    came, broken = read([sent])
    assert broken is None
    assert [m.data.decode() for m in came if isinstance(m, Message)] == texts
    assert all(isinstance(m, Message | Part | Ping) for m in came)


@given(streams, st.lists(st.integers(0, 10_000), max_size=5))
def test_after_our_goodbye_nothing_is_kept(data: bytes, places: list[int]) -> None:
    incoming = Incoming(BYTES_MAX)
    for piece in cut(data, places):
        incoming.closed(piece)
        assert incoming.waiting_bytes < 14


@pytest.mark.parametrize("before", [b"", frame(3), frame(TEXT, b"", length=5_000) + b"x" * 5_000])
def test_a_goodbye_is_found_behind_a_breach(before: bytes) -> None:
    incoming = Incoming(BYTES_MAX)
    incoming.feed(before)
    assert not incoming.closed(b"")
    assert incoming.closed(frame(TEXT, b"late") + close(1000))


def test_a_frame_too_large_is_known_by_its_head() -> None:
    incoming = Incoming(BYTES_MAX)
    incoming.feed(frame(TEXT, b"", length=BYTES_MAX + 1)[:4])
    with pytest.raises(Violation) as broken:
        incoming.next()
    assert broken.value.code == 1009


def test_empty_fragments_are_not_kept() -> None:
    incoming = Incoming(BYTES_MAX)
    incoming.feed(frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 10_000)
    while incoming.next() is not None:
        assert incoming._parts == []
