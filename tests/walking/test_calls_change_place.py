"""A call that moves, for its media worker is killed or its person's address changes, is one call.

The workers are processes and die by kill -9, the address changes in a relay of the tests' own, and
the person's client comes back by itself, as the guide says a client should.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.media import MediaSettings
from tests.live import Client, Live, running
from tests.media.calls.clients import Microphone, Person
from tests.media.calls.relay import Relay, Weather, through_relay
from tests.media.calls.test_bad_networks import without_candidates
from tests.media.calls.test_worker import Process
from tests.soon import until
from tests.walking.caller import SECOND
from tests.walking.test_call_door import Voices, offered

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, valkey_url, tmp_path) as started:
        started.house.room_parts.calls.voices = Voices()
        yield started


@pytest.fixture
async def start(valkey_url: str, tmp_path: Path) -> AsyncIterator[Any]:
    going: list[Process] = []

    async def one(name: str) -> Process:
        going.append(await Process(name, valkey_url, tmp_path, MediaSettings()).start())
        return going[-1]

    yield one
    for process in going:
        await process.end(signal.SIGKILL)


class Phone:
    """A client that keeps its call: when its line is lost it offers anew, until it is told no."""

    def __init__(self, client: Client, room: str) -> None:
        self.client, self.room = client, room
        self.call = self.worker = ""
        self.people: list[Person] = []
        self.relays: list[Relay] = []

    async def dial(self, weather: Weather | None = None) -> None:
        """A new connection; over a relay, where there is weather."""
        person = Person(Microphone())
        self.people.append(person)
        offer = await person.offer()
        offer = without_candidates(offer) if weather is not None else offer
        query = f"&call={self.call}" if self.call else ""
        async with asyncio.timeout(20):
            answer = await offered(self.client, self.room, offer, query)
            while answer.status_code == 503:
                answer = await offered(self.client, self.room, offer, query)
        assert answer.status_code == 201, answer.text
        call = answer.headers["location"].rpartition("/")[2]
        assert call == (self.call or call), "it is the same call"
        self.call, self.worker = call, answer.headers["etag"].strip('"').partition(".")[0]
        sdp = answer.text
        if weather is not None:
            sdp, relay = await through_relay(sdp, weather)
            self.relays.append(relay)
        await person.answered(sdp)
        await self.client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
        await until(lambda: bool(person.sound.any()))

    async def hang_up(self) -> dict[str, Any]:
        await self.client.ask({"type": "call.end", "room": self.room, "call": self.call})
        told = self.client.frames_of("call.ended") or [await self.client.until("call.ended")]
        for person in self.people:
            await person.close()
        for relay in self.relays:
            relay.close()
        return told[0]


async def phone(live: Live) -> Phone:
    client = await live.person()
    return Phone(client, (await client.room())["id"])


async def known(live: Live, count: int) -> None:
    """So many workers are on the board."""
    there = 0
    async with asyncio.timeout(30):
        while there < count:
            await asyncio.sleep(0.05)
            there = len(await live.house.call_door.workers.known())


async def stays_one_call(live: Live, phone: Phone, seconds: float) -> None:
    """One beginning, one end, one charge: of what was talked, and not of what lay between."""
    ended = await phone.hang_up()
    assert (ended["call"], ended["reason"]) == (phone.call, "hung_up")
    assert len(phone.client.frames_of("call.started")) == 1
    assert 0 < ended["cost_microcredits"] <= (seconds + 1) * SECOND
    db = live.house.db
    assert await db.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'") == 1
    assert await db.fetchval("SELECT cost FROM calls") == ended["cost_microcredits"]


async def test_a_worker_killed_in_a_call_moves_it_to_another_within_two_seconds(
    live: Live, start: Any
) -> None:
    workers = {name: await start(name) for name in ("one", "two")}
    me, began = await phone(live), time.monotonic()
    await known(live, 2)
    await me.dial()
    first = me.worker
    await workers[first].end(signal.SIGKILL)
    killed = time.monotonic()
    await me.client.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    assert time.monotonic() - killed < 2.0, "it is known at once, by the broken link"
    await me.dial()
    assert me.worker != first
    assert time.monotonic() - killed < 2.0 + 6.0  # 2 s, and what a busy machine adds
    voices = live.house.room_parts.calls.voices
    assert len(voices.talks) == 1, "one conversation"
    assert len([said for said, _ in voices.talks[0].said if said]) == 1, "one greeting"
    await stays_one_call(live, me, time.monotonic() - began)


async def test_a_person_whose_address_changes_goes_on_over_a_new_connection(
    live: Live, start: Any
) -> None:
    await start("one")
    me, began = await phone(live), time.monotonic()
    await known(live, 1)
    await me.dial(Weather())
    call = live.house.realtime.holder.live[me.room].calls.now
    await until(lambda: call.life.meter.metered_ms > 300)
    await me.relays[0].move()
    await me.dial(Weather())
    assert live.house.realtime.holder.live[me.room].calls.now is call, "the same meter runs on"
    before = call.life.meter.metered_ms
    await until(lambda: call.life.meter.metered_ms > before + 300)
    record = (await me.client.rest("GET", f"/api/v1/calls/{me.call}")).json()
    assert record["reason"] is None
    await stays_one_call(live, me, time.monotonic() - began)
    assert (await me.client.rest("GET", f"/api/v1/calls/{me.call}")).json()["quality"]["legs"] == 2


async def test_a_person_who_moves_again_and_again_is_followed(live: Live, start: Any) -> None:
    await start("one")
    me, began = await phone(live), time.monotonic()
    await known(live, 1)
    for _ in range(4):
        await me.dial(Weather())
        await me.relays[-1].move()
    await stays_one_call(live, me, time.monotonic() - began)
