"""Bytes in and out: the same frames in both formats, each mistake answered with its place."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.codec import Format, decode, encode_json, id_in, number_json, number_pack, repacked
from realtime.told import Told
from rooms.commands import MessageSend, Ping
from rooms.errors import BadRequest, Invalid, ProductError
from rooms.events import ReplyDelta, ReplyDone
from storage.bus.ports import Wanted

BOTH: list[Format] = ["json", "msgpack"]


def packed(value: object, form: Format) -> bytes:
    return msgspec.json.encode(value) if form == "json" else msgspec.msgpack.encode(value)


@pytest.mark.parametrize("form", BOTH)
def test_a_command_is_read_from_both_formats(form: Format) -> None:
    raw = packed({"type": "message.send", "id": "7", "room": "r_1", "text": "Hi"}, form)
    assert decode(raw, form) == MessageSend(id="7", room="r_1", text="Hi")
    assert decode(packed({"type": "ping", "seq": 3}, form), form) == Ping(seq=3)


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    ("frame", "code", "path"),
    [
        ({"type": "message.send", "id": "1", "room": "r", "text": 5}, "invalid", "$.text"),
        ({"type": "message.send", "id": "1", "room": "r"}, "invalid", "$"),
        ({"type": "message.send", "id": "1", "room": "r", "text": ""}, "invalid", "$.text"),
        ({"type": "message.send", "id": "", "room": "r", "text": "x"}, "invalid", "$.id"),
        ({"type": "ping", "seq": -1}, "invalid", "$.seq"),
        ({"type": "fly", "id": "1"}, "unknown_type", "$.type"),
        ({"id": "1"}, "invalid", "$"),
        ({"type": "ping", "extra": 1}, "invalid", "$"),
        ([1, 2], "invalid", "$"),
        ("text", "invalid", "$"),
    ],
)
def test_each_mistake_names_its_field(form: Format, frame: object, code: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(packed(frame, form), form)
    assert (caught.value.code, caught.value.path) == (code, path)


@pytest.mark.parametrize("form", BOTH)
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xc1", b"\xff\xfe", b"[" * 100_000, b"\x91" * 100_000]
)
def test_what_is_no_frame_at_all_is_malformed(form: Format, raw: bytes) -> None:
    with pytest.raises((BadRequest, Invalid)) as caught:
        decode(raw, form)
    assert caught.value.path == "$"
    assert id_in(raw, form) is None


@given(st.binary(max_size=200), st.sampled_from(BOTH))
def test_no_bytes_bring_anything_but_a_command_or_a_refusal(raw: bytes, form: Format) -> None:
    told: list[str | None] = []
    try:
        decode(raw, form)
    except ProductError as error:
        told.append(error.path)
    id_in(raw, form)
    assert None not in told


@given(
    st.text(max_size=50),
    st.integers(0, 2**53),
    st.integers(1, 2**40),
    st.integers(0, 2**45),
    st.booleans(),
)
def test_a_number_spliced_in_reads_as_if_it_had_been_encoded(
    text: str, offset: int, seq: int, at: int, done: bool
) -> None:
    event: msgspec.Struct = (
        ReplyDone(room="r", reply="m", status="completed", text=text, cost_microcredits=offset)
        if done
        else ReplyDelta(room="r", reply="m", offset=offset, text=text)
    )
    raw = encode_json(event)
    expected = {"seq": seq, "at": at, **msgspec.to_builtins(event)}
    assert msgspec.json.decode(number_json(raw, seq, at)) == expected
    assert msgspec.msgpack.decode(number_pack(repacked(raw), seq, at)) == expected


@pytest.mark.parametrize("fields", [13, 14, 15, 16, 300])
def test_a_map_that_outgrows_its_header_gets_a_larger_one(fields: int) -> None:
    event = {f"f{i}": i for i in range(fields)}
    numbered = number_pack(msgspec.msgpack.encode(event), 1, 2)
    assert msgspec.msgpack.decode(numbered) == {"seq": 1, "at": 2, **event}


def test_an_entry_is_packed_once_for_all_its_readers() -> None:
    told = Told.of("r", "g", 1, Wanted(5, "", "", b'{"type":"notice"}'))
    first, second = told.frame(1, "msgpack"), told.frame(2, "msgpack")
    assert first != second
    assert told._packed is not None
    assert told.frame(1, "json") == b'{"seq":1,"at":5,"type":"notice"}'
