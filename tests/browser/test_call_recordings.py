"""A real call recorded in a real browser: asked for, shown as it goes on, heard again, deleted."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import House, Tab, profile
from tests.browser.phone import dial, phone_browser, until_live

__all__ = ["phone_browser"]


@pytest.fixture
def caller(phone_browser: Any, house: House) -> Iterator[Tab]:
    with profile(phone_browser, house, permissions=["microphone"]) as tab:
        tab.chat()
        yield tab


def test_a_call_is_recorded_after_a_yes_shown_stopped_played_and_deleted(caller: Tab) -> None:
    page = caller.page
    dial(page)
    until_live(page)
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
