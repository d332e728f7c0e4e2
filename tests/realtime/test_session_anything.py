"""Any bytes at all: a session never raises, and answers or closes whatever it is sent."""

import contextlib
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from realtime.codec import decode
from realtime.session import Acknowledged, Close, Rules, Say, Session
from rooms.errors import ProductError

RULES = Rules(
    frame_bytes=2_000,
    commands_per_second=10,
    commands_burst=20,
    auth_seconds=10,
    heartbeat_seconds=25,
    slow_seconds=20,
)
KINDS = ["auth", "resume", "ping", "message.send", "read", "typing", "presence", "room.join", "no"]
FIELDS = ["id", "token", "session", "epoch", "seq", "room", "text", "n", "status", "key", "on"]
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
commands = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), values),
)


def packed(value: object) -> bytes:
    with contextlib.suppress(OverflowError):  # MessagePack has no such number
        return msgspec.msgpack.encode(value)
    return b"\xc1"


texts = st.binary(max_size=100) | (commands | values).map(lambda v: json.dumps(v).encode())
packs = st.binary(max_size=100) | (commands | values).map(packed)
frames = st.one_of(st.tuples(st.just("json"), texts), st.tuples(st.just("msgpack"), packs))


@given(frames)
def test_decoding_raises_nothing_but_what_is_said_to_the_client(sent: Any) -> None:
    form, data = sent
    with contextlib.suppress(ProductError):
        decode(data, form)


@given(st.lists(frames, max_size=8), st.booleans())
def test_every_frame_is_answered_carried_out_or_ends_it(sent: Any, signed_in: bool) -> None:
    sessions = {form: Session(form, RULES, 0.0) for form in ("json", "msgpack")}
    for form, data in sent:
        session = sessions[form]
        if signed_in and session.state != "closed":
            session.signed_in("s_1", "e_1", None)
        was_closed = session.state == "closed"
        orders = session.receive(data, 0.0)
        assert bool(orders) is not was_closed
        for order in orders:
            if isinstance(order, Say):
                msgspec.json.encode(order.frame)
            if isinstance(order, Acknowledged):
                assert order.seq >= 0
        assert any(isinstance(one, Close) for one in orders) is (
            session.state == "closed" and not was_closed
        )
