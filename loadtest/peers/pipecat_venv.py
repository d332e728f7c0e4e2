"""pipecat as an optional peer: an environment of its own, made once, and a server in it.

Nothing of ours depends on it. Where it cannot be had, the bench says so and measures ours alone.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

VERSION: Final = "1.14.0"
WANTED: Final = (f"pipecat-ai[silero,websocket,webrtc]=={VERSION}", "uvicorn[standard]")
FOLDER: Final = Path("build/pipecat")
SERVER: Final = Path(__file__).with_name("pipecat_server.py")
_INSTALL_SECONDS: Final = 900
_DECIDE_SECONDS: Final = 60


def python(folder: Path = FOLDER) -> Path | None:
    """Python in pipecat's own environment; None where that cannot be had."""
    mine = folder.absolute() / "bin" / "python"
    mark = folder / f"pipecat-{VERSION}"
    if mark.exists() and mine.exists():
        return mine
    uv = Path(sys.prefix) / "bin" / "uv"
    steps = (
        [str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [str(uv), "pip", "install", "--quiet", "--python", str(mine), *WANTED],
    )
    try:
        for step in steps:
            subprocess.run(step, check=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"pipecat is not to be had: {type(error).__name__}", file=sys.stderr)
        return None
    mark.touch()
    return mine


@contextlib.contextmanager
def serving(interpreter: Path, port: int) -> Iterator[psutil.Process]:
    """Its server, for the length of the block."""
    child = subprocess.Popen(
        [str(interpreter), str(SERVER), str(port)],
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.kill()
        child.wait()


def decided(interpreter: Path, speech: Path) -> dict[int, int]:
    """By where the sound begins in its windows: samples until it decides that somebody speaks."""
    told = subprocess.run(
        [str(interpreter), str(SERVER), "decide", str(speech)],
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        check=True,
        timeout=_DECIDE_SECONDS,
    )
    return {int(shift): int(samples) for shift, samples in json.loads(told.stdout).items()}
