"""A provider of each kind against a server that speaks its vendor's format.

`upstream` is the server, `provider` the implementation asked; both take the kind from the test's
parametrisation. `served` is the real embedded model server, for tests marked `model`.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from config.models import ModelProvider
from rooms.dialogue.ports import LanguageModel
from rooms.dialogue.providers.table import make_provider
from tests.rooms.dialogue.upstream import Upstream

KEY = "a-key-for-tests"
ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["openai", "anthropic", "embedded"])
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[Upstream]:
    """The vendor's server."""
    async with Upstream(request.param).running() as running:
        yield running


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[LanguageModel]:
    """The implementation that talks to it."""
    settings = ModelProvider(
        kind=upstream.vendor,  # type: ignore[arg-type]
        base_url=upstream.url,
        api_key=KEY,
        model="some-model",
        context_tokens=4096,
        max_output_tokens=100,
    )
    model = make_provider(upstream.vendor, settings)
    yield model
    await model.aclose()


class Served(Struct, frozen=True):
    """A running embedded model server."""

    process: "subprocess.Popen[str]"
    port: int
    data: Path

    @property
    def url(self) -> str:
        """Its OpenAI-compatible address."""
        return f"http://127.0.0.1:{self.port}/v1"


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def serve_command(port: int, data: Path, *more: str) -> list[str]:
    """How the supervisor starts it."""
    module = "rooms.dialogue.embedded.serve"
    return [sys.executable, "-m", module, "--port", str(port), "--data", str(data), *more]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, list[str]]]:
    """The server over the shipped model, and the lines it wrote until it was ready."""
    data, port = tmp_path_factory.mktemp("model"), free_port()
    process = subprocess.Popen(
        serve_command(port, data),
        cwd=ROOT,
        env={**os.environ, "KINDRED_MODEL_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1] == "ready":
            break
    yield Served(process, port, data), lines
    process.send_signal(signal.SIGTERM)
    process.wait(10)
