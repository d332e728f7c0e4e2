"""The examples of docs/guides/openai.md, run as they stand against a running Kindred."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.live import Client, Live

pytestmark = pytest.mark.stores
GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/openai.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=["chat", "realtime"])
async def test_an_example_of_the_guide_talks_and_tells_its_cost(live: Live, example: str) -> None:
    person = Client(live, await live.registered())
    form = {"name": "guide", "scopes": ["chat"]}
    key = (await person.rest("POST", "/api/v1/api-keys", json=form)).json()["key"]
    environment = {**os.environ, "OPENAI_BASE_URL": f"{live.url}/v1", "OPENAI_API_KEY": key}
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        example,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    said, cost = out.decode().strip().split("\ncost in microcredits: ")
    assert len(said.split()) == live.script.tokens
    receipts = (await person.rest("GET", "/api/v1/wallet/receipts")).json()["items"]
    assert int(cost) == receipts[0]["cost_microcredits"] > 0
