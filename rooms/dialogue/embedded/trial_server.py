"""A model server for the length of one trial, so that a file is known to load and to answer.

It is started as the supervisor would start it, on a free port, and ended with the block.
"""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
_END_SECONDS: Final = 5.0
_WORDS_MAX: Final = 500


class NotServing(Exception):
    """The server did not come up; the message is its own last words."""


@asynccontextmanager
async def trial_server(model: Path, key: str, seconds: float) -> AsyncIterator[str]:
    """Its address, once it has loaded `model`. Raises NotServing."""
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryFile() as words:
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rooms.dialogue.embedded.serve",
            "--port", str(port), "--data", data, "--model", str(model), "--slots", "1",
            cwd=ROOT,
            env={**os.environ, "KINDRED_MODEL_KEY": key},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
        )  # fmt: skip
        try:
            if not await _ready(process, seconds):
                words.seek(0)
                told = words.read().decode(errors="replace").strip()
                raise NotServing(told[-_WORDS_MAX:] or "the model server ended by itself")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            await _end(process)


async def _ready(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether it says `ready` before it ends. Raises NotServing when that takes too long."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            async for line in process.stdout:
                if line.strip() == b"ready":
                    return True
    except TimeoutError as error:
        raise NotServing(f"it takes longer than {seconds:.0f} seconds") from error
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
