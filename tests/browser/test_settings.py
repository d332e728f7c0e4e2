"""What one does once in a long while, in a real browser: lost passwords, keys, ceilings, ends."""

import re
import urllib.error
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import expect

from media.sound.wav import wav_of
from tests.browser.conftest import PASSWORD, House, Tab, ask
from tests.media.joe import say

NEW_PASSWORD = "an even longer walk by the sea"


def mailed_code(visit: Tab, house: House, to: str) -> str:
    """The code of eight digits in the newest mail to somebody."""
    for _ in range(200):
        for file in sorted(house.folder.rglob("*.eml"), reverse=True):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            body = mail.get_body()
            assert body is not None
            found = re.search(r"\b\d{8}\b", body.get_content())
            if mail["to"] == to and found:
                return found[0]
        visit.page.wait_for_timeout(50)
    raise AssertionError("no mail with a code came")


def test_a_forgotten_password_is_set_anew_by_mail(visit: Tab, house: House) -> None:
    page = visit.arrive()
    username = visit.username
    email = f"{username}@example.org"
    page.goto("/settings")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/log-in")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Send the code").click()
    page.get_by_role("heading", name="Check your mail").wait_for()
    code = mailed_code(visit, house, email)
    page.get_by_label("Code").fill("00000000" if code != "00000000" else "11111111")
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    page.locator(".bad, .bad-line:visible").first.wait_for()  # a wrong code is said to be one
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Change the password").click()
    page.wait_for_url("**/log-in")
    page.get_by_label("E-mail or username").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".bad, .bad-line:visible").first.wait_for()
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/chats")


def test_a_key_is_shown_once_works_and_ends(visit: Tab) -> None:
    page = visit.arrive()
    page.goto("/settings")
    page.get_by_role("button", name="New key").click()
    making = page.get_by_role("dialog", name="New API key")
    making.get_by_label("Name").fill("My script")
    expect(making.get_by_label("Chat: read and write conversations")).to_be_checked()
    making.get_by_role("button", name="Make key").click()
    shown = page.get_by_role("dialog", name="Your new key")
    key = shown.locator(".secret-key").inner_text().strip()
    shown.get_by_role("button", name="Done").click()
    models = ask(f"{visit.url}/v1/models", "GET", token=key)
    assert any(one["id"] == "mira" for one in models["data"])
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(f"{visit.url}/api/v1/wallet/balance", "GET", token=key)  # it may chat, no more
    page.reload()
    row = page.locator(".entries li", has_text="My script")
    expect(row).to_contain_text("chat")
    assert key not in page.content()
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(f"{visit.url}/v1/models", "GET", token=key)


def test_a_ceiling_stops_a_reply_before_it_is_paid(visit: Tab) -> None:
    page = visit.chat()
    page.goto("/wallet")
    field = page.get_by_label("A day, in credits")
    field.fill("0.001")
    page.evaluate("() => dispatchEvent(new Event('offline'))")  # something is drawn anew meanwhile
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_timeout(400)
    expect(field).to_have_value("0.001")
    page.get_by_role("button", name="Set ceilings").click()
    page.get_by_text("Your ceilings are set.").wait_for()
    assert visit.api("GET", "wallet/ceilings")["day_microcredits"] == 1_000
    page.goto(f"/chats/{visit.room}")
    visit.say("Hello?")
    page.get_by_text("Your ceiling is reached").wait_for()
    page.get_by_role("link", name="Change the ceiling").click()
    page.get_by_label("A day, in credits").fill("")
    page.get_by_role("button", name="Set ceilings").click()
    page.get_by_text("Your ceilings are set.").wait_for()
    assert visit.api("GET", "wallet/ceilings")["day_microcredits"] is None
    page.goto(f"/chats/{visit.room}")
    visit.say("And now?")
    answers = page.locator(".m[data-id]:not(.me):not(.writing)")
    expect(answers).to_have_count(2, timeout=15_000)  # beside the greeting


@pytest.mark.parametrize("at_once", [False, True])
def test_an_account_is_closed_and_comes_back_or_is_gone(visit: Tab, at_once: bool) -> None:
    page = visit.arrive()
    username = visit.username
    page.goto("/settings")
    page.get_by_role("button", name="Close account").click()
    asking = page.get_by_role("dialog", name="Close your account")
    asking.get_by_label("Password", exact=True).fill("not my password")
    asking.get_by_role("button", name="Close account").click()
    asking.get_by_role("alert").wait_for(timeout=30_000)
    asking.get_by_label("Password", exact=True).fill(PASSWORD)
    if at_once:
        asking.get_by_label(re.compile("there is no way back")).check()
    asking.get_by_role("button", name="Close account").click()
    page.wait_for_url("**/welcome")
    assert page.evaluate("localStorage['kindred.person']") is None
    page.goto("/log-in")
    page.get_by_label("E-mail or username").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    if at_once:
        page.locator(".bad, .bad-line:visible").first.wait_for()
    else:
        page.wait_for_url("**/chats")


def upload(visit: Tab, sound: bytes) -> str:
    """A note, as another device of the same person would leave it."""
    visit.api("GET", "users/profile")
    made = visit.page.request.post(
        f"{visit.url}/api/v1/media/recordings",
        data=sound,
        headers={"authorization": f"Bearer {visit._token}", "content-type": "audio/wav"},
        timeout=60_000,
    )
    assert made.status == 201, made.text()
    return str(made.json()["id"])


def test_voice_notes_are_listed_heard_and_deleted(visit: Tab) -> None:
    page = visit.chat()
    page.goto("/settings")
    page.get_by_role("link", name="Your voice notes").click()
    page.get_by_text("No voice notes are kept.").wait_for()
    switch = page.get_by_role("checkbox", name="Keep my voice notes")
    expect(switch).not_to_be_checked()
    switch.click()  # it turns once the server has kept it
    page.get_by_text("Voice notes are kept again.").wait_for()
    sound = wav_of(say("I went to the market this morning.", 16_000), 16_000)
    first, second = upload(visit, sound), upload(visit, sound)  # equal sounds share one file
    visit.api("POST", f"rooms/{visit.room}/messages", {"voice": first})
    page.reload()
    sent = page.locator(f'[data-note="{first}"]')
    expect(sent).to_contain_text("market", timeout=20_000)
    expect(sent.get_by_role("link")).to_have_attribute("href", f"/chats/{visit.room}")
    expect(page.locator(f'[data-note="{second}"]')).to_contain_text("Not sent")
    expect(page.locator("[data-kept]")).to_contain_text("2 notes")
    sent.get_by_role("button", name=re.compile("Delete")).click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(sent).to_have_count(1)
    sent.get_by_role("button", name=re.compile("Delete")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(sent).to_have_count(0)
    left = page.locator(f'[data-note="{second}"]')
    left.get_by_role("button", name=re.compile("Play")).click()  # its file is still there
    left.get_by_role("button", name=re.compile("Pause")).wait_for()
    assert [one["id"] for one in visit.api("GET", "media/recordings")["items"]] == [second]
    switch.uncheck()
    page.get_by_text("No further voice note is kept.").wait_for()
    given = visit.api("GET", "privacy/consents")["items"]
    assert [c["granted"] for c in given if c["purpose"] == "voice_notes"] == [True, False]
