"""A call in a real browser, with a far end that can be made to refuse, vanish and tell anything."""

from typing import Any

import pytest

from tests.browser.conftest import House, Tab
from tests.browser.phone import STARTED, Caller, caller, phone_browser

__all__ = ["caller", "phone_browser"]


def test_both_sides_hear_each_other_and_hanging_up_is_told(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    page.wait_for_function(
        "() => Number(getComputedStyle(document.querySelector('main.call'))"
        ".getPropertyValue('--level')) > .2"
    )
    page.wait_for_selector('.stage[data-doing="speaking"]')
    page.wait_for_selector('[data-quality="good"]')
    page.wait_for_timeout(500)
    assert caller.far.heard_energy > 1
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    assert caller.far.hung_up == 1


def test_what_is_said_is_captioned_and_the_unheard_is_fainter(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    caller.says("I think")
    caller.says("I think I want to talk")
    caller.says("I think I want to talk.", final=True)
    caller.hears("Then tell me", utterance="m_9")
    mine = page.locator('[data-caption="you"] b')
    mine.get_by_text("I think I want to talk.").wait_for()
    assert mine.count() == 1
    page.locator('[data-caption="companion"]').get_by_text("Then tell me").wait_for()
    page.keyboard.press("c")
    page.locator('[data-caption="you"]').wait_for(state="detached")


def test_a_lost_connection_comes_back_as_the_same_call(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    caller.far.tell("call.updated", state="reconnecting", seconds=2, cost_microcredits=90_000)
    caller.far.drop()
    page.wait_for_function("() => document.querySelector('main.call').dataset.phase !== 'live'")
    page.wait_for_selector('main.call[data-phase="live"]')
    assert "call" not in caller.far.offers[0]
    assert caller.far.offers[-1]["call"] == "call_1"


def test_another_device_that_takes_the_call_over_is_not_fought(caller: Caller) -> None:
    caller.talk()
    caller.far.drop()
    caller.page.get_by_role("heading", name="You went on elsewhere").wait_for()
    assert len(caller.far.offers) == 1
    caller.page.get_by_role("button", name="Bring it here").wait_for()


REFUSED = [
    (402, "out_of_credits", "Not enough credits", "Open the wallet"),
    (409, "call_in_progress", "Somebody is on the phone", "Try again"),
    (503, "at_capacity", "All lines are busy", "Try again"),
    (402, "plan_required", "Not in your plan", "See plans"),
    (403, "verification_needed", "Confirm your age", "Open your settings"),
    (500, "never_heard_of", "The call was refused", "Try again"),
]


def test_a_refusal_says_what_is_wrong_and_what_to_do(caller: Caller) -> None:
    page = caller.page
    for status, code, title, way_on in REFUSED:
        caller.far.refuse = (status, {"code": code, "detail": "No.", "retryable": False})
        caller.dial()
        page.get_by_role("heading", name=title).wait_for()
        over = page.locator(".call-over")
        assert over.get_by_text(way_on, exact=True).is_visible(), code
        over.get_by_role("button", name="Back to the chat").click()
        page.locator(".composer textarea").wait_for()


def test_a_missing_consent_is_asked_for_and_given_at_once(caller: Caller) -> None:
    body = {"code": "consent_needed", "detail": "Agree.", "purposes": ["voice"]}
    caller.far.refuse = (403, body)
    caller.dial()
    caller.page.get_by_role("button", name="I agree").click()
    caller.page.wait_for_selector("[data-meter]")
    given = caller.tab.api("GET", "privacy/consents")["items"]
    assert any(one["purpose"] == "voice" and one["granted"] for one in given)


def test_when_the_credits_end_the_call_says_so_with_its_cost(caller: Caller) -> None:
    caller.talk()
    ended = {"reason": "out_of_credits", "seconds": 65, "cost_microcredits": 3_250_000}
    caller.far.tell("call.ended", **ended)
    page = caller.page
    page.get_by_role("heading", name="The credits are used up").wait_for()
    assert page.locator("[data-call-time]").inner_text() == "01:05"
    assert page.locator("[data-call-paid]").inner_text() == "3.25 credits"


def test_the_chat_is_one_touch_away_and_so_is_the_call(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    page.get_by_role("button", name="Chat", exact=True).click()
    page.locator("[data-call-strip]").wait_for()
    page.locator(".composer textarea").wait_for()
    page.locator("[data-call-strip] a").click()
    page.wait_for_selector('main.call[data-phase="live"]')
    page.get_by_role("button", name="Chat", exact=True).click()
    page.get_by_role("button", name="Hang up").click()
    page.locator("[data-call-strip]").wait_for(state="detached")
    for _ in range(100):  # the goodbye travels while the strip is gone already
        if caller.far.hung_up:
            break
        page.wait_for_timeout(50)
    assert caller.far.hung_up == 1


def test_muting_is_heard_by_nobody_and_said_aloud(caller: Caller) -> None:
    caller.talk()
    page = caller.page
    page.keyboard.press("m")
    page.locator("[data-call-state]", has_text="You are muted").wait_for()
    page.wait_for_timeout(400)
    before = caller.far.heard_energy
    page.wait_for_timeout(1000)
    assert caller.far.heard_energy - before < 0.01
    page.keyboard.press("m")
    page.wait_for_timeout(1500)
    assert caller.far.heard_energy - before > 1


def test_a_video_call_shows_the_picture(caller: Caller) -> None:
    caller.dial("Video")
    page = caller.page
    page.wait_for_function("() => document.querySelector('[data-call-video]')?.videoWidth === 320")


def test_every_control_is_on_the_screen_and_large_enough(caller: Caller) -> None:
    caller.talk()
    caller.says("I think I just want to talk about something that is not work today.")
    page = caller.page
    for width, height in ((1440, 900), (390, 844), (320, 568), (844, 390)):
        page.set_viewport_size({"width": width, "height": height})
        for button in page.locator(".call-bar button, .signals").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44, (width, box)
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_in_a_call_before_and_after_it(caller: Caller) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def look(where: str) -> None:
        found = axe.run(caller.page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], where

    caller.check("Video")
    look("device check")
    caller.page.locator(".devices .btn.p").click()
    caller.page.wait_for_selector('main.call[data-phase="live"]')
    caller.person = caller.page.evaluate("() => JSON.parse(localStorage['kindred.person']).id")
    caller.far.tell("call.started", **{**STARTED, "person": caller.person})
    caller.says("Hello", final=True)
    caller.hears("Hello you")
    caller.page.locator('[data-caption="companion"]').wait_for()
    look("in the call")
    caller.page.get_by_role("button", name="Sound").click()
    caller.page.locator("dialog[open]").wait_for()
    caller.page.wait_for_timeout(300)
    look("sound and picture")
    caller.page.keyboard.press("Escape")
    caller.page.get_by_role("button", name="End").click()
    caller.page.get_by_role("heading", name="Call ended").wait_for()
    look("after it")


def test_a_refused_microphone_is_answered_with_help(browser: Any, house: House) -> None:
    tab = Tab(browser, house)  # no permission, and no device either
    try:
        tab.chat()
        tab.page.locator("[data-call]").click()
        help_ = tab.page.locator("[data-trouble]")
        help_.wait_for()
        assert help_.get_attribute("data-trouble") in {"refused", "missing"}
        assert help_.locator("li").count() >= 2
        assert tab.page.locator(".devices .btn.p").is_disabled()
        assert tab.page.get_by_role("button", name="Listen only").is_enabled()
    finally:
        tab.context.close()


def test_right_to_left_and_without_motion_it_holds(caller: Caller) -> None:
    caller.page.emulate_media(reduced_motion="reduce")
    caller.talk()
    caller.page.evaluate("() => { document.documentElement.dir = 'rtl' }")
    caller.page.wait_for_timeout(600)
    who = caller.page.locator(".call-who").bounding_box()
    cost = caller.page.locator(".cost").bounding_box()
    assert who is not None
    assert cost is not None
    assert who["x"] > cost["x"]
    scale = "() => getComputedStyle(document.querySelector('.stage .portrait')).scale"
    assert caller.page.evaluate(scale) == "1"


def test_after_a_call_that_ended_another_one_can_be_made(caller: Caller) -> None:
    caller.talk()
    ended = {"reason": "hung_up", "seconds": 5, "cost_microcredits": 250_000}
    page = caller.page
    page.get_by_role("button", name="End").click()
    caller.far.tell("call.ended", **ended)
    page.locator("[data-call-paid]").wait_for()
    page.get_by_role("button", name="Back to the chat").click()
    caller.far.call = "call_2"
    caller.dial()
    page.wait_for_selector('main.call[data-phase="live"]')
    page.wait_for_timeout(500)
    assert page.get_attribute("main.call", "data-phase") == "live"
    assert "call" not in caller.far.offers[-1]
