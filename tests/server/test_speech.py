"""Inference workers under the real `kindred up`: found, killed, back, and gone with the house."""

import asyncio
import json
from pathlib import Path

import pytest

from media.inference.client import Inference
from server.supervisor.folder import DataFolder
from tests.media.joe import say
from tests.server.house import House, kindred, wait_for, wait_gone

pytestmark = [pytest.mark.stores, pytest.mark.kill]
WORKER = "media.inference.worker"


async def heard(addresses: list[str], key: str) -> str:
    async with asyncio.timeout(40), Inference(addresses, key) as client:
        return (await client.transcriber.transcribe(say("Good night."), "en")).text


def test_workers_are_kept_alive_and_end_with_the_house(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with House(data, "--role", "stores", "--role", "speech") as house:
        house.until("Inference worker 1 is ready")
        wait_for(lambda: DataFolder(data).running() is not None)
        state = DataFolder(data).running()
        assert state is not None
        addresses, key = state.inference_addresses, state.inference_key
        assert "good night" in asyncio.run(heard(addresses, key)).lower()
        worker = house.child(WORKER)
        worker.kill()
        house.until("Inference worker 1 is back")
        assert "good night" in asyncio.run(heard(addresses, key)).lower()
        report = json.loads(kindred("doctor", "--json", "--data", str(data)).stdout)
        parts = {part["name"]: part for part in report["parts"]}
        assert parts["inference"]["state"] == "1 of 1 answer"
        assert parts["hearing embedded"]["condition"] == "fine"
        again = house.child(WORKER).pid
        assert house.stop() == 0
        assert wait_gone([again]) == []


def test_a_listen_address_that_is_none_is_said(tmp_path: Path) -> None:
    with House(
        tmp_path / "data", "--role", "stores", "--role", "speech",
        KINDRED_INFERENCE__LISTEN="nowhere",
    ) as house:  # fmt: skip
        house.until("must be host:port")
        assert house.process.wait(20) == 1
