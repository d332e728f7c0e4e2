"""Running the real `kindred` command in tests, and reading what it says line by line."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent.parent


def kindred(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={**_plain(), "KINDRED_SERVER__PORTRAITS_AHEAD": "false", **environment},
    )  # fmt: skip


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KINDRED")}


class House:
    """A running `kindred up`."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.lines: list[str] = []
        self._unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "up", "--data", str(data), *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**_plain(), **environment},
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """All the time: a full pipe would stop whoever writes to it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            self._unread.put(line)
        self._unread.put(None)

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def until(self, pattern: str) -> str:
        """Read lines up to the one that matches; blocks, and fails with all of them at the end."""
        while (line := self._unread.get()) is not None:
            if re.search(pattern, line):
                return line
        raise AssertionError(f"it ended without {pattern!r}:\n" + "\n".join(self.lines))

    def child(self, program: str) -> psutil.Process:
        """The child whose command line holds `program`."""
        for process in psutil.Process(self.process.pid).children():
            if program in " ".join(process.cmdline()):
                return process
        raise AssertionError(f"no child runs {program}")

    def stop(self, number: int = signal.SIGINT, seconds: float = 20.0) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def wait_gone(pids: Sequence[int], seconds: float = 10.0) -> list[int]:
    """Wait until none of these processes lives; those that still do."""
    processes = []
    for pid in pids:
        try:
            processes.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def wait_for(condition: "object", seconds: float = 10.0) -> None:
    """Wait until a condition holds in the world outside this process."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
