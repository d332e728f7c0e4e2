"""A call over real aiortc: what ours does better than stock, and the names it overrides for it."""

import asyncio
import gc
import threading
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtcrtptransceiver import RTCRtpTransceiver

from media.calls.control import LegRefused
from media.calls.holding import WorkerLeg, dial_leg
from media.calls.leg import Connected, Gone, Heard, LegAddress, Played, Typed
from media.calls.load import Load
from tests.media.calls.clients import Microphone, Person, call, echo, serving
from tests.soon import until

pytestmark = pytest.mark.asyncio


def tone(seconds: float, hertz: int = 440) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * 48_000)) / 48_000)).astype(
        np.int16
    )


def loudest(sound: np.ndarray, rate: int = 48_000) -> float:
    return float(np.abs(np.fft.rfft(sound.astype(float))).argmax() * rate / len(sound))


async def test_a_person_hears_what_the_holder_plays_of_what_they_say(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, control):
        person = Person(Microphone(tone(30)))
        leg = await call(control, person)
        echoing = asyncio.create_task(echo(leg))
        await until(lambda: len(person.sound) > 3 * 48_000)
        assert abs(loudest(person.sound[-48_000:]) - 440) < 3
        await leg.aclose("done")
        events = await echoing
        heard = [event for event in events if isinstance(event, Heard)]
        assert any(isinstance(event, Connected) for event in events)
        assert [h.at_sample for h in heard] == sorted(h.at_sample for h in heard)
        assert isinstance(events[-1], Gone)
        await person.close()


async def test_messages_cross_the_data_channel_both_ways(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, control):
        person = Person()
        leg = await call(control, person)
        await until(lambda: person.channel.readyState == "open")
        person.channel.send('{"type":"ping"}')
        async with asyncio.timeout(10):
            async for event in leg.events():
                if isinstance(event, Typed):
                    break
        assert event == Typed(data=b'{"type":"ping"}')
        leg.tell(b'{"type":"pong"}')
        await until(lambda: person.said == ['{"type":"pong"}'])
        await leg.aclose("done")
        await person.close()


async def test_an_interruption_says_what_had_left_and_nothing_more_sounds(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, control):
        person = Person()
        leg = await call(control, person)
        events = leg.events()
        async with asyncio.timeout(15):
            async for event in events:
                if isinstance(event, Connected):
                    leg.flush(1)
                    leg.play(1, tone(3.0)[::2].tobytes())
                if isinstance(event, Played) and event.epoch == 1 and event.samples > 12_000:
                    break
            leg.flush(2)
            leg.play(1, tone(1.0)[::2].tobytes())  # too late
            async for event in events:
                if isinstance(event, Played) and event.epoch == 1:
                    told = event.samples
                if isinstance(event, Played) and event.epoch == 2:
                    raise AssertionError("nothing was played in this epoch")
                if len(person.sound) > 48_000 and not person.sound[-9_600:].any():
                    break
                leg.resume()
                if isinstance(event, Played):
                    break
        assert 12_000 < told < 24_000
        await until(lambda: len(person.sound) > 0 and not person.sound[-4_800:].any())
        sounded = np.count_nonzero(np.abs(person.sound.astype(int)) > 200) / 48_000
        assert sounded < told / 24_000 + 0.1
        await leg.aclose("done")
        await person.close()


async def test_one_peer_costs_no_thread_and_no_jitter_buffer(tmp_path: Path) -> None:
    """Stock aiortc starts a decoding thread per receiver."""
    async with serving(tmp_path) as (worker, control):
        person = Person(Microphone(tone(5)))
        leg = await call(control, person)
        await until(person.connected.is_set)
        (carried,) = worker.legs.values()
        connection = carried.peer._connection
        assert [type(r).__name__ for r in connection.getReceivers()] == ["PacketReceiver"]
        decoding = [t for t in threading.enumerate() if t.name == "audio-decoder"]
        assert len(decoding) <= 1  # the person's own
        await leg.aclose("done")
        await person.close()


async def test_video_that_nobody_asked_for_is_answered_inactive_and_piles_up_nowhere(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person(Microphone(tone(5)))
        person.pc.addTrack(VideoStreamTrack())
        opened = await control.open_leg(await person.offer(), "voice", ())
        video = opened.answer.split("m=video")[1]
        assert "a=inactive" in video
        await person.answered(opened.answer)
        await until(person.connected.is_set)
        await until(lambda: len(person.sound) > 4_800)
        (carried,) = worker.legs.values()
        for receiver in carried.peer._connection.getReceivers():
            assert receiver.track is None or receiver.track._queue.empty()
        await person.close()


async def test_no_stun_server_is_asked_unless_one_is_configured(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person()
        leg = await call(control, person)
        (carried,) = worker.legs.values()
        gatherer = carried.peer._connection.getTransceivers()[0].receiver.transport.transport
        assert gatherer._connection.stun_server is None
        await leg.aclose("done")
        await person.close()


@pytest.mark.parametrize("sdp", ["v=0\r\nm=audio", "v=0\r\n" + "m=audio 9 x 0\r\n" * 3])
async def test_an_offer_that_is_none_is_refused_and_the_worker_lives_on(
    tmp_path: Path, sdp: str
) -> None:
    async with serving(tmp_path) as (worker, control):
        with pytest.raises(LegRefused):
            await control.open_leg(sdp, "voice", ())
        person = Person()
        whole = await person.offer()
        with pytest.raises(LegRefused) as refused:  # well formed, but no address is one
            await control.open_leg(whole.replace("a=ice-pwd:", "a=ice-pwd:\r\na=x:"), "voice", ())
        assert refused.value.code == "sdp_invalid"
        assert not worker.legs
        leg = await dial_leg(await _address(control, whole))
        assert isinstance(leg, WorkerLeg)
        await leg.aclose("done")
        await person.close()


async def _address(control: object, offer: str) -> LegAddress:
    opened = await control.open_leg(offer, "voice", ())  # type: ignore[attr-defined]
    return LegAddress(
        leg=opened.leg,
        address=control.address,
        key=opened.key,
        transport="webrtc",  # type: ignore[attr-defined]
    )


async def test_a_full_worker_says_so_in_one_word(tmp_path: Path) -> None:
    load = Load()
    load.look(0.0, 0.0)
    load.look(1.0, 0.9)
    async with serving(tmp_path, load=load) as (_, control):
        person = Person()
        with pytest.raises(LegRefused) as refused:
            await control.open_leg(await person.offer(), "voice", ())
        assert refused.value.code == "at_capacity"
        await person.close()


async def test_a_leg_is_for_one_holder_with_its_key(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, control):
        person = Person()
        address = await _address(control, await person.offer())
        for wrong in (
            LegAddress(leg=address.leg, address=address.address, key="x", transport="webrtc"),
            LegAddress(leg="x", address=address.address, key=address.key, transport="webrtc"),
        ):
            thief = await dial_leg(wrong)
            assert [event async for event in thief.events()] == [Gone(reason="worker_lost")]
        leg, second = await dial_leg(address), await dial_leg(address)
        assert [event async for event in second.events()] == [Gone(reason="worker_lost")]
        await leg.aclose("done")
        await person.close()


async def test_a_peer_that_lets_go_of_its_connection_may_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as (worker, control):
        person = Person(Microphone())
        leg = await call(control, person)
        await until(person.connected.is_set)
        await person.close()
        async with asyncio.timeout(10):
            events = [event async for event in leg.events()]
        assert events[-1] == Gone(reason="connection_lost"), "hanging up is said by DELETE"
        await until(lambda: not worker.legs)


async def test_a_holder_that_dies_frees_the_leg(tmp_path: Path) -> None:
    async with serving(tmp_path, left_seconds=0.3) as (worker, control):
        person = Person()
        leg = await call(control, person)
        await until(person.connected.is_set)
        assert leg._transport is not None
        leg._transport.abort()
        await until(lambda: not worker.legs)
        await person.close()


async def test_another_holder_takes_the_leg_and_everything_begins_anew_for_it(
    tmp_path: Path,
) -> None:
    """The peer notices nothing but silence; the clocks and epochs of the dead are forgotten."""
    async with serving(tmp_path) as (worker, control):
        person = Person(Microphone(tone(30)))
        leg = await call(control, person)
        await until(person.connected.is_set)
        leg.flush(7)
        leg.play(7, tone(3.0)[::2].tobytes())
        await until(lambda: np.abs(person.sound.astype(int)).max(initial=0) > 4_000)
        leg._transport.abort()
        (carried,) = worker.legs.values()
        await until(lambda: not carried.attached)
        await until(lambda: not person.sound[-4_800:].any())  # what it had queued is gone
        heir = await dial_leg(leg.address)
        places: list[int] = []
        async with asyncio.timeout(15):
            async for event in heir.events():
                if isinstance(event, Connected):
                    heir.flush(1)
                    heir.play(1, tone(1.0)[::2].tobytes())
                if isinstance(event, Heard):
                    places.append(event.at_sample)
                if isinstance(event, Played) and event.epoch == 1 and event.samples > 12_000:
                    break
        assert places[0] < 16_000, "its clock begins with it"
        await until(lambda: np.abs(person.sound[-9_600:].astype(int)).max() > 4_000)
        await heir.aclose("done")
        await until(lambda: not worker.legs)
        await person.close()


async def test_what_is_overridden_of_aiortc_is_still_there() -> None:
    """Names aiortc does not promise; an upgrade that moves one must fail here first."""
    assert hasattr(RTCPeerConnection, "_RTCPeerConnection__createTransceiver")
    for name in ("receive", "_handle_rtp_packet", "_run_rtcp", "_set_rtcp_ssrc"):
        assert hasattr(RTCRtpReceiver, name)
    for name in (
        "_handle_rtcp_packet", "_send_keyframe", "_run_rtp", "_next_encoded_frame", "_send_rtcp",
    ):  # fmt: skip
        assert hasattr(RTCRtpSender, name)

    class Transport:
        state = "new"

    receiver = RTCRtpReceiver("audio", Transport())  # type: ignore[arg-type]
    for name in ("codecs", "transport", "remote_streams", "rtcp_task", "started"):
        assert hasattr(receiver, f"_RTCRtpReceiver__{name}")


async def test_the_rest_of_what_is_overridden_is_there() -> None:
    class Transport:
        state = "new"

    sender = RTCRtpSender("audio", Transport())  # type: ignore[arg-type]
    for name in ("rtt", "encoder", "rtp_timestamp", "lsr"):
        assert hasattr(sender, f"_RTCRtpSender__{name}")
    transceiver = RTCRtpTransceiver("audio", None, sender)  # type: ignore[arg-type]
    for name in ("_RTCRtpTransceiver__sender", "_RTCRtpTransceiver__receiver", "_offerDirection"):
        assert hasattr(transceiver, name)


async def hold_calls(folder: Path, count: int, *, at_once: int = 4) -> None:
    """Open, talk and hang up: nothing of any call may be left in the worker."""
    async with serving(folder) as (worker, control):

        async def one() -> None:
            person = Person(Microphone(tone(0.5)))
            leg = await call(control, person)
            await until(person.connected.is_set)
            leg.play(0, tone(0.2)[::2].tobytes())
            await until(lambda: len(person.sound) > 4_800)
            await person.close()
            async with asyncio.timeout(15):
                async for _ in leg.events():
                    pass

        for _ in range(0, count, at_once):
            await asyncio.gather(*(one() for _ in range(at_once)))
            await until(lambda: not worker.legs)
        assert worker.opened == count
        assert not worker._keys
        assert not worker._patience
        assert not worker._promises
        await until(lambda: not worker._tasks)


@pytest.mark.long
async def test_calls_that_are_over_leave_nothing(tmp_path: Path) -> None:
    kinds = ("Carried", "RtcPeer", "PacketConnection", "PacketReceiver")
    before, others = len(asyncio.all_tasks()), alive(*kinds)  # a test that failed keeps its own
    await hold_calls(tmp_path, 8)
    await until(lambda: len(asyncio.all_tasks()) <= before + 1)
    await until(lambda: alive(*kinds) <= others)


def alive(*kinds: str) -> int:
    """How many things of these kinds nobody has let go of."""
    gc.collect()
    return sum(type(thing).__name__ in kinds for thing in gc.get_objects())
