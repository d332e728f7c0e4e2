"""Every screen, light and dark, wide and narrow, by axe's rules: nothing serious or critical."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Tab

OPEN = ["/welcome", "/sign-up", "/log-in", "/forgot", "/terms", "/privacy", "/safety"]
SIGNED_IN = [
    "/discover",
    "/discover/mira",
    "/chats",
    "/wallet",
    "/settings",
    "/settings/voice-notes",
]
# What can be pressed, its reach widened by ::before where that is laid over it; lines of text
# with links in them, and labels, are exempt (WCAG 2.5.8).
SMALL = """() => [...document.querySelectorAll('button, a[href], input, select, summary')]
  .filter(one => one.checkVisibility())
  .filter(one => !one.closest('p, .legal, .meta, dialog, .sr, .skip, label, .secret, .badge'))
  .map(one => {
    const box = one.getBoundingClientRect();
    const over = getComputedStyle(one, '::before');
    const laid = over.position === 'absolute' && over.content !== 'none';
    return [one.outerHTML.slice(0, 90), Math.max(box.height, laid ? parseFloat(over.height) : 0)];
  })
  .filter(([, height]) => height > 0 && height < 43.5)"""
PHONE = {"width": 390, "height": 844}


def serious(visit: Tab, where: str) -> list[str]:
    """What axe finds that keeps somebody out, one line each, once nothing moves any more."""
    visit.page.wait_for_function(
        "() => document.getAnimations().every(a => a.playState !== 'running'"
        " || a.effect.getTiming().iterations === Infinity)"
    )
    found: dict[str, Any] = Axe().run(visit.page).response
    return [
        f"{where}: {rule['id']}: {node['target']}: {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def settled(visit: Tab, path: str) -> None:
    """Go there and wait until it has loaded what it shows."""
    visit.page.goto(path)
    visit.page.locator("h1:visible, h2:visible").first.wait_for()
    visit.page.wait_for_function("() => !document.querySelector('.bone, [aria-busy=true]')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(visit: Tab, scheme: str) -> None:
    page, found = visit.page, []
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for path in OPEN:
        settled(visit, path)
        found += serious(visit, f"{scheme} {path}")
    visit.chat()
    visit.say("Good evening")
    page.wait_for_selector("[data-writing]")
    found += serious(visit, f"{scheme} chat, writing")
    page.wait_for_selector("[data-writing]", state="detached")
    found += serious(visit, f"{scheme} chat")
    page.locator(".m .bubble").first.click(button="right")
    found += serious(visit, f"{scheme} menu")
    page.keyboard.press("Escape")
    page.locator(".meta .link.num").last.click()
    page.get_by_role("dialog").locator("tfoot").wait_for()
    found += serious(visit, f"{scheme} receipt")
    page.keyboard.press("Escape")
    for path in SIGNED_IN:
        settled(visit, path)
        found += serious(visit, f"{scheme} {path}")
    page.set_viewport_size(PHONE)
    for path in [f"/chats/{visit.room}", "/discover", "/wallet"]:
        settled(visit, path)
        found += serious(visit, f"{scheme} phone {path}")
    assert found == []


def test_what_is_pressed_is_large_enough_for_a_thumb(visit: Tab) -> None:
    page = visit.chat()
    visit.say("Good evening")
    visit.answered()
    page.set_viewport_size(PHONE)
    for path in [
        f"/chats/{visit.room}",
        "/discover",
        "/wallet",
        "/settings",
        "/settings/voice-notes",
    ]:
        settled(visit, path)
        small = page.evaluate(SMALL)
        assert small == [], path


def test_nothing_is_wider_than_a_small_phone(visit: Tab) -> None:
    page = visit.chat()
    page.set_viewport_size({"width": 320, "height": 640})
    for path in [
        "/welcome",
        "/discover",
        "/discover/mira",
        f"/chats/{visit.room}",
        "/wallet",
        "/settings",
        "/settings/voice-notes",
    ]:
        settled(visit, path)
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
