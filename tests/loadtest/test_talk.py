"""One person's frames: what is checked among them, and from when their times count."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.clients.frames import Frame, Watch, decode
from loadtest.clients.talk import Talk
from loadtest.clients.wire import Trouble
from loadtest.measure import Measures, seconds_at


def reply(name: str, words: list[str], seq: int = 1) -> list[Frame]:
    """A reply's numbered frames, from `seq` on."""
    frames = [Frame("reply.started", seq=seq, reply=name)]
    offset = 0
    for word in words:
        frames.append(
            Frame("reply.delta", seq=seq + len(frames), reply=name, offset=offset, text=word)
        )
        offset += len(word)
    text = "".join(words)
    done = Frame("reply.done", seq=seq + len(frames), reply=name, text=text, status="completed")
    return [*frames, done]


WORDS = st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=4))
def test_a_whole_session_has_nothing_lost_or_repeated(replies: list[list[str]]) -> None:
    watch, seq = Watch(), 1
    for n, words in enumerate(replies):
        for frame in reply(f"m_{n}", words, seq):
            assert watch.see(frame)
            seq += 1
    assert (watch.lost, watch.repeated) == (0, 0)


@settings(deadline=None)
@given(WORDS, st.data())
def test_one_frame_left_out_is_counted(words: list[str], data: st.DataObject) -> None:
    frames = reply("m", words)
    gone = data.draw(st.integers(0, len(frames) - 2))
    watch = Watch()
    for n, frame in enumerate(frames):
        if n != gone:
            watch.see(frame)
    assert watch.lost >= 1
    assert watch.repeated == 0


@settings(deadline=None)
@given(WORDS, st.data())
def test_one_frame_that_came_twice_is_counted_once_and_not_shown(
    words: list[str], data: st.DataObject
) -> None:
    frames = reply("m", words)
    twice = data.draw(st.integers(0, len(frames) - 1))
    watch = Watch()
    for n, frame in enumerate(frames):
        assert watch.see(frame)
        if n == twice:
            assert not watch.see(frame)
    assert (watch.lost, watch.repeated) == (0, 1)


def test_words_that_do_not_join_are_counted_though_the_numbers_do() -> None:
    for offset, lost, repeated in ((4, 1, 0), (2, 0, 1)):
        watch = Watch()
        watch.see(Frame("reply.started", seq=1, reply="m"))
        watch.see(Frame("reply.delta", seq=2, reply="m", offset=0, text="abc"))
        watch.see(Frame("reply.delta", seq=3, reply="m", offset=offset, text="d"))
        assert (watch.lost, watch.repeated) == (lost, repeated)


def test_an_end_that_says_more_than_was_heard_is_a_loss() -> None:
    watch = Watch()
    watch.see(Frame("reply.started", seq=1, reply="m"))
    watch.see(Frame("reply.delta", seq=2, reply="m", offset=0, text="abc"))
    watch.see(Frame("reply.done", seq=3, reply="m", text="abcd", status="completed"))
    assert watch.lost == 1


def test_a_moderated_end_may_say_something_else() -> None:
    watch = Watch()
    watch.see(Frame("reply.started", seq=1, reply="m"))
    watch.see(Frame("reply.delta", seq=2, reply="m", offset=0, text="abc"))
    watch.see(Frame("reply.done", seq=3, reply="m", text="", status="moderated"))
    assert (watch.lost, watch.repeated) == (0, 0)


def test_a_frame_of_the_real_server_is_read() -> None:
    frame = decode(
        b'{"seq":3,"at":1790000000000,"type":"reply.delta","room":"r_1","reply":"m_1","offset":2,'
        b'"text":"\xc3\xa9t\xc3\xa9","cost_microcredits":7}'
    )
    assert (frame.type, frame.seq, frame.offset, len(frame.text)) == ("reply.delta", 3, 2, 3)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def timed(measures: Measures, name: str) -> float:
    return seconds_at(measures.times[name], 100)


async def test_times_count_from_the_intended_moment() -> None:
    clock, measures = Clock(), Measures()
    talk = Talk(measures, clock)
    clock.now = 107.0  # the driver, or the last reply, was seven seconds late
    turn = talk.asked("2", b"", meant_at=100.0)
    clock.now = 107.5
    talk.take(Frame("ack", id="2", reply="m"))
    for seconds, frame in zip((0.5, 1, 3, 1), reply("m", ["a", "b"]), strict=True):
        clock.now += seconds
        talk.take(frame)
    assert (await turn.done).text == "ab"
    assert timed(measures, "ack") == pytest.approx(7.5, rel=0.002)
    assert timed(measures, "first_token") == pytest.approx(9, rel=0.002)
    assert timed(measures, "inter_token") == pytest.approx(3, rel=0.002)
    assert timed(measures, "reply") == pytest.approx(13, rel=0.002)


async def test_words_may_come_before_the_ack() -> None:
    """A resumed session replays events; the repeated command is answered after them."""
    for order in range(6):
        clock, measures = Clock(), Measures()
        talk = Talk(measures, clock)
        turn = talk.asked("2", b"", 100.0)
        frames: list[Frame] = reply("m", ["a", "b"])
        frames.insert(min(order, len(frames)), Frame("ack", id="2", reply="m"))
        for frame in frames:
            clock.now += 1
            talk.take(frame)
        assert turn.done.done(), order
        assert measures.times["first_token"].total_count == 1
        assert measures.times["reply"].total_count == 1
        assert measures.counts["replies"] == 1


async def test_a_refusal_is_the_turns_trouble_with_its_code() -> None:
    measures = Measures()
    talk = Talk(measures)
    turn = talk.asked("2", b"", 0.0)
    talk.take(Frame("error", id="2", code="out_of_credits"))
    with pytest.raises(Trouble, match="out_of_credits"):
        await turn.done
    talk.take(Frame("error", id=None, code="bad_frame"))
    assert measures.counts["errors.bad_frame"] == 1, "nobody waits for it, so it is counted here"


async def test_what_nobody_waits_for_is_not_kept() -> None:
    talk = Talk(Measures())
    chance, seq = random.Random(1), 1
    for n in range(500):
        for frame in reply(f"m_{n}", ["x"] * chance.randint(1, 3), seq)[:-1]:
            talk.take(frame)
            seq += 1
    assert len(talk._replies) <= 32
    assert len(talk.watch._length) <= 64
