"""Companions that people want to publish, read in the console: refused with a reason, approved."""

from typing import Any

import pytest

from tests.browser.conftest import Tab
from tests.browser.test_access import PHONE, SMALL, serious
from tests.browser.test_console import staff

__all__ = ["staff"]
DRAFT = {
    "name": "Tāne Ruru",
    "age": 37,
    "gender": "man",
    "origin": "pacific",
    "appearance": {"version": 1, "origin": "pacific", "hair": {"style": "bob"}},
    "rating": "teen",
    "visibility": "public",
    "background": "Reads tides for a living",
    "greeting": "Kia ora. Which way does your river run?",
    "backstory": "He knows the harbour by its smell. " * 12,
    "interests": ["tides", "old maps"],
}
REASON = "The story names a town where a real person lives."


@pytest.fixture(autouse=True)
def patience(visit: Tab, staff: Tab) -> None:
    """Two people's pages draw faces at the same time."""
    for tab in (visit, staff):
        tab.context.set_default_timeout(60_000)


def reviews(desk: Any) -> None:
    """The list as it is now."""
    desk.get_by_role("link", name="Console").click()
    desk.get_by_role("button", name="Live rooms").click()
    desk.get_by_role("button", name="Reviews").click()
    desk.locator("[data-waiting]:not([data-waiting=''])").wait_for()


def test_one_is_refused_with_a_reason_that_its_maker_reads_and_approved_once_it_is_better(
    visit: Tab, staff: Tab
) -> None:
    page, desk = visit.arrive(), staff.page
    made = visit.api("POST", "companions", DRAFT)["companion"]
    reviews(desk)
    card = desk.locator(f"[data-review='{made}']")
    card.get_by_role("heading", name="Tāne Ruru").wait_for()
    assert card.locator("[data-maker]").inner_text() == visit.username
    assert card.locator("[data-rating]").inner_text() == "teen"
    for words in ("Reads tides for a living", "Which way does your river run?", "tides · old maps"):
        assert words in card.inner_text()
    face = card.locator(".ava img").get_attribute("src") or ""
    assert face.startswith(f"/api/v1/companions/{made}/portrait.png")
    assert card.get_by_role("button", name="Refuse").is_disabled()
    assert serious(staff, "reviews") == []
    card.get_by_label("Reason").fill(REASON)
    card.get_by_role("button", name="Refuse").click()
    card.wait_for(state="detached")
    page.goto("/discover")
    page.locator(".yours", has_text=f"Not published: {REASON}").wait_for()
    page.get_by_role("link", name="Change Tāne Ruru").click()
    page.get_by_role("button", name="Meet", exact=True).click()
    page.locator("[data-review-told]", has_text=REASON).wait_for()
    assert names(staff) == []
    better = DRAFT | {"backstory": "He knows the harbour.", "rating": "general"}
    visit.api("PUT", f"companions/{made}", better)
    reviews(desk)
    card.get_by_role("button", name="Approve").click()
    card.wait_for(state="detached")
    assert names(staff) == ["Tāne Ruru"]
    desk.get_by_role("button", name="Audit log").click()
    desk.locator(".audit tr[data-act='companions.reject']", has_text=REASON).wait_for()
    desk.locator(".audit tr[data-act='companions.approve']").first.wait_for()


def names(tab: Tab) -> list[str]:
    """Who is found by somebody else."""
    found = tab.api("GET", "companions?q=ruru")["items"]
    return [one["name"] for one in found]


def test_what_was_changed_while_it_was_read_is_read_again(visit: Tab, staff: Tab) -> None:
    visit.arrive()
    made = visit.api("POST", "companions", DRAFT)["companion"]
    reviews(staff.page)
    card = staff.page.locator(f"[data-review='{made}']")
    card.get_by_label("Reason").fill("Read")
    visit.api("PUT", f"companions/{made}", DRAFT | {"backstory": "Written over."})
    card.get_by_role("button", name="Approve").click()
    staff.page.locator(".toast", has_text="changed or decided meanwhile").wait_for()
    card.get_by_text("Written over.").wait_for()
    assert visit.api("GET", f"companions/{made}/draft")["review"] == "pending"
    card.get_by_label("Reason").fill("Not this either.")
    card.get_by_role("button", name="Refuse").click()
    card.wait_for(state="detached")


def test_on_a_phone_it_is_all_there_and_large_enough_for_a_thumb(visit: Tab, staff: Tab) -> None:
    visit.arrive()
    made = visit.api("POST", "companions", DRAFT | {"name": "W" * 40})["companion"]
    desk = staff.page
    desk.set_viewport_size(PHONE)
    desk.emulate_media(color_scheme="dark")
    reviews(desk)
    desk.locator(f"[data-review='{made}']").get_by_role("button", name="Approve").wait_for()
    assert desk.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert desk.evaluate(SMALL) == []
    assert serious(staff, "reviews on a phone") == []


def test_a_member_reads_and_decides_nothing(visit: Tab, staff: Tab) -> None:
    page = visit.arrive()
    page.goto("/settings")
    made = visit.api("POST", "companions", DRAFT)["companion"]
    answers = page.evaluate(
        """async ([token, id, digest]) => {
          const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
          const list = await fetch("/api/v1/admin/companions/reviews", { headers });
          const body = JSON.stringify({ approved: true, digest, why: "mine" });
          const path = `/api/v1/admin/companions/${id}/review`;
          const word = await fetch(path, { method: "POST", headers, body });
          return [list.status, word.status];
        }""",
        [visit._token, made, "0" * 64],
    )
    assert answers == [403, 403]
    assert visit.api("GET", f"companions/{made}/draft")["review"] == "pending"
    log = staff.api("GET", "admin/audit?limit=20")["items"]
    refused = [one["act"] for one in log if one["outcome"] == "refused"]
    assert any("companions/reviews" in act for act in refused), refused
