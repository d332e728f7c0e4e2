"""Recordings of calls that are erased: when they stand, with their room, and while they are made.

What is under way meanwhile is not kept either.
"""

from types import SimpleNamespace
from typing import Any

import pytest

import storage.tapes
from storage.tapes import Tape
from tests.live import Live
from tests.walking.recorded import RECORDINGS, in_call, nothing_kept

pytestmark = [pytest.mark.stores]


async def test_it_is_erased_one_by_one_with_the_room_and_while_it_is_made(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    recording = (await one.told("on"))["recording"]
    await one.talk(1_500)
    await one.kept(500)
    gone = await one.person.rest("DELETE", f"{RECORDINGS}/{recording}")
    assert gone.status_code == 204
    await one.talk(1_500)
    await one.told("off")
    assert await nothing_kept(live)
    for erase in ("one", "room"):
        await one.agree()
        await one.told("on")
        await one.talk(1_000)
        await one.hang_up()
        (listed,) = await one.listed()
        path = {
            "one": f"{RECORDINGS}/{listed['id']}",
            "room": f"/api/v1/rooms/{one.one.room}/recordings",
        }
        assert (await one.person.rest("DELETE", path[erase])).status_code == 204
        assert await nothing_kept(live)
        assert (await one.sound(listed["id"])).status_code == 404
        one.call, one.leg = await one.one.live_call()
        one.spoken_ms = one.played = 0


async def test_a_part_that_comes_while_its_recording_is_erased_is_not_kept(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await in_call(live)
    await one.agree()
    recording = (await one.told("on"))["recording"]
    await one.talk(1_500)
    await one.kept(500)
    listing, late = storage.tapes.parts, []

    async def parts(db: Any, tape: str) -> list[storage.tapes.Part]:
        found = await listing(db, tape)
        whose = Tape(recording=tape, person=one.person.user["id"], call=one.call)
        packed = SimpleNamespace(data=b"late", ms=20, waveform=[1])
        late.append(await live.house.recordings.tapes.keep(whose, 99, packed))
        return found

    monkeypatch.setattr(storage.tapes, "parts", parts)
    gone = await one.person.rest("DELETE", f"{RECORDINGS}/{recording}")
    assert (gone.status_code, late) == (204, ["ended"])
    await one.talk(1_500)
    await one.told("off")
    assert await nothing_kept(live)
