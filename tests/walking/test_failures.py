"""What Kindred rests on dies or misbehaves in mid-reply: no word is lost, none is paid twice.

Each test ends with the same questions: is the text what was shown, are the numbers gapless, was
exactly that charged, do the books balance, is no hold left open.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import wallets
from tests.live import Client, Live, running
from tests.walking.mortal import MortalStores, mortal_stores

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
ALL = 10_000_000  # the free plan's day


@pytest.fixture(scope="module")
def mortals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalStores]:
    """Servers that these tests may kill."""
    with mortal_stores(tmp_path_factory.mktemp("mortals")) as stores:
        yield stores


@pytest.fixture
async def frail(mortals: MortalStores, tmp_path: Path) -> AsyncIterator[Live]:
    """A gateway on servers that may die; one hundred words at a measured pace."""
    mortals.database.begin()
    mortals.bus.begin()
    url = await mortals.fresh_database()
    async with running(url, mortals.valkey.url(), tmp_path) as live:
        live.script.tokens, live.script.gap_seconds = 100, 0.02
        yield live


async def history(person: Client, room: str) -> list[dict[str, Any]]:
    answer = await person.rest("GET", f"/api/v1/rooms/{room}/messages")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def assert_kept_and_paid(person: Client, room: str, done: dict[str, Any]) -> None:
    """Shown, stored and charged are the same, and nothing is left open."""
    assert person.text_of(done["reply"]) == done["text"]
    stored = {m["id"]: m for m in await history(person, room)}
    if done["text"]:
        assert stored[done["reply"]]["parts"][0]["text"] == done["text"]
        assert done["cost_microcredits"] > 0
    else:
        assert done["reply"] not in stored
        assert done["cost_microcredits"] == 0
    balance = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    assert balance["held_microcredits"] == 0
    assert balance["available_microcredits"] == ALL - done["cost_microcredits"]
    assert await wallets.audit(person.live.house.db) == {}


async def test_valkey_killed_in_mid_reply_is_a_pause(frail: Live, mortals: MortalStores) -> None:
    person = await frail.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "Tell me everything")
    for _ in range(5):
        await person.until("reply.delta")
    mortals.bus.kill()
    await mortals.bus.revive()
    done = await person.done(ack["reply"])
    assert done["status"] == "completed", done
    await assert_kept_and_paid(person, room, done)
    await person.drop()
    assert (await person.resume())["type"] == "resumed"
    again = await person.say(room, "And then?")
    assert (await person.done(again["reply"]))["status"] == "completed"


async def test_postgres_killed_in_mid_reply_stops_no_word(
    frail: Live, mortals: MortalStores
) -> None:
    person = await frail.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "Tell me everything")
    await person.until("reply.delta")
    mortals.database.kill()
    for _ in range(20):  # words stream on without a database
        await person.until("reply.delta")
    while len(person.text_of(ack["reply"]).split()) < 100:
        await person.until("reply.delta")
    assert not any(f["type"] == "reply.done" for f in person.frames)
    await mortals.database.revive()
    done = await person.done(ack["reply"])
    assert done["status"] == "completed", done
    await assert_kept_and_paid(person, room, done)


async def test_a_message_sent_while_postgres_is_away_is_refused_and_taken_once_later(
    frail: Live, mortals: MortalStores
) -> None:
    person = await frail.person()
    room = (await person.room())["id"]
    frail.script.gap_seconds = 0.001
    mortals.database.kill()
    refused = await person.say(room, "Hello?", key="k-1")
    assert (refused["type"], refused["code"]) == ("error", "unavailable"), refused
    assert refused["retryable"]
    other = await person.rest("GET", f"/api/v1/rooms/{room}/messages")
    assert other.status_code == 503, other.text
    await mortals.database.revive()
    ack = await person.say(room, "Hello?", key="k-1")
    assert ack["type"] == "ack", ack
    done = await person.done(ack["reply"])
    again = await person.say(room, "Hello?", key="k-1")
    assert (again["message"], again["reply"]) == (ack["message"], ack["reply"])
    await assert_kept_and_paid(person, room, done)
    said = [m["sender"]["kind"] for m in await history(person, room)]
    assert said == ["companion", "person", "companion"]


async def test_a_model_that_never_answers_fails_the_reply_and_costs_nothing(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    patience = {"KINDRED_MODELS__FIRST_TOKEN_SECONDS": "0.3", "KINDRED_MODELS__RETRIES": "0"}
    async with running(database_url, valkey_url, tmp_path, **patience) as live:
        live.script.first_seconds = 3600
        person = await live.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Are you there?")
        done = await person.done(ack["reply"])
        assert (done["status"], done["code"], done["text"]) == ("failed", "model_timeout", "")
        assert not done["continuable"]
        await assert_kept_and_paid(person, room, done)
        await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)


async def test_a_model_that_answers_nothing_fails_the_reply_and_costs_nothing(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path, KINDRED_MODELS__RETRIES="0") as live:
        live.script.tokens = 0
        person = await live.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Say something")
        done = await person.done(ack["reply"])
        assert (done["status"], done["code"]) == ("failed", "model_unavailable")
        await assert_kept_and_paid(person, room, done)


async def test_a_stream_cut_in_the_middle_keeps_and_charges_what_was_shown(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path) as live:
        live.script.tokens, live.script.gap_seconds = 400, 0.02
        person = await live.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Tell me everything")
        for _ in range(5):
            await person.until("reply.delta")
        live.script.connections[-1].cut()
        done = await person.done(ack["reply"])
        assert (done["status"], done["code"]) == ("failed", "model_unavailable")
        assert done["continuable"]
        last = [f for f in person.frames if f["type"] == "reply.delta"][-1]
        assert done["cost_microcredits"] == last["cost_microcredits"]
        await assert_kept_and_paid(person, room, done)


async def test_a_model_that_falls_silent_in_mid_reply_fails_what_it_began(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(
        database_url, valkey_url, tmp_path, KINDRED_MODELS__STALL_SECONDS="0.3"
    ) as live:
        live.script.tokens, live.script.gap_seconds = 10, 3600
        person = await live.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Tell me everything")
        done = await person.done(ack["reply"])
        assert (done["status"], done["code"]) == ("failed", "model_timeout")
        assert done["text"]
        await assert_kept_and_paid(person, room, done)


async def test_running_out_of_credits_in_mid_reply_stops_before_going_beyond(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path) as live:
        live.script.tokens = 400
        person = await live.person()
        room = (await person.room())["id"]
        await person.rest("PUT", "/api/v1/wallet/ceilings", json={"day_microcredits": 1})
        refused = await person.say(room, "Tell me everything")
        few = refused["details"]["needed_microcredits"] + 2_000
        await person.rest("PUT", "/api/v1/wallet/ceilings", json={"day_microcredits": few})
        ack = await person.say(room, "Tell me everything")
        assert ack["type"] == "ack", ack
        done = await person.done(ack["reply"])
        assert (done["status"], done["code"]) == ("out_of_credits", "out_of_credits"), done
        assert done["continuable"]
        assert 0 < done["cost_microcredits"] <= few
        started = next(f for f in person.frames if f["type"] == "reply.started")
        assert done["cost_microcredits"] <= started["ceiling_microcredits"] <= few
        await assert_kept_and_paid(person, room, done)
        await person.rest("PUT", "/api/v1/wallet/ceilings", json={})
        live.script.tokens = 4
        more = await person.ask(
            {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "continue"}
        )
        assert (await person.done(more["reply"]))["status"] == "completed"
