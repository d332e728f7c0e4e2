"""Calls through `kindred up` as it is run: gateways, media and inference workers, real voices.

Only the model's words are scripted. Gateways are killed and renewed in the middle of a call.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.live import Client
from tests.media.calls.clients import Microphone, Person
from tests.server.house import kindred
from tests.soon import until
from tests.walking.test_call_door import offered
from tests.walking.test_many_gateways import come_back, gateways, until_closed

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.timeout(240), pytest.mark.long]
VIP = {"KINDRED_DEFAULT_PLAN": "vip"}


async def started(person: Client, room: str, **more: Any) -> dict[str, Any]:
    """A call over the socket. Who comes too early is told by name, and when to come again."""
    while True:
        ack = await person.ask({"type": "call.start", "room": room, **more})
        if ack["type"] == "ack":
            return ack
        assert ack["code"] in {"voice_unavailable", "unavailable"}, ack
        assert ack["retry_after_ms"] > 0
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.2)


async def is_live(person: Client, call: str) -> None:
    await person.until(
        lambda f: f["type"] == "call.updated" and f["state"] == "live" and f["call"] == call
    )


async def captures(person: Client) -> list[int]:
    items = (await person.rest("GET", "/api/v1/wallet/transactions")).json()["items"]
    return [-one["amount_microcredits"] for one in items if one["kind"] == "capture"]


async def test_the_first_call_after_up_is_answered_and_outlives_its_gateway(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2, **VIP) as live:
        person = await live.person()
        room = (await person.room())["id"]
        call = (await started(person, room))["call"]
        await is_live(person, call)
        await person.sound_until(50)  # a second of the greeting
        await asyncio.to_thread(live.process_of(person.hello["node"]).kill)
        assert await until_closed(person) == 1006
        assert (await come_back(person))["type"] == "resumed"
        back, heard = time.monotonic(), len(person.sound)
        assert (await started(person, room, call=call))["call"] == call
        await is_live(person, call)
        took = time.monotonic() - back
        said = await person.say(room, "Are you still there?")
        assert said["type"] == "ack", said
        await person.sound_until(heard + 50)
        assert (await person.ask({"type": "call.end", "room": room, "call": call}))["type"] == "ack"
        ended = person.frames_of("call.ended") or [await person.until("call.ended")]
        assert [(one["call"], one["reason"]) for one in ended] == [(call, "hung_up")]
        assert len(person.frames_of("call.started")) == 1
        assert sum(await captures(person)) == ended[0]["cost_microcredits"]
        assert len(await captures(person)) <= 1
        assert took < 2.0 + 6.0  # 2 s, and what a busy machine adds


async def test_a_rolling_restart_leaves_a_call_its_connection_and_its_meter(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2, **VIP) as live:
        client = await live.person()
        room = (await client.room())["id"]
        person = Person(Microphone())
        answer = await offered(client, room, await person.offer())
        while answer.status_code == 503:
            assert answer.headers["retry-after"]
            answer = await offered(client, room, await person.offer())
        assert answer.status_code == 201, answer.text
        call = answer.headers["location"].rpartition("/")[2]
        await person.answered(answer.text)
        await is_live(client, call)
        await until(lambda: bool(person.sound.any()), 60)
        asked = await asyncio.to_thread(kindred, "restart", "--data", str(tmp_path))
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert await until_closed(client) == 1012
        assert (await come_back(client))["type"] == "resumed"
        assert person.pc.connectionState == "connected", "nobody hung up on it"
        count = len(person.heard)
        said = await client.say(room, "Are you still there?")
        assert said["type"] == "ack", said
        await until(lambda: any(piece.any() for piece in person.heard[count:]), 60)
        record = (await client.rest("GET", f"/api/v1/calls/{call}")).json()
        assert record["reason"] is None
        assert (await client.rest("DELETE", f"/v1/calls/{call}")).status_code == 204
        ended = client.frames_of("call.ended") or [await client.until("call.ended")]
        assert [(one["call"], one["reason"]) for one in ended] == [(call, "hung_up")]
        assert len(client.frames_of("call.started")) == 1
        assert sum(await captures(client)) == ended[0]["cost_microcredits"]
        await person.close()
