"""One's own camera in a call: off until a yes, plain to see while it is on, off at once."""

from typing import Any

import pytest

from tests.browser.conftest import House, Tab
from tests.browser.far_end import FarEnd
from tests.browser.phone import Caller, caller, phone_browser

__all__ = ["caller", "phone_browser"]


def cameras(caller: Caller) -> list[tuple[bool, str]]:
    """What the server was told of the camera."""
    told = [one for one in caller.far.asked if one["type"] == "call.camera"]
    return [(one["on"], one["call"]) for one in told]


def violations(page: Any) -> list[Any]:
    """What axe finds on the screen."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


def until_filmed(caller: Caller, more_than: int) -> None:
    for _ in range(200):
        if caller.far.filmed > more_than:
            return
        caller.page.wait_for_timeout(50)
    raise AssertionError("no frame of the camera came")


def test_the_camera_is_off_until_a_yes_and_off_at_once(caller: Caller) -> None:
    caller.talk("Video")
    page = caller.page
    button = page.get_by_role("button", name="Camera")
    assert button.get_attribute("aria-pressed") == "false"
    assert page.locator(".self").count() == 0
    button.click()
    question = page.get_by_role("dialog", name="Show Mira your camera?")
    assert "not kept" in question.inner_text()
    assert "0.025 credits" in question.inner_text()
    page.wait_for_timeout(300)  # it fades in
    assert violations(page) == []
    page.wait_for_timeout(300)
    assert (caller.far.filmed, cameras(caller)) == (0, [])
    question.get_by_role("button", name="Not now").click()
    assert cameras(caller) == []
    button.click()
    page.get_by_role("button", name="Show my camera").click()
    page.wait_for_selector('[data-camera="on"]')
    until_filmed(caller, 5)
    assert cameras(caller) == [(True, "call_1")]
    sign = page.locator(".self figcaption")
    assert sign.inner_text() == "It sees one picture when you speak"
    assert violations(page) == []
    caller.far.tell("call.seen", pictures=1, cost_microcredits=25_000)
    page.locator('.self[data-seen="1"]', has_text="Mira saw this").wait_for()
    sign.get_by_text("It sees one picture when you speak").wait_for()
    page.keyboard.press("v")
    page.locator(".self").wait_for(state="detached")
    assert button.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(300)
    before = caller.far.filmed
    page.wait_for_timeout(700)
    assert caller.far.filmed == before
    assert cameras(caller) == [(True, "call_1"), (False, "call_1")]
    page.keyboard.press("v")  # it was explained once in this call
    page.wait_for_selector('[data-camera="on"]')


def test_a_camera_chosen_before_the_call_waits_for_the_server(caller: Caller) -> None:
    caller.check("Video")
    page = caller.page
    page.get_by_role("checkbox", name="Show Mira my camera").check()
    page.locator("video.preview").wait_for()
    page.locator(".devices .btn.p").click()
    page.wait_for_selector('[data-camera="on"]')
    until_filmed(caller, 3)
    assert cameras(caller) == [(True, "call_1")]
    caller.far.tell("call.updated", state="reconnecting", seconds=2, cost_microcredits=90_000)
    caller.far.drop()  # another connection of the call is asked anew
    page.wait_for_function("() => document.querySelector('main.call').dataset.phase !== 'live'")
    page.wait_for_selector('main.call[data-phase="live"]')
    page.wait_for_selector('[data-camera="on"]')
    assert cameras(caller) == [(True, "call_1"), (True, "call_1")]
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    assert page.evaluate("() => document.querySelectorAll('video').length") == 0


def test_in_a_voice_call_there_is_no_camera(caller: Caller) -> None:
    caller.talk()
    assert caller.page.get_by_role("button", name="Camera").count() == 0
    caller.page.keyboard.press("v")
    caller.page.wait_for_timeout(300)
    assert caller.page.locator("dialog[open], .self").count() == 0


def test_where_the_model_is_blind_the_camera_is_not_offered(
    phone_browser: Any, house: House
) -> None:
    tab, far = Tab(phone_browser, house, permissions=["microphone", "camera"]), FarEnd()

    def blind(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "camera": False})

    try:
        tab.page.route("**/api/v1/meta", blind)
        far.stand_between(tab.page)
        tab.chat()
        caller = Caller(tab, far)
        caller.check("Video")
        tab.page.locator("[data-no-camera]", has_text="cannot see you").wait_for()
        assert tab.page.get_by_role("checkbox").count() == 0
        tab.page.locator(".devices .btn.p").click()
        tab.page.wait_for_selector('main.call[data-phase="live"]')
        assert tab.page.get_by_role("button", name="Camera").count() == 0
        assert tab.faults == []
    finally:
        tab.context.close()
        far.end()


def test_a_refused_picture_ends_the_sharing_kindly_and_the_call_goes_on(caller: Caller) -> None:
    caller.talk("Video")
    page = caller.page
    share(page)
    until_filmed(caller, 3)
    caller.far.tell("call.unseen", why="refused")
    told = page.locator('[data-shut="refused"]')
    told.get_by_text("was not let through").wait_for()
    page.locator(".self").wait_for(state="detached")
    assert page.locator('[data-camera="off"]').get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(300)
    before = caller.far.filmed
    page.wait_for_timeout(500)
    assert caller.far.filmed == before
    assert cameras(caller) == [(True, "call_1")]  # the server knows; it shut it
    assert violations(page) == []
    page.keyboard.press("v")
    page.wait_for_selector('[data-camera="on"]')
    assert told.count() == 0
    caller.far.tell("call.unseen", why="minor")
    page.locator('[data-shut="minor"]', has_text="under 18").wait_for()
    page.get_by_role("button", name="Close", exact=True).click()
    assert page.locator("[data-shut]").count() == 0
    assert page.locator('main.call[data-phase="live"]').count() == 1
    caller.hears("I am still here.")
    page.locator("[data-caption]", has_text="I am still here.").wait_for()


def share(page: Any) -> None:
    """Press Camera and say yes."""
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Show my camera").click()
    page.wait_for_selector('[data-camera="on"]')


def test_where_somebody_looks_first_one_is_told_before_one_agrees(
    phone_browser: Any, house: House
) -> None:
    tab, far = Tab(phone_browser, house, permissions=["microphone", "camera"]), FarEnd()

    def checked(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "camera_checked": True})

    try:
        tab.page.route("**/api/v1/meta", checked)
        far.stand_between(tab.page)
        tab.chat()
        caller = Caller(tab, far)
        caller.check("Video")
        tab.page.get_by_text("looks at each one first").wait_for()
        tab.page.locator(".devices .btn.p").click()
        tab.page.wait_for_selector('main.call[data-phase="live"]')
        tab.page.get_by_role("button", name="Camera").click()
        question = tab.page.get_by_role("dialog", name="Show Mira your camera?")
        assert "looks at each one first" in question.inner_text()
        assert tab.faults == []
    finally:
        tab.context.close()
        far.end()
