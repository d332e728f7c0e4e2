"""What a turn needs from outside, as Protocols: the room's log, recall, and the screen.

The language-model port is in rooms/dialogue/ports.py. Implementations are handed in by
server/wiring.py, so that tests pass simple twins and never patch anything.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from media.calls.leg import LegAddress
from rooms.commands import Answer, CallTake, RoomCommand
from rooms.events import RoomEvent
from rooms.oversight import Glance
from rooms.shapes import Person


class Metered(Struct, frozen=True):
    """How far an open reply has come, logged with its words: what a crash leaves to charge."""

    reply: str
    person: str
    hold: str
    offset: int
    microcredits: int


class CallMark(Struct, frozen=True):
    """How far an open call has come: what a crash leaves to charge, or to go on from.

    `free_ms` of the metered time are not charged, the next `care_ms` will not be; `leg` carries it.
    Beside the time so many `pictures` were paid for.
    """

    call: str
    person: str
    hold: str
    companion: str
    metered_ms: int
    microcredits: int
    over: bool = False
    free_ms: int = 0
    care_ms: int = 0
    leg: LegAddress | None = None
    beside_microcredits: int = 0
    pictures: int = 0


class Telling(Struct, frozen=True):
    """One event on its way into a log. `to` makes it private to one person."""

    event: RoomEvent
    to: str | None = None
    metered: Metered | None = None
    mark: CallMark | None = None


class Unfinished(Struct, frozen=True):
    """What the log knows of a reply whose holder died: enough to settle it exactly."""

    metered: Metered
    companion: str
    parent: str | None
    continues: str | None
    text: str


class LogStale(Exception):
    """Another node holds this room now: stop at once, change nothing more."""


class LogStalled(Exception):
    """The log has not taken an entry for too long; end the turn as interrupted."""


class RoomLog(Protocol):
    """The pen of a room's holder. What `append` returns from is logged, hence may be shown."""

    @property
    def room(self) -> str:
        """Whose log it is."""

    @property
    def fence(self) -> int:
        """Under which lease it is written."""

    async def append(self, tellings: Sequence[Telling]) -> None:
        """Log `tellings` in order, atomically. Raises LogStale or LogStalled."""

    async def mark(self, mark: CallMark) -> None:
        """Log how far a call has come, showing nothing. Raises LogStale or LogStalled."""

    async def open_calls(self) -> "list[CallMark]":
        """Calls an earlier holder began in this log and never ended."""

    async def unfinished(self) -> "list[Unfinished]":
        """Replies an earlier holder began in this log and never ended."""

    async def place(self) -> str:
        """Where the log ends now, as members' seats keep it. Raises LogStalled."""

    def mention(self, event: RoomEvent) -> None:
        """Send an ephemeral event (typing, read) to whoever is there; never logged."""


class AccountLog(Protocol):
    """A person's own log: account events for all their devices, on whatever node."""

    async def tell(self, person: str, event: RoomEvent) -> None:
        """Log an event for one person."""

    async def left(self, person: str, room: str, reason: "Literal['left', 'removed']") -> None:
        """A person is in a room no more: all their devices stop following it, and are told."""

    async def kick(self, person: str, session: str | None, code: int, reason: str) -> None:
        """Close a person's sockets (one sign-in's, or all) on every node, at once."""


class Memory(Struct, frozen=True):
    """Something recalled, with where it came from."""

    id: str
    text: str
    score: float


class Recall(Protocol):
    """What a companion remembers that bears on what was just said."""

    async def recall(self, person: str, companion: str, text: str, limit: int) -> list[Memory]:
        """At most `limit` memories, best first; strictly what this person told this companion."""

    def remember(self, person: str, message: str, room: str, companion: str, words: str) -> None:
        """Keep what was said for later; never slows a turn."""


class Verdict(Struct, frozen=True):
    """What the screen says of a text. `crisis` means: answer with care, count, never charge."""

    action: Literal["allow", "block", "crisis"]
    category: str | None = None
    severity: Literal["low", "medium", "high", "critical"] = "low"


class Screen(Protocol):
    """Reads text before, during and after a reply."""

    def screen(self, text: str, *, minor: bool, from_person: bool) -> Verdict:
        """Judge `text`. Pure and fast: it runs while words stream."""


class Principal(Struct, frozen=True, kw_only=True):
    """Who is asking: a signed-in person, on one sign-in or API key, until `expires_at_ms`."""

    person: Person
    sign_in: str
    scopes: frozenset[str] = frozenset({"*"})
    expires_at_ms: int | None = None
    minor: bool = False


class Authenticate(Protocol):
    """Turns an access token or API key into a Principal; raises Unauthorized."""

    async def __call__(self, token: str) -> Principal: ...


class LiveRoom(Protocol):
    """A room in memory on the node that holds its lease. Owns its turns' tasks."""

    @property
    def idle(self) -> bool:
        """No turn runs here, so the room may leave memory."""

    def glance(self) -> Glance:
        """How it stands, for those who run the service."""

    async def command(self, who: Principal, command: RoomCommand, key: str) -> Answer:
        """Carry a command out; returns after commit and append. Raises ProductError."""

    async def close(self, *, interrupt: bool) -> None:
        """Let turns finish, or end them as interrupted; every turn is settled on return."""

    async def leave(self, *, interrupt: bool) -> None:
        """As `close`, of a room that goes elsewhere: its call says goodbye, or is cut."""

    async def hand_over(self) -> "tuple[Principal, CallTake] | None":
        """Let the room's call go, if there is one, so that another holder goes on with it.

        Returns, once this one has let go, what the other is asked with, and in whose name.
        """


class OpenRoom(Protocol):
    """Brings a room into memory, ending what a dead holder left open. Raises NotFound."""

    async def __call__(self, room: str, log: RoomLog) -> LiveRoom: ...
