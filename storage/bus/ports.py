"""The bus port: logs that are written before anything is shown, channels, leases, session records.

A log belongs to a room or a person. `pos` is dense; a lost log starts a new `generation`.
Positions, fences and generations are decided by the store, never by a caller.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct


class BusDown(Exception):
    """The bus does not answer now; the same call may succeed later."""


class StaleFence(Exception):
    """A newer holder writes this log."""


class Wanted(Struct, frozen=True, array_like=True):
    """An entry on its way into a log. `to` is empty for everyone; `reply` names a delta's reply."""

    at: int
    to: str
    reply: str
    event: bytes


class Entry(Struct, frozen=True):
    """A logged entry."""

    pos: int
    at: int
    to: str
    reply: str
    event: bytes


class Head(Struct, frozen=True):
    """Where a log ends. `generation` is empty while there is none. `open` is reply -> its state."""

    generation: str
    pos: int
    fence: int
    node: str
    open: dict[str, bytes]


class Appended(Struct, frozen=True):
    """Entries took the positions `first`..`last` of `generation`."""

    generation: str
    first: int
    last: int


class Lease(Struct, frozen=True):
    """`fence` if the room is ours now; else `holder`, the living node that has it."""

    fence: int
    holder: str


# Called with (log, generation, first pos, entries); ephemeral payloads come with pos 0.
Deliver = Callable[[str, str, int, Sequence[Wanted]], None]
Whisper = Callable[[str, bytes], None]


class Bus(Protocol):
    """One node's way to the bus. All methods may raise BusDown."""

    async def start(
        self, node: str, deliver: Deliver, whisper: Whisper, gap: Callable[[], None]
    ) -> None:
        """Connect; followed logs are delivered from now on, and `gap` tells of a lost wire."""

    async def append(
        self, log: str, fence: int, entries: Sequence[Wanted], state: dict[str, bytes | None]
    ) -> Appended:
        """Log `entries`; `state` sets (or with None ends) open replies. Raises StaleFence.

        A repeat after BusDown is safe: the store knows the last append of each writer.
        """

    async def head(self, log: str) -> Head:
        """Where a log ends."""

    async def heads(self, logs: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Generation and last position of each log that exists."""

    async def read(self, log: str, after: int, limit: int) -> list[Entry]:
        """Entries after a position, as far as the log still has them."""

    async def take(self, log: str, floor: int) -> Lease:
        """Take a room's lease, unless a living node has it; the fence is above `floor`."""

    async def release(self, log: str, fence: int) -> None:
        """Give a lease back, if it is still ours."""

    async def living(self) -> list[str]:
        """The nodes that are alive."""

    def follow(self, log: str) -> None:
        """Have a log's entries and whispers delivered."""

    def unfollow(self, log: str) -> None:
        """No more."""

    def whisper(self, log: str, payload: bytes) -> None:
        """Send something ephemeral to whoever follows a log, other nodes included."""

    async def remember(self, session: str, record: bytes | None, anchor: bytes | None) -> None:
        """Keep a session's record and append an anchor; both live a while after the last touch."""

    async def recall(self, session: str) -> tuple[bytes, list[bytes]] | None:
        """A session's record and anchors."""

    async def close(self) -> None:
        """Disconnect; leases end by themselves."""
