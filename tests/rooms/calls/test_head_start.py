"""The recogniser's head start in a conversation over the real room: asked once, not twice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.hearing.ports import HearingError, Transcript
from tests.live import Live, running
from tests.rooms.calls.conversing import Talking, conversing
from tests.rooms.calls.talking import Line, NumberEar

pytestmark = [pytest.mark.stores]


class EarlyEar(NumberEar):
    """May be asked early. `has_time`: and answers then; `breaks`: or fails."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.has_time = True
        self.breaks = False
        self.asked_early = 0

    async def early(self, from_sample: int, until_sample: int) -> Transcript | None:
        self.asked_early += 1
        if self.breaks:
            raise HearingError("scripted")
        if not self.has_time:
            return None
        text = " ".join(self._words(from_sample, until_sample))
        return Transcript(text=text, language="en", speech_probability=0.9)


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    unhurried = {"KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "0"}
    async with running(database_url, valkey_url, tmp_path, **unhurried) as started:
        started.script.gap_seconds = 0.001
        yield started


async def asked(talking: Talking) -> None:
    """One question and its whole answer."""
    talking.live.script.tokens = 6
    talking.line.speak("Hello there, how are you?")
    (done,) = await talking.done()
    assert done["status"] == "completed"
    assert talking.notes.final("person") == ["Hello there, how are you?"]


async def test_words_that_were_understood_early_are_not_asked_for_again(live: Live) -> None:
    async with conversing(live, ear=EarlyEar) as talking:
        await asked(talking)
        assert (talking.ear.asked_early, talking.ear.transcribed) == (1, 0)
        assert talking.notes.pauses == 1, "nothing but the pause itself is one"


@pytest.mark.parametrize("how", ["busy", "broken"])
async def test_where_nobody_has_time_the_words_are_asked_for_at_the_pause(
    live: Live, how: str
) -> None:
    async with conversing(live, ear=EarlyEar) as talking:
        talking.ear.has_time, talking.ear.breaks = how != "busy", how == "broken"
        await asked(talking)
        assert (talking.ear.asked_early, talking.ear.transcribed) == (1, 1)


async def test_an_ear_that_cannot_is_asked_at_the_pause(live: Live) -> None:
    async with conversing(live) as talking:
        await asked(talking)
        assert talking.ear.transcribed == 1
