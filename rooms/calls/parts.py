"""What calls run on, as Protocols: who carries sound, who listens and speaks, who calls.

Handed in by server/wiring.py; tests pass simple twins.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from config.calls import CallSettings
from media.calls.leg import GoneReason, Leg, LegAddress
from media.calls.picture_check import PictureCheck
from rooms.calls.around import Around
from rooms.calls.may import Caller
from rooms.credits.calls import CallCredits
from rooms.ports import Principal
from rooms.shapes import CallKind
from rooms.tallies import CallTally

if TYPE_CHECKING:
    from rooms.room import ChatRoom
    from rooms.tapes import Tapes


class LegLost(Exception):
    """Nothing waits at this address, or not under this key."""


class Talk(Protocol):
    """A call's conversation; see rooms/calls/conversation.py `Conversation`."""

    async def run(self, leg: Leg) -> GoneReason: ...

    async def say(self, text: str, *, interruptible: bool = True) -> int: ...

    async def hush(self) -> None: ...


class Voices(Protocol):
    """Who listens and who speaks in calls."""

    async def check(self) -> None:
        """Raises Unavailable where nothing can listen or speak: then nothing is held.

        Whoever is only starting is waited for, within a limit.
        """

    def talk(
        self, room: "ChatRoom", who: Principal, companion: str, kind: CallKind, around: Around
    ) -> AbstractAsyncContextManager[Talk]:
        """A conversation with its ear and voice, given back at the end.

        Entering raises Unavailable, as `check` does.
        """


class Callers(Protocol):
    """What is known of people who call."""

    async def __call__(self, who: Principal, *, counted: bool) -> Caller:
        """`counted`: with the seconds of today's calls."""


async def nobody_again(person: str) -> Principal | None:  # noqa: ARG001 - asks nobody
    """Where nobody can be asked who somebody is, a call ends with its holder."""
    return None


def monotonic_ms() -> int:
    """Milliseconds that only go forward."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class CallParts:
    """The same for every call of a node."""

    settings: CallSettings
    disclosure_seconds: int
    dial: Callable[[LegAddress], Awaitable[Leg]]  # raises LegLost
    voices: Voices
    credits: CallCredits
    caller: Callers
    node: str
    tapes: "Tapes | None" = None  # None: no call is recorded here
    check: PictureCheck | None = None  # who judges what cameras show, before a companion sees it
    tally: CallTally = field(default_factory=CallTally)
    clock_ms: Callable[[], int] = monotonic_ms
    # Who somebody is whose call goes on here; None: they may not any more.
    again: Callable[[str], Awaitable[Principal | None]] = nobody_again
