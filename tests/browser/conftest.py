"""A whole Kindred for the browser: `kindred up` on a free port, and a scripted model behind it.

Everything is real but the model, which says known words at a known pace, so that a test can
tell whether one of them was lost or came twice. Each test meets a person of its own.
"""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live import Script

sync_api = pytest.importorskip("playwright.sync_api")
sync_api.expect.set_options(timeout=15_000)
Browser = sync_api.Browser
Page = sync_api.Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("KINDRED_TEST_CHROMIUM", "/usr/bin/chromium")
START_SECONDS = 90
TOKENS = 30
GAP_SECONDS = 0.03
PASSWORD = "a long walk by the sea"
# A sign-in as the app keeps it, laid down once; what the app makes of it later stays.
SIGNED_IN = """([refresh, person]) => {
  if (location.protocol !== "http:" || localStorage["arrived"]) return;
  localStorage["arrived"] = "1";
  localStorage["kindred.refresh"] = refresh;
  localStorage["kindred.person"] = person;
}"""
_names = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser, which takes its time, and so does starting the house."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.long)
            item.add_marker(pytest.mark.timeout(150))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _environment(folder: Path, port: int, upstream: int) -> dict[str, str]:
    script = "KINDRED_MODELS__PROVIDERS__SCRIPT__"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("KINDRED_")},
        "KINDRED_DATA": str(folder),
        "KINDRED_PORT": str(port),
        "KINDRED_MODELS__USE": "script",
        f"{script}BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        f"{script}MODEL": "script",
        f"{script}VISION": "true",
        "KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "600",
        "KINDRED_PLANS__FREE__VOICE": "true",
        "KINDRED_PLANS__FREE__VIDEO": "true",
        "KINDRED_PLANS__FREE__CUSTOM_COMPANIONS": "3",
        "KINDRED_API__REGISTER__REQUESTS": "1000",
        "KINDRED_API__REGISTER__WINDOW_SECONDS": "60",
        "KINDRED_API__SIGN_IN__REQUESTS": "1000",
        "KINDRED_API__SIGN_IN__WINDOW_SECONDS": "60",
    }


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)


def _wait_ready(url: str, child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    pause = time.sleep  # the house is another process; there is nothing here to await
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        pause(0.2)
    raise RuntimeError(f"kindred up did not become ready:\n{log.read_text()[-3000:]}")


class House:
    """A running Kindred and the model behind it."""

    def __init__(self, url: str, script: Script, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.script = script

    def pace(self, gap_seconds: float = GAP_SECONDS, tokens: int = TOKENS) -> None:
        """How fast and how much the model says from the next reply on."""
        self.script.gap_seconds = gap_seconds
        self.script.tokens = tokens


class Model(threading.Thread):
    """The scripted model, in a loop of its own; a browser test has none."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.script = Script(TOKENS, GAP_SECONDS)
        self.script.first_seconds = 0.15
        self.serving = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with self.script.serving():
            self.serving.set()
            await self._over.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(5)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Kindred as `kindred up` starts it, on a free port, with its data in a folder of its own."""
    folder = tmp_path_factory.mktemp("house")
    log = folder / "log"
    model = Model()
    model.start()
    assert model.serving.wait(10)
    port = free_port()
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "up"],
            cwd=ROOT,
            env=_environment(folder / "data", port, model.script.port),
            stdout=out,
            stderr=out,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(url, child, log)
        yield House(url, model.script, folder / "data")
    finally:
        _end(child)
        model.end()


@pytest.fixture(scope="package")
def server_url(house: House) -> str:
    """The address of a running Kindred."""
    return house.url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Tab:
    """A page with what went wrong on it, and the things a person does again and again."""

    def __init__(self, browser: Browser, house: House, **options: Any) -> None:
        url = house.url
        size = options.pop("viewport", {"width": 1280, "height": 800})
        self.context = browser.new_context(
            base_url=url, viewport=size, locale="en-GB", timezone_id="Europe/London", **options
        )
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.url = url
        self.server = house
        self.room = self.username = ""
        self.faults: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"thrown: {error}"))

    def _heard(self, message: Any) -> None:
        # A refused request is what some tests ask for; a script's own error never is.
        expected = "Failed to load resource" in message.text or "WebSocket" in message.text
        if message.type == "error" and not expected:
            self.faults.append(message.text)

    def arrive(self) -> Page:
        """A newcomer who is signed in on this device already; the first page is still to be seen.

        A test that is not about signing up spares itself the form and the gallery it leads to.
        """
        name = f"guest{next(_names)}x{os.getpid()}"
        form = {
            "email": f"{name}@example.org",
            "username": name,
            "password": PASSWORD,
            "birth_date": "1990-04-12",
            "language": "en",
            "country": "GB",
            "timezone": "Europe/London",
            "consents": ["terms", "privacy"],
        }
        signed = ask(f"{self.url}/api/v1/users/register", "POST", form)
        self.username, self._token = name, signed["access_token"]
        kept = json.dumps([signed["refresh_token"], json.dumps(signed["user"])])
        self.context.add_init_script(f"({SIGNED_IN})({kept})")
        return self.page

    def sign_up(self, leads_to: str = "**/discover") -> Page:
        """Through the form, as anybody would; leads to the gallery, or to what was asked for."""
        name = self.username = f"guest{next(_names)}x{os.getpid()}"
        page = self.page
        page.goto("/sign-up")
        page.get_by_label("E-mail").fill(f"{name}@example.org")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Date of birth").fill("1990-04-12")
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url(leads_to)
        return page

    def chat(self, slug: str = "mira") -> Page:
        """A newcomer in a conversation that holds a greeting."""
        self.arrive()
        self.room = self.api("POST", "rooms", {"companions": [slug]})["id"]
        self.page.goto(f"/chats/{self.room}")
        self.page.wait_for_selector(".m[data-id]")
        return self.page

    def say(self, text: str) -> None:
        self.page.locator(".composer textarea").fill(text)
        self.page.keyboard.press("Enter")

    def answered(self) -> None:
        """Until a reply has been seen to begin, and has ended."""
        self.page.wait_for_selector("[data-writing]")
        self.page.wait_for_selector("[data-writing]", state="detached")
        self.page.wait_for_selector(".m[data-id]:last-child:not(.me)")

    def begun(self, letters: int = 15) -> None:
        """Until the reply under way shows that many letters."""
        self.page.wait_for_function(
            "n => (document.querySelector('[data-writing] .said')?.innerText.length ?? 0) > n",
            arg=letters,
        )

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server directly, as the same person on another device."""
        if not hasattr(self, "_token"):
            form = {"email": self.username, "password": PASSWORD}
            self._token = ask(f"{self.url}/api/v1/users/login", "POST", form)["access_token"]
        return ask(f"{self.url}/api/v1/{path}", method, body, self._token)

    def history(self) -> list[Any]:
        """The messages of the branch in use, as the server keeps them."""
        items: list[Any] = self.api("GET", f"rooms/{self.room}/messages")["items"]
        return items

    def replies(self) -> list[str]:
        """What the companion said, as shown."""
        found = self.page.locator(".m[data-id]:not(.me):not(.writing) .said")
        return [text.strip() for text in found.all_inner_texts()]

    def own(self) -> list[str]:
        """What the person said, as shown, sent or not."""
        return [text.strip() for text in self.page.locator(".m.me .said").all_inner_texts()]


def ask(url: str, method: str, body: object = None, token: str = "") -> Any:
    """One request and its JSON."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@contextmanager
def profile(browser: Browser, house: House, **options: Any) -> Iterator[Tab]:
    """A fresh browser profile. Whatever it complained about fails the test."""
    house.pace()
    made = Tab(browser, house, **options)
    try:
        yield made
    finally:
        if os.environ.get("KINDRED_TEST_PICTURE"):
            made.page.screenshot(path=os.environ["KINDRED_TEST_PICTURE"])
        made.context.close()
    assert made.faults == []


@pytest.fixture
def visit(browser: Browser, house: House) -> Iterator[Tab]:
    with profile(browser, house) as made:
        yield made
