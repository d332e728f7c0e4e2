"""A figure's mouth against the sound of the call, both measured in the page that has them.

What comes over the connection is a tone in syllables, each a wide vowel to the mouth. The page's
ears say to the sample when each was heard, its eyes at which picture the mouth was half open.
"""

import time
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from media.calls.leg import Played
from rooms.calls.sounding import Soundings
from tests.browser.conftest import House
from tests.browser.far_end import RATE, FarEnd, Tone
from tests.browser.test_figures import drawing_browser, onlooker
from tests.figures.maker import head

__all__ = ["drawing_browser"]
MOST_MS = 120
SYLLABLES = 12
SOUNDS, PAUSES = 0.26, (0.36, 0.5, 0.42)  # seconds
HEARD = """async () => {
  const main = document.querySelector('script[type=module]').src;
  const { speakerMs } = await import(main.replace('main.js', 'calls/level.js'));
  return soundOnsets.map((at) => at + speakerMs());
}"""


def syllables(tone: Tone) -> tuple[int, list[tuple[int, int]]]:
    """Where the speech begins, and its syllables, from half a second ahead on."""
    begin = at = tone.at + RATE // 2
    found = []
    for n in range(SYLLABLES):
        at += int(PAUSES[n % len(PAUSES)] * RATE)
        found.append((at, at + int(SOUNDS * RATE)))
        at = found[-1][1]
    return begin, found


def speak(page: Any, far: FarEnd, person: str) -> None:
    """Say them, and tell of it what the server would."""
    tone = far.tones[-1]
    begin, spans = syllables(tone)
    visemes: list[tuple[str, int, int]] = []
    for (_, before), (a, b) in pairwise([(0, begin), *spans]):
        visemes += [("sil", (before - begin) // 2, (a - before) // 2)]
        visemes += [("aa", (a - begin) // 2, (b - a) // 2)]
    far.tell("call.viseme", person=person, epoch=1, at_sample=0, visemes=visemes)
    tone.syllables = spans
    soundings, end = Soundings(), spans[-1][1]
    while tone.at < end + RATE // 2:
        left = min(tone.at, end) - begin
        if left > 0:
            us = time.monotonic_ns() // 1000
            told = soundings.read(
                Played(epoch=1, samples=left // 2, clock_us=us, dry=tone.at > end)
            )
            if told is not None:
                far.tell(
                    "call.sounding", person=person, epoch=1, samples=told.samples,
                    playing=told.playing,
                )  # fmt: skip
        page.wait_for_timeout(20)


def openings(seen: list[dict[str, float]]) -> list[float]:
    """When the mouth came to be half open, between two pictures."""
    rest = median(one["mouth"] for one in seen)
    half = (rest + max(one["mouth"] for one in seen)) / 2
    found = []
    for a, b in pairwise(seen):
        if a["mouth"] < half <= b["mouth"]:
            share = (half - a["mouth"]) / (b["mouth"] - a["mouth"])
            found.append(a["at"] + share * (b["at"] - a["at"]))
    return found


def test_the_mouth_opens_with_the_sound_it_says(drawing_browser: Any, house: House) -> None:
    tab = onlooker(drawing_browser, house, "figure_ears.js", permissions=["microphone"])
    far = FarEnd()
    far.stand_between(tab.page)
    tab.chat()
    tab.put(head())
    page = tab.page
    page.set_viewport_size({"width": 400, "height": 360})
    page.locator("[data-call]").click()
    page.wait_for_selector("[data-meter]")
    page.locator(".devices .btn.p").click()
    page.wait_for_selector('main.call[data-phase="live"]')
    far.tones[-1].sounding = False
    tab.shown()
    tab.until("one.eyes > 5")
    page.wait_for_timeout(2_500)  # the page learns what it keeps ready against jitter
    page.evaluate("figureSeen.length = 0; soundOnsets.length = 0")
    speak(page, far, page.evaluate("JSON.parse(localStorage['kindred.person']).id"))
    heard: list[float] = page.evaluate(HEARD)
    seen: list[dict[str, float]] = page.evaluate("figureSeen")
    lags = lags_of(openings(seen), heard)
    between = median(b["at"] - a["at"] for a, b in pairwise(seen))
    print(
        f"\nthe mouth opens {median(lags):+.0f} ms after its sound (median of {len(lags)},"
        f" {min(lags):+.0f} to {max(lags):+.0f}; a picture every {between:.0f} ms)"
    )
    assert len(lags) >= SYLLABLES * 2 // 3
    assert abs(median(lags)) <= MOST_MS
    page.get_by_role("button", name="End").click()
    tab.context.close()
    far.end()
    assert tab.faults == []


def lags_of(opened: list[float], heard: list[float]) -> list[float]:
    """How much later than each sound the mouth opened, for those it opened at all."""
    found = []
    for sound in heard:
        near = [mouth - sound for mouth in opened if abs(mouth - sound) < 320]
        if near:
            found.append(min(near, key=abs))
    return found


@pytest.mark.parametrize("late", [-60.0, 0.0, 90.0])
def test_the_measure_finds_a_lag_that_is_there(late: float) -> None:
    heard = [1_000.0 + 700 * n for n in range(5)]
    seen = [
        {"at": float(at), "mouth": 400.0 if any(0 <= at - s - late < 260 for s in heard) else 20.0}
        for at in range(500, 5_000, 20)
    ]
    assert abs(median(lags_of(openings(seen), heard)) - late) <= 10
