"""The administrators' console in a browser: see, watch, whisper, take over, pause, read the log."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.browser.conftest import ROOT, Browser, House, Tab
from tests.browser.test_access import serious

pytestmark = [pytest.mark.timeout(170)]


@pytest.fixture
def staff(browser: Browser, house: House) -> Iterator[Tab]:
    """An administrator's browser, signed in anew after they became one."""
    made = Tab(browser, house)
    page = made.arrive()
    name = made.username
    command = [sys.executable, "-m", "server.cli", "admin", "set", name, "--role", "admin"]
    command += ["--data", str(house.folder)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KINDRED_")}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    del made._token  # the next one says so
    page.goto("/chats")
    page.get_by_role("link", name="Console").wait_for()
    yield made
    if os.environ.get("KINDRED_TEST_PICTURE"):
        page.screenshot(path=f"{os.environ['KINDRED_TEST_PICTURE']}.console.png")
    made.context.close()
    assert made.faults == []


def look(staff: Tab, room: str) -> None:
    """Into a room, from the list, with a reason."""
    page = staff.page
    page.get_by_role("link", name="Console").click()
    page.locator(f"[data-room='{room}'] a").click()
    page.get_by_label("Reason").fill("A report came in")
    page.get_by_role("button", name="Watch").click()
    page.locator(".stream .m[data-id]").first.wait_for()


def test_a_member_finds_no_console(visit: Tab) -> None:
    page = visit.chat()
    assert page.get_by_role("link", name="Console").count() == 0
    page.goto("/console")
    page.locator(".rooms a").first.wait_for()
    assert page.locator(".console").count() == 0


def test_an_administrator_watches_whispers_takes_over_and_pauses(visit: Tab, staff: Tab) -> None:
    page, desk = visit.chat(), staff.page
    visit.server.pace(gap_seconds=0.08, tokens=500)
    visit.say("Tell me about the harbour.")
    visit.begun()
    look(staff, visit.room)
    row = desk.locator(f"[data-room='{visit.room}']")
    assert row.locator(".turn-state").inner_text() == "Speaking"
    first = float(row.locator("[data-cost]").inner_text())
    writing = desk.locator(".stream [data-writing] .said")
    writing.wait_for()
    assert "the rain came in over the harbour" in writing.inner_text(), "from the beginning"
    desk.wait_for_function(
        "([room, first]) => parseFloat(document.querySelector(`[data-room='${room}'] [data-cost]`)"
        ".textContent) > first",
        arg=[visit.room, first],
    )
    desk.get_by_label("Whisper").fill("Speak of lighthouses.")
    desk.get_by_role("button", name="Whisper").click()
    desk.locator(".standing", has_text="lighthouses").wait_for()
    desk.get_by_label("Take over").fill("This is Sam of the service.")
    desk.get_by_role("button", name="Say", exact=True).click()
    desk.locator(".stream .by-staff").wait_for()
    page.locator(".m .by-staff").wait_for()
    assert visit.replies()[-1] == "This is Sam of the service."
    assert "Written by a person of the service" in page.locator(".m .by-staff").inner_text()
    assert "lighthouses" not in page.locator("body").inner_text()
    desk.get_by_role("button", name="Pause").click()
    page.locator(".notice", has_text="paused").wait_for()
    visit.say("Are you still there?")
    page.locator(".unsent.failed", has_text="paused").wait_for()
    desk.get_by_role("button", name="Let it go on").click()
    visit.server.pace(gap_seconds=0.01, tokens=5)
    page.locator(".unsent").get_by_role("button", name="Try again").click()
    visit.answered()
    staff.page.get_by_role("button", name="Audit log").click()
    for act in ("watch.start", "room.look", "room.whisper", "room.say", "room.pause"):
        desk.locator(f".audit tr[data-act='{act}']").first.wait_for()
    assert desk.locator(".standing").count() == 0, "the direction was for one reply"
    assert serious(staff, "audit log") == []
    desk.get_by_role("button", name="Live rooms").click()
    row.wait_for()
    assert serious(staff, "watched room") == []


def test_a_lost_connection_goes_on_watching(visit: Tab, staff: Tab) -> None:
    visit.chat()
    look(staff, visit.room)
    staff.context.set_offline(True)
    staff.page.evaluate("dispatchEvent(new Event('offline'))")
    visit.say("While nobody looks.")
    visit.answered()
    staff.context.set_offline(False)
    staff.page.evaluate("dispatchEvent(new Event('online'))")
    staff.page.locator(".stream .said", has_text="While nobody looks.").wait_for()
    visit.say("And now somebody does.")
    staff.page.locator(".stream .said", has_text="And now somebody does.").wait_for()
