"""`kindred loadtest video` against a small companion with a face: it tells what was shown."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from loadtest.clients.wire import Trouble
from loadtest.driver import Driver
from loadtest.measure import Measures, figures
from loadtest.outcome import Totals
from loadtest.progress import Progress
from loadtest.scenarios import load
from loadtest.thresholds import judge, parse
from media.sound.wav import wav_of
from tests.loadtest.small import person, plan
from tests.loadtest.small_phone import SmallPhone

pytestmark = [pytest.mark.asyncio, pytest.mark.long]


async def watched(late_seconds: float) -> Measures:
    """A call long enough to say something about lips."""
    phone = SmallPhone()
    phone.greeting_frames, phone.lips_late_seconds = 900, late_seconds
    async with phone.serving():
        who = person(phone)
        async with who.video_call("r_1") as call, asyncio.timeout(50):
            while "skew" not in who.measures.times:  # noqa: ASYNC110 - the call is real time
                await asyncio.sleep(0.05)
            assert call.seeing is not None
            assert call.seeing.pictures > 100
    return who.measures


async def test_lips_that_come_late_are_found_from_outside() -> None:
    good, bad = await asyncio.gather(watched(0.0), watched(0.13))
    skews = [one.times["skew"].get_mean_value() / 1000 for one in (good, bad)]
    assert skews[0] < 60
    assert 60 < skews[1] - skews[0] < 200
    assert bad.counts["late_lips"] == 1
    assert figures(good.counts)["frame_rate"] > 10
    assert good.counts["video_bytes"] > 10_000


async def test_the_scenario_watches_while_it_talks(tmp_path: Path) -> None:
    tone = 9_000 * np.sin(np.arange(6_400) * 2 * np.pi * 300 / 16_000)
    (tmp_path / "line.wav").write_bytes(wav_of(tone.astype("<i2").tobytes(), 16_000))
    async with SmallPhone().serving() as phone:
        ordered = plan(
            phone.target,
            scenario="video",
            for_seconds=5.0,
            every_seconds=2.0,
            model="closed",
            options={"wav": str(tmp_path)},
        )
        totals = Totals()
        await Driver(ordered, load("video"), totals.add).run()
    assert phone.asked == ["room=r_0&kind=video"]
    assert totals.counted("errors") == 0
    assert (totals.counted("pictures") or 0) > 40
    assert (totals.timed("p", "first_picture", 50) or 9) < 5
    for kept in ("frame_rate<5", "frozen_ms>50%", "p95(first_picture)>5s"):
        assert not judge(parse(kept), totals).failed, kept
    assert judge(parse("frame_rate>1"), totals).failed
    line = Progress(ordered, totals, [], quiet=True)._line()
    assert "pictures/s" in line


async def test_a_call_that_shows_nothing_is_an_error_of_its_own() -> None:
    async with SmallPhone().serving() as phone:
        phone.shows = False
        who = person(phone, timeout_seconds=1.0)
        async with who.video_call("r_1") as call:
            with pytest.raises(Trouble) as blind:
                await call.seen()
        assert blind.value.code == "no_picture"
