"""The people a run pretends to be: their accounts in a file, and what a scenario gets to hold.

The file holds tokens that sign in as these people, so only its owner can read it.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from loadtest.measure import Measures
from loadtest.plan import Account, Plan
from loadtest.targets import Target, source_of

if TYPE_CHECKING:
    from loadtest.clients.call import Call
    from loadtest.clients.events import EventStream
    from loadtest.clients.native import Socket
    from loadtest.clients.realtime import Realtime
    from loadtest.clients.socketio import SocketIO
    from loadtest.clients.video_call import VideoCall

OPEN_TO_OTHERS: Final = 0o077
LINES: Final = (
    "Good evening. What is the harbour like tonight?",
    "And what would you do if it rained?",
    "Tell me more about the violin.",
    "I had a long day and I do not want to talk about it. You talk.",
    "Why do people remember tunes better than names?",
    "Say that again, but shorter.",
    "What should I cook with two eggs and some rice?",
    "That is a good answer. Another question, then.",
)


class NoPeople(Exception):
    """The file of people is missing, unreadable, too small, or open to others."""


class PeopleFile(Struct, frozen=True, kw_only=True):
    """What `seed` writes: who they are, and until when their tokens are good."""

    expires_at: float
    people: list[Account]


def write_people(path: Path, people: PeopleFile) -> None:
    """Write the file anew, readable by nobody else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(people))
    temporary.replace(path)


def load_people(path: Path, wanted: int = 100) -> PeopleFile:
    """The file as it is. Raises NoPeople."""
    try:
        if path.stat().st_mode & OPEN_TO_OTHERS:
            raise NoPeople(f"{path} can be read by others, and it signs in as people: chmod 600.")
        return msgspec.json.decode(path.read_bytes(), type=PeopleFile)
    except FileNotFoundError:
        how = f"kindred loadtest seed --people {wanted}"
        raise NoPeople(f"There is no {path} with people in it. Make them: {how}") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise NoPeople(f"{path} cannot be read: {error}.") from None


def read_people(path: Path, wanted: int, now: float) -> list[Account]:
    """The first `wanted` people. Raises NoPeople."""
    found = load_people(path, wanted)
    how = f"kindred loadtest seed --people {wanted}"
    if found.expires_at <= now:
        raise NoPeople(f"The tokens in {path} have run out. Make new ones: {how}")
    if len(found.people) < wanted:
        raise NoPeople(f"{path} holds {len(found.people)} people, not {wanted}. Make more: {how}")
    return found.people[:wanted]


class Run(Struct):
    """What all people of one driver share."""

    plan: Plan
    measures: Measures
    begin_at: float
    connected: int = 0

    @property
    def until(self) -> float:
        """When everybody leaves."""
        return self.begin_at + self.plan.for_seconds


class Person:
    """One person for the length of one visit: what a scenario works with."""

    def __init__(self, run: Run, account: Account, number: int, began: float) -> None:
        self.account = account
        self.number = number
        self.began = began
        self.measures = run.measures
        self.random = random.Random(f"{run.plan.seed}/{number}/{began}")
        self.timeout_seconds = run.plan.timeout_seconds
        self.people = len(run.plan.accounts)
        self._run = run
        self._next_target = number
        self.source = source_of(run.plan.targets[0], number, run.plan.sources)

    # --- how the run was ordered

    @property
    def options(self) -> Mapping[str, str]:
        """The scenario's own settings (`--set name=value`)."""
        return self._run.plan.options

    @property
    def leaving_at(self) -> float:
        """When the run ends."""
        return self._run.until

    @property
    def begin_at(self) -> float:
        """When the run began; the same for everybody, in all processes."""
        return self._run.begin_at

    @property
    def leaving(self) -> bool:
        """Whether it is time to go."""
        return time.perf_counter() >= self._run.until

    def is_among(self, share: float) -> bool:
        """Whether this is one of that share of all people; always the same ones, evenly spread."""
        return int((self.number + 1) * share + 1e-9) > int(self.number * share + 1e-9)

    def everybody(self) -> Sequence[Account]:
        """All people of the run, in all drivers."""
        return self._run.plan.accounts

    def target(self) -> Target:
        """The server to go to now: each time the next one, where there are several."""
        targets = self._run.plan.targets
        self._next_target += 1
        return targets[(self._next_target - 1) % len(targets)]

    # --- time

    async def rest(self, seconds: float) -> None:
        """Wait, but not beyond the end of the run."""
        now = time.perf_counter()
        await asyncio.sleep(max(0.0, min(seconds, self._run.until - now)))

    async def rest_until(self, moment: float) -> None:
        """Wait for a moment, but not beyond the end of the run."""
        await self.rest(moment - time.perf_counter())

    async def turns(self, most: int | None = None) -> AsyncIterator[float]:
        """The moments at which this person means to speak: `--every`, from now on.

        In the open model `--messages` of them (at least one), in the closed one until the run ends.
        A moment is given late if the last turn took too long, and stays what it was.
        """
        plan = self._run.plan
        most = most or (plan.messages if plan.model == "open" else None)
        first = time.perf_counter()
        spoken = 0
        while most is None or spoken < most:
            meant_at = first + spoken * plan.every_seconds
            if meant_at >= self._run.until and (spoken or plan.model == "closed"):
                return
            await self.rest_until(meant_at)
            self.measures.time("waited", time.perf_counter() - meant_at)
            yield meant_at
            spoken += 1

    # --- speaking

    def line(self) -> str:
        """Something to say."""
        return self.random.choice(LINES)

    def socket(self) -> "Socket":
        """A device on Kindred's own socket."""
        from loadtest.clients.native import Socket

        return Socket(self)

    def socketio(self) -> "SocketIO":
        """A device on Socket.IO."""
        from loadtest.clients.socketio import SocketIO

        return SocketIO(self)

    def events(self) -> "EventStream":
        """A device on server-sent events."""
        from loadtest.clients.events import EventStream

        return EventStream(self)

    def realtime(self, model: str) -> "Realtime":
        """A device that speaks the OpenAI Realtime protocol with a companion."""
        from loadtest.clients.realtime import Realtime

        return Realtime(self, model)

    def call(self, room: str) -> "Call":
        """A phone that calls the room's companion over WebRTC."""
        from loadtest.clients.call import Call

        return Call(self, room)

    def video_call(self, room: str) -> "VideoCall":
        """The same with pictures, which are decoded and looked at."""
        from loadtest.clients.video_call import VideoCall

        return VideoCall(self, room)

    def connected(self, by: int) -> None:
        """A client of this person is signed in, or no longer."""
        self._run.connected += by
