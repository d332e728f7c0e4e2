"""What else one does in a conversation: interrupt it, react, look at what the model is shown."""

from tests.browser.conftest import Tab


def test_sending_during_a_reply_interrupts_it_and_the_next_answers_both(visit: Tab) -> None:
    page = visit.chat()
    visit.server.pace(gap_seconds=0.08, tokens=600)
    visit.say("First.")
    visit.begun()
    visit.server.pace(gap_seconds=0.01, tokens=12)
    visit.say("Second.")
    page.wait_for_function("() => document.querySelectorAll('.m.me:not(.unsent)').length === 2")
    page.wait_for_selector("[data-writing]", state="detached")
    page.wait_for_selector(".m[data-id]:last-child:not(.me)")
    assert visit.own() == ["First.", "Second."]
    kept = visit.history()
    assert kept[-1]["status"] == "completed"
    assert [one["status"] for one in kept if one["sender"]["kind"] == "companion"].count(
        "interrupted"
    ) == 1


def test_a_reaction_stays_and_can_be_taken_back(visit: Tab) -> None:
    page = visit.chat()
    bubble = page.locator(".m .bubble").first
    bubble.click(button="right")
    page.get_by_role("menuitemradio", name="Love").click()
    page.locator(".reactions").wait_for()
    assert len(visit.history()[0]["reactions"]) == 1
    bubble.click(button="right")
    page.get_by_role("menuitemradio", name="Love").click()
    page.locator(".reactions").wait_for(state="detached")
    assert visit.history()[0]["reactions"] == {}


def test_what_the_model_sees_can_be_looked_at(visit: Tab) -> None:
    page = visit.chat()
    page.get_by_role("button", name="What the model sees").click()
    dialog = page.get_by_role("dialog", name="What the model sees")
    dialog.locator("summary").first.click()
    assert "Mira" in dialog.locator("pre").first.inner_text()


def test_a_locked_companion_says_which_plans_open_it(visit: Tab) -> None:
    page = visit.arrive()
    page.goto("/discover/haruka")
    page.get_by_role("button", name="Start talking").click()
    refusal = page.locator(".start [role=alert]")
    refusal.wait_for()
    assert "premium" in refusal.inner_text().lower()
    assert refusal.get_by_role("link", name="See plans").count() == 1


def test_a_reply_of_which_nothing_arrived_says_so_and_is_asked_again(visit: Tab) -> None:
    page = visit.chat()
    visit.server.script.first_seconds = 20.0
    visit.say("Are you there?")
    page.wait_for_selector("[data-writing] .waiting")
    page.keyboard.press("Escape")
    note = page.locator(".failure")
    note.wait_for()
    assert "Nothing was charged" in note.inner_text()
    visit.server.script.first_seconds = 0.1
    note.get_by_role("button", name="Try again").click()
    visit.answered()
    assert visit.history()[-1]["status"] == "completed"
