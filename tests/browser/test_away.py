"""Without a network: reading and writing go on, and coming back loses and repeats nothing."""

from tests.browser.conftest import Tab


def kept(visit: Tab, store: str) -> None:
    """Until this device has written something into one of its stores."""
    visit.page.evaluate(
        """async (store) => {
          const asked = (request) => new Promise((give) => {
            request.onsuccess = () => give(request.result);
          });
          const known = await indexedDB.databases();
          const { name } = known.find((one) => one.name.startsWith("kindred-"));
          const db = await asked(indexedDB.open(name));
          const count = () => asked(db.transaction(store).objectStore(store).count());
          while (!(await count())) await new Promise(requestAnimationFrame);
          db.close();
        }""",
        store,
    )


def test_what_is_said_offline_goes_out_once_and_is_answered(visit: Tab) -> None:
    page = visit.chat()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    visit.context.set_offline(True)
    page.get_by_text("You are offline").wait_for()
    visit.say("Said in a tunnel.")
    page.get_by_text("Goes out when you are back online").wait_for()
    assert visit.own() == ["Said in a tunnel."]
    assert len(visit.history()) == 1
    visit.context.set_offline(False)
    visit.answered()
    page.locator(".unsent").wait_for(state="detached")
    assert visit.own() == ["Said in a tunnel."]
    said = [one for one in visit.history() if one["sender"]["kind"] == "person"]
    assert [one["parts"][0]["text"] for one in said] == ["Said in a tunnel."]


def test_a_message_waiting_offline_survives_closing_the_app(visit: Tab) -> None:
    page = visit.chat()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    kept(visit, "logs")
    visit.context.set_offline(True)
    visit.say("Kept for later.")
    page.get_by_text("Goes out when you are back online").wait_for()
    kept(visit, "outbox")
    page.reload()
    page.locator(".unsent").wait_for()
    assert visit.own() == ["Kept for later."]
    assert len(visit.replies()) == 1, "the greeting is read without a network"
    visit.context.set_offline(False)
    visit.answered()
    said = [one for one in visit.history() if one["sender"]["kind"] == "person"]
    assert [one["parts"][0]["text"] for one in said] == ["Kept for later."]
    assert visit.own() == ["Kept for later."]


def test_losing_the_connection_during_a_reply_loses_and_repeats_no_word(visit: Tab) -> None:
    page = visit.chat()
    visit.server.pace(gap_seconds=0.08, tokens=90)
    visit.say("Talk through the tunnel.")
    visit.begun(20)
    visit.context.set_offline(True)
    page.get_by_text("You are offline").wait_for()
    while visit.history()[-1]["sender"]["kind"] != "companion":
        page.evaluate("new Promise(requestAnimationFrame)")  # the rest is said while we are away
    assert page.locator("[data-writing]").count() == 1
    visit.context.set_offline(False)
    page.wait_for_selector("[data-writing]", state="detached", timeout=20_000)
    page.wait_for_selector(".m[data-id]:last-child:not(.me)")
    told = visit.history()[-1]
    assert told["status"] == "completed"
    assert visit.replies()[-1] == told["parts"][0]["text"].strip()
    assert page.locator(".m[data-id]").count() == len(visit.history())


def test_a_draft_is_there_again_after_looking_elsewhere(visit: Tab) -> None:
    page = visit.chat()
    page.locator(".composer textarea").fill("Half a thou")
    kept(visit, "drafts")
    page.goto("/wallet")
    page.goto(f"/chats/{visit.room}")
    page.wait_for_function(
        "() => document.querySelector('.composer textarea')?.value === 'Half a thou'"
    )
