"""Who is only starting is waited for before a call; who does not come is said, with when to ask."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import rooms.calls.voices as voices
from config.voice import VoiceSettings
from media.inference.client import Inference
from rooms.errors import Unavailable
from tests.media.inference.conftest import KEY, serving


async def nobody(*_: str) -> Any:
    raise AssertionError("nobody is asked yet")


def house(inference: Inference) -> voices.HouseVoices:
    return voices.HouseVoices(nobody, nobody, VoiceSettings(), there=inference.there)


async def test_a_worker_that_does_not_come_is_refused_by_name_with_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voices, "WAIT_SECONDS", 0.2)
    async with Inference([f"unix:{tmp_path}/nobody"], "key") as inference:
        with pytest.raises(Unavailable) as refused:
            await house(inference).check()
    assert refused.value.code == "voice_unavailable"
    assert refused.value.retry_after_ms


async def test_where_nothing_can_listen_it_is_said_at_once() -> None:
    with pytest.raises(Unavailable):
        await voices.HouseVoices(None, None, VoiceSettings()).check()


async def test_a_worker_that_is_only_starting_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "worker"
    async with Inference([f"unix:{path}"], KEY) as inference:
        checking = asyncio.create_task(house(inference).check())
        await asyncio.wait([checking], timeout=0.2)
        assert not checking.done()
        async with serving(path):
            await asyncio.wait_for(checking, voices.WAIT_SECONDS)
