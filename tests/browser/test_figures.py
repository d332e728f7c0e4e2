"""A companion in three dimensions, drawn by a real browser: its mouth, its lids, a headset, lies.

The browser draws in software; what is on its canvas is counted, picture by picture.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import House, Tab
from tests.browser.far_end import FarEnd
from tests.browser.phone import dial, until_live, with_microphone
from tests.figures.maker import head

HERE = Path(__file__).parent
REAL = HERE.parent / "figures"
MS = 24
SOFTWARE = "--enable-unsafe-swiftshader"


@pytest.fixture(scope="module")
def drawing_browser(browser: Any) -> Iterator[Any]:
    """A Chromium that draws in three dimensions without a graphics card."""
    with with_microphone(browser, SOFTWARE) as running:
        yield running


class Onlooker(Tab):
    """A person in front of a figure, and what they see of it."""

    def open(self, slug: str = "mira") -> None:
        """The figure's page."""
        self.page.goto(f"/discover/{slug}/figure")
        self.page.wait_for_selector(".figure-panel")

    def choose(self, data: bytes | Path, name: str = "head.glb") -> None:
        """A file from this device."""
        content = data.read_bytes() if isinstance(data, Path) else data
        file = {"name": name, "mimeType": "model/gltf-binary", "buffer": content}
        self.page.set_input_files("[data-file]", files=[file])

    def shown(self) -> None:
        self.page.wait_for_selector("canvas.figure[data-drawn]", timeout=40_000)

    def until(self, what: str) -> dict[str, Any]:
        """The first picture for which `what` (of `one`, and `rest`, the first) holds."""
        found: dict[str, Any] = self.page.wait_for_function(
            f"() => {{ const rest = figureSeen[0]; return figureSeen.find((one) => {what}); }}",
            timeout=60_000,
        ).json_value()
        return found

    def put(self, data: bytes, slug: str = "mira") -> None:
        """Give it over REST, as a program would."""
        self.api("GET", "companions/mira")
        answer = self.page.request.post(
            f"/api/v1/companions/{slug}/figure?owns=true&adults=true&depicts=nobody",
            data=data,
            headers={"authorization": f"Bearer {self._token}"},
        )
        assert answer.status == 201, answer.text()


def onlooker(browser: Any, house: House, *scripts: str, **options: Any) -> Onlooker:
    tab = Onlooker(browser, house, viewport={"width": 720, "height": 560}, **options)
    tab.context.set_default_timeout(40_000)  # drawing in software takes the machine
    for script in ("figure_eyes.js", *scripts):
        tab.page.add_init_script(path=HERE / script)
    return tab


@pytest.fixture
def looking(drawing_browser: Any, house: House) -> Iterator[Onlooker]:
    """Somebody who has signed up."""
    house.pace()
    tab = onlooker(drawing_browser, house)
    tab.arrive()
    yield tab
    tab.context.close()
    assert tab.faults == []


def test_a_real_file_is_shown(looking: Onlooker) -> None:
    looking.open()
    looking.page.get_by_text("has no figure yet").wait_for()
    looking.choose(REAL / "morph_cube_sparse.glb")
    looking.shown()
    assert looking.until("one.ink > 2000")["mouth"] == 0
    looking.page.get_by_text("Its mouth does not move").wait_for()
    looking.choose(REAL / "debug_robot.vrm", "debug_robot.vrm")
    looking.page.locator(".note").get_by_text("debug_robot.vrm").wait_for()
    looking.shown()


@pytest.mark.parametrize("kind", ["visemes", "vrm0"])
def test_a_mouth_opens_to_speak_and_lids_close_by_themselves(looking: Onlooker, kind: str) -> None:
    looking.open()
    looking.choose(head(kind))
    looking.shown()
    rest = looking.until("one.eyes > 20")
    looking.page.locator("[data-say]").click()
    opened = looking.until(f"one.mouth > {3 * rest['mouth']} + 30")
    assert opened["mouth"] > rest["mouth"]
    looking.until(f"one.at > {opened['at']} && one.mouth <= {rest['mouth']} + 12")
    looking.until(f"one.eyes < {0.5 * rest['eyes']}")


def test_a_broken_file_says_so_and_the_next_one_is_shown(looking: Onlooker) -> None:
    looking.open()
    looking.choose(head()[:-200])
    looking.page.locator("[data-fault]").get_by_text("cut off").wait_for()
    looking.choose(b"no figure")
    looking.page.locator("[data-fault]").get_by_text("no GLB or VRM").wait_for()
    broken = head().replace(b'"count": 2', b'"count": 9', 1)
    looking.choose(broken)
    looking.page.locator("[data-fault]").get_by_text("damaged").wait_for()
    looking.choose(head())
    looking.shown()
    assert looking.page.locator("[data-fault]").count() == 0


def test_a_figure_is_given_with_a_statement_and_is_there_next_time(looking: Onlooker) -> None:
    page = looking.page
    looking.open()
    looking.choose(head("vrm1"), "head.vrm")
    looking.shown()
    page.get_by_role("button", name="Give it to Mira").click()
    give = page.get_by_role("button", name="Give", exact=True)
    assert give.is_disabled()
    page.get_by_label("I may use this file here").check()
    page.get_by_label("Whom it shows is an adult").check()
    give.click()
    page.get_by_text("Mira has a figure now.").wait_for()
    assert looking.api("GET", "companions/mira/figure")["about"]["kind"] == "vrm1"
    page.get_by_role("button", name="Back", exact=True).click()
    page.get_by_role("link", name="See in 3D").click()
    looking.shown()
    page.get_by_text("Test head").wait_for()
    page.get_by_role("button", name="Take this figure back").click()
    page.get_by_text("has no figure yet").wait_for()


def test_a_headset_sees_it_with_both_eyes_and_tells_how_it_went(
    drawing_browser: Any, house: House
) -> None:
    tab = onlooker(drawing_browser, house, "headset.js")
    tab.arrive()
    tab.put(head())
    tab.open()
    tab.shown()
    tab.page.locator('[data-headset="immersive-vr"]').click()
    tab.page.wait_for_selector('[data-headset="leave"]')
    assert tab.page.locator('[data-headset="immersive-ar"]').count() == 0
    tab.page.evaluate("figureSeen.length = 0")
    both = tab.until("one.left > 0 && one.right > 0")
    # What is near lies further right for the left eye.
    assert both["leftX"] / both["left"] > both["rightX"] / both["right"]
    tab.page.locator('[data-headset="leave"]').click()
    tab.page.wait_for_selector('[data-headset="immersive-vr"]')
    tab.page.wait_for_function("async () => emulatedHeadset.ended === 1")
    for _ in range(200):
        told = tab.api("GET", "vr/sessions")["items"]
        if told:
            break
        tab.page.wait_for_timeout(50)
    (session,) = told
    assert (session["device"], session["mode"]) == ("pc", "vr")
    assert session["frames"] > 0
    assert 0 < session["latency_ms"] < 5000
    tab.context.close()
    assert tab.faults == []


def test_without_a_headset_there_is_no_door_to_one(looking: Onlooker) -> None:
    looking.open()
    looking.choose(head())
    looking.shown()
    assert looking.page.locator("[data-headset]").count() == 0


def test_in_a_call_the_mouth_follows_what_is_heard(drawing_browser: Any, house: House) -> None:
    tab, far = onlooker(drawing_browser, house, permissions=["microphone"]), FarEnd()
    far.stand_between(tab.page)
    tab.chat()
    tab.put(head())
    page = tab.page
    dial(page)
    until_live(page)
    tab.shown()
    rest = tab.until("one.eyes > 20")
    person = page.evaluate("JSON.parse(localStorage['kindred.person']).id")
    spoken = [["sil", 0, 4800], ["aa", 4800, 240_000]]
    far.tell("call.viseme", person=person, epoch=1, at_sample=0, visemes=spoken)
    far.tell("call.sounding", person=person, epoch=1, samples=0, playing=True)
    wide = tab.until(f"one.mouth > {3 * rest['mouth']} + 30")
    far.tell("call.sounding", person=person, epoch=1, samples=48_000, playing=False)
    tab.until(f"one.at > {wide['at']} && one.mouth <= {rest['mouth']} + 12")
    # What is said to somebody else moves nothing.
    page.evaluate("figureSeen.length = 0")
    far.tell("call.viseme", person="u_other", epoch=2, at_sample=0, visemes=spoken)
    far.tell("call.sounding", person="u_other", epoch=2, samples=0, playing=True)
    tab.until(f"figureSeen.indexOf(one) > 30 && one.mouth <= {rest['mouth']} + 12")
    assert page.evaluate("Math.max(...figureSeen.map((one) => one.mouth))") < wide["mouth"]
    page.locator("[data-figure-switch]").click()
    page.wait_for_selector(".stage .portrait")
    page.get_by_role("button", name="End").click()
    page.get_by_role("heading", name="Call ended").wait_for()
    tab.context.close()
    far.end()
    assert tab.faults == []
