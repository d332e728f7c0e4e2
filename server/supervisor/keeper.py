"""Keeping one child alive: start, wait until it is ready, notice its death, start it again.

All the awaiting about one child is here; when to try again is decided in restarts.py.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Protocol

from server.supervisor.restarts import Deaths, GiveUp, RestartPolicy, how_it_ended, tell
from storage.embedded.child import (
    Command,
    DiskFull,
    StoreFailed,
    failure,
    lower_children,
    spawn,
)

_DISK_FULL_SECONDS = 5.0
_FORKS_SECONDS = 0.5  # how soon what a child forked is noticed


class Startable(Protocol):
    """Something that can be a child. Postgres and Valkey are, as they are."""

    name: str
    start_seconds: float
    check_seconds: float

    def prepare(self) -> None:
        """Before each start; may take long, runs on a thread."""

    def command(self) -> Command:
        """How to start it."""

    def ready(self) -> bool:
        """Whether it serves now; asked often while it starts, so it must be quick."""


class ChildFailed(Exception):
    """A child cannot be kept alive; the message is for the person at the terminal."""


class Keeper:
    """One child, for as long as `run` runs. `say` takes sentences for the terminal.

    A `needed` child that cannot start at first ends everything; `on_end` is called each time
    a child that had started has ended. One on `trial` that never comes up ends nothing else.
    """

    def __init__(
        self,
        part: Startable,
        say: Callable[[str], None],
        *,
        policy: RestartPolicy | None = None,
        stop_seconds: float = 10.0,
        needed: bool = True,
        trial: bool = False,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.part = part
        self.first_ready = asyncio.Event()
        self.decided = asyncio.Event()  # it came up, or (on trial) never will
        self.why_not = ""
        self.stop_seconds = stop_seconds
        self._policy = policy or RestartPolicy()
        self._say = say
        self._needed = needed
        self._trial = trial
        self._on_end = on_end
        self._told = ""
        self._stopping = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._command: Command | None = None
        self._ended: asyncio.Future[int] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process, while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def on_trial(self) -> bool:
        """Whether it may still be given up without harm to the others."""
        return self._trial and not self.first_ready.is_set()

    def give_up(self, why: str) -> None:
        """It never came up."""
        self.why_not = why
        self.decided.set()

    async def run(self) -> None:
        """Keep the child alive until `stop`. Raises ChildFailed."""
        deaths = Deaths()
        while not self._stopping.is_set():
            try:
                how = await self._live()
            except StoreFailed as error:
                how = self._why_not(error)
                if isinstance(error, DiskFull):
                    self._tell_once(f"{error} Trying again every {_DISK_FULL_SECONDS:.0f} seconds.")
                    await self._pause(_DISK_FULL_SECONDS)
                    continue
            if self._stopping.is_set():
                return
            deaths, what = deaths.add(time.monotonic(), self._policy)
            self._tell_once(tell(self._title, how, what))
            if isinstance(what, GiveUp):
                raise ChildFailed(f"{self._title} {how}; its log is {self._log}.")
            await self._pause(what.after_seconds)

    def _why_not(self, error: StoreFailed) -> str:
        """Why it is not up. The first time that ends everything, if the child is needed."""
        if self._needed and not self.first_ready.is_set():
            raise ChildFailed(str(error)) from error
        return f"did not come up ({str(error).splitlines()[-1]})"

    def _tell_once(self, text: str) -> None:
        """The same sentence is not said again until the child has been up in between."""
        if text != self._told:
            self._say(text)
        self._told = text

    async def _live(self) -> str:
        """One life: from start to death. Returns how it ended."""
        await asyncio.to_thread(self.part.prepare)
        if self._stopping.is_set():
            return ""
        self._command = self.part.command()
        self._process = spawn(self._command)
        self._ended = asyncio.ensure_future(ended(self._process))
        again = self.first_ready.is_set()
        await self._until_ready()
        if self.pid and not self._stopping.is_set():
            self.first_ready.set()
            self.decided.set()
            self._told = ""
            if again or not self._needed:
                self._say(f"{self._title} is {'back' if again else 'ready'}.")
        while self._command.forks_quietly and self.pid and not self._ended.done():
            lower_children(self.pid)
            await asyncio.wait([self._ended], timeout=_FORKS_SECONDS)
        code = await self._ended
        self._on_end()
        return how_it_ended(code)

    async def _until_ready(self) -> None:
        """Return when it serves, or is being stopped. Raises StoreFailed when it dies first."""
        assert self._ended is not None
        assert self._command is not None
        deadline = time.monotonic() + self.part.start_seconds
        while not self.part.ready():
            if self._stopping.is_set():
                return
            late = time.monotonic() > deadline
            if late:
                self.kill()
                await self._ended
            if late or self._ended.done():
                raise failure(self._title, self._command.log)
            await asyncio.wait([self._ended], timeout=self.part.check_seconds)

    async def stop(self, how: signal.Signals | None = None) -> None:
        """End the child, politely at first (by `how`); returns when it has ended."""
        self._stopping.set()
        if self._ended is None or self._command is None or self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how or self._command.stop)
        done, _ = await asyncio.wait([self._ended], timeout=self.stop_seconds)
        if not done:
            self._say(f"{self._title} did not end in {self.stop_seconds:.0f} seconds: ending it.")
            self.kill()
            await self._ended

    def kill(self) -> None:
        """End the child at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    @property
    def _title(self) -> str:
        return self._command.name if self._command else self.part.name

    @property
    def _log(self) -> str:
        return str(self._command.log) if self._command else "empty"


async def ended(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a process without a thread: its descriptor becomes readable when it ends."""
    loop = asyncio.get_running_loop()
    try:
        fd = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return await asyncio.to_thread(process.wait)
    over = asyncio.Event()
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return process.wait()
