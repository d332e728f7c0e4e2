"""A voice note in a real browser: the microphone plays real speech, our own recogniser hears it."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from media.sound.wav import wav_of
from tests.browser.conftest import CHROMIUM, House, Tab
from tests.media.joe import say

WORDS = "Hello there. I went to the market this morning, and I bought some apples."


@pytest.fixture(scope="module")
def talking_browser(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium whose microphone says WORDS again and again."""
    file = tmp_path_factory.mktemp("microphone") / "words.wav"
    file.write_bytes(wav_of(say(WORDS, 48_000) + bytes(48_000), 48_000))
    running = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={file}",
            "--autoplay-policy=no-user-gesture-required",
        ],
    )
    yield running
    running.close()


@pytest.fixture
def speaker(talking_browser: Any, house: House) -> Iterator[Tab]:
    """Somebody in a chat, whose microphone says WORDS."""
    house.pace()
    tab = Tab(talking_browser, house, permissions=["microphone"])
    tab.chat()
    yield tab
    if os.environ.get("KINDRED_TEST_PICTURE"):
        tab.page.screenshot(path=os.environ["KINDRED_TEST_PICTURE"])
    tab.context.close()
    assert tab.faults == []


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
    assert note.locator(".long").inner_text() in {"00:05", "00:06"}
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
