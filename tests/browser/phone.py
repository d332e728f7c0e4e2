"""A person in a chat and the far end of what they will call, for the tests of the call screen."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, House, Tab
from tests.browser.far_end import FarEnd

STARTED = {
    "kind": "voice",
    "person": "",
    "companion": "c_1",
    "microcredits_per_minute": 3_000_000,
}


@pytest.fixture(scope="module")
def phone_browser(browser: Any) -> Iterator[Any]:
    """A Chromium whose microphone and camera are its own invention."""
    media = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    running = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *media],
    )
    yield running
    running.close()


class Caller:
    """A person in a chat, and the far end of what they will call."""

    def __init__(self, tab: Tab, far: FarEnd) -> None:
        self.tab, self.far, self.page = tab, far, tab.page

    def check(self, kind: str = "Call") -> None:
        """Press call; leads to the device check."""
        self.page.locator("[data-call]").click()
        if kind == "Video":
            self.page.get_by_role("button", name="Video", exact=True).click()
        self.page.wait_for_selector("[data-meter]")

    def dial(self, kind: str = "Call") -> None:
        """Through the device check into the call."""
        self.check(kind)
        self.page.locator(".devices .btn.p").click()

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
    house.pace()
    tab = Tab(phone_browser, house, permissions=["microphone", "camera"])
    far = FarEnd()
    far.stand_between(tab.page)
    tab.chat()
    yield Caller(tab, far)
    if os.environ.get("KINDRED_TEST_PICTURE"):
        tab.page.screenshot(path=os.environ["KINDRED_TEST_PICTURE"])
    tab.context.close()
    far.end()
    assert tab.faults == []
