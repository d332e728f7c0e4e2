"""A whole Kindred for a bench, with real models or stubs: its processes, people, CPU and memory.

Its settings come by environment, so that what is measured is what `kindred up` starts.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import uvloop
from msgspec import Struct

from loadtest.bench import free_port, process, until_ready
from loadtest.people import read_people
from loadtest.plan import Account

WORDS: Final = 34  # of the script of loadtest/upstream.py, which a peer's stub says too
_SEED_SECONDS: Final = 120

# Nothing that a bench is not about: no limits, no portraits painted ahead.
PLAIN: Final = {
    "KINDRED_PLANS__VIP__REQUESTS_PER_MINUTE": "0",
    "KINDRED_API__REQUESTS": "100000",
    "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
}
# Models that take no time, no end-of-turn network and no recall (which has a model of its own),
# and a turn that ends with a pause of six windows.
STUBS: Final = {
    **PLAIN,
    "KINDRED_PLANS__VIP__RECALL": "0",
    "KINDRED_HEARING__TURN_MODEL": "none",
    "KINDRED_HEARING__USE": '["stub"]',
    "KINDRED_HEARING__PROVIDERS__STUB__KIND": "loadtest.peers.stub_providers:StubRecogniser",
    "KINDRED_SPEECH__USE": '["stub"]',
    "KINDRED_SPEECH__PROVIDERS__STUB__KIND": "loadtest.peers.stub_providers:StubSpeaker",
    "KINDRED_VOICE__LIKELY_MS": "192",
    "KINDRED_VOICE__UNLIKELY_MS": "192",
    "KINDRED_VOICE__CEILING_MS": "192",
    "KINDRED_MODELS__USE": "script",
    "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
}
_ROLES: Final = (
    ("server.gateway", "gateway"),
    ("media.inference", "inference"),
    ("media.calls", "media"),
    ("media.avatar", "render"),
    ("embedded.serve", "model"),
    ("postgres", "postgres"),
    ("valkey", "valkey"),
)


class House(Struct, frozen=True):
    """One that runs."""

    top: psutil.Process
    port: int
    people: list[Account]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def house(folder: Path, people: int, settings: Mapping[str, str]) -> Iterator[House]:
    """`kindred up`, with people who have rooms and credits, until the block ends."""
    upstream, port = free_port(), free_port()
    environment = {
        **settings,
        "KINDRED_DATA": str(folder / "data"),
        "KINDRED_PORT": str(port),
        "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
    }
    script = ["loadtest.upstream", "--port", str(upstream), "--tokens", str(WORDS)]
    with (
        process([*script, "--gap-ms", "0", "--first-ms", "0"]),
        process(["server.cli", "up"], environment) as kindred,
    ):
        uvloop.run(until_ready(f"http://127.0.0.1:{port}"))
        file = folder / "people.json"
        seeding = ["--people", str(people), "--plan", "vip", "--credits", "100000"]
        subprocess.run(
            [sys.executable, "-m", "loadtest", "seed", *seeding, "--out", str(file)],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=_SEED_SECONDS,
        )
        yield House(psutil.Process(kindred.pid), port, read_people(file, people, 0.0))


def role_of(one: psutil.Process) -> str:
    """What a process of ours is, in a word."""
    line = " ".join(one.cmdline())
    return next((role for word, role in _ROLES if word in line), "supervisor")


def tree(top: psutil.Process) -> list[psutil.Process]:
    """A process and all below it."""
    return [top, *top.children(recursive=True)]


def cpu_by_role(top: psutil.Process, role: Callable[[psutil.Process], str]) -> dict[str, float]:
    """CPU seconds of every process of a server."""
    spent: dict[str, float] = {}
    for one in tree(top):
        try:
            times, name = one.cpu_times(), role(one)
        except psutil.Error:
            continue
        spent[name] = spent.get(name, 0.0) + times.user + times.system
    return spent


def memory_by_role(top: psutil.Process, role: Callable[[psutil.Process], str]) -> dict[str, float]:
    """Proportional set size of every process of a server, in MB."""
    sizes: dict[str, float] = {}
    for one in tree(top):
        try:
            size, name = one.memory_full_info().pss / 1e6, role(one)
        except psutil.Error:
            continue
        sizes[name] = sizes.get(name, 0.0) + size
    return sizes
