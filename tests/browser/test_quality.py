"""What every screen promises: no serious fault for a screen reader, nothing inline, installable."""

import urllib.error
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import House, Tab

OUTSIDE = ["/", "/sign-up", "/log-in", "/forgot", "/terms", "/privacy", "/safety"]
INSIDE = ["/chats", "/discover", "/discover/mira", "/wallet", "/settings"]
READY = ".welcome .faces img, .sheet, .legal-page, .rooms a, .deck-card, .story, .page .card"


def violations(visit: Tab, where: str) -> list[str]:
    """What axe finds that is serious or worse."""
    found = Axe().run(visit.page).response["violations"]
    return [
        f"{where}: {one['id']} at {node['target']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def settle(visit: Tab) -> None:
    """Until everything has been drawn and nothing moves."""
    visit.page.wait_for_selector(READY)
    visit.page.wait_for_function(
        "() => !document.querySelector('.bone') && document.getAnimations().length === 0"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_screen_has_a_serious_accessibility_fault(visit: Tab, theme: str) -> None:
    page = visit.page
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    faults: list[str] = []
    for where in OUTSIDE:
        page.goto(where)
        settle(visit)
        faults += violations(visit, where)
    visit.chat()
    visit.say("Hello")
    page.wait_for_selector("[data-writing] .said")
    faults += violations(visit, "a reply under way")
    page.wait_for_selector("[data-writing]", state="detached")
    faults += violations(visit, "a conversation")
    page.get_by_role("button", name="credits").last.click()
    page.get_by_role("dialog", name="Receipt").locator("tfoot").wait_for()
    faults += violations(visit, "a receipt")
    page.keyboard.press("Escape")
    page.locator(".m .bubble").last.click(button="right")
    page.get_by_role("menu").wait_for()
    faults += violations(visit, "the menu")
    page.keyboard.press("Escape")
    for where in INSIDE:
        page.goto(where)
        settle(visit)
        faults += violations(visit, where)
    assert faults == []


def test_the_app_can_be_installed(visit: Tab) -> None:
    visit.page.goto("/")
    visit.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    session = visit.context.new_cdp_session(visit.page)
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A profile of its own, as tests use, counts as private browsing.
    assert [one["errorId"] for one in found if one["errorId"] != "in-incognito"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []


def test_nothing_on_a_phone_is_wider_than_the_phone(visit: Tab) -> None:
    page = visit.page
    phone = {"width": 360, "height": 740}
    page.set_viewport_size(phone)
    for where in OUTSIDE:
        page.goto(where)
        narrow(visit, where)
    visit.chat()
    visit.say("A long word: " + "ab" * 120)
    visit.answered()
    narrow(visit, "the conversation")
    for where in INSIDE:
        page.goto(where)
        narrow(visit, where)


def narrow(visit: Tab, where: str) -> None:
    """The page is no wider than its window."""
    visit.page.wait_for_selector(f"{READY}, .m .said", state="attached")
    wide = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{where} is {wide} pixels wider than the phone"


def test_files_are_kept_for_good_and_the_shell_is_asked_again(house: House) -> None:
    with urllib.request.urlopen(f"{house.url}/") as answer:
        shell = answer.read().decode()
        assert answer.headers["cache-control"] == "no-cache"
        assert "unsafe-inline" not in answer.headers["content-security-policy"]
        tag = answer.headers["etag"]
    assert "<style" not in shell
    assert "style=" not in shell
    again = urllib.request.Request(f"{house.url}/", headers={"if-none-match": tag})
    with pytest.raises(urllib.error.HTTPError, match="304"):
        urllib.request.urlopen(again)
    script = shell.split('<script type="module" src="')[1].split('"')[0]
    zipped = urllib.request.Request(house.url + script, headers={"accept-encoding": "gzip"})
    with urllib.request.urlopen(zipped) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
