"""Two hosts, each a `kindred up` with a data folder and an address of its own, with shared stores.

Nothing else is shared, so what one knows of the other came over the bus and the database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.load import load
from tests.live import Client, Live, Script
from tests.server.house import House

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
TAKEOVER_SECONDS = 8.0  # a node is missed after 2 s, its holds are looked for every few more
SHOWN = {"message.created", "reply.started", "reply.delta", "reply.done"}


class Host(Live):
    """One of them, in a folder in which nothing ever ran."""

    house_process: House

    def die(self) -> None:
        """Everything at once, as when the power is gone."""
        top = psutil.Process(self.house_process.process.pid)
        for process in (*top.children(recursive=True), top):
            process.kill()
        self.house_process.process.wait()


@asynccontextmanager
async def hosts(
    database_url: str, bus_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Host, Host, Script]]:
    """Both, ready to serve, and the language model they ask."""
    async with Script(tokens=150, gap_seconds=0.02).serving() as script:
        shared = {
            "KINDRED_DATABASE__URL": database_url,
            "KINDRED_BUS__URL": bus_url,
            "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
            "KINDRED_MODELS__USE": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{script.port}/v1",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
            "KINDRED_ACCOUNTS__ARGON2_MEMORY_KIB": "8192",
        }
        roles = ("--role", "gateway", "--role", "calls", "--port", "0")
        with (
            House(tmp_path / "a", *roles, **shared) as a,
            House(tmp_path / "b", *roles, **shared) as b,
        ):
            found = [await host(one, shared, script) for one in (a, b)]
            yield found[0], found[1], script
            for one in found:
                await one.http.aclose()


async def host(house: House, shared: dict[str, str], script: Script) -> Host:
    ready = await asyncio.to_thread(house.until, "Kindred is ready: ")
    settings = load(None, {"KINDRED_DATA": str(house.data), **shared})
    made = Host(None, int(ready.split()[-1].rsplit(":", 1)[1]), settings, script)
    made.house_process = house
    return made


def shown(device: Client) -> list[tuple[Any, ...]]:
    """What a device saw of the conversation, without its own numbers."""
    return [
        (frame["type"], frame.get("reply"), frame.get("offset"), frame.get("text"))
        for frame in device.frames
        if frame["type"] in SHOWN
    ]


async def test_two_hosts_show_one_conversation_and_one_that_dies_takes_no_word_along(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with hosts(database_url, valkey_url, tmp_path) as (a, b, script):
        phone = await a.person()
        laptop = Client(b, {"user": phone.user, "access_token": phone.token})
        await laptop.connect()
        room = (await phone.room())["id"]

        script.tokens = 20
        ack = await phone.say(room, "Tell me something short")
        await asyncio.gather(phone.done(ack["reply"]), laptop.done(ack["reply"]))
        assert shown(phone) == shown(laptop)

        script.tokens = 150
        ack = await phone.say(room, "Tell me everything")
        for _ in range(5):
            await phone.until("reply.delta")
        a.die()
        await phone.drop()
        phone.live = b
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        resumed = await phone.resume()
        assert resumed["type"] == "resumed", resumed
        assert loop.time() - began_at < 2
        done, again = await asyncio.gather(phone.done(ack["reply"]), laptop.done(ack["reply"]))
        assert loop.time() - began_at < TAKEOVER_SECONDS
        assert done["status"] == again["status"] == "interrupted"
        assert done["continuable"]
        assert phone.text_of(ack["reply"]) == laptop.text_of(ack["reply"]) == done["text"]
        assert shown(phone) == shown(laptop)

        script.tokens = 4
        more = await phone.ask(
            {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "continue"}
        )
        assert (await phone.done(more["reply"]))["status"] == "completed"
        wallet = (await phone.rest("GET", "/api/v1/wallet/balance")).json()
        assert wallet["held_microcredits"] == 0
        paid = sum(frame["cost_microcredits"] for frame in phone.frames_of("reply.done"))
        assert wallet["available_microcredits"] == 10_000_000 - paid
