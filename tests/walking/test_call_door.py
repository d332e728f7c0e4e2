"""A call by WHIP through the whole house: offer, answer, sound, candidates, hanging up, refusals.

The media worker is real, in the test's own loop; only the conversation is on paper.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.calls.load import Load
from media.calls.rtc import RtcEngine
from media.calls.serving import Worker
from media.calls.workers import BOARD, Notice
from storage.bus.board import ValkeyBoard
from tests.live import Client, Live, running
from tests.media.calls.clients import KEY, Microphone, Person
from tests.rooms.calls.doubles import PaperTalk, PaperVoices
from tests.soon import until

pytestmark = [pytest.mark.stores]
SDP = {"content-type": "application/sdp"}
TURN = {
    "KINDRED_MEDIA__TURN": '["turn:relay.example:3478?transport=udp"]',
    "KINDRED_MEDIA__TURN_SECRET": "shared with coturn",
}


class Speaking(PaperTalk):
    """A conversation that plays one sound and listens."""

    async def run(self, leg: Any) -> Any:
        leg.play(0, b"\x10\x20" * 24_000)
        return await super().run(leg)


class Voices(PaperVoices):
    def talk(self, room: Any, who: Any, companion: str, kind: str, around: Any) -> Any:
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def made() -> AsyncIterator[PaperTalk]:
            talk = Speaking(who, companion, around)
            self.talks.append(talk)
            yield talk

        return made()


class Workers:
    """Media workers on the board, as `kindred up` would have them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.board, self.folder = ValkeyBoard(url), folder
        self.workers: dict[str, tuple[Worker, asyncio.Server]] = {}

    async def add(
        self, name: str, busy: float = 0.0, load: Load | None = None, **options: Any
    ) -> Worker:
        worker = Worker(RtcEngine(), KEY, load=load, **options)
        path = str(self.folder / f"{name}.sock")
        server = await asyncio.get_running_loop().create_unix_server(worker.link, path)
        self.workers[name] = worker, server
        notice = Notice(address=f"unix:{path}", key=KEY, busy=busy, most=0.75, legs=0)
        await self.board.put_up(BOARD, name, msgspec.msgpack.encode(notice), 60)
        return worker

    async def end(self, name: str) -> None:
        """Its notice, its socket and its legs are gone."""
        worker, server = self.workers.pop(name)
        await self.board.take_down(BOARD, name)
        server.close()
        await worker.aclose()

    async def close(self) -> None:
        for name in tuple(self.workers):
            await self.end(name)
        await self.board.close()


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, valkey_url, tmp_path, **TURN) as started:
        started.house.room_parts.calls.voices = Voices()
        yield started


async def offered(client: Client, room: str, body: str, query: str = "", **headers: str) -> Any:
    return await client.rest(
        "POST", f"/v1/calls?room={room}{query}", content=body, headers={**SDP, **headers}
    )


async def test_an_offer_is_answered_and_both_hear(live: Live, workers: Workers) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    person = Person(Microphone())
    answer = await offered(client, room, await person.offer(), "&kind=voice")
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/sdp"
    call = answer.headers["location"].rpartition("/")[2]
    await person.answered(answer.text)
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await until(lambda: person.sound.any())
    assert len(worker.legs) == 1
    gone = await client.rest("DELETE", answer.headers["location"])
    assert gone.status_code == 204
    ended = await client.until("call.ended")
    assert (ended["call"], ended["reason"]) == (call, "hung_up")
    await until(lambda: not worker.legs)
    await person.close()


async def test_a_relay_is_named_with_credentials_that_expire(live: Live, workers: Workers) -> None:
    await workers.add("one")
    client = await live.person()
    person = Person()
    answer = await offered(client, (await client.room())["id"], await person.offer())
    link = answer.headers["link"]
    assert link.startswith('<turn:relay.example:3478?transport=udp>; rel="ice-server"; username="')
    servers = (await client.rest("GET", "/api/v1/ice-servers")).json()["ice_servers"]
    until_second, _, name = servers[0]["username"].partition(":")
    assert int(until_second) > 1_700_000_000
    assert client.user["id"] not in name
    await person.close()


async def test_a_lost_connection_goes_on_with_a_new_offer(live: Live, workers: Workers) -> None:
    await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    person = Person(Microphone())
    answer = await offered(client, room, await person.offer())
    await person.answered(answer.text)
    call = answer.headers["location"].rpartition("/")[2]
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    second = await workers.add("two")
    await workers.end("one")
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    again = Person(Microphone())
    async with asyncio.timeout(10):  # the board is read anew within half a second
        answer = await offered(client, room, await again.offer(), f"&call={call}")
        while answer.status_code == 503:
            answer = await offered(client, room, await again.offer(), f"&call={call}")
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(call)
    await again.answered(answer.text)
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    assert len(second.legs) == 1
    await person.close()
    await again.close()


async def test_a_client_that_lets_go_of_its_line_comes_back_into_the_same_call(
    live: Live, workers: Workers
) -> None:
    """A browser closes a failing connection before it makes another: that is no hanging up."""
    await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    person, again = Person(Microphone()), Person(Microphone())
    answer = await offered(client, room, await person.offer())
    await person.answered(answer.text)
    call = answer.headers["location"].rpartition("/")[2]
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await person.close()
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    answer = await offered(client, room, await again.offer(), f"&call={call}")
    assert answer.status_code == 201, answer.text
    await again.answered(answer.text)
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await until(lambda: again.sound.any())
    await again.close()


async def test_candidates_trickle_and_a_restart_is_refused(live: Live, workers: Workers) -> None:
    await workers.add("one")
    client = await live.person()
    person = Person()
    answer = await offered(client, (await client.room())["id"], await person.offer())
    where, etag = answer.headers["location"], answer.headers["etag"]
    ufrag = next(
        line for line in person.pc.localDescription.sdp.splitlines() if "ice-ufrag" in line
    )

    async def patch(body: str, **headers: str) -> Any:
        kind = {"content-type": "application/trickle-ice-sdpfrag", **headers}
        return await client.rest("PATCH", where, content=body, headers=kind)

    more = "a=mid:0\r\na=candidate:9 1 udp 2113937151 192.0.2.7 5009 typ host\r\n"
    found = await patch(f"{ufrag}\r\n{more}", **{"if-match": etag})
    assert found.status_code == 204, found.text
    restart = await patch(f"a=ice-ufrag:new\r\n{more}", **{"if-match": etag})
    assert (restart.status_code, restart.json()["code"]) == (409, "ice_restart")
    assert (await patch(more)).json()["code"] == "if_match_needed"
    assert (await patch(more, **{"if-match": '"x.y"'})).json()["code"] == "leg_gone"
    assert (await patch("hello", **{"if-match": etag})).json()["code"] == "sdp_invalid"
    stranger = await live.person()
    taken = await stranger.rest("DELETE", where)
    assert (taken.status_code, taken.json()["code"]) == (404, "call_not_found")
    await person.close()


async def test_bad_offers_have_typed_answers_and_the_house_lives_on(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    person = Person()
    good = await person.offer()
    line = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    for body, status, code in (
        ("hello", 400, "sdp_invalid"),
        ("", 400, "sdp_invalid"),
        (good.replace("m=audio", "m=text"), 400, "sdp_invalid"),
        (good.replace("opus", "speex"), 400, "sdp_no_codec"),
        (re.sub(r"m=audio \d+", "m=audio 0", good), 400, "sdp_no_audio"),
        (good + line * 100, 400, "sdp_too_many_candidates"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, 413, "too_large"),
    ):
        answer = await offered(client, room, body)
        assert answer.status_code == status, (code, answer.text)
        assert answer.json()["code"] == code
    video = await offered(client, room, good, "&kind=video")
    assert video.json()["code"] == "sdp_no_video"
    json = await client.rest("POST", f"/v1/calls?room={room}", json={"sdp": good})
    assert json.status_code == 415
    nobody = await live.http.post(f"/v1/calls?room={room}", content=good, headers=SDP)
    assert nobody.status_code == 401
    elsewhere = await offered(client, "r_nowhere", good)
    assert elsewhere.status_code == 404
    await until(lambda: not worker.legs)  # what was opened for the refused is closed
    assert (await offered(client, room, good)).status_code == 201
    await person.close()


async def test_full_workers_are_passed_over_and_all_full_is_said(
    live: Live, workers: Workers
) -> None:
    full = Load()
    full.look(0.0, 0.0)
    full.look(1.0, 0.9)
    busy = await workers.add("busy", busy=0.1, load=full)  # its notice is older than its load
    client = await live.person()
    room = (await client.room())["id"]
    person = Person()
    answer = await offered(client, room, await person.offer())
    assert (answer.status_code, answer.json()["code"]) == (503, "at_capacity")
    assert answer.headers["retry-after"]
    free = await workers.add("free", busy=0.5)
    async with asyncio.timeout(20):
        while answer.status_code == 503:
            answer = await offered(client, room, await person.offer())
    assert answer.status_code == 201
    assert (len(busy.legs), len(free.legs)) == (0, 1)
    await person.close()


async def test_without_a_worker_it_is_said(live: Live) -> None:
    client = await live.person()
    person = Person()
    answer = await offered(client, (await client.room())["id"], await person.offer())
    assert (answer.status_code, answer.json()["code"]) == (503, "no_media_worker")
    await person.close()


async def test_a_worker_that_is_dead_but_still_on_the_board_is_passed_over(
    live: Live, workers: Workers, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    notice = Notice(address=f"unix:{tmp_path}/dead.sock", key=KEY, busy=0.0, most=0.75, legs=0)
    await workers.board.put_up(BOARD, "dead", msgspec.msgpack.encode(notice), 60)
    await workers.add("alive", busy=0.5)
    client = await live.person()
    person = Person()
    answer = await offered(client, (await client.room())["id"], await person.offer())
    assert answer.status_code == 201
    await workers.board.take_down(BOARD, "dead")
    await person.close()
