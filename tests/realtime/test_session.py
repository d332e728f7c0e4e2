"""A socket's conversation by calling it: what may be asked when, and what each mistake costs."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.session import (
    Acknowledged,
    Bucket,
    Carry,
    Close,
    Refresh,
    Rules,
    Say,
    Session,
    SignIn,
)
from rooms.commands import Auth

RULES = Rules(
    frame_bytes=1_000,
    commands_per_second=10,
    commands_burst=20,
    auth_seconds=10,
    heartbeat_seconds=25,
    slow_seconds=20,
)
AUTH = {"type": "auth", "id": "1", "token": "t"}
SEND = {"type": "message.send", "id": "2", "room": "r", "text": "Hi"}


def said(orders: list[Any]) -> list[str]:
    """Orders as words: error codes, close codes, kinds."""
    words = []
    for order in orders:
        match order:
            case Say(frame=frame):
                words.append(getattr(frame, "code", type(frame).__name__))
            case Close(code=code):
                words.append(str(code))
            case _:
                words.append(type(order).__name__)
    return words


def asked(session: Session, frame: object, now: float = 0.0) -> list[str]:
    return said(session.receive(msgspec.json.encode(frame), now))


def live(now: float = 0.0, expires_at_ms: int | None = None) -> Session:
    session = Session("json", RULES, now)
    assert isinstance(session.receive(msgspec.json.encode(AUTH), now)[0], SignIn)
    session.signed_in("s_1", "e_1", expires_at_ms)
    return session


def test_nothing_is_done_for_whoever_has_not_signed_in() -> None:
    session = Session("json", RULES, 0)
    assert asked(session, SEND) == ["not_signed_in"]
    assert asked(session, {"type": "ping"}) == ["Acknowledged", "Pong"]
    assert asked(session, AUTH) == ["SignIn"]
    assert asked(session, SEND) == ["Carry"]  # carried out once signed in
    assert asked(session, AUTH) == ["already_signed_in"]
    session.not_signed_in()
    assert asked(session, AUTH) == ["SignIn"]
    session.signed_in("s", "e", None)
    assert asked(session, AUTH) == ["already_signed_in"]
    assert asked(session, {"type": "auth.refresh", "id": "3", "token": "t"}) == ["Refresh"]


def test_a_command_without_a_key_is_named_by_session_epoch_and_id() -> None:
    session = live()
    (order,) = session.receive(msgspec.json.encode(SEND), 0)
    assert isinstance(order, Carry)
    assert session.key_of(order.command) == "s_1/e_1/2"
    (order,) = session.receive(msgspec.json.encode({**SEND, "key": "mine"}), 0)
    assert isinstance(order, Carry)
    assert session.key_of(order.command) == "mine"


def test_the_third_malformed_frame_in_a_row_closes_and_a_good_one_forgives() -> None:
    session = live()
    bad = b"{"
    assert said(session.receive(bad, 0)) == ["malformed"]
    assert said(session.receive_binary(0)) == ["not_in_call"]
    assert asked(session, {"type": "ping"}) == ["Acknowledged", "Pong"]
    assert said(session.receive(bad, 0)) == ["malformed"]
    assert said(session.receive(bad, 0)) == ["malformed"]
    assert said(session.receive(bad, 0)) == ["malformed", "4500"]
    assert session.receive(bad, 0) == []


def test_a_frame_beyond_the_limit_closes_1009() -> None:
    assert asked(live(), {**SEND, "text": "x" * 900}) == ["Carry"]
    assert asked(live(), {**SEND, "text": "x" * 1_000}) == ["1009"]


def test_too_fast_is_refused_with_the_wait_and_far_too_fast_closes() -> None:
    session = live()
    words = [asked(session, {**SEND, "id": str(i)}) for i in range(70)]
    assert words[:19] == [["Carry"]] * 19  # the sign-in took one
    assert ["rate_limited"] in words
    assert words[-1] in (["4529"], [])
    assert session.state == "closed"
    patient = live()
    for i in range(200):
        assert asked(patient, SEND, now=i * 0.1) == ["Carry"]


def test_heartbeats_alone_are_no_way_around_the_rate() -> None:
    session = live()
    words = [asked(session, {"type": "ping"}) for _ in range(100)]
    assert ["4529"] in words


def test_silence_is_closed_each_kind_in_its_time() -> None:
    new = Session("json", RULES, 0)
    assert new.tick(9.9, 0, None) == []
    assert said(new.tick(10.0, 0, None)) == ["4501"]
    session = live()
    assert session.next_tick(0, 0, None) == 62.5
    assert session.tick(62.4, 0, None) == []
    asked(session, {"type": "ping"}, 60)
    assert session.tick(62.5, 0, None) == []
    assert said(session.tick(122.5, 0, None)) == ["4010"]
    stuck = live()
    assert stuck.next_tick(5, 0, 4.0) == 19.0
    assert said(stuck.tick(24.0, 0, 4.0)) == ["4008"]


def test_a_token_is_announced_a_minute_before_it_ends_and_then_closes() -> None:
    session = live(0, expires_at_ms=100_000)
    assert session.next_tick(0, 0, None) == 40.0
    assert said(session.tick(40, 40_000, None)) == ["AuthExpiring"]
    assert session.tick(41, 41_000, None) == []
    session.refreshed(300_000)
    assert session.tick(60, 100_000, None) == []
    assert said(session.tick(60, 240_000, None)) == ["AuthExpiring"]
    assert said(session.tick(61, 300_000, None)) == ["4011"]


frames = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            msgspec.json.encode(one)
            for one in (
                AUTH,
                SEND,
                {"type": "ping", "seq": 3},
                {"type": "auth.refresh", "id": "9", "token": "t"},
                {"type": "nope", "id": "x"},
                {**SEND, "text": "x" * 2_000},
            )
        ]
    ),
)
inputs = st.one_of(
    st.tuples(st.just("frame"), frames),
    st.tuples(st.just("binary")),
    st.tuples(st.just("signed"), st.booleans()),
    st.tuples(st.just("time"), st.floats(0, 30)),
)


@given(st.lists(inputs, max_size=80))
def test_whatever_comes_there_is_one_close_and_nothing_after_it(
    inputs: list[tuple[Any, ...]],
) -> None:
    session, now, orders = Session("json", RULES, 0), 0.0, []
    for one in inputs:
        match one:
            case ("frame", data):
                new = session.receive(data, now)
                answers = [o for o in new if not isinstance(o, Acknowledged)]
                assert len(answers) <= 2  # never more than an answer and a goodbye
                orders += new
            case ("binary",):
                orders += session.receive_binary(now)
            case ("signed", True) if session.state == "signing":
                session.signed_in("s", "e", None)
            case ("signed", False):
                session.not_signed_in()
            case ("time", float(seconds)):
                now += seconds
                orders += session.tick(now, 0, None)
    closes = [i for i, order in enumerate(orders) if isinstance(order, Close)]
    assert len(closes) <= 1
    if closes:
        assert closes[0] == len(orders) - 1
        assert session.state == "closed"
    signs = [o for o in orders if isinstance(o, SignIn)]
    if not any(one == ("signed", False) for one in inputs):
        assert len(signs) <= 1
    if not signs:
        assert not any(isinstance(o, Carry | Refresh) for o in orders)
    for order in signs:
        assert isinstance(order.command, Auth)


@given(st.lists(st.floats(0, 2), max_size=200))
def test_no_more_than_the_burst_and_the_rate_ever_get_through(waits: list[float]) -> None:
    bucket, now, through = Bucket(10, 20, 0.0), 0.0, 0
    for wait in waits:
        now += wait
        through += bucket.take(now) == 0
    assert through <= 20 + 10 * now + 1e-6


@pytest.mark.parametrize("format_name", ["json", "msgpack"])
def test_both_formats_obey_the_same_rules(format_name: Any) -> None:
    session = Session(format_name, RULES, 0)
    encode = msgspec.json.encode if format_name == "json" else msgspec.msgpack.encode
    assert said(session.receive(encode(AUTH), 0)) == ["SignIn"]
    assert said(session.receive(b"\xc1", 0)) == ["malformed"]
