"""The whole house by its real command: warm start, kills, several gateways on a port, https."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.server.house import House, wait_for, wait_gone

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
WITHOUT_MODEL = ("--role", "stores", "--role", "gateway", "--port", "0")
MEGABYTE = 1_000_000


def up(data: Path, *arguments: str) -> tuple[House, str]:
    """A house that is ready, and its address."""
    house = House(data, *WITHOUT_MODEL, *arguments)
    line = house.until("Kindred is ready: ")
    return house, line.split()[-1]


def get(url: str, path: str = "/readyz") -> int:
    """The status of one GET; 0 when nobody answers."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=5, context=context) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder in which Kindred has run before."""
    data = tmp_path_factory.mktemp("warm")
    house, _ = up(data)
    with house:
        assert house.stop() == 0
    yield data
    shutil.rmtree(data)


def test_a_warm_start_is_ready_within_five_seconds(warm: Path) -> None:
    began = time.monotonic()
    house, url = up(warm)
    with house:
        assert get(url) == 200
        seconds = time.monotonic() - began
        assert house.stop() == 0
    assert seconds < 5.0


def test_the_idle_tree_stays_below_its_share_of_250_megabytes(warm: Path) -> None:
    """Without the model's process, whose own part is measured with it."""
    house, url = up(warm)
    with house:
        assert get(url) == 200
        processes = [psutil.Process(house.process.pid)]
        processes += processes[0].children(recursive=True)
        pss = sum(process.memory_full_info().pss for process in processes)
    assert pss < 200 * MEGABYTE


def test_a_killed_gateway_comes_back_on_the_same_port(warm: Path) -> None:
    house, url = up(warm)
    with house:
        house.child("server.gateway").kill()
        house.until("Gateway 1 was ended by SIGKILL; starting it again")
        assert get(url) == 200, "the socket outlived it: the connection waited"


@pytest.mark.timeout(150)
def test_gateways_survive_a_killed_database_and_bus(warm: Path) -> None:
    house, url = up(warm)
    with house:
        gateway = house.child("server.gateway").pid
        for program in ("postgres", "valkey-server"):
            house.child(program).kill()
            house.until("is back")
            try:
                wait_for(lambda: get(url) == 200, seconds=45.0)
            except AssertionError:
                raise AssertionError(
                    f"not ready after {program}: " + "\n".join(house.lines)
                ) from None
        assert house.child("server.gateway").pid == gateway


def test_three_gateways_share_a_port_and_one_may_die(warm: Path) -> None:
    house, url = up(warm, "--gateways", "3")
    with house:
        gateways = [
            process
            for process in psutil.Process(house.process.pid).children()
            if "server.gateway" in " ".join(process.cmdline())
        ]
        assert len(gateways) == 3
        gateways[0].kill()
        # Who waited at the dead one's door is turned away, and comes in at the next try.
        assert [get(url) or get(url) for _ in range(12)] == [200] * 12
        assert house.stop() == 0


def test_kill_9_of_the_supervisor_takes_gateways_along(warm: Path) -> None:
    house, url = up(warm)
    with house:
        children = [p.pid for p in psutil.Process(house.process.pid).children(recursive=True)]
        house.process.kill()
        house.process.wait()
        assert wait_gone(children) == []
        assert get(url) == 0


def test_sigterm_lets_a_gateway_drain_and_leaves_nothing(warm: Path) -> None:
    house, _ = up(warm)
    with house:
        children = [p.pid for p in psutil.Process(house.process.pid).children(recursive=True)]
        assert house.stop(signal.SIGTERM, seconds=15) == 0
        assert wait_gone(children, 0.5) == []


def test_https_with_a_certificate_of_ones_own(warm: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-days", "2", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    house, url = up(warm, "--tls", str(cert), str(key))
    with house:
        assert url.startswith("https://")
        assert get(url) == 200


def test_a_gateway_hands_no_secret_to_its_logs_or_children(warm: Path) -> None:
    house, _ = up(warm)
    with house:
        gateway = house.child("server.gateway")
        orders = json.loads(gateway.environ()["KINDRED_CHILD_ORDERS"])
        assert orders["node"].startswith(os.uname().nodename)
        for name in ("AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"):
            assert name not in gateway.environ()
