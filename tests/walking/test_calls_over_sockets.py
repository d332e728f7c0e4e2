"""A call over a person's own socket: binary frames in and out, and what is refused.

Listening and speaking are on paper; the socket, the leg, the holder and the money are real.
"""

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from media.calls.binary import HEADER, OPUS, PCM16, SoundFrame, pack
from media.calls.holding import dial_leg
from media.calls.leg import Blocked, Gone, LegAddress
from media.calls.opus import Encoder
from realtime.pacing import Pacer
from realtime.socket_leg import SocketLeg, new_address
from tests.live import Client, Live, running
from tests.rooms.calls.doubles import PaperLeg
from tests.soon import until
from tests.walking.caller import Caller, caller

pytestmark = [pytest.mark.stores]


def tone(samples: int, level: int = 8_000) -> bytes:
    return struct.pack(f"<{samples}h", *(level if n // 20 % 2 else -level for n in range(samples)))


def frame(sound: bytes, seq: int = 0, at_us: int = 0, kind: int = PCM16, stream: int = 1) -> bytes:
    return pack(SoundFrame(kind, 0, stream, seq, at_us, sound))


async def start(one: Caller, **more: Any) -> dict[str, Any]:
    return await one.person.ask({"type": "call.start", "room": one.room, **more})


async def test_sound_goes_in_and_comes_out_paced_and_numbered(live: Live) -> None:
    one = await caller(live)
    ack = await start(one, sample_rate=24_000)
    assert (ack["type"], ack["stream"]) == ("ack", 1), ack
    await one.person.until("call.started")
    for seq in range(10):
        await one.person.ws.send(frame(tone(480), seq, seq * 20_000))
    await until(lambda: sum(len(h.pcm) for h in one.talk.heard) >= 2 * 512 * 5)
    ends = [h.at_sample + len(h.pcm) // 2 for h in one.talk.heard]
    assert [h.at_sample for h in one.talk.heard] == [0, *ends[:-1]]
    one.talk.leg.play(0, tone(480 * 10))
    got = await one.person.sound_until(10)
    heads = [HEADER.unpack_from(sound) for sound in got]
    assert [(kind, stream, seq, at) for kind, _, stream, seq, at in heads] == [
        (PCM16, 1, seq, seq * 20_000) for seq in range(10)
    ]
    assert b"".join(sound[16:] for sound in got) == tone(480 * 10)
    end = await one.person.ask({"type": "call.end", "room": one.room, "call": ack["call"]})
    assert end["type"] == "ack"
    ended = await one.ended()
    assert ended["reason"] == "hung_up"
    record = (await one.person.rest("GET", f"/api/v1/calls/{ack['call']}")).json()
    assert (record["transport"], record["quality"]["remote"]) == ("socket", "socket")


async def test_a_microphone_has_a_rate_of_its_own_and_nothing_is_resampled(live: Live) -> None:
    one = await caller(live)
    ack = await start(one, sample_rate=24_000, microphone_rate=16_000)
    assert ack["type"] == "ack", ack
    await one.person.until("call.started")
    for seq in range(8):
        await one.person.ws.send(frame(tone(320), seq, seq * 20_000))
    await until(lambda: sum(len(h.pcm) for h in one.talk.heard) == 2 * 320 * 8)
    assert b"".join(h.pcm for h in one.talk.heard) == tone(320) * 8
    one.talk.leg.play(0, tone(480 * 3))
    got = await one.person.sound_until(3)
    assert b"".join(sound[16:] for sound in got) == tone(480 * 3)
    refused = await start(one, codec="opus", sample_rate=48_000, microphone_rate=16_000)
    assert refused["path"] == "$.microphone_rate"


async def test_opus_is_decoded_and_encoded(live: Live) -> None:
    one = await caller(live)
    ack = await start(one, codec="opus", sample_rate=48_000)
    assert ack["type"] == "ack", ack
    await one.person.until("call.started")
    coder = Encoder()
    for seq in range(8):
        packet = coder.encode(tone(480))
        await one.person.ws.send(frame(packet, seq, seq * 20_000, OPUS))
    await until(lambda: len(one.talk.heard) == 5)
    assert [len(h.pcm) // 640 for h in one.talk.heard] == [2, 2, 1, 2, 1]
    one.talk.leg.play(0, tone(480 * 3))
    got = await one.person.sound_until(3)
    assert {sound[0] for sound in got} == {OPUS}
    assert len(got[1]) < 200
    refused = await start(one, codec="opus", sample_rate=16_000)
    assert refused["path"] == "$.sample_rate"


async def test_sound_outside_a_call_is_a_typed_mistake_and_the_session_lives_on(live: Live) -> None:
    one = await caller(live)
    await one.person.ws.send(frame(tone(480)))
    error = await one.person.until("error")
    assert (error["code"], error["id"]) == ("not_in_call", None)
    ack = await start(one)
    await one.person.until("call.started")
    wrong = {
        b"\x01": "bad_frame",
        frame(tone(480), kind=9): "unknown_kind",
        frame(tone(480), kind=OPUS): "other_codec",
        frame(tone(480), stream=7): "unknown_stream",
        frame(b"\0\0\0"): "bad_frame",
    }
    for data, code in wrong.items():
        await one.person.ws.send(data)
        assert (await one.person.until("error"))["code"] == code
        await one.person.send({"type": "ping", "seq": one.person.seq})
        await one.person.until("pong")
    await one.person.ask({"type": "call.end", "room": one.room, "call": ack["call"]})
    await one.ended()
    beneath = one.talk.leg._leg  # what the call holds is the socket's leg with a tape beside it
    await until(lambda: beneath.over)
    await one.person.ws.send(frame(tone(480)))
    assert (await one.person.until("error"))["code"] == "not_in_call"
    assert (await one.person.say(one.room, "Still here"))["type"] == "ack"


async def test_what_a_socket_cannot_carry_is_said(live: Live) -> None:
    one = await caller(live)
    for more, code in (
        ({"transport": "webrtc"}, "use_an_offer"),
        ({"kind": "video"}, "no_pictures_here"),
        ({"codec": "speex"}, "invalid"),
        ({"sample_rate": 11_025}, "invalid"),
        ({"room": "r_nowhere"}, "room_not_found"),
        ({"call": "call_long_gone"}, "call_not_found"),
    ):
        refused = await start(one, **{"room": one.room, **more})
        assert refused["code"] == code, (more, refused)
    assert (await start(one))["type"] == "ack"
    await one.hang_up()


async def test_a_key_that_may_not_chat_may_not_call(live: Live) -> None:
    one = await caller(live)
    form = {"name": "books", "scopes": ["wallet"]}
    key = (await one.person.rest("POST", "/api/v1/api-keys", json=form)).json()["key"]
    books = Client(live, {"user": one.person.user, "access_token": key})
    await books.connect()
    refused = await books.ask({"type": "call.start", "room": one.room})
    assert (refused["type"], refused["code"]) == ("error", "missing_scope")
    assert await live.house.db.fetchval("SELECT count(*) FROM calls") == 0


async def test_a_call_that_is_refused_leaves_the_one_on_this_socket_alone(live: Live) -> None:
    one = await caller(live)
    ack = await start(one, sample_rate=24_000)
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    other = (await one.person.room("kwame"))["id"]
    for more, code in (
        ({"room": other}, "in_another_call"),
        ({"call": "call_of_yesterday"}, "call_not_found"),
        ({"room": "r_nowhere"}, "room_not_found"),
    ):
        assert (await start(one, **{"room": one.room, **more}))["code"] == code
    await until(lambda: one.call is not None and one.call.life.metered)
    for seq in range(5):
        await one.person.ws.send(frame(tone(480), seq, seq * 20_000))
    await until(lambda: bool(one.talk.heard))
    one.talk.leg.play(0, tone(480 * 3))
    assert len(await one.person.sound_until(3)) == 3
    again = await start(one, sample_rate=24_000)  # by itself it goes on, over a new leg
    assert again["call"] == ack["call"]
    await until(lambda: one.call.leg is not None and one.call.life.metered)
    await one.pass_time(5)
    await one.hang_up()
    assert (await one.ended())["seconds"] == 5


async def test_a_client_cannot_name_a_leg_itself(live: Live) -> None:
    one = await caller(live)
    leg = {"leg": "x", "address": "tcp:10.0.0.1:1", "key": "k", "transport": "webrtc"}
    refused = await one.person.ask(
        {"type": "call.join", "room": one.room, "kind": "voice", "leg": leg}
    )
    assert refused["code"] == "unknown_type"
    assert (await one.person.ask({"type": "call.shut", "room": one.room}))["code"] == "unknown_type"
    assert (await start(one, leg=leg))["code"] == "invalid"


async def test_a_lost_socket_comes_back_to_the_same_call(live: Live) -> None:
    one = await caller(live)
    ack = await start(one)
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await until(lambda: one.call.life.metered)
    await one.pass_time(5)
    await one.person.drop()
    await until(lambda: one.call.life.state == "reconnecting")
    assert (await one.person.resume())["type"] == "resumed"
    again = await start(one, call=ack["call"])
    assert again["call"] == ack["call"]
    await until(lambda: one.call.life.state == "live")
    await one.pass_time(5)
    await one.hang_up()
    assert (await one.ended())["seconds"] == 10


async def test_the_rooms_holder_may_be_another_node(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        running(database_url, valkey_url, tmp_path / "a", node="gw-a") as holder,
        running(database_url, valkey_url, tmp_path / "b", node="gw-b") as nearby,
    ):
        one = await caller(holder)
        assert (await one.person.say(one.room, "Hello"))["type"] == "ack"  # gw-a has it now
        phone = Client(nearby, {"user": one.person.user, "access_token": one.person.token})
        await phone.connect()
        ack = await phone.ask({"type": "call.start", "room": one.room, "sample_rate": 24_000})
        assert ack["type"] == "ack", ack
        await phone.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
        assert one.call is not None
        for seq in range(5):
            await phone.ws.send(frame(tone(480), seq, seq * 20_000))
        await until(lambda: len(one.talk.heard) >= 3)
        one.talk.leg.gather(-55.0)
        for seq in range(5, 65):  # of silence, half a second comes at once and then larger pieces
            await phone.ws.send(frame(bytes(960), seq, seq * 20_000))
        await until(lambda: max(len(h.pcm) // 2 for h in one.talk.heard) >= 2_240)
        one.talk.leg.play(0, tone(480 * 5))
        got = await phone.sound_until(5)
        assert b"".join(sound[16:] for sound in got) == tone(480 * 5)
        one.talk.leg.flush(1)
        one.talk.leg.play(0, tone(480))  # of an epoch that is over
        one.talk.leg.play(1, tone(960))
        assert len(await phone.sound_until(7)) == 7
        await phone.drop()
        await until(lambda: one.call.life.state == "reconnecting")
        await one.hang_up()
        assert (await one.ended())["reason"] == "hung_up"


async def test_a_leg_is_given_only_to_who_has_its_key(live: Live) -> None:
    one = await caller(live)
    legs = live.house.realtime.legs
    await legs.open()
    leg = PaperLeg("socket")
    legs.wait(leg)
    for key in ("", "guessed"):
        address = LegAddress(leg=leg.address.leg, address=legs.address, key=key, transport="socket")
        thief = await dial_leg(address)
        events = [event async for event in thief.events()]
        assert [type(event) for event in events] == [Gone]
    call, _ = await one.join(leg)
    assert call
    await one.hang_up()


async def test_a_socket_that_takes_nothing_pauses_pacing_and_meter() -> None:
    """The pacing is real, and so is the time until it counts as blocked."""
    out = list[bytes]()
    leg = SocketLeg(
        new_address("", "socket"), out.append, codec="pcm16", sample_rate=24_000, stream=1,
        blocked_seconds=0.8, pacer=Pacer(),
    )  # fmt: skip
    pacing = asyncio.create_task(leg.run())
    leg.begin()
    leg.play(0, tone(480 * 200))
    await until(lambda: len(out) >= 5)
    leg.stuck()
    sent = len(out)
    await until(lambda: leg.dropped > 3)
    assert len(out) == sent
    events = leg.events()
    async for event in events:
        if event == Blocked(on=True):
            break
    leg.play(0, b"")
    leg.writable()
    async for event in events:
        if event == Blocked(on=False):
            break
    await until(lambda: len(out) > sent + 3)
    assert len({HEADER.unpack_from(sound)[3] for sound in out}) == len(out)
    leg.lost("hung_up")
    await pacing
