"""Whoever has no room for companions of their own sees that they exist, and what they take."""

from typing import Any

from tests.browser.conftest import Tab
from tests.browser.test_access import PHONE, SMALL, serious, settled


def without_room(visit: Tab, most: int, items: int = 0) -> None:
    """The server as it is, but for this person's plan."""

    def own(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        body["items"] = body["items"][:items]
        route.fulfill(response=answer, json={**body, "most": most})

    visit.page.route("**/api/v1/companions/mine", own)


def test_it_is_shown_with_the_plans_that_have_it_and_nothing_is_hidden(visit: Tab) -> None:
    page = visit.arrive()
    plans = visit.api("GET", "meta")["plans"]
    assert plans["free"]["custom_companions"] == 3
    without_room(visit, 0)
    settled(visit, "/discover")
    offer = page.locator("[data-offer]")
    offer.wait_for()
    said = offer.inner_text()
    assert "no room for that" in said
    for plan in plans.values():
        most = plan["custom_companions"]
        assert (f"{plan['title']} has room for" in said) is (most is None or most > 0)
    assert page.get_by_role("link", name="Make your own").count() == 0
    assert serious(visit, "offer") == []
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    settled(visit, "/discover")
    offer.wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(SMALL) == []
    assert serious(visit, "offer on a phone") == []
    offer.get_by_role("link", name="See plans").click()
    page.get_by_role("heading", name="Wallet").wait_for()


def test_nobody_fills_four_pages_to_be_refused_at_the_end(visit: Tab) -> None:
    page = visit.arrive()
    without_room(visit, 0)
    page.goto("/create")
    page.locator("[data-offer]", has_text="no room for that").wait_for()
    assert page.get_by_label("Name", exact=True).count() == 0
    page.get_by_role("link", name="Meet somebody who is there").click()
    page.locator(".deck-card").first.wait_for()


def test_whoever_has_room_sees_no_offer(visit: Tab) -> None:
    page = visit.sign_up()
    page.get_by_role("link", name="Make your own").wait_for()
    assert page.locator("[data-offer]").count() == 0
