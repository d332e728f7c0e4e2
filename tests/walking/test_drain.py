"""A gateway that is told to go: it sends everybody elsewhere, and finishes what it began.

The person's device carries on at another gateway on the same stores, without gap or repeat.
"""

import asyncio
from pathlib import Path

import pytest
import websockets

from storage.ledger import wallets
from tests.live import Client, Live, running

pytestmark = [pytest.mark.stores, pytest.mark.kill]
PEOPLE = 3


async def until_closed(person: Client) -> int:
    """Read to the end; the code it was closed with."""
    try:
        while True:
            await person.next()
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is not None  # noqa: PT017
        return closed.rcvd.code


async def begin(live: Live) -> tuple[Client, str, str]:
    """Somebody to whom a reply is streaming: who, where, and which."""
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "Tell me everything")
    await person.until("reply.delta")
    return person, room, ack["reply"]


async def drained(first: Live, heir: Live, status: str) -> None:
    people = [await begin(first) for _ in range(PEOPLE)]
    going = asyncio.create_task(first.app.state.drain())
    codes = await asyncio.gather(*(until_closed(person) for person, _, _ in people))
    assert codes == [1012] * PEOPLE
    await going
    assert await first.house.db.fetchval("SELECT count(*) FROM holds WHERE state = 'open'") == 0
    for person, room, reply in people:
        assert any(frame["type"] == "reconnect" for frame in person.frames)
        person.live = heir
        assert (await person.resume())["type"] == "resumed"
        done = await person.done(reply)
        assert done["status"] == status, done
        assert person.text_of(reply) == done["text"] != ""
        more = await person.say(room, "And then?")
        assert more["type"] == "ack", more
        assert (await person.done(more["reply"]))["status"] == "completed"
        items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
        assert [m["n"] for m in items] == [1, 2, 3, 4, 5]
        assert items[2]["parts"][0]["text"] == done["text"]
    assert await wallets.audit(heir.house.db) == {}


async def test_a_drain_lets_replies_finish_and_another_gateway_carries_on(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        running(database_url, valkey_url, tmp_path, node="gw-heir") as heir,
        running(database_url, valkey_url, tmp_path, node="gw-first") as first,
    ):
        first.script.tokens, first.script.gap_seconds = 60, 0.02
        await drained(first, heir, "completed")


async def test_a_drain_with_little_patience_interrupts_and_settles_what_was_said(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    haste = {"KINDRED_SERVER__DRAIN_SECONDS": "0.5"}
    async with (
        running(database_url, valkey_url, tmp_path, node="gw-heir") as heir,
        running(database_url, valkey_url, tmp_path, node="gw-first", **haste) as first,
    ):
        first.script.tokens, first.script.gap_seconds = 400, 0.05
        await drained(first, heir, "interrupted")
