"""A call whose gateway dies or is renewed goes on at another: one call, one meter, no gap charged.

The gateways are real, one of them a process that is killed; so are the media worker and the sound.
Only who listens and who speaks is on paper.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import server.wiring
from storage.database import connect
from storage.ledger import wallets
from tests.live import Client, Live, running
from tests.media.calls.clients import Microphone, Person
from tests.soon import until
from tests.walking.caller import SECOND
from tests.walking.doomed_call import Voices
from tests.walking.test_call_door import Workers, offered
from tests.walking.test_calls_crash import calling
from tests.walking.test_crash import Doomed, carry_on, doomed, kinds, spent

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
QUICK = {"KINDRED_CALLS__MARK_SECONDS": "0.2"}


@pytest.fixture(autouse=True)
def on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.wiring, "HouseVoices", Voices)


async def hears(person: Person, leg: Any) -> None:
    """What is played into the leg now is heard at the other end."""
    count = len(person.heard)
    leg.play(0, b"\x10\x20" * 24_000)
    await until(lambda: any(piece.any() for piece in person.heard[count:]))


async def talk_for(client: Client, seconds: float) -> None:
    """Let so much of a call go by; it must not end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await client.until("call.ended")


async def is_live(client: Client) -> dict[str, Any]:
    return await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")


async def by_offer(client: Client, room: str, query: str = "") -> tuple[Person, str]:
    """A WebRTC connection, and the id of its call."""
    person = Person(Microphone())
    answer = await offered(client, room, await person.offer(), query)
    assert answer.status_code == 201, answer.text
    await person.answered(answer.text)
    return person, answer.headers["location"].rpartition("/")[2]


async def ends_well(client: Client, live: Live, room: str, call: str, seconds: float) -> None:
    """Hang up: one end, one charge, of no more than these seconds of talk."""
    assert (await client.ask({"type": "call.end", "room": room, "call": call}))["type"] == "ack"
    ended = [f for f in kinds(client, "call.ended") if f["call"] == call]
    ended = ended or [await client.until("call.ended")]
    assert ended[0]["reason"] == "hung_up"
    assert len(kinds(client, "call.started")) == 1
    cost = ended[0]["cost_microcredits"]
    assert 0 < cost <= (seconds + 1) * SECOND, (cost / SECOND, seconds)
    assert await spent(client) == cost
    db = live.house.db
    assert await db.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'") == 1
    assert await db.fetchval("SELECT count(*) FROM calls") == 1
    assert await wallets.audit(db) == {}
    assert (await live.house.realtime.bus.head(room)).open == {}


async def test_a_person_who_comes_back_to_another_gateway_goes_on_with_their_call(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with calling(database_url, valkey_url, tmp_path, repository) as (
        first,
        person,
        room,
        call,
    ):
        began = time.monotonic()
        await talk_for(person, 1.0)
        await first.kill()
        talked = time.monotonic() - began
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            assert (await carry_on(person, heir))["type"] == "resumed"
            back = time.monotonic()
            ack = await person.ask({"type": "call.start", "room": room, "call": call})
            assert (ack["type"], ack.get("call")) == ("ack", call), ack
            await is_live(person)
            assert time.monotonic() - back < 2.0 + 3.0  # its lease runs out; and a busy machine
            again = time.monotonic()
            live_call = heir.house.realtime.holder.live[room].calls.now
            before = live_call.life.meter.metered_ms
            await until(lambda: live_call.life.meter.metered_ms > before + 500)
            await ends_well(person, heir, room, call, talked + time.monotonic() - again)
            record = (await person.rest("GET", f"/api/v1/calls/{call}")).json()
            assert record["room"] == room


@asynccontextmanager
async def dying(
    database_url: str, bus_url: str, data: Path, repository: Path
) -> AsyncIterator[Doomed]:
    module = "tests.walking.doomed_call"
    async with doomed(database_url, bus_url, data, repository, module=module, **QUICK) as first:
        yield first


async def test_a_webrtc_connection_outlives_its_gateway_and_the_person_need_do_nothing(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path, workers: Workers
) -> None:
    """The media worker keeps the connection; the next holder takes hold of it by itself."""
    worker = await workers.add("one")
    async with dying(database_url, valkey_url, tmp_path, repository) as first:
        client = await first.person()
        room = (await client.room())["id"]
        person, call = await by_offer(client, room)
        await is_live(client)
        began = time.monotonic()
        await talk_for(client, 1.0)
        (carried,) = worker.legs.values()
        await until(lambda: carried.attached)
        await first.kill()
        talked = time.monotonic() - began
        await until(lambda: not carried.attached)
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            await until(lambda: carried.attached)
            again = time.monotonic()
            assert (await carry_on(client, heir))["type"] == "resumed"
            live_call = heir.house.realtime.holder.live[room].calls.now
            await until(lambda: live_call.life.state == "live")
            await hears(person, live_call.leg)
            assert list(worker.legs.values()) == [carried], "the very same connection"
            await until(lambda: live_call.life.meter.metered_ms > 1_000)
            await ends_well(client, heir, room, call, talked + time.monotonic() - again)
    await person.close()


async def test_an_offer_to_the_next_gateway_goes_on_with_the_call(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path, workers: Workers
) -> None:
    """Gateway and media worker die together; a new connection carries the same call."""
    await workers.add("one")
    async with dying(database_url, valkey_url, tmp_path, repository) as first:
        client = await first.person()
        room = (await client.room())["id"]
        person, call = await by_offer(client, room)
        await is_live(client)
        began = time.monotonic()
        await first.kill()
        talked = time.monotonic() - began
        await workers.end("one")
        second = await workers.add("two")
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            assert (await carry_on(client, heir))["type"] == "resumed"
            back = time.monotonic()
            again, same = await by_offer(client, room, f"&call={call}")
            assert same == call
            await is_live(client)
            assert time.monotonic() - back < 2.0 + 6.0  # and what a busy machine adds
            assert len(second.legs) == 1
            await until(lambda: again.connected.is_set())
            live_call = heir.house.realtime.holder.live[room].calls.now
            await until(lambda: live_call.life.meter.metered_ms > 500)
            await ends_well(client, heir, room, call, talked + time.monotonic() - back)
            await again.close()
    await person.close()


async def test_a_gateway_that_is_renewed_hands_its_calls_over_without_a_goodbye(
    database_url: str, valkey_url: str, tmp_path: Path, workers: Workers
) -> None:
    worker = await workers.add("one")
    async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
        async with running(database_url, valkey_url, tmp_path, node="gw-first", **QUICK) as first:
            client = await first.person()
            room = (await client.room())["id"]
            person, call = await by_offer(client, room)
            await is_live(client)
            began = time.monotonic()
            (carried,) = worker.legs.values()
            talk = first.house.room_parts.calls.voices.talks[-1]
            await first.app.state.drain(leave_at_once=True)
            live_call = heir.house.realtime.holder.live[room].calls.now
            assert live_call.calling.call == call, "it was taken before the old one was gone"
            await until(lambda: live_call.life.state == "live")
            assert len(talk.said) == 1, "the greeting, and no goodbye"
            assert list(worker.legs.values()) == [carried]
        assert (await carry_on(client, heir))["type"] == "resumed"
        await hears(person, live_call.leg)
        assert heir.house.room_parts.calls.voices.talks[-1].said == [], "it does not greet again"
        await until(lambda: live_call.life.meter.metered_ms > 500)
        await ends_well(client, heir, room, call, time.monotonic() - began)
        await person.close()


async def test_whose_account_was_suspended_meanwhile_has_no_call_any_more(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path, workers: Workers
) -> None:
    worker = await workers.add("one")
    async with dying(database_url, valkey_url, tmp_path, repository) as first:
        client = await first.person()
        person, call = await by_offer(client, (await client.room())["id"])
        await is_live(client)
        await first.kill()
        database = await connect(database_url)
        await database.execute("UPDATE people SET status = 'suspended'")
        ended, ask = None, "SELECT reason FROM calls WHERE call = $1"
        async with running(database_url, valkey_url, tmp_path, node="gw-heir"):
            async with asyncio.timeout(10):
                while ended is None:
                    await asyncio.sleep(0.05)
                    ended = await database.fetchval(ask, call)
        assert ended == "holder_died"
        (carried,) = worker.legs.values()
        assert not carried.attached
        await database.close()
        await person.close()
