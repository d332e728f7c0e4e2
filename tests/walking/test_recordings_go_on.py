"""A recording everybody agreed to, when the call's holder dies or hands it over: it goes on, or all
are told that it does not.

The gateways are real; who listens and who speaks is on paper, what is kept is not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import server.wiring
from storage.database import connect
from tests.live import Client, Live, running
from tests.media.recording.sides import channels, loudest_hz
from tests.walking.caller import until
from tests.walking.doomed_call import Voices
from tests.walking.recorded import consent
from tests.walking.test_call_recordings_crash import QUICK, heard, recordings_of, speak_on
from tests.walking.test_calls_go_on import is_live
from tests.walking.test_crash import Doomed, carry_on, doomed, kinds

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
WITHDRAWN = """
    INSERT INTO consents (person, purpose, version, granted, address, agent)
    SELECT person, purpose, version, false, address, agent FROM consents
     WHERE purpose = 'recording'
"""


@pytest.fixture(autouse=True)
def on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.wiring, "HouseVoices", Voices)


@dataclass
class Recorded:
    """A person in a call that is recorded, at a gateway that is going to die."""

    first: Doomed
    person: Client
    room: str
    call: str
    recording: str
    known: int = 0  # tellings that were read before the first gateway died

    async def agree(self, *, on: bool) -> dict[str, Any]:
        return await self.person.ask({"type": "call.record", "room": self.room, "on": on})

    async def back_at(self, heir: Live) -> None:
        """The person is in the same call again."""
        self.known = len(kinds(self.person, "call.recording"))
        assert (await carry_on(self.person, heir))["type"] == "resumed"
        command = {"type": "call.start", "room": self.room, "call": self.call}
        assert (await self.person.ask(command)).get("call") == self.call
        await is_live(self.person)

    async def news(self) -> dict[str, Any]:
        """What is told of the recording first, after the first gateway's death."""
        told = kinds(self.person, "call.recording")[self.known :]
        return told[0] if told else await self.person.until("call.recording")

    async def ends(self) -> list[str]:
        """Hang up: the recordings that the call's entry names."""
        command = {"type": "call.end", "room": self.room, "call": self.call}
        assert (await self.person.ask(command))["type"] == "ack"
        ended = kinds(self.person, "call.ended") or [await self.person.until("call.ended")]
        named: list[str] = ended[0]["message"]["parts"][0]["recordings"]
        return named


@asynccontextmanager
async def recorded(
    database_url: str, bus_url: str, data: Path, repository: Path
) -> AsyncIterator[Recorded]:
    module = "tests.walking.doomed_call"
    async with doomed(database_url, bus_url, data, repository, module=module, **QUICK) as first:
        person = await first.person()
        await consent(person)
        room = (await person.room())["id"]
        ack = await person.ask({"type": "call.start", "room": room})
        await is_live(person)
        one = Recorded(first, person, room, ack["call"], "")
        assert (await one.agree(on=True))["type"] == "ack"
        one.recording = (await person.until("call.recording"))["recording"]
        speaking = asyncio.create_task(speak_on(person))
        try:
            await until(lambda: len(list((data / "recordings").glob("??/*"))) >= 3, 30)
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])
        yield one


def said_last(heir: Live) -> list[str]:
    """What the companion said aloud at the heir."""
    return [text for text, _ in heir.house.room_parts.calls.voices.talks[-1].said]


async def test_it_goes_on_at_the_next_holder_by_the_same_agreement(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with recorded(database_url, valkey_url, tmp_path, repository) as one:
        await one.first.kill()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            await one.back_at(heir)
            told = await one.news()
            assert (told["state"], told["missing"], told["why"]) == ("on", [], "")
            assert told["agreed"] == [one.person.user["id"]]
            await until(lambda: any("record" in text for text in said_last(heir)))
            before = len(list((tmp_path / "recordings").glob("??/*")))
            speaking = asyncio.create_task(speak_on(one.person))
            folder = tmp_path / "recordings"
            await until(lambda: len(list(folder.glob("??/*"))) >= before + 3, 30)
            speaking.cancel()
            await asyncio.wait([speaking])
            assert await one.ends() == [one.recording, told["recording"]]
            db = heir.house.db
            await until(lambda: not heir.house.room_parts.calls.tally.live)
            while await db.fetchval("SELECT count(*) FROM tapes"):
                await until(lambda: True)
            assert len(await recordings_of(one.person, one.call)) == 2
            for recording in (one.recording, told["recording"]):
                sound = channels(await heard(one.person, recording))
                assert abs(loudest_hz(sound[0]) - 440) < 5, "both can be heard"


async def test_where_the_consent_is_gone_it_ends_and_all_are_told(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    async with recorded(database_url, valkey_url, tmp_path, repository) as one:
        await one.first.kill()
        database = await connect(database_url)
        await database.execute(WITHDRAWN)
        await database.close()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            await one.back_at(heir)
            told = await one.news()
            assert (told["state"], told["why"]) == ("off", "withdrawn")
            await until(lambda: said_last(heir))
            assert await one.ends() == [one.recording]
            (listed,) = await recordings_of(one.person, one.call)
            assert listed["id"] == one.recording


async def test_who_took_it_back_before_is_not_recorded_after(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    """What was acknowledged is kept: a death in the very next moment changes nothing."""
    async with recorded(database_url, valkey_url, tmp_path, repository) as one:
        assert (await one.agree(on=False))["type"] == "ack"
        await one.first.kill()
        async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
            await one.back_at(heir)
            live_call = heir.house.realtime.holder.live[one.room].calls.now
            await until(lambda: live_call.life.meter.metered_ms > 500)
            assert live_call.taping.on is False
            assert await one.ends() == [one.recording]
            late = kinds(one.person, "call.recording")[one.known :]
            assert "on" not in [frame["state"] for frame in late]


async def test_a_gateway_that_is_renewed_hands_it_over_without_a_word_of_its_end(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path, node="gw-heir", **QUICK) as heir:
        async with running(database_url, valkey_url, tmp_path, node="gw-first", **QUICK) as first:
            person = await first.person()
            await consent(person)
            room = (await person.room())["id"]
            ack = await person.ask({"type": "call.start", "room": room})
            await is_live(person)
            await person.ask({"type": "call.record", "room": room, "on": True})
            recording = (await person.until("call.recording"))["recording"]
            one = Recorded(None, person, room, ack["call"], recording)  # type: ignore[arg-type]
            speaking = asyncio.create_task(speak_on(person))
            await until(lambda: len(list((tmp_path / "recordings").glob("??/*"))) >= 3, 30)
            speaking.cancel()
            await asyncio.wait([speaking])
            await first.app.state.drain(leave_at_once=True)
        await one.back_at(heir)
        told = await one.news()
        assert told["state"] == "on"
        assert [f["state"] for f in kinds(person, "call.recording")] == ["on", "on"]
        assert (await one.ends())[0] == recording
