"""`kindred up --gateways 3` as it is run: one port, three processes, people who lose theirs.

Real processes, real stores, a scripted model; what each person's devices saw is counted.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from server.supervisor.orders import VARIABLE
from tests.live import Client, Live, Script
from tests.server.house import House, kindred

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.timeout(180), pytest.mark.long]


class Gateways(Live):
    """Several gateways on one port."""

    def __init__(self, house: House, port: int, script: Script) -> None:
        super().__init__(None, port, None, script)  # type: ignore[arg-type]
        self.up = house

    def process_of(self, node: str) -> psutil.Process:
        """The gateway of this name."""
        for child in psutil.Process(self.up.process.pid).children():
            if f'"node":"{node}"' in child.environ().get(VARIABLE, ""):
                return child
        raise AssertionError(f"no gateway is called {node}")

    async def until_said(self, pattern: str) -> str:
        return await asyncio.to_thread(self.up.until, pattern)


@asynccontextmanager
async def gateways(data: Path, count: int, **more: str) -> AsyncIterator[Gateways]:
    async with Script(tokens=150, gap_seconds=0.02).serving() as script:
        environment = {
            "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
            "KINDRED_MODELS__USE": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{script.port}/v1",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
            "KINDRED_ACCOUNTS__ARGON2_MEMORY_KIB": "8192",
            "KINDRED_API__REGISTER__REQUESTS": "1000",
            **more,
        }
        arguments = ("--port", "0", "--gateways", str(count))
        house = await asyncio.to_thread(House, data, *arguments, **environment)
        with house:
            line = await asyncio.to_thread(house.until, "Kindred is ready: ")
            live = Gateways(house, int(line.rsplit(":", 1)[1]), script)
            yield live
            await live.http.aclose()


async def device(person: Client, elsewhere_than: str) -> Client:
    """Another device of the same person, on another node."""
    for _ in range(200):
        other = Client(person.live, {"user": person.user, "access_token": person.token})
        await other.connect()
        if other.hello["node"] != elsewhere_than:
            return other
        await other.close()
    raise AssertionError("every connection came to the same gateway")


async def come_back(person: Client) -> dict[str, Any]:
    """Reconnect and resume; a gateway that is going says 503, and one tries again."""
    for _ in range(2_000):
        with contextlib.suppress(OSError, websockets.WebSocketException):
            return await person.resume()
    raise AssertionError("nobody let this person in")


async def until_closed(person: Client) -> int:
    """Read to the end; the code it was closed with."""
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await person.next()
    return int(person.ws.close_code)


async def read_to_the_end(person: Client, reply: str) -> tuple[dict[str, Any], int]:
    """Read until the reply is done, coming back whenever the socket is lost; how often it was."""
    lost = 0
    while True:
        try:
            return await person.done(reply), lost
        except websockets.ConnectionClosed:
            lost += 1
            assert (await come_back(person))["type"] == "resumed"


def durable(person: Client) -> list[tuple[str, str]]:
    """What a device was told in order, without what may be merged."""
    return [
        (frame["type"], frame.get("reply") or frame.get("message", {}).get("id", ""))
        for frame in person.frames
        if "seq" in frame and frame["type"] in {"message.created", "reply.started", "reply.done"}
    ]


async def test_phone_and_laptop_on_two_nodes_see_the_same_in_the_same_order(tmp_path: Path) -> None:
    async with gateways(tmp_path, 3) as live:
        live.script.tokens, live.script.gap_seconds = 20, 0.005
        phone = await live.person()
        laptop = await device(phone, phone.hello["node"])
        room = (await phone.room())["id"]
        for sender in (phone, laptop, phone):
            ack = await sender.say(room, f"from {sender.hello['node']}")
            told = [await one.done(ack["reply"]) for one in (phone, laptop)]
            assert told[0]["text"] == told[1]["text"] == phone.text_of(ack["reply"])
            assert laptop.text_of(ack["reply"]) == told[1]["text"]
        assert durable(phone) == durable(laptop)
        assert len(durable(phone)) == 9


async def test_a_killed_gateway_costs_two_seconds_and_no_word(tmp_path: Path) -> None:
    async with gateways(tmp_path, 3) as live:
        person = await live.person()
        watching = await device(person, person.hello["node"])
        room = (await person.room())["id"]
        ack = await person.say(room, "Tell me everything")
        for _ in range(5):
            await person.until("reply.delta")
        before = (await person.rest("GET", "/api/v1/wallet/balance")).json()
        await asyncio.to_thread(live.process_of(person.hello["node"]).kill)
        assert await until_closed(person) == 1006
        began = time.monotonic()
        assert (await come_back(person))["type"] == "resumed"
        done = await person.done(ack["reply"])
        seconds = time.monotonic() - began
        assert done["status"] == "interrupted"
        assert done["continuable"]
        assert person.text_of(ack["reply"]) == done["text"] != ""
        assert (await watching.done(ack["reply"]))["text"] == done["text"]
        assert durable(person) == durable(watching)
        assert len(durable(person)) == len(set(durable(person))) == 3
        assert person.hello["node"] != ""
        assert seconds < 2.0 + 4.0  # 2 s, and what a busy machine adds
        after = (await person.rest("GET", "/api/v1/wallet/balance")).json()
        assert after["held_microcredits"] == 0
        assert (
            before["available_microcredits"] + before["held_microcredits"]
            >= (after["available_microcredits"])
        )
        spent = [
            one
            for one in (await person.rest("GET", "/api/v1/wallet/transactions")).json()["items"]
            if one["kind"] == "capture"
        ]
        assert [-one["amount_microcredits"] for one in spent] == [done["cost_microcredits"]]
        live.script.tokens = 5
        create = {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "continue"}
        more = await person.ask(create)
        assert (await person.done(more["reply"]))["status"] == "completed"


async def test_a_rolling_restart_under_streams_finishes_every_reply_once(tmp_path: Path) -> None:
    async with gateways(tmp_path, 2) as live:
        people = [await live.person() for _ in range(12)]
        nodes = {person.hello["node"] for person in people}
        assert len(nodes) == 2, "both gateways have people"
        rooms = [(await person.room())["id"] for person in people]
        live.script.tokens, live.script.gap_seconds = 200, 0.02
        acks = [await p.say(r, "Go on") for p, r in zip(people, rooms, strict=True)]
        reading = [
            asyncio.create_task(read_to_the_end(person, ack["reply"]))
            for person, ack in zip(people, acks, strict=True)
        ]
        asked = await asyncio.to_thread(kindred, "restart", "--data", str(tmp_path))
        assert asked.returncode == 0, asked.stdout + asked.stderr
        ends = await asyncio.gather(*reading)
        for person, ack, (done, _) in zip(people, acks, ends, strict=True):
            assert done["status"] == "completed", done
            assert person.text_of(ack["reply"]) == done["text"]
            assert len([f for f in person.frames if f["type"] == "reply.done"]) == 1
        assert any(lost for _, lost in ends), "somebody moved in mid-reply"
        for person in people:
            if person.hello["node"] in nodes:  # their reply had ended before their gateway's turn
                assert await until_closed(person) == 1012
                assert (await come_back(person))["type"] == "resumed"
            assert any(frame["type"] == "reconnect" for frame in person.frames)
        assert {person.hello["node"] for person in people}.isdisjoint(nodes)


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that nobody listens on."""
    for first in range(20_100, 60_000, 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("no free ports")


async def sockets_told(port: int) -> float:
    """How many sockets a gateway says it has."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.labels.get("transport", "websocket") == "websocket"
    }
    return found["kindred_sockets"]


async def test_each_gateway_has_a_port_for_its_metrics_and_keeps_it_over_a_restart(
    tmp_path: Path,
) -> None:
    first = free_ports(2)
    async with gateways(tmp_path, 2, KINDRED_METRICS__PORT=str(first)) as live:
        people = [await live.person() for _ in range(4)]
        assert sum([await sockets_told(first + i) for i in range(2)]) == 4
        asked = await asyncio.to_thread(kindred, "restart", "--data", str(tmp_path))
        assert asked.returncode == 0, asked.stdout + asked.stderr
        for person in people:
            assert await until_closed(person) == 1012
            assert (await come_back(person))["type"] == "resumed"
        assert sum([await sockets_told(first + i) for i in range(2)]) == 4


async def test_a_restart_with_bad_settings_changes_nothing(tmp_path: Path) -> None:
    async with gateways(tmp_path, 1) as live:
        person = await live.person()
        (tmp_path / "kindred.toml").write_text("[server]\nno_such_thing = 1\n")
        asked = await asyncio.to_thread(kindred, "restart", "--data", str(tmp_path))
        assert asked.returncode == 1
        assert "no_such_thing" in asked.stdout + asked.stderr
        assert (await person.ask({"type": "presence", "status": "online"}))["type"] == "ack"


def test_a_restart_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    asked = kindred("restart", "--data", str(tmp_path / "empty"))
    assert asked.returncode == 1
    assert "kindred up" in asked.stderr
