"""What waits is bounded, deltas join exactly, and nothing else is ever dropped."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from realtime.codec import encode_json, numbered
from realtime.outbox import Outbox, Waiting
from rooms.events import Notice, ReplyDelta


def delta(pos: int, offset: int, text: str) -> Waiting:
    event = ReplyDelta(room="r", reply="m", offset=offset, text=text, cost_microcredits=pos)
    return Waiting("r", "g", pos, 1, "m", encode_json(event))


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=60), st.data())
def test_merged_deltas_join_to_the_same_text_and_the_last_cost(
    texts: list[str], data: st.DataObject
) -> None:
    outbox, offset, seen, notices = Outbox(10**9), 0, "", 0
    for pos, text in enumerate(texts, 1):
        outbox.put(delta(pos, offset, text))
        offset += len(text)
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            event = encode_json(Notice(kind="break", text="rest"))
            outbox.put(Waiting("r", "g", 1000 + pos, 1, "", event))
            notices += 1
    while (waiting := outbox.take()) is not None:
        event = msgspec.json.decode(waiting.event)
        if event["type"] == "notice":
            notices -= 1
            continue
        assert event["offset"] == len(seen)
        seen += event["text"]
        last = event
    assert (seen, notices) == ("".join(texts), 0)
    assert last["cost_microcredits"] == len(texts)
    assert len(outbox) == 0
    assert not outbox.full


def test_too_much_waiting_is_full() -> None:
    outbox = Outbox(500)
    for pos in range(8):
        outbox.put(Waiting("r", "g", pos, 1, "", b"x" * 100))
    assert outbox.full


def test_a_number_is_spliced_into_bytes_encoded_once() -> None:
    event = encode_json(Notice(kind="break", text="rest"))
    json = msgspec.json.decode(numbered(event, 7, 99, "json"))
    packed = msgspec.msgpack.decode(numbered(event, 7, 99, "msgpack"))
    assert json == packed == {"seq": 7, "at": 99, **msgspec.json.decode(event)}
