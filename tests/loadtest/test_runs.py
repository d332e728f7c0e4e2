"""The command against the real application: what it prints, writes, and exits with."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from pathlib import Path

import click
import httpx2
import msgspec
import pytest
from click.testing import CliRunner

from loadtest.cli import loadtest
from loadtest.conduct import Refused, check_files
from loadtest.outcome import Outcome
from loadtest.people import PeopleFile, write_people
from loadtest.plan import Account
from loadtest.scenarios import SHIPPED
from loadtest.seed import Wanted, seed
from tests.live import Live

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
PLENTY = ("--ramp", "100/s", "--timeout", "60s", "--grace", "30s")


class Ran:
    """A finished run."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


async def started(live: Live, *arguments: str, people: int = 20) -> asyncio.subprocess.Process:
    file = Path(live.settings.data) / "loadtest" / "people.json"
    if not file.exists():
        await seed(live.house.db, live.settings, Wanted(people=people, shared_room=True), file)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KINDRED")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest", *arguments, "--url", live.url, "--people", str(people),
        cwd=ROOT, env={**environment, "KINDRED_DATA": str(live.settings.data)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ran(live: Live, *arguments: str, people: int = 20) -> Ran:
    process = await started(live, *arguments, people=people)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.mark.stores
async def test_a_small_run_passes_and_leaves_its_figures(live: Live, tmp_path: Path) -> None:
    """Twenty people, two drivers, the real application: everybody gets every reply."""
    page, figures = tmp_path / "out" / "report.html", tmp_path / "out" / "run.json"
    run = await ran(
        live, "chat", "--for", "3s", "--every", "1s", "--messages", "2", "--ramp", "5..8/s",
        "--drivers", "2", "--fail-if", "errors>0", "--fail-if", "p95(first_token)>30s",
        "--html", str(page), "--json", str(figures), "--timeout", "60s", "--grace", "30s",
    )  # fmt: skip
    assert run.status == 0, run.out + run.err
    found = msgspec.json.decode(figures.read_bytes(), type=Outcome)
    assert found.passed
    assert found.counts["starts"] == found.counts["visits"] >= 18
    assert found.counts["turns"] == found.counts["replies"] >= 20
    assert found.counts.get("lost_events", 0) == found.counts.get("repeated_events", 0) == 0
    assert len(found.drivers) == 2
    wanted = {"connect", "sign_in", "ack", "first_token", "inter_token", "reply", "delivery_lag"}
    assert wanted <= set(found.measures)
    assert found.measures["reply"].count == found.counts["replies"]
    assert "The run passed." in run.out
    text = page.read_text()
    assert "first_token" in text
    assert not re.search(r"(src|href|srcset)=|url\(|@import", text)


@pytest.mark.stores
async def test_a_crossed_threshold_fails_the_run(live: Live) -> None:
    run = await ran(
        live, "chat", "--for", "1s", "--messages", "1", *PLENTY,
        "--fail-if", "p50(reply)>1us", "--fail-if", "errors>0", "--quiet", people=3,
    )  # fmt: skip
    assert run.status == 1, run.err
    assert "FAILED p50(reply)>1us" in run.out
    assert "kept   errors>0" in run.out


@pytest.mark.stores
async def test_ones_own_scenario_runs(live: Live, tmp_path: Path) -> None:
    mine = tmp_path / "greeter.py"
    mine.write_text(
        '"""People who say one thing, in their own way."""\n\n'
        'MODEL = "closed"\nOPTIONS = {"word": "hello"}\nFAIL_IF = ("greeted<3",)\n\n\n'
        "async def visit(person):\n"
        "    async with person.socket() as socket:\n"
        "        async for meant_at in person.turns(1):\n"
        "            done = await socket.say(person.options['word'], meant_at)\n"
        "            person.measures.count('greeted')\n"
        "            person.measures.time('words', len(done.text.split()))\n"
        "    print('a scenario may print')\n"
    )
    run = await ran(live, str(mine), "--for", "1s", "--set", "word=namaste", *PLENTY, people=3)
    assert run.status == 0, run.out + run.err
    assert "greeted 3" in run.out
    assert "words" in run.out
    assert "a scenario may print" in run.err
    wrong = await ran(live, str(mine), "--set", "colour=red", people=3)
    assert wrong.status == 2
    assert "no setting 'colour'; it has: word" in wrong.err


@pytest.mark.stores
async def test_a_storm_against_the_real_server_loses_nothing(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 40, 0.02
    run = await ran(
        live, "reconnect-storm", "--for", "3s", "--every", "1s", *PLENTY, "--set", "at=1200ms",
        "--set", "jitter=400ms", "--fail-if", "resumes<20", people=20,
    )  # fmt: skip
    assert run.status == 0, run.out + run.err
    assert "closes.1006 20" in run.out


SHORT = {
    "sse": ("--every", "1s", "--messages", "1", "--fail-if", "replies<1"),
    "socketio": ("--every", "1s", "--messages", "1", "--fail-if", "replies<1"),
    "realtime": ("--every", "1s", "--messages", "1", "--fail-if", "replies<1"),
    "idle": ("--fail-if", "count(sign_in)<5"),
    "fan-out": ("--every", "500ms", "--fail-if", "heard<5", "--fail-if", "replies<1"),
}


@pytest.mark.stores
@pytest.mark.parametrize("name", SHORT)
async def test_a_scenario_against_the_real_server(live: Live, name: str) -> None:
    run = await ran(
        live, name, "--for", "1500ms", *PLENTY, *SHORT[name], "--fail-if", "errors>0", people=5
    )
    assert run.status == 0, run.out + run.err


@pytest.mark.stores
async def test_a_run_that_is_stopped_tells_what_it_has(live: Live) -> None:
    """Ctrl-C: the drivers end, their people leave, and the figures are of the part that ran."""
    process = await started(live, "idle", "--for", "600s", *PLENTY, "--metrics-port", "0", people=4)
    assert process.stderr is not None
    told = (await process.stderr.readline()).decode()
    address = re.search(r"http://\S+", told)
    assert address is not None, told
    async with httpx2.AsyncClient() as http:
        metrics = ""
        while "kindred_loadtest_connected 4.0" not in metrics:
            metrics = (await http.get(address[0])).text
            await asyncio.sleep(0.05)
    assert 'kindred_loadtest_seconds_count{measure="sign_in"} 4.0' in metrics
    assert 'kindred_loadtest_total{code="",what="starts"} 4.0' in metrics
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 130
    assert "Stopped before its end" in err.decode()
    assert "sign_in" in out.decode()


@pytest.mark.stores
async def test_many_devices_of_one_person_hear_the_same(live: Live) -> None:
    run = await ran(
        live, "fan-out", "--set", "devices=yes", "--for", "2s", "--every", "500ms", *PLENTY,
        "--fail-if", "errors>0", "--fail-if", "heard<8", people=8,
    )  # fmt: skip
    assert run.status == 0, run.out + run.err


def busy_scenario(folder: Path) -> Path:
    mine = folder / "busy.py"
    mine.write_text(
        '"""People who think so hard that nothing else happens."""\n\n'
        'import asyncio\nimport time\n\nMODEL = "closed"\n\n\n'
        "async def visit(person):\n"
        "    while not person.leaving:\n"
        "        until = time.perf_counter() + 0.1\n"
        "        while time.perf_counter() < until:\n"
        "            pass\n"
        "        await asyncio.sleep(0)\n"
    )
    return mine


def test_a_saturated_driver_is_said_everywhere(tmp_path: Path) -> None:
    """The load is nothing but the driver's own work, so every second of it is doubtful."""
    people, page, figures = (tmp_path / name for name in ("p.json", "r.html", "r.json"))
    someone = Account(person="u_1", token="t", room="r_1")
    write_people(people, PeopleFile(expires_at=time.time() + 600, people=[someone]))
    run = kindred_loadtest(
        str(busy_scenario(tmp_path)), "--people", "1", "--tokens", str(people), "--for", "2s",
        "--html", str(page), "--json", str(figures), "--fail-if", "strained_seconds>0",
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    found = msgspec.json.decode(figures.read_bytes(), type=Outcome)
    assert found.drivers[0].strained_seconds >= 1
    for said in (" ".join(found.warnings), run.stdout, page.read_text()):
        assert "Driver 1 was saturated in" in said
    assert "FAILED strained_seconds>0" in run.stdout


def kindred_loadtest(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "loadtest", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


# --- what is refused before anything is started


def test_more_people_than_a_driver_can_hold_are_refused() -> None:
    check_files(30_000, 2, 20_000)
    with pytest.raises(Refused, match="--drivers 2"):
        check_files(30_000, 1, 20_000)
    check_files(30_000, 1, resource.RLIM_INFINITY)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(loadtest, arguments)
    assert result.exit_code == 2, result.output
    return result.output


def test_what_cannot_be_is_refused_before_the_run(tmp_path: Path) -> None:
    assert "--i-may-load 93.184.216.34" in refused("chat", "--url", "http://93.184.216.34")
    assert "no address" in refused("chat", "--url", "http://kindred-test.invalid")
    assert "needs its unit" in refused("chat", "--fail-if", "p95(ack)>5")
    assert "such are 50/s" in refused("chat", "--ramp", "fast")
    assert "loadtest seed --people 7" in refused("chat", "--data", str(tmp_path), "--people", "7")
    assert "There is no scenario" in refused(str(tmp_path / "none.py"))
    assert "No such command" in refused("dancing")


def test_a_file_that_is_no_scenario_is_refused_in_words(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    for text, because in (
        ("x = 1\n", "no `async def visit(person)`"),
        ("def visit(person): ...\n", "no `async def visit(person)`"),
        ("async def visit(person: ...\n", "cannot be run"),
        ("import no_such_module\n", "cannot be run"),
        ("MODEL = 'ajar'\nasync def visit(person): ...\n", "not 'open' or 'closed'"),
    ):
        mine.write_text(text)
        assert because in refused(str(mine)), text


def test_every_shipped_scenario_tells_what_it_is() -> None:
    listed = CliRunner().invoke(loadtest, ["--help"]).output
    for name in SHIPPED:
        assert re.search(rf"^  {name} +\S", listed, re.MULTILINE), listed
        shown = CliRunner().invoke(loadtest, [name, "--help"]).output
        assert "--fail-if" in shown


def test_the_command_is_registered_where_kindred_looks_for_it() -> None:
    from server.cli import COMMANDS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, name = project["project"]["entry-points"][COMMANDS]["loadtest"].partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, click.Command)
    assert found is loadtest
