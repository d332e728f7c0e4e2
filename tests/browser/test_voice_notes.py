"""A voice note in a real browser: the microphone plays real speech, our own recogniser hears it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import House, Tab, profile
from tests.browser.phone import with_microphone, words_in


@pytest.fixture(scope="module")
def chatting_browser(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium whose microphone says WORDS again and again."""
    says = words_in(tmp_path_factory.mktemp("microphone"), silent_seconds=1)
    with with_microphone(browser, says=says) as running:
        yield running


@pytest.fixture
def speaker(chatting_browser: Any, house: House) -> Iterator[Tab]:
    """Somebody in a chat, whose microphone says WORDS."""
    with profile(chatting_browser, house, permissions=["microphone"]) as tab:
        tab.chat()
        yield tab


def record(tab: Tab, seconds: float = 5.5) -> None:
    tab.page.locator("[data-record]").click()
    tab.page.wait_for_selector('[data-recorder="recording"]')
    tab.page.wait_for_timeout(seconds * 1000)


def test_a_note_is_recorded_agreed_to_written_down_answered_and_played(speaker: Tab) -> None:
    record(speaker)
    page = speaker.page
    page.get_by_role("button", name="Send the voice note").click()
    page.get_by_role("button", name="Yes, send it").click()
    note = page.locator("[data-voice-note]")
    note.wait_for(timeout=60_000)
    said = note.locator(".transcript").inner_text().lower()
    assert "market" in said or "apples" in said, said
    speaker.answered()
    bars = note.locator(".bars i")
    assert bars.count() == 64
    assert "00:05" <= note.locator(".long").inner_text() < "00:20", "so long, and what it began"
    note.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelectorAll('.voice-note .bars i.done').length > 8")
    note.get_by_role("button", name="Pause").click()
    (item,) = [one for one in speaker.history() if one["sender"]["kind"] == "person"]
    assert item["parts"][0]["type"] == "voice"
    page.get_by_role("button", name="More about your message").click()
    page.get_by_role("menuitem", name="Delete the recording").click()
    page.get_by_text("The recording is deleted.").wait_for()
    assert speaker.api("GET", "media/recordings")["items"] == []


def test_a_note_thrown_away_leaves_nothing(speaker: Tab) -> None:
    record(speaker, 0.6)
    speaker.page.get_by_role("button", name="Throw the note away").click()
    speaker.page.locator(".composer textarea").wait_for()
    assert speaker.api("GET", "media/recordings")["items"] == []
    assert len(speaker.history()) == 1
