"""A real call recorded in a real browser: asked for, shown as it goes on, heard again, deleted."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, House, Tab


@pytest.fixture(scope="module")
def phone_browser(browser: Any) -> Iterator[Any]:
    """A Chromium whose microphone beeps."""
    media = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    running = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *media],
    )
    yield running
    running.close()


@pytest.fixture
def caller(phone_browser: Any, house: House) -> Iterator[Tab]:
    house.pace()
    tab = Tab(phone_browser, house, permissions=["microphone"])
    tab.chat()
    yield tab
    if os.environ.get("KINDRED_TEST_PICTURE"):
        tab.page.screenshot(path=os.environ["KINDRED_TEST_PICTURE"])
    tab.context.close()
    assert tab.faults == []


def test_a_call_is_recorded_after_a_yes_shown_stopped_played_and_deleted(caller: Tab) -> None:
    page = caller.page
    page.locator("[data-call]").click()
    page.wait_for_selector("[data-meter]")
    page.locator(".devices .btn.p").click()
    page.wait_for_selector('main.call[data-phase="live"]', timeout=40_000)
    assert page.locator("[data-recording]").count() == 0
    page.locator("[data-record-call]").click()
    page.get_by_role("button", name="Yes, record").click()
    page.wait_for_selector('[data-recording="on"]', timeout=30_000)
    told = page.locator('[data-caption="companion"]', has_text="recorded")
    told.wait_for(timeout=60_000)
    page.locator("[data-record-call]").click()
    page.wait_for_selector("[data-recording]", state="detached")
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    page.get_by_role("button", name="Back to the chat").click()
    play = page.locator("[data-call-entry] [data-play-recording]")
    play.wait_for()
    entry = play.get_attribute("data-play-recording")
    items: list[Any] = []
    for _ in range(200):  # it is put together a moment after the call has ended
        if items := caller.api("GET", "media/recordings?kind=call")["items"]:
            break
        page.wait_for_timeout(50)
    assert [one["id"] for one in items] == [entry]
    assert items[0]["ms"] > 1_000
    page.goto("/settings")
    row = page.locator(f'[data-recorded-call="{entry}"]')
    row.get_by_role("button", name="Play the recording").click()
    row.get_by_role("button", name="Pause").wait_for()
    row.get_by_role("button", name="Delete the recording").click()
    row.wait_for(state="detached")
    assert caller.api("GET", "media/recordings?kind=call")["items"] == []
    page.get_by_role("button", name="Do not record my calls any more").click()
    page.get_by_role("heading", name="Recorded calls").wait_for(state="detached")
