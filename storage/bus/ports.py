"""The bus port: logs that are written before anything is shown, channels, leases, session records.

A log belongs to a room or a person. `pos` is dense; a lost log starts a new `generation`.
Positions, fences and generations are decided by the store, never by a caller.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

SESSION_SECONDS: Final = 300  # what is known of a session outlives its last renewal by this


class BusDown(Exception):
    """The bus does not answer now; the same call may succeed later."""


class StaleFence(Exception):
    """A newer holder writes this log."""


class Place(Struct, frozen=True, array_like=True):
    """A position in one generation of a log."""

    generation: str
    pos: int


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


class Kept(Struct, frozen=True):
    """A session's record and its anchors, in the order they were written."""

    record: bytes
    anchors: list[bytes]


# Called with (log, generation, first pos, entries).
Deliver = Callable[[str, str, int, Sequence[Wanted]], None]
# Called with (log, payload).
Whisper = Callable[[str, bytes], None]


class Bus(Protocol):
    """One node's way to the bus. All methods may raise BusDown."""

    async def start(
        self, node: str, deliver: Deliver, whisper: Whisper, gap: Callable[[], None]
    ) -> None:
        """Connect; from now on followed logs are delivered, and `gap` tells of a lost connection.

        What this node appends or whispers itself is not delivered back to it.
        Raises BusDown, also when another living node has this name.
        """

    async def append(
        self,
        log: str,
        fence: int,
        entries: Sequence[Wanted],
        state: dict[str, bytes | None],
        known: Place | None = None,
    ) -> Appended:
        """Log `entries`; `state` sets (or with None ends) open replies. Raises StaleFence.

        Waits out a lost connection and repeats safely: the store knows each writer's last append.
        `known` is where this writer saw the log end: a log that ends before it has lost entries,
        and goes on as a new generation.
        """

    async def head(self, log: str) -> Head:
        """Where a log ends."""

    async def heads(self, logs: Sequence[str], *, partly: bool = False) -> dict[str, Place]:
        """Where each log that exists ends. `partly`: leave out those that do not answer now."""

    async def read(self, log: str, after: int, limit: int) -> list[Entry]:
        """Entries after a position, as far as the log still has them."""

    async def take(self, log: str, floor: int) -> Lease:
        """Take a room's lease, unless a living node has it.

        The fence is above the log's old one, above `floor`, and at least the store's clock.
        """

    async def release(self, log: str, fence: int) -> None:
        """Give a lease back, if it is still ours."""

    async def living(self) -> list[str]:
        """The nodes that are alive."""

    def follow(self, log: str) -> None:
        """Have a log's entries and whispers delivered, from other nodes too."""

    def unfollow(self, log: str) -> None:
        """No more."""

    def whisper(self, log: str, payload: bytes) -> None:
        """Send something ephemeral to whoever follows a log on other nodes; lost when down."""

    async def begin(self, session: str, owner: str, record: bytes) -> None:
        """Keep a new session's record; it lives a while after the last touch."""

    async def touch(
        self, session: str, owner: str, record: bytes | None, anchors: Sequence[bytes]
    ) -> bool | None:
        """Keep a session alive; with a `record`, replace it and its anchors in one step.

        False: another owner has it now, nothing was changed. None: there is no such session.
        """

    async def anchor(self, session: str, owner: str, anchor: bytes) -> bool | None:
        """Add an anchor. False: another owner has the session now. None: there is none."""

    async def own(self, session: str, owner: str, person: str, epoch: str) -> Kept | None:
        """Become a session's owner, if it is this person's and in this epoch; else None.

        From then on an earlier owner can add no anchor. `person` and `epoch` are compared with
        those in the record (a MessagePack array that begins with them).
        """

    async def close(self) -> None:
        """Disconnect; leases end by themselves."""
