"""A gateway killed at the worst moments; another one takes over, and nobody is wronged.

The first gateway is a process of its own and dies by kill -9; the second runs here. Both have
the same database and bus, and the person's device carries on at the second.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from server.supervisor.orders import GatewayOrders
from storage.ledger import wallets
from tests.live import Client, Live, Script, running

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
ALL = 10_000_000  # the free plan's day


class Doomed(Live):
    """A gateway process that is going to die."""

    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def doomed(
    database_url: str,
    bus_url: str,
    data: Path,
    repository: Path,
    before: str = "never",
    module: str = "tests.walking.doomed",
    **environment: str,
) -> AsyncIterator[Doomed]:
    """The gateway as the supervisor starts it; it dies just before logging `before`."""
    async with Script(tokens=200, gap_seconds=0.02).serving() as script:
        settings = load(
            None,
            {
                "KINDRED_DATA": str(data),
                "KINDRED_MODELS__USE": "script",
                "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{script.port}/v1",
                "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
                "KINDRED_ACCOUNTS__ARGON2_MEMORY_KIB": "8192",
                **environment,
            },
        )
        listening = socket.create_server(("127.0.0.1", 0))
        ready, tell = os.pipe()
        orders = GatewayOrders(
            settings=settings,
            database_url=database_url,
            bus_url=bus_url,
            node="gw-doomed",
            model_url=None,
            model_key=None,
            listen_fd=listening.fileno(),
            ready_fd=tell,
        )
        live = Doomed(None, listening.getsockname()[1], settings, script)
        live.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, before, cwd=repository,
            env={**os.environ, **orders.to_environment()}, pass_fds=(listening.fileno(), tell),
        )  # fmt: skip
        os.close(tell)
        listening.close()
        try:
            assert await asyncio.to_thread(os.read, ready, 1) == b"1", "it did not start"
            yield live
        finally:
            os.close(ready)
            if live.process.returncode is None:
                await live.kill()
            await live.http.aclose()


async def carry_on(person: Client, heir: Live) -> dict[str, Any]:
    """The person's device comes back, at another gateway."""
    await person.drop()
    person.live = heir
    return await person.resume()


async def spent(person: Client) -> int:
    """What the person paid, by their wallet; nothing may be held."""
    found = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    assert found["held_microcredits"] == 0
    return ALL - int(found["available_microcredits"])


def kinds(person: Client, kind: str) -> list[dict[str, Any]]:
    return [frame for frame in person.frames if frame["type"] == kind]


async def test_a_gateway_killed_in_mid_reply_loses_and_repeats_no_word(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with doomed(database_url, valkey_url, tmp_path, repository) as first:
        person = await first.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Tell me everything")
        for _ in range(6):
            last = await person.until("reply.delta")
        await first.kill()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir") as heir:
            resumed = await carry_on(person, heir)
            assert resumed["type"] == "resumed", resumed
            done = await person.done(ack["reply"])
            assert done["status"] == "interrupted"
            assert done["continuable"]
            assert person.text_of(ack["reply"]) == done["text"]
            assert len(kinds(person, "reply.started")) == 1
            assert len(kinds(person, "reply.done")) == 1
            final = max(kinds(person, "reply.delta"), key=lambda frame: frame["offset"])
            assert final["cost_microcredits"] >= last["cost_microcredits"] > 0
            assert done["cost_microcredits"] == final["cost_microcredits"]
            assert await spent(person) == done["cost_microcredits"]
            heir.script.tokens = 4
            more = await person.ask(
                {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "continue"}
            )
            assert more["type"] == "ack", more
            second = await person.done(more["reply"])
            assert second["status"] == "completed"
            assert second["message"]["continues"] == ack["reply"]
            assert await wallets.audit(heir.house.db) == {}


async def test_a_gateway_killed_after_the_hold_keeps_the_message_and_charges_nothing(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    """The message is stored, nobody was told: its sender repeats the key and gets its answer."""
    async with doomed(database_url, valkey_url, tmp_path, repository, "ReplyStarted") as first:
        person = await first.person()
        room = (await person.room())["id"]
        await person.send(
            {"type": "message.send", "id": "9", "room": room, "text": "Hello", "key": "k-1"}
        )
        await first.process.wait()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir") as heir:
            assert (await carry_on(person, heir))["type"] == "resumed"
            done = await person.until("reply.done")
            assert (done["status"], done["text"], done["cost_microcredits"]) == (
                "interrupted",
                "",
                0,
            )
            again = await person.say(room, "Hello", key="k-1")
            assert (again["type"], again["reply"]) == ("ack", done["reply"])
            assert len({f["message"]["id"] for f in kinds(person, "message.created")} - {""}) == 1
            assert await spent(person) == 0
            items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
            assert [m["n"] for m in items] == [1, 2]
            heir.script.tokens = 4
            answer = await person.ask(
                {"type": "reply.create", "room": room, "message": again["message"]}
            )
            assert answer["type"] == "ack", answer
            assert (await person.done(answer["reply"]))["status"] == "completed"
            assert await wallets.audit(heir.house.db) == {}


async def test_a_gateway_killed_after_settling_tells_the_end_once_and_charges_once(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with doomed(database_url, valkey_url, tmp_path, repository, "ReplyDone") as first:
        first.script.tokens, first.script.gap_seconds = 20, 0.01
        person = await first.person()
        room = (await person.room())["id"]
        ack = await person.say(room, "Hello")
        await first.process.wait()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir") as heir:
            assert (await carry_on(person, heir))["type"] == "resumed"
            done = await person.done(ack["reply"])
            assert done["status"] == "completed"
            assert person.text_of(ack["reply"]) == done["text"] != ""
            assert done["receipt"]
            assert await spent(person) == done["cost_microcredits"] > 0
            items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
            assert items[-1]["parts"][0]["text"] == done["text"]
            assert await wallets.audit(heir.house.db) == {}
