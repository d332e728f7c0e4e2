"""Peers that mean no good: offers no parser foresaw, messages without number or end.

After each of them the worker holds nothing for it, and whoever else is in a call hears on.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from media.calls.carrying import MESSAGES_PER_SECOND, Carried, now_us
from media.calls.control import LegRefused
from media.calls.holding import WorkerLeg
from media.calls.leg import Typed
from media.calls.offers import MOST_BYTES, MOST_CODECS, MOST_LINES
from media.calls.rtc import RtcPeer
from tests.media.calls.clients import Person, call, serving
from tests.media.calls.test_first_picture import PaperEngine
from tests.soon import until

pytestmark = pytest.mark.asyncio
RTPMAP = "a=rtpmap:"


def with_line(offer: str, line: str) -> str:
    """This line, behind the first description of a codec."""
    before, mark, after = offer.partition(RTPMAP)
    return f"{before}{line}\r\n{mark}{after}"


ODD = (
    "a=fmtp:99 minptime=10",  # of a codec that is not there
    "a=fmtp:none",
    "a=rtcp:port",
    "a=setup:sideways",
    "a=ssrc:1",
    "a=extmap:1",
    "a=rtpmap:111",
    "a=rtpmap:111 opus/0",
    "a=candidate:1 1 udp",
    "a=group:BUNDLE",
    "a=sctp-port:-1",
    "a=max-message-size:" + "9" * 5_000,
)


async def test_an_offer_that_no_parser_foresaw_is_refused_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as (worker, control):
        person, codes = Person(), set[str]()
        offer = await person.offer()
        for line in ODD:
            try:
                async with asyncio.timeout(10):
                    opened = await control.open_leg(with_line(offer, line), "voice", ())
                control.close_leg(opened.leg, "failed")
            except LegRefused as refused:
                codes.add(refused.code)
            await until(lambda: not worker.legs)
            assert worker.load.busy(worker.clock()) == 0.0, line
        assert codes == {"sdp_invalid"}
        await person.close()


@pytest.mark.parametrize(
    ("failure", "code"),
    [(OSError(24, "too many open files"), "at_capacity"), (ZeroDivisionError(), "sdp_invalid")],
)
async def test_an_engine_that_fails_leaves_no_leg_and_no_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str
) -> None:
    async def breaks(self: RtcPeer, offer: Any) -> str:
        raise failure

    async with serving(tmp_path) as (worker, control):
        person = Person()
        offer = await person.offer()
        with monkeypatch.context() as broken:
            broken.setattr(RtcPeer, "answer", breaks)
            with pytest.raises(LegRefused) as refused:
                async with asyncio.timeout(10):
                    await control.open_leg(offer, "voice", ())
        assert refused.value.code == code
        assert (worker.legs, worker.load.busy(worker.clock())) == ({}, 0.0)
        leg = await call(control, person)
        assert len(worker.legs) == 1
        await leg.aclose("done")
        await person.close()


async def test_the_largest_offer_that_is_taken_stops_nobody_for_long(tmp_path: Path) -> None:
    """Codecs and their feedback are compared in pairs, in the process that paces everybody."""
    async with serving(tmp_path) as (worker, control):
        person = Person(video=True)
        offer = await person.offer()
        sound, video, pictures = offer.partition("m=video")
        codecs = MOST_CODECS - pictures.count(RTPMAP)
        feedback = MOST_LINES - offer.count("\n") - codecs
        more = "a=rtpmap:96 VP8/90000\r\n" * codecs + "a=rtcp-fb:* nack\r\n" * feedback
        bomb = sound + video + pictures.replace(RTPMAP, more + RTPMAP, 1)
        assert len(bomb) <= MOST_BYTES
        gc.collect()
        gc.freeze()  # what other tests left in this process is not the offer's to look through
        began = time.process_time()
        opened = await control.open_leg(bomb, "video", ())
        took = time.process_time() - began
        gc.unfreeze()
        assert took < 3.0, "of processor; 6.3 before there were bounds"
        control.close_leg(opened.leg, "failed")
        await until(lambda: not worker.legs)
        await person.close()


async def test_of_ten_thousand_messages_a_few_a_second_reach_the_holder() -> None:
    told: list[Any] = []
    leg = Carried("l", PaperEngine(), (), "voice", lambda _leg: None)
    leg.attach(told.append)
    seconds = {now_us() // 1_000_000}
    for number in range(10_000):
        leg.on_message(f'{{"type":"ping","seq":{number}}}'.encode())
        seconds.add(now_us() // 1_000_000)
    assert MESSAGES_PER_SECOND <= len(told) <= MESSAGES_PER_SECOND * len(seconds)
    assert told[0] == Typed(data=b'{"type":"ping","seq":0}')
    await until(lambda: now_us() // 1_000_000 not in seconds)  # a flood is forgiven
    leg.on_message(b"the last one")
    assert told[-1] == Typed(data=b"the last one")
    leg.close("hung_up")


class InTouch(NamedTuple):
    """A call whose data channel is open, and what the worker keeps of that."""

    person: Person
    leg: WorkerLeg
    carried: Carried
    sctp: Any


@pytest.fixture
async def in_touch(tmp_path: Path) -> AsyncIterator[InTouch]:
    async with serving(tmp_path) as (worker, control):
        person = Person()
        leg = await call(control, person)
        await until(lambda: person.channel.readyState == "open")
        (carried,) = worker.legs.values()
        yield InTouch(person, leg, carried, carried.peer._connection.sctp)  # type: ignore[attr-defined]
        await leg.aclose("done")
        await person.close()


async def test_a_message_without_end_costs_its_sender_the_channel_and_not_the_call(
    in_touch: InTouch,
) -> None:
    person, leg, _, sctp = in_touch
    person.channel.send("x" * 60_000)  # as long as one may be
    async with asyncio.timeout(20):
        async for event in leg.events():
            if isinstance(event, Typed):
                break
    assert len(event.data) == 60_000
    person.pc.sctp._remote_max_message_size = 0  # whatever we told it
    person.channel.send("x" * 3_000_000)
    await until(lambda: person.channel.readyState == "closed", 30.0)
    kept = sum(len(stream.reassembly) for stream in sctp._inbound_streams.values())
    assert kept < 1_100, "pieces of some 1,150 bytes"
    leg.tell(b"nobody hears this")
    leg.play(0, b"\x10\x20" * 24_000)
    await until(lambda: np.concatenate(person.heard or [np.zeros(1)]).any())


async def test_channels_without_number_are_no_way_to_fill_a_worker(in_touch: InTouch) -> None:
    person, _, carried, sctp = in_touch
    for number in range(200):
        person.pc.createDataChannel(f"more {number}")
    await until(lambda: person.channel.readyState == "closed", 30.0)
    assert len(sctp._data_channels) <= 20
    assert carried.over is None
