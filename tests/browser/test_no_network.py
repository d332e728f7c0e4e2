"""A laptop with the network unplugged: everything runs, and a person calls, with nothing but the
loopback device, in which no WebRTC finds an address. Needs to be root on Linux."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ROOT, House, Tab, profile
from tests.browser.phone import check, until_live, with_microphone, words_in

ALONE = "KINDRED_TEST_ALONE"  # set inside the namespace, where this file is run once more
UNPLUGGED = """
import ctypes, fcntl, os, socket, struct, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:  # CLONE_NEWNET
    sys.exit(77)
up = struct.pack("16sh", b"lo", 0x1 | 0x40)
fcntl.ioctl(socket.socket(), 0x8914, up)  # SIOCSIFFLAGS
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
# Keeps the loudest that was played of what came over the socket.
LISTEN = """() => {
  window.loudest = 0;
  const make = AudioContext.prototype.createMediaStreamDestination;
  AudioContext.prototype.createMediaStreamDestination = function () {
    const heard = make.call(this), meter = this.createAnalyser();
    const samples = new Float32Array(meter.fftSize);
    this.createMediaStreamSource(heard.stream).connect(meter);
    setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      window.loudest = Math.max(window.loudest, ...samples.map(Math.abs));
    }, 50);
    return heard;
  };
}"""
SOON_SECONDS = 8  # a WebRTC connection that will never come is given up after 9

if ALONE not in os.environ:

    def test_one_calls_from_a_machine_with_the_network_unplugged() -> None:
        inside = [sys.executable, "-c", UNPLUGGED, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [*inside, str(Path(__file__).relative_to(ROOT))],
            cwd=ROOT,
            env={**os.environ, ALONE: "1"},
            capture_output=True,
            text=True,
            timeout=140,
            check=False,
        )
        if run.returncode == 77:
            pytest.skip("no network namespace can be made here")
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]

else:

    @pytest.fixture
    def caller(browser: Any, house: House, tmp_path: Path) -> Iterator[Tab]:
        with (
            with_microphone(browser, says=words_in(tmp_path)) as talking,
            profile(talking, house, permissions=["microphone"]) as tab,
        ):
            tab.page.add_init_script(f"({LISTEN})()")
            tab.chat()
            yield tab

    def test_the_call_takes_the_socket_and_both_are_heard(caller: Tab) -> None:
        page = caller.page
        assert not page.evaluate("navigator.onLine")
        check(page)
        begun = time.monotonic()
        page.locator(".devices .btn.p").click()
        until_live(page)
        assert time.monotonic() - begun < SOON_SECONDS
        page.locator('[data-caption="companion"]').first.wait_for(timeout=60_000)
        page.wait_for_function("() => window.loudest > 0.05", timeout=20_000)
        page.locator('[data-caption="you"]', has_text="market").wait_for(timeout=60_000)
        page.get_by_role("button", name="End").click()
        page.get_by_role("heading", name="Call ended").wait_for()
