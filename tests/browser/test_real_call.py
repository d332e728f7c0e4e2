"""A whole call with nothing doubled but the model's words: `kindred up`, its media and inference
workers, and a real browser whose microphone plays speech and whose statistics say what it heard."""

import base64
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from av.codec.context import CodecContext
from av.packet import Packet

from tests.browser.conftest import House, Tab, profile
from tests.browser.phone import dial, talking_browser, until_live

__all__ = ["talking_browser"]
# Keeps the page's connections, so that their statistics can be asked for.
WATCH = """() => {
  const Real = RTCPeerConnection;
  window.lines = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...args) { super(...args); window.lines.push(this); }
  };
}"""
HEARD = """async () => {
  const line = window.lines.at(-1);
  if (!line) return 0;
  for (const one of (await line.getStats()).values())
    if (one.type === "inbound-rtp" && one.kind === "audio") return one.totalAudioEnergy;
  return 0;
}"""


@pytest.fixture
def caller(talking_browser: Any, house: House) -> Iterator[Tab]:
    with profile(talking_browser, house, permissions=["microphone"]) as tab:
        tab.page.add_init_script(f"({WATCH})()")
        tab.chat()
        yield tab


def test_one_calls_is_greeted_understood_answered_and_hangs_up(caller: Tab) -> None:
    page = caller.page
    folder: Path = caller.server.folder
    kept = set(folder.rglob("recordings/*/*"))  # of others
    dial(page)
    until_live(page)
    page.locator('[data-caption="companion"]').first.wait_for(timeout=60_000)
    assert page.evaluate(HEARD) > 0
    page.locator('[data-caption="you"]', has_text="market").wait_for(timeout=90_000)
    page.wait_for_selector('.stage[data-doing="speaking"]', timeout=60_000)
    before = page.evaluate(HEARD)
    page.wait_for_timeout(1500)
    assert page.evaluate(HEARD) > before
    page.wait_for_selector("[data-quality]")
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    page.locator("[data-call-time]").wait_for(timeout=30_000)
    page.get_by_role("button", name="Back to the chat").click()
    page.locator("[data-call-entry]").wait_for()
    said = [one for one in caller.history() if one["sender"]["kind"] == "person"]
    assert any("market" in part.get("text", "") for one in said for part in one["parts"])
    assert set(folder.rglob("recordings/*/*")) == kept  # nobody agreed to be kept


def shown(house: House) -> list[bytes]:
    """The pictures in the last requests the model was sent."""
    found = []
    for one in house.script.connections:
        for message in json.loads(one.asked).get("messages", []) if one.asked else []:
            parts = message["content"] if isinstance(message["content"], list) else []
            urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
            found += [base64.b64decode(url.partition(",")[2]) for url in urls]
    return found


def test_a_camera_that_is_shown_reaches_the_model_with_the_words(
    talking_browser: Any, house: House
) -> None:
    with profile(talking_browser, house, permissions=["microphone", "camera"]) as tab:
        page = tab.page
        tab.chat()
        dial(page, "Video")
        until_live(page)
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Show my camera").click()
        page.wait_for_selector('[data-camera="on"]', timeout=30_000)
        page.locator('.self[data-seen="1"]').wait_for(timeout=90_000)
        (jpeg,) = shown(house)[-1:]
        reader: Any = CodecContext.create("mjpeg", "r")
        (frame,) = [*reader.decode(Packet(jpeg)), *reader.decode(None)]
        assert max(frame.width, frame.height) == 512
        assert len(jpeg) <= 60_000
        red, green, blue = frame.to_ndarray(format="rgb24").mean((0, 1))
        assert green > red + 30, "Chromium's invented camera is green"
        assert green > blue + 30
        page.keyboard.press("v")
        page.locator(".self").wait_for(state="detached")
        page.get_by_role("button", name="End").click()
        page.get_by_role("heading", name="Call ended").wait_for()
        kept = [path for path in house.folder.rglob("*") if path.is_file() and path.suffix == ""]
        assert not [path for path in kept if b"/9j/" in path.read_bytes()[:2_000_000]]


def media_workers(house: House) -> list[int]:
    """The processes that carry this house's calls: children of who was started with its folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"media.calls.worker" not in (process / "cmdline").read_bytes():
                continue
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            environment = Path(f"/proc/{parent}/environ").read_bytes()
        except OSError:
            continue
        if str(house.folder).encode() in environment:
            found.append(int(process.name))
    return found


def test_a_killed_media_worker_is_a_pause_in_the_same_call(caller: Tab) -> None:
    page = caller.page
    dial(page)
    until_live(page)
    workers = media_workers(caller.server)
    assert workers
    before = caller.api("GET", "calls/current")["call"]["call"]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    # By the server's word, long before the browser itself is sure that nobody answers.
    page.wait_for_function("() => window.lines.length > 1", timeout=20_000)
    page.wait_for_function(
        "() => window.lines.at(-1).connectionState === 'connected'"
        " && document.querySelector('main.call')?.dataset.phase === 'live'",
        timeout=40_000,
    )
    assert caller.api("GET", "calls/current")["call"]["call"] == before
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
