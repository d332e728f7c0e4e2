"""Opening a conversation has its companion's face drawn, where this machine has render workers.

By the time somebody presses call it lies ready; a first picture then takes no drawing.
"""

from pathlib import Path

import pytest

from media.avatar.ahead import SIZES
from media.avatar.rig_file import rig_file
from tests.live import Live
from tests.soon import until

pytestmark = [pytest.mark.stores, pytest.mark.timeout(120)]


async def test_whoever_opens_a_conversation_finds_its_face_drawn(live: Live) -> None:
    faces = Path(live.settings.data) / "faces"
    look = (await live.house.catalogue.find("mira")).appearance
    wanted = [faces / rig_file(look, size) for size in SIZES]
    person = await live.person()
    room = (await person.room("mira"))["id"]
    assert not faces.exists(), "no render worker keeps faces here"
    faces.mkdir(parents=True)
    assert (await person.rest("GET", f"/api/v1/rooms/{room}")).status_code == 200
    await until(lambda: live.house.ahead._drawing is None, 60)
    assert all(path.exists() for path in wanted)
    assert (await person.rest("GET", f"/api/v1/rooms/{room}")).status_code == 200
    assert live.house.ahead._drawing is None, "nothing is left to draw"


async def test_a_room_whose_companion_was_taken_away_is_shown_all_the_same(live: Live) -> None:
    person = await live.person()
    room = (await person.room("mira"))["id"]
    await live.house.db.execute("DELETE FROM companions WHERE companion = 'c_mira'")
    live.house.catalogue._kept.clear()
    assert (await person.rest("GET", f"/api/v1/rooms/{room}")).status_code == 200
