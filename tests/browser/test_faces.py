"""Faces that live on a page: on cards, in the chat while a voice sounds, and while one is made."""

from typing import Any

import pytest

from tests.browser.conftest import Tab

PAINTED = """(one) => {
  const to = one.getContext('2d');
  const seen = to.getImageData(0, 0, one.width, one.height).data;
  let sum = 0;
  for (let i = 0; i < seen.length; i += 4) sum = (sum * 31 + seen[i] + seen[i + 1]) % 1000003;
  return sum;
}"""
# How far the jaw is open that the page draws for whoever speaks, or -1 while nobody does.
JAW = """async (companion) => {
  const main = document.querySelector('script[type=module]').src;
  return (await import(main.replace('main.js', 'sounds.js'))).heard(companion)?.shape[0] ?? -1;
}"""
FIGURES = """async () => {
  const main = document.querySelector('script[type=module]').src;
  return (await import(main.replace('main.js', 'faces/player.js'))).figures.drawn;
}"""
LIVING = ".deck-card canvas[data-alive]"


def different(page: Any, where: str, most_ms: int = 8_000) -> int:
    """How many different pictures a canvas shows in a while; it ends at the third."""
    seen = {page.eval_on_selector(where, PAINTED)}
    for _ in range(most_ms // 100):
        page.wait_for_timeout(100)
        seen.add(page.eval_on_selector(where, PAINTED))
        if len(seen) >= 3:
            break
    return len(seen)


def test_cards_live_only_while_they_are_seen(visit: Tab) -> None:
    page = visit.sign_up()
    page.wait_for_selector(LIVING, timeout=60_000)
    assert different(page, LIVING) >= 3
    assert page.evaluate(FIGURES) > 0
    page.get_by_role("link", name="Settings").first.click()
    page.get_by_role("heading", name="Settings", exact=True).wait_for()
    page.wait_for_timeout(300)
    before = page.evaluate(FIGURES)
    page.wait_for_timeout(600)
    assert page.evaluate(FIGURES) == before


def test_whoever_asked_for_calm_or_stillness_has_portraits(visit: Tab) -> None:
    page = visit.page
    page.emulate_media(reduced_motion="reduce")
    visit.sign_up()
    page.locator(".deck-card img").first.wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    assert page.locator("canvas[data-alive]").count() == 0
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_selector(LIVING, timeout=60_000)
    page.goto("/settings")
    page.get_by_label("Faces move").uncheck()
    page.goto("/discover")
    page.locator(".deck-card img").first.wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    assert page.locator("canvas.alive[data-alive]").count() == 0


@pytest.mark.timeout(240)
def test_somebody_is_made_speaks_is_saved_and_met(visit: Tab) -> None:
    page = visit.sign_up()
    page.get_by_role("link", name="Make your own").click()
    page.wait_for_selector("[data-preview=there]", timeout=60_000)
    first = page.eval_on_selector(".preview canvas", PAINTED)
    page.get_by_role("button", name="Next").click()
    page.get_by_text("It needs a name.").wait_for()
    page.get_by_label("Name", exact=True).fill("Marit")
    page.get_by_role("button", name="Woman", exact=True).click()
    page.get_by_role("button", name="European").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Hair", exact=True).click()
    page.get_by_role("button", name="Copper").click()
    page.wait_for_selector("[data-preview=drawing]")
    page.wait_for_selector("[data-preview=there]", timeout=60_000)
    assert page.eval_on_selector(".preview canvas", PAINTED) != first
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Their first words").fill("Hello there. A calm harbour, far away.")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Hear and see the greeting").click()
    page.get_by_role("button", name="Stop").wait_for(timeout=60_000)
    spoken(page, "preview", ".preview canvas")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("A face from a picture").wait_for()
    page.get_by_role("button", name="Start talking").click()
    page.wait_for_url("**/chats/r_*", timeout=60_000)
    page.get_by_text("A calm harbour").first.wait_for()
    (made,) = visit.api("GET", "companions/mine")["items"]
    assert (made["draft"]["name"], made["draft"]["appearance"]["hair"]["colour"]) == (
        "Marit", "copper",
    )  # fmt: skip


def spoken(page: Any, companion: str, where: str) -> None:
    """Until the jaw was seen open and shut while the voice sounds, and the picture with it."""
    jaws: list[float] = []
    pictures = set()
    for _ in range(900):
        page.wait_for_timeout(70)
        jaw = page.evaluate(JAW, companion)
        if jaw >= 0:
            jaws.append(jaw)
            pictures.add(page.eval_on_selector(where, PAINTED))
        if jaws and max(jaws) > 0.25 and min(jaws) < 0.12 and len(pictures) > 3:
            return
    raise AssertionError(f"the mouth did not speak: {jaws}, {len(pictures)} pictures")


@pytest.mark.timeout(240)
def test_in_the_chat_the_face_speaks_while_its_words_are_read_aloud(visit: Tab) -> None:
    page = visit.chat("tomas")
    page.wait_for_selector(".side canvas[data-alive]", timeout=60_000)
    page.get_by_role("button", name="More about Tomas's message").first.click()
    page.get_by_role("menuitem", name="Speak aloud").click()
    spoken(page, "c_tomas", ".side canvas")
    page.locator("header.top canvas[data-alive]").wait_for(timeout=60_000)
