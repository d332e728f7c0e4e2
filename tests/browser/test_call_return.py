"""Back to a call after a reload, and taken over on another device: on the same meter."""

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import House
from tests.browser.phone import Caller, caller, phone_browser

__all__ = ["caller", "phone_browser"]


def stands(caller: Caller, **more: Any) -> dict[str, Any]:
    """What the server says of a call that goes on."""
    told = {
        "room": caller.tab.room,
        "call": "call_1",
        "kind": "voice",
        "person": caller.person,
        "companion": "c_1",
        "microcredits_per_minute": 3_000_000,
        "state": "live",
        "seconds": 12,
        "cost_microcredits": 600_000,
        **more,
    }
    return told


def test_after_a_reload_one_touch_leads_back_to_the_call(caller: Caller) -> None:
    caller.talk()
    caller.far.current = stands(caller)
    page = caller.page
    page.goto("/chats")  # away from the call, and the page anew
    offer = page.locator("[data-call-return]")
    expect(offer).to_contain_text("Your call with Mira waits for you", timeout=20_000)
    offer.get_by_role("button", name="Return to your call").click()
    page.wait_for_selector('main.call[data-phase="live"]')
    assert caller.far.offers[-1]["call"] == "call_1"
    expect(page.locator("[data-elapsed]")).to_have_text(re.compile(r"00:[1-5]\d"), timeout=20_000)
    expect(offer).to_have_count(0, timeout=20_000)
    caller.far.current = None
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    page.get_by_role("button", name="Back to the chat").click()
    page.locator(".composer textarea").wait_for()
    expect(offer).to_have_count(0, timeout=20_000)


def test_another_device_is_offered_the_call_and_may_take_it(caller: Caller) -> None:
    page = caller.page
    caller.person = page.evaluate("JSON.parse(localStorage['kindred.person']).id")
    caller.far.current = stands(caller, kind="video")
    page.reload()
    offer = page.locator("[data-call-return]")
    expect(offer).to_contain_text("goes on elsewhere", timeout=20_000)
    page.locator("[data-call]").click()  # the long way: the device check knows of it too
    expect(page.locator("[data-going]")).to_contain_text("on the same meter")
    page.get_by_role("button", name="Back to the chat").click()
    offer.get_by_role("button", name="Take it here").click()
    page.wait_for_selector('main.call[data-phase="live"]')
    assert caller.far.offers[-1] == {
        "call": "call_1",
        "kind": "video",
        "room": caller.tab.room,
    }


def test_a_call_that_ended_elsewhere_is_offered_no_more(caller: Caller) -> None:
    page = caller.page
    caller.person = page.evaluate("JSON.parse(localStorage['kindred.person']).id")
    caller.far.current = stands(caller)
    page.reload()
    offer = page.locator("[data-call-return]")
    offer.wait_for()
    caller.far._room = caller.tab.room
    caller.far.tell("call.ended", reason="hung_up", seconds=20, cost_microcredits=1_000_000)
    expect(offer).to_have_count(0, timeout=20_000)


def test_the_offer_can_hang_up_too(caller: Caller, house: House) -> None:
    page = caller.page
    caller.person = page.evaluate("JSON.parse(localStorage['kindred.person']).id")
    caller.far.current = stands(caller)
    page.reload()
    page.locator("[data-call-return]").get_by_role("button", name="Hang up").click()
    page.wait_for_timeout(200)
    ended = [one for one in caller.far.asked if one["type"] == "call.end"]
    assert [(one["room"], one["call"]) for one in ended] == [(caller.tab.room, "call_1")]
