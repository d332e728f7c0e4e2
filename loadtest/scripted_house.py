"""A house of its own, for a bench, whose language model is a script at a steady pace.

It begins with the block and is gone after it, its folder too.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psutil
import uvloop

from loadtest.bench import free_port, process
from loadtest.bench_resume import until_ready_once


class House(NamedTuple):
    """Where it listens, where it keeps its things, and its supervisor."""

    port: int
    folder: str
    top: psutil.Process


@contextmanager
def scripted_house(*, gateways: int, tokens: int, gap_ms: int) -> Iterator[House]:
    """Every reply has so many tokens, one each `gap_ms`."""
    with tempfile.TemporaryDirectory(prefix="kindred-bench-") as folder:
        port, upstream = free_port(), free_port()
        environment = {
            "KINDRED_DATA": folder,
            "KINDRED_MODELS__USE": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{upstream}/v1",
            "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
        }
        pace = ["--tokens", str(tokens), "--gap-ms", str(gap_ms)]
        model = ["loadtest.upstream", "--port", str(upstream), *pace]
        up = ["server.cli", "up", "--port", str(port), "--gateways", str(gateways)]
        with process(model), process(up, environment) as house:
            uvloop.run(until_ready_once(f"http://127.0.0.1:{port}"))
            yield House(port, folder, psutil.Process(house.pid))
