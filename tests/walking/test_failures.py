"""What Kindred rests on dies or misbehaves in mid-reply: no word is lost, none is paid twice.

Each test ends with the same questions: is the text what was shown, are the numbers gapless, was
exactly that charged, do the books balance, is no hold left open.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.ledger import wallets
from tests.live import Client, Live, running
from tests.walking.mortal import MortalStores, mortal_stores

pytestmark = [pytest.mark.stores, pytest.mark.kill]
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
