"""A conversation as a person has it: from signing up to a settled reply, and ways to steer it."""

import itertools
import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.stores]
WRITING = "[data-writing] .said"


def balance(page: Page) -> float:
    """The credits the header shows."""
    return float(page.locator("header [data-balance]").inner_text().replace(",", ""))


def last_reply(page: Page) -> str:
    """The words of the newest message that the companion wrote."""
    return page.locator("li.m:not(.me) .said").last.inner_text()


def test_a_newcomer_signs_up_chooses_and_is_answered_word_by_word(visit) -> None:
    page = visit.sign_up()
    cards = page.locator(".deck-card")
    cards.first.wait_for()
    assert cards.count() >= 12
    page.get_by_role("searchbox").fill("mira")
    expect(cards).to_have_count(1)
    cards.first.get_by_role("link").click()
    expect(page.locator("blockquote")).not_to_be_empty(timeout=20_000)
    page.get_by_role("button", name="Start talking").click()
    page.wait_for_url("**/chats/*")
    expect(page.locator("li.m .said").first).not_to_be_empty()  # the greeting
    before = balance(page)

    visit.server.pace(gap_seconds=0.06, tokens=80)
    visit.say("Good evening")
    page.locator(WRITING).wait_for()
    states = page.evaluate(
        """selector => new Promise(resolve => {
          const seen = [];
          const look = () => {
            const now = document.querySelector(selector);
            if (!now) return resolve(seen);
            if (now.textContent !== seen.at(-1)) seen.push(now.textContent);
            requestAnimationFrame(look);
          };
          look();
        })""",
        WRITING,
    )
    assert len(states) >= 5
    for earlier, later in itertools.pairwise(states):
        assert later.startswith(earlier)
    expect(page.locator("[data-writing]")).to_have_count(0)
    assert last_reply(page).strip().startswith(states[-1].strip())
    page.wait_for_function(
        "was => +document.querySelector('[data-balance]').textContent < was", arg=before
    )
    expect(page.locator("li.m.me .stamp .sr")).to_have_text("read")


def test_the_price_stands_before_during_and_after_a_reply(visit) -> None:
    page = visit.chat()
    expect(page.locator("[data-price]")).to_have_text(re.compile(r"at most 0\.\d+ credits"))
    visit.server.pace(gap_seconds=0.06, tokens=80)
    visit.say("What does this cost me?")
    running = re.compile(r"0\.\d+ of at most 0\.\d+ credits")
    expect(page.locator("[data-writing]")).to_contain_text(running)
    page.locator("[data-writing]").wait_for(state="detached")
    cost = page.locator("li.m:not(.me) .meta .link.num").last
    expect(cost).to_have_text(re.compile(r"^0\.\d+ credits$"))
    shown = cost.inner_text()
    cost.click()
    receipt = page.get_by_role("dialog", name="Receipt")
    expect(receipt).to_contain_text(shown.removesuffix(" credits"))
    expect(receipt).to_contain_text("input tokens")
    page.keyboard.press("Escape")
    expect(receipt).to_have_count(0)


@pytest.mark.parametrize("how", ["button", "escape"])
def test_stopping_keeps_the_words_and_their_price(visit, how: str) -> None:
    page = visit.chat()
    visit.server.pace(gap_seconds=0.08, tokens=200)
    visit.say("Tell me everything")
    visit.begun(20)
    if how == "button":
        page.get_by_role("button", name="Stop the reply").click()
    else:
        page.keyboard.press("Escape")
    page.locator("[data-writing]").wait_for(state="detached")
    expect(
        page.get_by_role("button", name="Record a voice note")
    ).to_be_visible()  # nothing written
    stored = visit.history()[-1]
    assert stored["status"] == "interrupted"
    assert stored["continuable"]
    assert stored["cost_microcredits"] > 0
    assert 20 < len(stored["parts"][0]["text"]) < 1000
    assert last_reply(page).strip() == stored["parts"][0]["text"].strip()
    expect(page.locator("li.m").last.locator(".meta")).to_contain_text("Stopped")
    visit.server.pace(gap_seconds=0.01, tokens=10)
    page.get_by_role("button", name="Continue").click()
    visit.answered()
    assert visit.history()[-1]["continues"] == stored["id"]


def test_another_answer_stands_beside_the_first_and_both_can_be_walked(visit) -> None:
    page = visit.chat()
    visit.say("Say it")
    visit.answered()
    first = page.locator("li.m").last.get_attribute("data-id")
    page.get_by_role("button", name="Answer again").click()
    visit.answered()
    walk = page.locator("[data-walk]")
    expect(walk).to_have_text("2/2")
    second = page.locator("li.m").last.get_attribute("data-id")
    assert second != first
    page.get_by_role("button", name="Earlier alternative").click()
    expect(walk).to_have_text("1/2")
    assert page.locator("li.m").last.get_attribute("data-id") == first
    page.get_by_role("button", name="Later alternative").click()
    expect(walk).to_have_text("2/2")
    assert visit.history()[-1]["id"] == second


def test_an_edited_message_is_answered_anew_and_the_old_branch_is_kept(visit) -> None:
    page = visit.chat()
    visit.say("My name is Anna")
    visit.answered()
    page.get_by_role("textbox", name="Message").press("ArrowUp")
    area = page.get_by_role("textbox", name="Message")
    expect(area).to_have_value("My name is Anna")
    area.fill("My name is Hanna")
    area.press("Enter")
    visit.answered()
    own = page.locator("li.m.me")
    expect(own).to_have_count(1)
    expect(own.locator(".said")).to_have_text("My name is Hanna")
    expect(own.locator(".stamp")).to_contain_text("edited")
    page.get_by_role("button", name="Earlier alternative").click()
    expect(page.locator("li.m.me .said")).to_have_text("My name is Anna")


def test_the_menu_opens_by_right_click_and_by_its_button_and_reports(visit) -> None:
    page = visit.chat()
    greeting = page.locator("li.m").first
    greeting.locator(".bubble").click(button="right")
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    greeting.hover()
    greeting.get_by_role("button", name="More about").click()
    menu.get_by_role("menuitem", name="Report").click()
    dialog = page.get_by_role("dialog", name="Report this message")
    dialog.get_by_label("Something else").check()
    dialog.get_by_role("button", name="Send report").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Thank you")).to_be_visible()


def test_a_finished_reply_is_announced_once_and_not_word_by_word(visit) -> None:
    page = visit.chat()
    page.evaluate(
        """() => {
          window.heard = [];
          const region = document.querySelector('[data-announced]');
          new MutationObserver(() => window.heard.push(region.textContent))
            .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    visit.server.pace(gap_seconds=0.05, tokens=60)
    visit.say("Hello")
    expect(page.get_by_role("log")).to_have_attribute("aria-busy", "true")
    visit.answered()
    expect(page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    page.wait_for_function("() => window.heard.length > 0")
    said = visit.history()[-1]["parts"][0]["text"]
    assert page.evaluate("() => window.heard") == [f"Mira: {said}"]


def test_a_message_in_a_crisis_is_met_with_help_that_costs_nothing(visit) -> None:
    page = visit.chat()
    visit.say("I want to kill myself")
    note = page.locator(".notice.crisis")
    note.wait_for()
    assert note.get_by_role("link").count() >= 1
    page.locator("[data-writing]").wait_for(state="detached")
    assert visit.history()[-1]["cost_microcredits"] == 0


def test_all_of_it_can_be_done_with_the_keyboard_alone(visit) -> None:
    page = visit.sign_up()
    page.locator(".deck-card").first.wait_for()
    page.get_by_role("searchbox").focus()
    page.keyboard.type("mira")
    expect(page.locator(".deck-card")).to_have_count(1)
    focus(page, "a", "Mira")
    page.keyboard.press("Enter")
    page.wait_for_url("**/discover/mira")
    page.get_by_role("button", name="Start talking").wait_for()
    focus(page, "button", "Start talking")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    page.locator("[data-id] .bubble").first.wait_for()
    page.wait_for_function("() => document.activeElement?.tagName === 'TEXTAREA'")
    page.keyboard.type("No mouse here")
    page.keyboard.press("Enter")
    visit.answered()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert focused(page)[1], "what stands before the composer has the focus and a name"
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Switch chat")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Switch chat")).to_have_count(0)


def focused(page: Page) -> list[str]:
    """The tag and the name of what has the focus."""
    found: list[str] = page.evaluate(
        """() => {
          const at = document.activeElement;
          return [at.tagName.toLowerCase(), at.getAttribute('aria-label') ?? at.textContent];
        }"""
    )
    return found


def focus(page: Page, tag: str, name: str) -> None:
    """Press Tab until what has this name has the focus, as somebody without a mouse does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = focused(page)
        if found[0] == tag and name in found[1]:
            assert page.evaluate("() => document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"Tab never reached {tag} {name!r}")
