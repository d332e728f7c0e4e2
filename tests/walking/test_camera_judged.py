"""A camera whose pictures an operator's judge looks at first: through a whole house and HTTP."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from media.calls.leg import Seen
from tests.live import Live, running
from tests.rooms.calls.doubles import PaperLeg
from tests.walking.caller import Caller, until
from tests.walking.judge import MINOR, NUDITY, YES, Judge
from tests.walking.test_camera import STILL, camera, filmed, refused, says, shown, typed

OTHER = Seen(
    jpeg=b"\xff\xd8" + b"another picture of theirs " * 20 + b"\xff\xd9", width=64, height=64
)


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with Judge().serving() as found:
        yield found


@pytest.fixture
async def judged(
    database_url: str, valkey_url: str, tmp_path: Path, judge: Judge
) -> AsyncIterator[Live]:
    """A house whose model sees, and whose operator named a judge."""
    more = {
        "KINDRED_MODELS__PROVIDERS__SCRIPT__VISION": "true",
        "KINDRED_PLANS__FREE__VIDEO": "true",
        "KINDRED_PLANS__FREE__VOICE": "true",
        "KINDRED_CALLS__CAMERA_CHECK_URL": f"http://127.0.0.1:{judge.port}/judge",
        "KINDRED_CALLS__CAMERA_CHECK_TOKEN": "between us",
        "KINDRED_CALLS__CAMERA_CHECK_SECONDS": "1",
    }
    async with running(database_url, valkey_url, tmp_path, **more) as live:
        yield live


async def sharing(live: Live) -> tuple[Caller, str, PaperLeg]:
    one, call, leg = await filmed(live)
    await camera(one, call, on=True)
    return one, call, leg


async def unseen(one: Caller, nth: int = 1) -> str:
    """Why the camera was shut the nth time."""
    while len(one.person.frames_of("call.unseen")) < nth:
        await one.person.until("call.unseen")
    return str(one.person.frames_of("call.unseen")[nth - 1]["why"])


async def test_a_picture_is_shown_only_after_the_judges_yes(judged: Live, judge: Judge) -> None:
    one, _, leg = await sharing(judged)
    judge.go_on.clear()
    await looked_at(one, leg, STILL)
    await until(lambda: bool(judge.seen))
    assert one.call is not None
    assert await one.call.sight.pictures(None) == ()  # nobody has said yes
    judge.go_on.set()
    await says(one, "And now?", "said_1", None)
    assert shown(judged) == 1
    assert judge.seen == [STILL.jpeg]
    assert b"authorization: bearer between us" in judge.heads[0]
    assert one.person.frames_of("call.unseen") == []
    await one.hang_up()


async def looked_at(one: Caller, leg: PaperLeg, still: Seen) -> None:
    """The person pauses, and their camera sends what was asked for."""
    one.clock.ms += 1_000
    one.talk.around.paused()
    leg.happens(still)
    await until(lambda: leg._events.empty())


async def test_a_minors_picture_ends_the_sharing_for_this_call_and_the_call_lives(
    judged: Live, judge: Judge
) -> None:
    one, call, leg = await sharing(judged)
    judge.answer = MINOR
    done = await says(one, "My daughter waves", "said_1", STILL)
    assert (done["status"], shown(judged)) == ("completed", 0)
    assert await unseen(one) == "minor"
    assert leg.watched == [True, False]
    assert (await refused(one, call)).code == "camera_closed"
    judge.answer = YES
    await says(one, "And without it?", "said_2", OTHER)
    assert (shown(judged), len(judge.seen), leg.looks) == (0, 1, 1)
    assert one.call is not None
    assert one.call.going_on
    assert judged.house.room_parts.calls.tally.cameras_shut == {"minor": 1}
    await one.hang_up()
    assert (await one.ended())["reason"] == "hung_up"
    again, second, _ = await filmed(judged)  # another person's call, as every other call
    await camera(again, second, on=True)
    await again.hang_up()


async def test_after_another_refusal_one_may_show_it_again_but_not_for_ever(
    judged: Live, judge: Judge
) -> None:
    one, call, leg = await sharing(judged)
    judge.answer = NUDITY
    for turn in range(3):
        await says(one, f"Look, {turn}", f"said_{turn}", STILL)
        assert await unseen(one, turn + 1) == "refused"
        assert shown(judged) == 0
        if turn < 2:
            await camera(one, call, on=True)
    assert (await refused(one, call)).code == "camera_closed"
    assert leg.watched == [True, False] * 3
    await one.hang_up()


@pytest.mark.parametrize("answer", [None, b"nonsense", b'{"allowed": "yes"}', b"x" * 80_000])
async def test_no_verdict_shows_nothing_and_the_third_in_a_row_stops_it(
    judged: Live, judge: Judge, answer: bytes | None
) -> None:
    one, call, leg = await sharing(judged)
    judge.answer = answer
    for turn in range(2):
        await looked_at(one, leg, STILL)
        await until(lambda: one.call is not None and not one.call.sight._judging)
        assert one.call is not None
        assert await one.call.sight.pictures(None) == ()
        assert one.call.sight.open, turn
    await looked_at(one, leg, STILL)
    assert await unseen(one) == "unjudged"
    assert len(judge.seen) == 3
    judge.answer = YES  # it is back, and so may the camera be
    await camera(one, call, on=True)
    await says(one, "And now?", "said_9", OTHER)
    assert shown(judged) == 1
    await one.hang_up()


async def test_a_verdict_that_comes_after_the_eyes_were_shut_shows_and_stops_nothing(
    judged: Live, judge: Judge
) -> None:
    one, call, leg = await sharing(judged)
    judge.go_on.clear()
    judge.answer = YES
    await looked_at(one, leg, STILL)
    await until(lambda: bool(judge.seen))
    await looked_at(one, leg, OTHER)  # one at a time
    await camera(one, call, on=False)
    await camera(one, call, on=True)
    judge.go_on.set()
    await until(lambda: one.call is not None and not one.call.sight._judging)
    assert one.call is not None
    assert await one.call.sight.pictures(None) == ()
    assert judge.seen == [STILL.jpeg]
    await looked_at(one, leg, OTHER)
    await until(lambda: len(judge.seen) == 2)
    await one.hang_up()  # while it is judged
    assert (await one.ended())["reason"] == "hung_up"


async def test_a_refused_picture_is_kept_nowhere(
    judged: Live, judge: Judge, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, _, _ = await sharing(judged)
    judge.answer = MINOR
    await says(one, "Look", "said_1", STILL)
    assert await unseen(one) == "minor"
    await typed(one, "Never mind.", "w1")
    await one.hang_up()
    await one.ended()
    export = (await one.person.rest("GET", "/api/v1/privacy/export")).content
    everything = json.dumps(one.person.frames).encode() + export + caplog.text.encode()
    needle = b"the picture of a person"
    assert needle not in everything
    assert not any(needle in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


async def test_a_person_who_is_a_minor_shows_no_camera(judged: Live, judge: Judge) -> None:
    one, call, leg = await filmed(judged)
    who: Any = await one.who()
    young = type(who)(person=who.person, sign_in=who.sign_in, scopes=who.scopes, minor=True)
    assert (await refused(one, call, young)).code == "adults_only"
    assert (leg.watched, judge.seen) == ([], [])
    await one.hang_up()


async def test_people_are_told_beforehand_that_somebody_looks_first(judged: Live) -> None:
    meta = (await judged.http.get("/api/v1/meta")).json()
    assert (meta["camera"], meta["camera_checked"]) == (True, True)


async def test_where_pictures_must_be_judged_and_nobody_is_named_there_is_no_camera(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    more = {
        "KINDRED_MODELS__PROVIDERS__SCRIPT__VISION": "true",
        "KINDRED_PLANS__FREE__VIDEO": "true",
        "KINDRED_CALLS__CAMERA_UNCHECKED": "false",
    }
    async with running(database_url, valkey_url, tmp_path, **more) as live:
        meta = (await live.http.get("/api/v1/meta")).json()
        assert (meta["camera"], meta["camera_checked"]) == (False, False)
        one, call, leg = await filmed(live)
        assert (await refused(one, call)).code == "camera_not_offered"
        assert leg.watched == []
        await one.hang_up()
