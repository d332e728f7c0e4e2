"""What was recorded when somebody dies in the middle of it: the holder, or who carries the leg."""

import asyncio
import os
from pathlib import Path

import pytest

from media.calls.binary import PCM16, SoundFrame, pack
from tests.live import Client, Live, running
from tests.media.recording.sides import channels, loudest_hz
from tests.soon import until
from tests.walking.recorded import (
    RECORDINGS,
    consent,
    files,
    in_call,
    tone,
)
from tests.walking.test_crash import carry_on, doomed

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
QUICK = {"KINDRED_CALLS__MARK_SECONDS": "0.2", "KINDRED_RECORDINGS__CALL_PART_SECONDS": "0.3"}


async def speak_on(person: Client) -> None:
    """A tone into the call, 20 ms every 20 ms, until cancelled."""
    seq = 0
    while seq < 30_000:
        sound = tone(16_000, 440, 20, seq * 20)
        await person.ws.send(pack(SoundFrame(PCM16, 0, 1, seq, seq * 20_000, sound)))
        seq += 1
        await asyncio.sleep(0.02)


async def test_a_holder_killed_in_mid_recording_leaves_what_was_kept_closed_and_listed(
    database_url: str, valkey_url: str, tmp_path: Path, repository: Path
) -> None:
    module = "tests.walking.doomed_call"
    async with doomed(
        database_url, valkey_url, tmp_path, repository, module=module, **QUICK
    ) as first:
        person = await first.person()
        await consent(person)
        room = (await person.room())["id"]
        ack = await person.ask({"type": "call.start", "room": room})
        await person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
        speaking = asyncio.create_task(speak_on(person))
        agreed = await person.ask({"type": "call.record", "room": room, "on": True})
        assert agreed["type"] == "ack", agreed
        recording = (await person.until("call.recording"))["recording"]
        folder = tmp_path / "recordings"
        await until(lambda: len(list(folder.glob("??/*"))) >= 5, 30)
        await first.kill()
        speaking.cancel()
        await asyncio.wait([speaking])
        async with running(database_url, valkey_url, tmp_path, node="gw-heir") as heir:
            assert (await carry_on(person, heir))["type"] == "resumed"
            ended = await person.until("call.ended")
            assert ended["reason"] in {"failed", "holder_died"}  # nobody speaks at the heir
            assert ended["message"]["parts"][0]["recordings"] == [recording]
            (listed,) = await recordings_of(person, ack["call"])
            assert (listed["id"], listed["message"]) == (recording, ended["message"]["id"])
            assert (
                listed["ms"] >= 700
            )  # parts of 0.3 s; the last one may have been sealed and not named
            sound = channels(await heard(person, recording))
            assert abs(sound.shape[1] / 48_000 * 1000 - listed["ms"]) < 60
            assert abs(loudest_hz(sound[0]) - 440) < 5
            for path in files(heir):  # a part that was sealed and never named goes with the sweep
                os.utime(path, (1, 1))
            await heir.house.recordings.sweep()
            assert len(files(heir)) == 1


async def recordings_of(person: Client, call: str) -> list[dict[str, object]]:
    """What housekeeping has put together by now, or a moment later."""
    items: list[dict[str, object]] = []
    async with asyncio.timeout(30):
        while not items:
            answer = await person.rest("GET", f"/api/v1/calls/{call}/recordings")
            items = list(answer.json()["items"])
            await asyncio.sleep(0.05)
    return items


async def heard(person: Client, recording: str) -> bytes:
    data: bytes = (await person.rest("GET", f"{RECORDINGS}/{recording}/sound")).content
    return data


async def test_a_killed_media_worker_costs_the_recording_nothing_but_the_gap(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_000)
    one.leg.lose("worker_lost")
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    await one.one.pass_time(5)
    _, second = await one.one.join(call=one.call)
    second.connect()
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    one.leg, one.spoken_ms, one.played = second, 0, 0
    await one.talk(1_000, (880, 1_320))
    await one.hang_up()
    (listed,) = await one.listed()
    assert abs(listed["ms"] - 7_000) <= 100
    sound = channels((await one.sound(listed["id"])).content)
    assert abs(loudest_hz(sound[0, :48_000]) - 440) < 5
    assert abs(loudest_hz(sound[0, -48_000:]) - 880) < 5
    assert abs(sound[0, 2 * 48_000 : 5 * 48_000]).max() < 0.01


async def test_a_tape_without_its_call_or_its_parts_leaves_nothing_behind(live: Live) -> None:
    one = await in_call(live, call_part_seconds=30)
    await one.agree()
    await one.told("on")
    tapes, db = live.house.recordings.tapes, live.house.db
    await db.execute("UPDATE calls SET ended_at = now() - interval '1 minute'")
    assert await tapes.finish_left() == 1
    assert await db.fetchval("SELECT count(*) FROM tapes") == 0
    await one.talk(1_000)
    await one.one.hang_up()
    await until(lambda: one.one.call is None)
    assert files(live) == []


async def test_two_nodes_that_put_it_together_at_once_make_one_recording(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(2_000)
    await one.kept(1_000)
    tapes, db = live.house.recordings.tapes, live.house.db
    await db.execute("UPDATE calls SET ended_at = now() - interval '1 minute'")
    await asyncio.gather(*(tapes.finish_left() for _ in range(4)))
    rows = await db.fetch("SELECT recording, ms FROM recordings")
    assert len(rows) == 1
    assert len(files(live)) == 1
