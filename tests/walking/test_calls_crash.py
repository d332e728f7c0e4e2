"""A room's holder killed in the middle of a call that nobody comes back to: ended and charged once.

What becomes of a call that somebody comes back to is in tests/walking/test_calls_go_on.py.
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
from storage.ledger import wallets
from tests.live import Client, Live, running
from tests.walking.caller import SECOND
from tests.walking.doomed_call import Voices
from tests.walking.test_crash import Doomed, carry_on, doomed, kinds, spent

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
QUICK = {"KINDRED_CALLS__MARK_SECONDS": "0.2"}
PATIENCE = {"KINDRED_CALLS__RECONNECT_SECONDS": "1"}


@pytest.fixture(autouse=True)
def on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heir, too, listens and speaks on paper."""
    monkeypatch.setattr(server.wiring, "HouseVoices", Voices)


@asynccontextmanager
async def calling(
    database_url: str, bus_url: str, data: Path, repository: Path, before: str = "never"
) -> AsyncIterator[tuple[Doomed, Client, str, str]]:
    """A gateway that is going to die, and a person in a call there."""
    module = "tests.walking.doomed_call"
    async with doomed(
        database_url, bus_url, data, repository, before, module=module, **QUICK
    ) as first:
        person = await first.person()
        room = (await person.room())["id"]
        ack = await person.ask({"type": "call.start", "room": room})
        assert ack["type"] == "ack", ack
        await person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
        yield first, person, room, ack["call"]


async def end_of(person: Client, heir: Live, call: str) -> dict[str, Any]:
    assert (await carry_on(person, heir))["type"] == "resumed"
    found = [f for f in kinds(person, "call.ended") if f["call"] == call]
    return found[0] if found else await person.until("call.ended")


async def charged_once(person: Client, heir: Live, ended: dict[str, Any]) -> None:
    """What was told is what was paid, the entry stands, and the person may call again."""
    assert await spent(person) == ended["cost_microcredits"]
    assert len(kinds(person, "call.ended")) == 1
    captures = await heir.house.db.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'")
    assert captures == (1 if ended["cost_microcredits"] else 0)
    assert await wallets.audit(heir.house.db) == {}
    items = (await person.rest("GET", f"/api/v1/rooms/{ended['room']}/messages")).json()["items"]
    assert items[-1]["parts"][0]["call"] == ended["call"]
    assert (await heir.house.realtime.bus.head(ended["room"])).open == {}
    assert await heir.house.db.fetchval("SELECT count(*) FROM calls WHERE ended_at IS NULL") == 0


async def test_a_holder_killed_in_a_call_leaves_it_charged_to_the_last_second(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with calling(database_url, valkey_url, tmp_path, repository) as (first, person, _, call):
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.5):
                await person.until("call.ended")
        await first.kill()
        went = time.monotonic() - began
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **PATIENCE) as heir:
            ended = await end_of(person, heir, call)
            assert ended["reason"] == "holder_died"
            assert 0 < ended["cost_microcredits"] <= (went + 2) * SECOND
            assert ended["cost_microcredits"] >= (went - 1.5) * SECOND
            await charged_once(person, heir, ended)


async def test_a_holder_killed_before_it_could_tell_the_end_has_it_told_once(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    """It is settled and stored, and nobody was told: the heir tells it, and charges nothing."""
    async with calling(database_url, valkey_url, tmp_path, repository, "CallEnded") as (
        first, person, room, call,
    ):  # fmt: skip
        await person.send({"type": "call.end", "id": "77", "room": room, "call": call})
        await first.process.wait()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **PATIENCE) as heir:
            ended = await end_of(person, heir, call)
            assert ended["reason"] == "hung_up"
            await charged_once(person, heir, ended)


async def test_a_holder_killed_after_the_hold_leaves_a_call_that_cost_nothing(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    module = "tests.walking.doomed_call"
    async with doomed(
        database_url, valkey_url, tmp_path, repository, "CallStarted", module=module
    ) as first:
        person = await first.person()
        room = (await person.room())["id"]
        await person.send({"type": "call.start", "id": "5", "room": room})
        await first.process.wait()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **PATIENCE) as heir:
            assert (await carry_on(person, heir))["type"] == "resumed"
            ended = await person.until("call.ended")
            assert (ended["reason"], ended["cost_microcredits"]) == ("holder_died", 0)
            await charged_once(person, heir, ended)
