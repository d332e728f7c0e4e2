"""A camera in a call, through a whole house: the consent, who is shown what, what it costs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from media.calls.leg import Seen
from rooms.calls.around import Caption
from rooms.commands import CallCamera, MessageSend
from rooms.errors import ProductError
from rooms.ports import Principal
from tests.live import Live, running
from tests.rooms.calls.doubles import PaperLeg, PaperVoices
from tests.soon import until
from tests.walking.caller import Caller, caller

JPEG = b"\xff\xd8" + b"the picture of a person " * 20 + b"\xff\xd9"
STILL = Seen(jpeg=JPEG, width=512, height=384)
PICTURE = 25_000
SECOND = 40_000


class Mouths:
    """Says every reply aloud, and all of it is heard at once."""

    reply_tokens = 60
    log_seconds = 0.01

    def mouth(self, asked: Any) -> Any:
        return _Mouth()

    def ahead(self, prompt: Any) -> None:
        return None

    def settled(self) -> None:
        pass


class _Mouth:
    def __init__(self) -> None:
        self._said = 0
        self._closed = asyncio.Event()

    async def say(self, text: str) -> None:
        self._said += len(text)

    def close(self) -> None:
        self._closed.set()

    async def heard(self) -> int | None:
        await self._closed.wait()
        return None

    async def stop(self) -> int:
        return self._said


SEEING = {
    "KINDRED_MODELS__PROVIDERS__SCRIPT__VISION": "true",
    "KINDRED_PLANS__FREE__VIDEO": "true",
    "KINDRED_PLANS__FREE__VOICE": "true",
}


def seeing_house(
    database_url: str, valkey_url: str, folder: Path, node: str = "gw-test"
) -> AbstractAsyncContextManager[Live]:
    """A house whose model sees, and whose free plan has video calls."""
    return running(database_url, valkey_url, folder, node=node, **SEEING)


@pytest.fixture
async def seeing(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with seeing_house(database_url, valkey_url, tmp_path) as live:
        yield live


async def camera(one: Caller, call: str, who: Principal | None = None, *, on: bool) -> Any:
    command = CallCamera(id="9", room=one.room, call=call, on=on)
    return await one.live.house.realtime.command(who or await one.who(), command, f"cam-{on}")


async def refused(one: Caller, call: str, who: Principal | None = None) -> ProductError:
    with pytest.raises(ProductError) as caught:
        await camera(one, call, who, on=True)
    return caught.value


async def filmed(live: Live) -> tuple[Caller, str, PaperLeg]:
    one = await caller(live)
    leg = PaperLeg()
    call, _ = await one.join(leg, kind="video")
    leg.connect()
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await until(lambda: one.call is not None and one.call.leg is leg)
    held = live.house.realtime.holder.live[one.room]
    held.speak_through(Mouths())
    return one, call, leg


async def says(one: Caller, text: str, key: str, still: Seen | None) -> dict[str, Any]:
    """Somebody pauses, is looked at, and what they said is a turn."""
    assert one.call is not None
    leg = one.call.leg
    assert isinstance(leg, PaperLeg)
    one.clock.ms += 1_000
    one.talk.around.paused()
    if still is not None:
        leg.happens(still)
        await until(lambda: leg._events.empty())
    one.talk.around.caption(Caption(id=key, who="person", text=text, final=True))
    return await typed(one, text, key)


async def typed(one: Caller, text: str, key: str) -> dict[str, Any]:
    command = MessageSend(id=key, room=one.room, text=text, key=key)
    answer = await one.live.house.realtime.command(await one.who(), command, key)
    return await one.person.done(answer.reply)


def asked(live: Live) -> list[Any]:
    """The last request the model was sent: its messages."""
    last = [one for one in live.script.connections if one.asked][-1]
    return list(json.loads(last.asked)["messages"])


def shown(live: Live) -> int:
    content = asked(live)[-1]["content"]
    return sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0


async def test_nothing_is_seen_before_a_yes_one_picture_a_turn_after_it(seeing: Live) -> None:
    one, call, leg = await filmed(seeing)
    assert leg.watched == []
    await says(one, "Can you see me?", "said_1", STILL)
    assert (shown(seeing), leg.looks) == (0, 0)
    await camera(one, call, on=True)
    assert leg.watched == [True]
    await says(one, "And now?", "said_2", STILL)
    assert (shown(seeing), leg.looks) == (1, 1)
    assert asked(seeing)[-1]["content"][-1]["text"].endswith("And now?")
    told = await one.person.until("call.seen")
    assert (told["pictures"], told["cost_microcredits"]) == (1, PICTURE)
    await typed(one, "This I only write.", "w1")
    assert shown(seeing) == 0  # a message that is typed comes without
    await camera(one, call, on=False)
    assert leg.watched == [True, False]
    await says(one, "Do you still see me?", "said_3", STILL)
    assert (shown(seeing), leg.looks) == (0, 1)
    await one.hang_up()
    ended = await one.ended()
    assert await one.paid() == ended["cost_microcredits"]
    assert ended["cost_microcredits"] % SECOND == PICTURE % SECOND
    receipt = await one.person.rest("GET", f"/api/v1/wallet/receipts/{ended['receipt']}")
    lines = {line["what"]: line["quantity"] for line in receipt.json()["lines"]}
    assert lines["pictures of the camera"] == 1


async def test_in_a_crisis_pictures_are_free_like_everything_else(seeing: Live) -> None:
    one, call, _ = await filmed(seeing)
    await camera(one, call, on=True)
    await says(one, "Look at me", "said_1", STILL)
    await says(one, "I want to kill myself", "said_2", None)
    seconds = one.call.life.seconds
    await says(one, "And now?", "said_3", STILL)
    assert shown(seeing) == 1
    told = one.person.frames_of("call.seen") or [await one.person.until("call.seen")]
    while told[-1]["pictures"] < 2:
        told.append(await one.person.until("call.seen"))
    assert told[-1]["cost_microcredits"] == PICTURE
    await one.hang_up()
    ended = await one.ended()
    assert ended["cost_microcredits"] == seconds * SECOND + PICTURE == await one.paid()
    receipt = await one.person.rest("GET", f"/api/v1/wallet/receipts/{ended['receipt']}")
    lines = {line["what"]: line["microcredits"] for line in receipt.json()["lines"]}
    assert lines["pictures of the camera"] == PICTURE
    assert sum(lines.values()) == ended["cost_microcredits"]


async def test_pictures_that_were_paid_for_stay_paid_for_at_the_next_gateway(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with seeing_house(database_url, valkey_url, tmp_path, "gw-heir") as heir:
        heir.house.room_parts.calls.voices = PaperVoices()
        async with seeing_house(database_url, valkey_url, tmp_path, "gw-first") as first:
            one, call, _ = await filmed(first)
            await camera(one, call, on=True)
            await says(one, "Look at me", "said_1", STILL)
            await says(one, "And now?", "said_2", STILL)
            assert one.call.life.meter.beside_microcredits == 2 * PICTURE
            left = one.call
            await first.app.state.drain(leave_at_once=True)
            taken = heir.house.realtime.holder.live[one.room].calls.now
            assert (taken.calling.call, taken.sight.shown) == (call, 2)
            spent = left.life.meter.spent_microcredits  # seconds passed meanwhile
            assert taken.life.meter.spent_microcredits >= spent >= 2 * PICTURE
        await heir.house.realtime.holder.live[one.room].calls.stop("hung_up")
    found = await first_row(database_url, "SELECT cost FROM calls WHERE call = $1", call)
    spent = taken.life.meter.spent_microcredits
    assert found["cost"] == spent
    receipt = await first_row(
        database_url, "SELECT doc FROM receipts WHERE doc->>'reply' = $1", call
    )
    lines = {line["what"]: line["microcredits"] for line in json.loads(receipt["doc"])["lines"]}
    assert lines["pictures of the camera"] == 2 * PICTURE
    assert sum(lines.values()) == spent


async def first_row(database_url: str, query: str, *values: str) -> asyncpg.Record:
    database = await asyncpg.connect(database_url)
    try:
        (row,) = await database.fetch(query, *values)
        return row
    finally:
        await database.close()


async def test_the_consent_is_kept_with_its_call_and_taken_back(seeing: Live) -> None:
    one, call, _ = await filmed(seeing)
    await camera(one, call, on=True)
    await camera(one, call, on=False)
    found = (await one.person.rest("GET", "/api/v1/privacy/consents")).json()["items"]
    mine = [(c["version"], c["granted"]) for c in found if c["purpose"] == "camera"]
    assert mine == [(call, True), (call, False)]
    await one.hang_up()
    assert (await refused(one, call)).code == "call_not_found"


async def test_another_connection_begins_with_its_eyes_shut(seeing: Live) -> None:
    one, call, leg = await filmed(seeing)
    await camera(one, call, on=True)
    second, _ = PaperLeg(), None
    await one.join(second, kind="video", call=call)
    second.connect()
    await until(lambda: one.call is not None and one.call.leg is second)
    assert leg.watched == [True, False]
    seeing.house.realtime.holder.live[one.room].speak_through(Mouths())
    await says(one, "Hello from my phone", "said_5", STILL)
    assert (shown(seeing), second.watched, second.looks) == (0, [], 0)
    await one.hang_up()


async def test_a_picture_that_does_not_come_does_not_keep_anybody_waiting(seeing: Live) -> None:
    one, call, leg = await filmed(seeing)
    await camera(one, call, on=True)
    done = await says(one, "Nothing comes", "said_6", None)
    assert (done["status"], shown(seeing), leg.looks) == ("completed", 0, 1)
    leg.happens(STILL)  # late: it is for what is said next, if anything is
    await camera(one, call, on=False)
    assert one.call is not None
    assert await one.call.sight.pictures(None) == ()
    await one.hang_up()


async def test_who_may_not_is_told_so(seeing: Live) -> None:
    one, call, _ = await filmed(seeing)
    stranger = await seeing.person()
    who = await seeing.house.authenticate(stranger.token)
    assert (await refused(one, call, who)).code in {"not_found", "room_not_found", "forbidden"}
    assert (await refused(one, "call_of_yesterday")).code == "call_not_found"
    await one.hang_up()
    voice = await caller(seeing)
    spoken, _ = await voice.live_call()
    assert (await refused(voice, spoken)).code == "no_pictures_here"
    await voice.hang_up()
    assert (await seeing.http.get("/api/v1/meta")).json()["camera"] is True


async def test_where_the_model_is_blind_cameras_are_not_offered(live: Live) -> None:
    assert (await live.http.get("/api/v1/meta")).json()["camera"] is False
    blind = await caller(live)
    deaf_call, leg = await blind.live_call()
    assert (await refused(blind, deaf_call)).code == "camera_not_offered"
    assert leg.watched == []
    await blind.hang_up()


async def test_a_picture_is_kept_nowhere(
    seeing: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, call, _ = await filmed(seeing)
    await camera(one, call, on=True)
    await says(one, "Look at this", "said_7", STILL)
    assert shown(seeing) == 1
    await one.hang_up()
    await one.ended()
    needles = (b"the picture of a person", b"/9j/", asked(seeing)[-1]["content"][0]["image_url"]
               ["url"][-40:].encode())  # fmt: skip
    export = (await one.person.rest("GET", "/api/v1/privacy/export")).content
    everything = json.dumps(one.person.frames).encode() + export + caplog.text.encode()
    assert not any(needle in everything for needle in needles)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert not any(needle in file.read_bytes() for needle in needles), file
