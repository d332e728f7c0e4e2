"""What a browser may lack: a floating window, a choice of speakers, WebRTC that connects."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import House, Tab, profile
from tests.browser.phone import Caller, caller, dial, phone_browser, until_live

__all__ = ["caller", "phone_browser"]
FLOATS = "width => document.pictureInPictureElement?.videoWidth === width"
# Sinks that were chosen, by whoever plays; and two speakers to choose from.
SINKS = """() => {
  window.sinks = [];
  HTMLMediaElement.prototype.setSinkId = async function (id) { window.sinks.push(id); };
  const real = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => [
    ...(await real()).filter((one) => one.kind !== "audiooutput"),
    ...["one", "two"].map((id) => (
      { kind: "audiooutput", deviceId: id, groupId: id, label: `Box ${id}` })),
  ];
}"""
NO_FLOAT = "() => Object.defineProperty(document, 'pictureInPictureEnabled', { value: false })"
NO_SINK = "() => { delete HTMLMediaElement.prototype.setSinkId; }"
# WebRTC that is there and leads nowhere, as behind a firewall.
BLOCKED = """() => {
  const Real = RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(options) { super({ ...options, iceServers: [], iceTransportPolicy: "relay" }); }
  };
}"""


def open_settings(page: Any) -> Any:
    page.get_by_role("button", name="Sound").click()
    dialog = page.get_by_role("dialog", name="Sound and picture")
    dialog.wait_for()
    return dialog


def test_the_companion_floats_above_other_windows_and_comes_back(caller: Caller) -> None:
    caller.talk("Video")
    page = caller.page
    page.wait_for_function("() => document.querySelector('[data-call-video]')?.videoWidth === 320")
    float_ = open_settings(page).get_by_role("button", name="Float Mira above other windows")
    float_.click()
    page.wait_for_function(FLOATS, arg=320)
    open_settings(page).get_by_role("button", name="Float Mira").click()  # once more: back
    page.wait_for_function("() => !document.pictureInPictureElement")


def test_without_a_picture_the_portrait_floats_and_ends_with_the_call(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    open_settings(page).get_by_role("button", name="Float Mira").click()
    page.wait_for_function(FLOATS, arg=480)
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    page.wait_for_function("() => !document.pictureInPictureElement")


def test_what_a_browser_lacks_is_not_offered(caller: Caller) -> None:
    caller.page.evaluate(NO_FLOAT)
    caller.page.evaluate(NO_SINK)
    caller.talk()
    dialog = open_settings(caller.page)
    assert dialog.get_by_role("button", name="Float Mira").count() == 0
    assert dialog.get_by_label("Speaker").count() == 0
    assert "the device's own choice" in dialog.inner_text()


def test_another_speaker_is_played_through_and_remembered(caller: Caller) -> None:
    caller.page.evaluate(SINKS)
    caller.talk()
    dialog = open_settings(caller.page)
    dialog.get_by_label("Speaker").select_option("two")
    caller.page.wait_for_function("() => window.sinks.at(-1) === 'two'")
    assert "two" in caller.page.evaluate("() => localStorage['kindred.devices']")


def test_a_real_sink_is_chosen_where_the_browser_has_one(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    found = page.evaluate(
        "async () => (await navigator.mediaDevices.enumerateDevices())"
        ".filter(one => one.kind === 'audiooutput').map(one => one.deviceId)"
    )
    if len(found) < 2:
        pytest.skip("this machine's Chromium knows one speaker at most")
    open_settings(page).get_by_label("Speaker").select_option(found[-1])
    page.wait_for_timeout(300)
    assert caller.tab.faults == []


@pytest.fixture
def walled(phone_browser: Any, house: House) -> Iterator[Tab]:
    """Somebody behind a wall that lets no WebRTC through; all else is the real house."""
    with profile(phone_browser, house, permissions=["microphone", "camera"]) as tab:
        tab.page.add_init_script(f"({BLOCKED})()")
        tab.chat()
        yield tab


@pytest.mark.timeout(240)
def test_where_webrtc_does_not_connect_the_call_goes_over_the_socket(walled: Tab) -> None:
    page = walled.page
    dial(page, "Video")
    until_live(page, 60_000)
    # The greeting sounds: loudness is measured on what came in binary frames.
    page.wait_for_selector('.stage[data-doing="speaking"]', timeout=60_000)
    page.locator('[data-caption="companion"]').first.wait_for(timeout=30_000)
    dialog = open_settings(page)
    dialog.locator('[data-line="socket"]').wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_role("button", name="Camera").count() == 0
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    page.get_by_role("button", name="Back to the chat").click()
    page.locator("[data-call-entry]", has_text="Voice call").wait_for(timeout=20_000)
