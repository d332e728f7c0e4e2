"""Socket.IO on `kindred up --gateways 3`: one port, no stickiness, and a process that dies."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.live import Client
from tests.realtime.io_client import IoClient
from tests.walking.test_many_gateways import Gateways, gateways

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.timeout(120), pytest.mark.long]


async def test_a_reply_goes_on_over_socketio_when_its_gateway_is_killed(tmp_path: Path) -> None:
    async with gateways(tmp_path, 3) as live:
        live.script.tokens, live.script.gap_seconds = 100, 0.02
        person = Client(live, await live.registered())
        room = (await person.room())["id"]
        ann = IoClient(live.url, person.token)
        async with ann:
            first = ann.frames[0]["node"]
            ack = await ann.ask("message.send", room=room, text="Hi", key="k1")
            await ann.until(lambda: ann.kinds.count("reply.delta") > 3)
            await asyncio.to_thread(live.process_of(first).kill)
            await ann.until(lambda: "resumed" in ann.kinds)
            assert ann.kinds.count("hello") == 2
            done = await ann.done(ack["reply"])  # each delta where the last one ended
            assert done["status"] in {"completed", "interrupted"}
            # Whoever takes a room over tells the question again, as an entry of its own (see
            # rooms/takeover.py): one message, known by its id, on every door alike.
            made = [f["message"]["id"] for f in ann.frames if f["type"] == "message.created"]
            assert set(made) == {ack["message"]}
            assert ann.kinds.count("reply.started") == 1
            assert "resync" not in ann.kinds
        await _no_polling(live)


async def _no_polling(live: Gateways) -> None:
    """Its requests would land on any of the three."""
    async with httpx2.AsyncClient(base_url=live.url, timeout=20) as http:
        answer = await http.get("/socket.io/?EIO=4&transport=polling")
    assert (answer.status_code, answer.json()["code"]) == (400, "polling_not_offered")
