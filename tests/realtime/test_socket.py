"""The native socket over the wire: resume at every frame, hostile input, limits, revocation."""

import asyncio
from typing import Any

import msgspec
import orjson
import pytest
import websockets

from tests.live import Client, Live

pytestmark = pytest.mark.stores


async def closed_with(ws: Any) -> int:
    """The code a socket is closed with."""
    try:
        while True:
            await asyncio.wait_for(ws.recv(), 20)
    except websockets.ConnectionClosed:
        return ws.protocol.close_code


async def test_a_reply_is_resumed_exactly_wherever_the_socket_is_lost(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 40, 0.01
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "Tell me a story")
    for lost_after in (1, 1, 2, 3, 1):
        for _ in range(lost_after):
            await person.until(lambda f: "seq" in f)
        await person.drop()
        resumed = await person.resume()
        assert resumed["type"] == "resumed", resumed
    done = await person.done(ack["reply"])
    assert person.text_of(ack["reply"]) == done["text"]
    numbers = [f["seq"] for f in person.frames if "seq" in f]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [f["type"] for f in person.frames].count("message.created") == 1


async def test_a_session_resumes_from_any_earlier_number_with_the_same_words(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "Hello")
    done = await person.done(ack["reply"])
    await person.until("wallet.updated")
    last, seen = person.seq, [f for f in person.frames if "seq" in f]
    # Downwards: a number that is given again means its new frame from then on.
    for seq in range(last, -1, -1):
        await person.drop()
        person.seq, person.frames = seq, [f for f in seen if f["seq"] <= seq]
        resumed = await person.resume()
        assert resumed["type"] == "resumed"
        for _ in range(resumed["replayed"]):
            await person.next()
        assert person.text_of(ack["reply"]) == done["text"]
        assert [f["type"] for f in person.frames].count("reply.done") == 1
        await person.drop()  # numbers beyond were given anew; come back from the same place
        person.seq = seq
        assert (await person.resume())["replayed"] == resumed["replayed"]


async def test_two_devices_see_the_same_events_in_the_same_order(live: Live) -> None:
    phone = await live.person()
    laptop = Client(live, {"user": phone.user, "access_token": phone.token})
    await laptop.connect()
    room = (await phone.room())["id"]
    await laptop.until("room.updated")
    ack = await phone.say(room, "Hello")
    await phone.done(ack["reply"])
    done = await laptop.done(ack["reply"])
    assert laptop.text_of(ack["reply"]) == done["text"] == phone.text_of(ack["reply"])


async def test_an_unknown_session_is_told_to_read_again(live: Live) -> None:
    person = await live.person()
    await person.drop()
    person.session = "s_nothing"
    answer = await person.resume()
    assert (answer["type"], answer["reason"]) == ("resync", "unknown_session")
    stranger = await live.person()
    await stranger.drop()
    stranger.session, stranger.epoch = person.session, person.epoch
    assert (await stranger.resume())["reason"] == "unknown_session"
    person.seq = 10**6
    await person.drop()
    assert (await person.resume())["reason"] in {"seq_ahead", "log_lost", "window"}


async def test_messagepack_speaks_the_same_protocol(live: Live) -> None:
    signed = await live.registered()
    uri = f"ws://127.0.0.1:{live.port}/v1/socket"
    protocols = [websockets.Subprotocol("kindred.v1.msgpack")]
    async with websockets.connect(uri, subprotocols=protocols) as ws:
        assert msgspec.msgpack.decode(await ws.recv())["type"] == "hello"
        await ws.send(
            msgspec.msgpack.encode({"type": "auth", "id": "1", "token": signed["access_token"]})
        )
        assert msgspec.msgpack.decode(await ws.recv())["type"] == "ready"


@pytest.mark.parametrize(
    ("frame", "code", "path"),
    [
        ("{not json", "malformed", "$"),
        ('{"type":"message.send","id":"7","room":"r_1","text":5}', "invalid", "$.text"),
        ('{"type":"message.send","id":"7","room":"r_1"}', "invalid", "$"),
        ('{"type":"no.such","id":"7"}', "unknown_type", "$.type"),
        ('{"type":"message.send","id":"7","room":"r_1","text":""}', "invalid", "$.text"),
        ("[1,2]", "invalid", "$"),
    ],
)
async def test_a_bad_frame_is_answered_with_the_path_and_the_session_lives_on(
    live: Live, frame: str, code: str, path: str
) -> None:
    person = await live.person()
    await person.ws.send(frame)
    error = await person.until("error")
    assert (error["code"], error["path"]) == (code, path), error
    assert error["id"] in {None, "7"}
    await person.send({"type": "ping", "seq": 0})
    assert (await person.next())["type"] == "pong"


async def test_the_third_malformed_frame_in_a_row_closes(live: Live) -> None:
    person = await live.person()
    for _ in range(3):
        await person.ws.send("{")
    assert await closed_with(person.ws) == 4500


async def test_oversized_binary_and_silent_sockets_are_closed_with_their_codes(live: Live) -> None:
    big = await live.person()
    await big.ws.send(orjson.dumps({"type": "ping", "id": "x" * 70_000}).decode())
    assert await closed_with(big.ws) == 1009
    audio = await live.person()
    await audio.ws.send(b"\x00" * 32)
    assert (await audio.until("error"))["code"] == "not_in_call"
    silent = Client(live, await live.registered())
    await silent._open()
    assert await closed_with(silent.ws) == 4501


async def test_flooding_is_slowed_then_closed(live: Live) -> None:
    person = await live.person()
    for i in range(200):
        try:
            await person.ws.send(orjson.dumps({"type": "typing", "id": str(i), "room": "r"}))
        except websockets.ConnectionClosed:
            break
    assert await closed_with(person.ws) in {4529, 4500}


async def test_too_many_sockets_and_foreign_tokens_are_refused_in_words(live: Live) -> None:
    first = await live.person()
    for _ in range(2):
        more = Client(live, {"user": first.user, "access_token": first.token})
        await more.connect()
    fourth = Client(live, {"user": first.user, "access_token": first.token})
    await fourth._open()
    await fourth.send({"type": "auth", "id": "1", "token": first.token})
    assert (await fourth._raw())["code"] == "too_many_sockets"
    nobody = Client(live, {"user": {}, "access_token": "nonsense"})
    await nobody._open()
    await nobody.send({"type": "auth", "id": "1", "token": "nonsense"})
    assert (await nobody._raw())["code"] == "token_invalid"
    await nobody.send({"type": "message.send", "id": "2", "room": "r", "text": "hi"})
    assert (await nobody._raw())["code"] == "not_signed_in"


async def test_a_foreign_origin_may_not_open_a_socket(live: Live) -> None:
    uri = f"ws://127.0.0.1:{live.port}/v1/socket"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(uri, origin=websockets.Origin("https://evil.example"))
    assert refused.value.response.status_code == 403
    own = websockets.Origin(f"http://127.0.0.1:{live.port}")
    async with websockets.connect(uri, origin=own) as ws:
        assert orjson.loads(await ws.recv())["type"] == "hello"


async def test_revoking_a_sign_in_closes_its_socket_at_once(live: Live) -> None:
    person = await live.person()
    assert (await person.rest("POST", "/api/v1/auth/logout")).status_code == 204
    assert await closed_with(person.ws) == 4504


async def test_a_resumed_session_closes_its_old_socket(live: Live) -> None:
    person = await live.person()
    old = person.ws
    assert (await person.resume())["type"] == "resumed"
    assert await closed_with(old) == 4009


async def test_a_reader_that_does_not_read_is_cut_off_and_nobody_waits_for_it(
    live: Live,
) -> None:
    live.script.tokens, live.script.gap_seconds = 60, 0.005
    fast = await live.person()
    slow = Client(live, {"user": fast.user, "access_token": fast.token})
    await slow.connect()
    room = (await fast.room())["id"]
    slow.ws.transport.pause_reading()
    ack = await fast.say(room, "Hello")
    done = await asyncio.wait_for(fast.done(ack["reply"]), 10)
    assert fast.text_of(ack["reply"]) == done["text"]
    slow.ws.transport.resume_reading()
    assert slow.text_of(ack["reply"]) == ""
    late = await slow.done(ack["reply"])
    assert slow.text_of(ack["reply"]) == late["text"]


async def test_one_reply_streams_as_server_sent_events(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    headers = {**person.headers, "accept": "text/event-stream"}
    events = []
    async with live.http.stream(
        "POST", f"/api/v1/rooms/{room}/messages", json={"text": "Hello"}, headers=headers
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                events.append(orjson.loads(line[5:]))
    kinds = [event["type"] for event in events]
    assert kinds[-1] == "reply.done"
    deltas = [event["text"] for event in events if event["type"] == "reply.delta"]
    assert "".join(deltas) == events[-1]["text"]


async def test_a_session_streams_over_sse_and_resumes_by_its_last_event_id(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    ids: list[str] = []
    speaking: list[asyncio.Task[Any]] = []

    async def read(headers: dict[str, str], until: str) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        async with live.http.stream(
            "GET", "/api/v1/events", headers={**person.headers, **headers}
        ) as response:
            async for line in response.aiter_lines():
                if line.startswith("id:"):
                    ids.append(line[3:].strip())
                if line.startswith("data:"):
                    got.append(orjson.loads(line[5:]))
                    if got[-1]["type"] == "ready":
                        speaking.append(asyncio.create_task(person.say(room, "Hello")))
                    if got[-1]["type"] == until:
                        return got
        return got

    first = await read({}, "reply.started")
    rest = await read({"last-event-id": ids[-1]}, "reply.done")
    assert rest[0]["type"] == "resumed"
    await asyncio.gather(*speaking)
    text = "".join(e["text"] for e in first + rest if e["type"] == "reply.delta")
    assert text == rest[-1]["text"]


async def test_typing_and_read_cursors_reach_the_other_device(live: Live) -> None:
    phone = await live.person()
    laptop = Client(live, {"user": phone.user, "access_token": phone.token})
    await laptop.connect()
    room = (await phone.room())["id"]
    await laptop.until("room.updated")
    await phone.ask({"type": "typing", "room": room, "on": True})
    assert (await laptop.until("typing"))["on"] is True
    shown = (await phone.rest("GET", "/api/v1/rooms?limit=5")).json()["items"][0]
    assert shown["unread"] == 1
    await phone.ask({"type": "read", "room": room, "n": 1})
    assert (await laptop.until("read"))["n"] == 1
    shown = (await phone.rest("GET", "/api/v1/rooms")).json()["items"][0]
    assert shown["unread"] == 0


async def test_reports_are_kept_and_a_blocked_companion_cannot_answer(live: Live) -> None:
    person = await live.person()
    room = await person.room()
    message = (await person.rest("GET", f"/api/v1/rooms/{room['id']}/messages")).json()["items"][0]
    form = {"room": room["id"], "message": message["id"], "reason": "other", "note": "<script>"}
    assert (await person.rest("POST", "/api/v1/moderation/report", json=form)).status_code == 201
    kept = await live.house.db.fetchrow("SELECT words, note FROM reports")
    assert kept["words"] == message["parts"][0]["text"]
    companion = next(m["id"] for m in room["members"] if m["kind"] == "companion")
    await person.rest("PUT", f"/api/v1/companions/{companion}/block")
    assert (await person.say(room["id"], "Hello"))["code"] == "companion_blocked"
    await person.rest("DELETE", f"/api/v1/companions/{companion}/block")
    assert (await person.say(room["id"], "Hello"))["type"] == "ack"
