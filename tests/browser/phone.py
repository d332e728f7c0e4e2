"""A person in a chat and the far end of what they will call, for the tests of the call screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from media.sound.wav import wav_of
from tests.browser.conftest import CHROMIUM, House, Tab, profile
from tests.browser.far_end import FarEnd
from tests.media.joe import say

STARTED = {
    "kind": "voice",
    "person": "",
    "companion": "c_1",
    "microcredits_per_minute": 3_000_000,
}


WORDS = "Hello there. I went to the market this morning, and I bought some apples."
RATE = 48_000
MEDIA = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@contextmanager
def with_microphone(browser: Any, *more: str, says: Path | None = None) -> Iterator[Any]:
    """A Chromium whose camera is its own invention, and its microphone too, or plays a file."""
    if says is not None:
        more = (*more, f"--use-file-for-fake-audio-capture={says}")
    running = browser.browser_type.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", *MEDIA, *more]
    )
    yield running
    running.close()


def words_in(folder: Path, silent_seconds: int = 7) -> Path:
    """What a microphone says: WORDS, between silences that it repeats with them."""
    file = folder / "words.wav"
    silence = bytes(2 * RATE * silent_seconds)
    file.write_bytes(wav_of(silence + say(WORDS, RATE) + silence, RATE))
    return file


@pytest.fixture(scope="module")
def phone_browser(browser: Any) -> Iterator[Any]:
    """A Chromium whose microphone and camera are its own invention."""
    with with_microphone(browser) as running:
        yield running


@pytest.fixture(scope="module")
def talking_browser(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium whose microphone is silent, says WORDS, and is silent again, over and over."""
    says = words_in(tmp_path_factory.mktemp("microphone"))
    with with_microphone(browser, says=says) as running:
        yield running


def dial(page: Any, kind: str = "Call") -> None:
    """Press call, and go through the device check into the call."""
    check(page, kind)
    page.locator(".devices .btn.p").click()


def check(page: Any, kind: str = "Call") -> None:
    """Press call; leads to the device check."""
    page.locator("[data-call]").click()
    if kind == "Video":
        page.get_by_role("button", name="Video", exact=True).click()
    page.wait_for_selector("[data-meter]")


def until_live(page: Any, milliseconds: float = 40_000) -> None:
    """Until the call stands, with whoever really answers it."""
    page.wait_for_selector('main.call[data-phase="live"]', timeout=milliseconds)


class Caller:
    """A person in a chat, and the far end of what they will call."""

    def __init__(self, tab: Tab, far: FarEnd) -> None:
        self.tab, self.far, self.page = tab, far, tab.page

    def check(self, kind: str = "Call") -> None:
        """Press call; leads to the device check."""
        check(self.page, kind)

    def dial(self, kind: str = "Call") -> None:
        """Through the device check into the call."""
        dial(self.page, kind)

    def talk(self, kind: str = "Call") -> None:
        """A call that stands, with its price told."""
        self.dial(kind)
        self.page.wait_for_selector('main.call[data-phase="live"]')
        person = self.page.evaluate("JSON.parse(localStorage['kindred.person']).id")
        self.far.tell(
            "call.started",
            **{**STARTED, "person": person, "kind": "video" if kind == "Video" else "voice"},
        )
        self.far.tell("call.updated", state="live", seconds=1, cost_microcredits=50_000)
        self.page.wait_for_selector("[data-call-cost]")
        self.person = person

    def says(self, text: str, utterance: str = "u1", **more: object) -> None:
        fields = {"of": self.person, "utterance": utterance, "text": text, **more}
        self.far.tell("call.caption", **fields)

    def hears(self, text: str, utterance: str = "m1", **more: object) -> None:
        fields = {"of": "c_1", "utterance": utterance, "text": text, **more}
        self.far.tell("call.caption", **fields)


@pytest.fixture
def caller(phone_browser: Any, house: House) -> Iterator[Caller]:
    """Somebody in a chat with Mira who may use the microphone."""
    far = FarEnd()
    with profile(phone_browser, house, permissions=["microphone", "camera"]) as tab:
        far.stand_between(tab.page)
        tab.chat()
        yield Caller(tab, far)
    far.end()
