"""People who mean no good, or whose programs are broken: offers in floods, calls nobody picks up.

After each of them nothing is held that should not be, no leg is left, and a call can be made.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.ledger import wallets
from tests.live import Client, Live, running
from tests.media.calls.clients import Microphone, Person
from tests.rooms.calls.doubles import PaperLeg
from tests.soon import until
from tests.walking.caller import Caller, caller
from tests.walking.test_call_door import Voices, Workers, offered

pytestmark = [pytest.mark.stores]
SOON = {"KINDRED_CALLS__CONNECT_SECONDS": "6"}  # then a call that nobody picks up is over
LINE = "a=candidate:{n} 1 udp 2113937151 192.0.2.{n} 5009 typ host\r\n"


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, valkey_url, tmp_path, **SOON) as started:
        started.house.room_parts.calls.voices = Voices()
        yield started


async def nothing_is_left(live: Live) -> None:
    db, going_on = live.house.db, 1
    async with asyncio.timeout(20):
        while going_on:
            await asyncio.sleep(0.05)
            going_on = await db.fetchval("SELECT count(*) FROM calls WHERE ended_at IS NULL")
    assert await db.fetchval("SELECT count(*) FROM holds WHERE state = 'open'") == 0
    assert await wallets.audit(db) == {}


async def calls(client: Client, room: str) -> tuple[Person, str]:
    """A call that stands."""
    person = Person(Microphone())
    answer = await offered(client, room, await person.offer())
    assert answer.status_code == 201, answer.text
    await person.answered(answer.text)
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    return person, answer.headers["location"]


async def test_candidates_are_counted_over_all_that_trickles(live: Live, workers: Workers) -> None:
    """Each candidate is a host that gets packets: fifty fragments are no way around the limit."""
    await workers.add("one")
    client = await live.person()
    person = Person()
    answer = await offered(client, (await client.room())["id"], await person.offer())
    kind = {"content-type": "application/trickle-ice-sdpfrag", "if-match": answer.headers["etag"]}
    told: list[Any] = []
    for part in range(20):
        lines = "".join(LINE.format(n=10 * part + n + 1) for n in range(10))
        sent = await client.rest(
            "PATCH", answer.headers["location"], content=f"a=mid:0\r\n{lines}", headers=kind
        )
        told.append((sent.status_code, sent.json()["code"] if sent.status_code == 400 else ""))
    assert told[0] == (204, "")
    assert told[-1] == (400, "sdp_too_many_candidates")
    assert 0 < told.count((204, "")) <= 10
    await person.close()


async def test_who_opens_calls_and_walks_away_holds_nothing_for_long(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    parts = live.house.room_parts.calls
    parts.settings = msgspec.structs.replace(parts.settings, connect_seconds=0.5)
    client = await live.person()
    rooms = [(await client.room(name))["id"] for name in ("mira", "kwame", "mira")]
    for room in rooms:
        person = Person()
        answer = await offered(client, room, await person.offer())
        assert answer.status_code == 201, answer.text
        await person.close()  # it never connects
        ended = await client.until("call.ended")
        assert (ended["reason"], ended["cost_microcredits"]) == ("never_connected", 0)
    await nothing_is_left(live)
    await until(lambda: not worker.legs)
    assert worker.load.busy(worker.clock()) < 1.0
    balance = (await client.rest("GET", "/api/v1/wallet/balance")).json()
    assert balance["held_microcredits"] == 0


async def test_a_flood_of_offers_into_another_call_changes_nothing_of_it(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room, other = [(await client.room(name))["id"] for name in ("mira", "kwame")]
    person, where = await calls(client, room)
    offer = await Person().offer()
    answers = await asyncio.gather(
        *(offered(client, other, offer) for _ in range(15)),
        *(offered(client, room, "v=0\r\n" + "m=audio 9 x 0\r\n" * 30) for _ in range(15)),
        *(offered(client, other, offer, f"&call={where.rpartition('/')[2]}") for _ in range(5)),
    )
    codes = [one.json()["code"] for one in answers]
    assert {one.status_code for one in answers} <= {400, 404, 409, 503}
    assert "in_another_call" in codes
    assert {"sdp_invalid", "sdp_too_large"} & set(codes)
    await until(lambda: len(worker.legs) == 1)
    call = live.house.realtime.holder.live[room].calls.now
    assert call.life.state == "live"
    assert (await client.rest("DELETE", where)).status_code == 204
    await nothing_is_left(live)
    await person.close()


async def test_a_flood_of_offers_into_ones_own_call_leaves_one_leg(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    person, where = await calls(client, room)
    offer = await Person().offer()
    answers = await asyncio.gather(*(offered(client, room, offer) for _ in range(20)))
    assert {one.status_code for one in answers} <= {201, 503}
    places = {one.headers["location"] for one in answers if one.status_code == 201}
    assert places == {where}, "it is one call, whatever comes"
    await until(lambda: len(worker.legs) <= 1)
    await client.rest("DELETE", where)
    await nothing_is_left(live)
    await until(lambda: not worker.legs)
    await person.close()


async def test_two_devices_that_snatch_the_call_from_each_other_share_one_meter(
    live: Live,
) -> None:
    one = await caller(live)
    call, first = await one.live_call()
    legs = [first]
    for _ in range(20):
        again, leg = await one.join()
        assert again == call
        legs.append(leg)
        leg.connect()
        await until(lambda: legs[-2].closed is not None)
    await until(lambda: one.call.leg is legs[-1])
    assert [leg.closed for leg in legs] == ["replaced"] * 20 + [None]
    await until(lambda: one.call.life.meter.metered_ms > 300)
    await one.hang_up()
    ended = await one.ended()
    assert ended["cost_microcredits"] == await one.paid()
    assert len(one.person.frames_of("call.started")) == 1
    await nothing_is_left(live)


async def test_devices_that_all_come_at_once_are_refused_by_name(live: Live) -> None:
    one = await caller(live)
    call, first = await one.live_call()
    legs = [PaperLeg() for _ in range(12)]
    told = await asyncio.gather(*(one.join(leg) for leg in legs), return_exceptions=True)
    refused = [came for came in told if isinstance(came, BaseException)]
    assert all(getattr(came, "code", "") == "unavailable" for came in refused), refused
    assert {came[0] for came in told if not isinstance(came, BaseException)} == {call}
    await one.hang_up()
    await until(lambda: all(leg.closed is not None for leg in (*legs, first)))
    await nothing_is_left(live)


async def test_hanging_up_while_the_offer_is_answered_ends_the_call_or_finds_none(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    for delay in (0.0, 0.005, 0.02, 0.05, 0.1):
        person = Person(Microphone())
        asked = asyncio.create_task(offered(client, room, await person.offer()))
        await asyncio.wait([asked], timeout=delay)
        await client.ask({"type": "call.end", "room": room})
        answer = await asked
        assert answer.status_code == 201, answer.text
        if not (await is_over(client, answer)):
            assert (await client.rest("DELETE", answer.headers["location"])).status_code == 204
        await nothing_is_left(live)
        await until(lambda: not worker.legs)
        await person.close()


async def is_over(client: Client, answer: Any) -> bool:
    call = answer.headers["location"].rpartition("/")[2]
    return (await client.rest("GET", f"/api/v1/calls/{call}")).json()["reason"] is not None


async def test_an_offer_whose_sender_is_gone_before_the_answer_costs_nothing(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one")
    client = await live.person()
    room = (await client.room())["id"]
    for delay in (0.001, 0.01, 0.03):
        offer = await Person().offer()
        with contextlib.suppress(TimeoutError):  # a quick answer reaches nobody either
            async with asyncio.timeout(delay):
                await offered(client, room, offer)
    await nothing_is_left(live)
    await until(lambda: not worker.legs, 20.0)
    assert isinstance(await caller_again(live, client, room), str)


async def caller_again(live: Live, client: Client, room: str) -> str:
    """And a call can be made."""
    one = Caller(live, client, room)
    leg = PaperLeg()
    call, _ = await one.join(leg)
    await one.hang_up()
    return call
