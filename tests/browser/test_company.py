"""Two people and a companion in one room, each in a browser of their own."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import House, Tab

pytestmark = [pytest.mark.browser, pytest.mark.stores]


@pytest.fixture
def guest(browser: Browser, house: House) -> Iterator[Tab]:
    """A second profile; what it complains about fails the test too."""
    made = Tab(browser, house)
    yield made
    made.context.close()
    assert made.faults == []


def test_a_link_brings_a_second_person_in_and_both_see_the_same_talk(
    visit: Tab, guest: Tab
) -> None:
    page = visit.chat()
    visit.server.pace(gap_seconds=0.01, tokens=12)
    visit.say("Nobody else hears this")
    visit.answered()
    members = page.get_by_role("list", name="Members")
    page.get_by_role("button", name="Invite people").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("A link for ten people").input_value()
    expect(page.get_by_role("dialog")).to_contain_text("A link, 10 left")
    page.keyboard.press("Escape")

    # The guest follows the link before having an account, and is led back to it.
    guest.page.goto(link)
    expect(guest.page.get_by_role("heading", name="You are invited")).to_be_visible()
    guest.sign_up(leads_to="**/invitations/*")
    expect(guest.page.locator("main")).to_contain_text("Whoever writes pays")
    expect(guest.page.locator("main")).to_contain_text("Stays with those who were there")
    guest.page.get_by_role("button", name="Come in").click()
    guest.page.wait_for_url("**/chats/r_*")
    guest.room = visit.room
    expect(members.locator("li")).to_have_count(3)
    expect(members.locator("[data-member=person][data-status=online]")).to_have_count(2)
    expect(page.locator("[data-presence]")).to_have_text("2 of 2 people here")

    visit.say("Welcome in")
    said = guest.page.locator("li.m:not(.me) .by[data-by=person]")
    expect(said).to_have_count(1)
    visit.answered()
    expect(guest.page.locator("li.m:not(.me) .by[data-by=companion]")).to_have_count(1)
    guest.page.locator(".composer textarea").type("Good")
    expect(page.locator("[data-presence]")).to_have_text(re.compile("writes$"))
    guest.say("Good to be here")
    guest.answered()
    expect(page.locator("li.m:not(.me) .said", has_text="Good to be here")).to_have_count(1)
    expect(page.locator("[data-writing]")).to_have_count(0)
    assert guest.own() == ["Good to be here"]
    assert visit.own() == ["Nobody else hears this", "Welcome in"]
    expect(guest.page.locator(".list-of-messages")).not_to_contain_text("Nobody else hears this")
    assert [m["id"] for m in guest.history()] == [m["id"] for m in visit.history()][-4:]

    members.get_by_role("button", name=re.compile("^Remove guest")).click()
    guest.page.wait_for_url("**/chats")
    expect(members.locator("li")).to_have_count(2)


def test_two_companions_answer_in_the_order_they_are_named(visit: Tab) -> None:
    page = visit.chat()
    visit.server.pace(gap_seconds=0.01, tokens=8)
    page.get_by_role("button", name="Add a companion").click()
    page.get_by_role("button", name="Add Noor").click()
    members = page.get_by_role("list", name="Members")
    expect(members.locator("[data-member=companion]")).to_have_count(2)
    visit.say("@Noor and @Mira, what do you think?")
    names = page.locator("li.m:not(.me):not(.writing) .by[data-by=companion]")
    expect(names.nth(-2)).to_have_text(re.compile("^Noor"))
    expect(names.last).to_have_text(re.compile("^Mira"))
    expect(page.locator("[data-writing]")).to_have_count(0)
    said = visit.history()
    assert [m["sender"]["name"] for m in said[-2:]] == ["Noor", "Mira"]
    assert all(m["cost_microcredits"] > 0 for m in said[-2:])
