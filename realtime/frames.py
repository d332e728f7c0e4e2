"""The frames of a connection itself: greeting, sign-in, acks, errors, resume.

What rooms tell lies in rooms/events.py, what clients ask in rooms/commands.py; together they
are the whole protocol, from which the reference is generated.
"""

from msgspec import UNSET, Struct, UnsetType

from rooms.events import Notice
from rooms.shapes import Person, Wallet


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of connection frames; `type` on the wire is the tag."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a client must keep to."""

    frame_bytes: int
    commands_per_second: float
    commands_burst: int
    message_characters: int


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """The first frame. Sign in within `auth_ms`, then ping at least every `heartbeat_ms`."""

    heartbeat_ms: int
    auth_ms: int
    node: str
    resume_window_ms: int
    limits: Limits
    version: str


class Ready(Frame, frozen=True, kw_only=True, tag="ready"):
    """Signed in; a new session begins at `seq` 0."""

    id: str
    session: str
    epoch: str
    seq: int
    user: Person
    wallet: Wallet
    demo_model: bool = False
    notices: list[Notice] = []


class Resumed(Frame, frozen=True, kw_only=True, tag="resumed"):
    """The session goes on; `replayed` frames follow, numbered from the acknowledged one on."""

    id: str
    session: str
    epoch: str
    seq: int
    replayed: int


class Resync(Frame, frozen=True, kw_only=True, tag="resync"):
    """The session cannot go on where it was; read history again and begin at `seq` 0."""

    id: str
    session: str
    epoch: str
    seq: int
    reason: str
    user: Person | None = None
    wallet: Wallet | None = None


class Ack(Frame, frozen=True, kw_only=True, tag="ack"):
    """A command was carried out; what it made is named. `stream` numbers a call's binary frames."""

    id: str
    message: str | None = None
    reply: str | None = None
    call: str | UnsetType = UNSET
    stream: int | UnsetType = UNSET


class ErrorFrame(Frame, frozen=True, kw_only=True, tag="error"):
    """A command was refused, or (id null) a frame was not understood."""

    id: str | None
    code: str
    message: str
    retryable: bool = False
    retry_after_ms: int | None = None
    path: str | None = None
    details: dict[str, object] = {}


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    """The answer to a ping."""


class WatchEntry(Frame, frozen=True, kw_only=True, tag="watch.entry"):
    """What a watched room is told, to an administrator who is no member. Never numbered.

    `pos` rises within a room; 0 is something ephemeral. A reader who is too slow misses entries.
    """

    room: str
    pos: int
    at: int
    event: dict[str, object]


class WatchEnded(Frame, frozen=True, kw_only=True, tag="watch.ended"):
    """The room is watched no more, without having been asked."""

    room: str
    reason: str


AnyFrame = Hello | Ready | Resumed | Resync | Ack | ErrorFrame | Pong | WatchEntry | WatchEnded

# Close codes: 4000-4499 come back, 4500-4999 do not come back as you are (docs/reference).
CLOSE_BYE = 1000
CLOSE_GOING_AWAY = 1012
CLOSE_INVALID_UTF8 = 1007
CLOSE_TOO_LARGE = 1009
CLOSE_RECONNECT = 4000
CLOSE_SLOW = 4008
CLOSE_REPLACED = 4009
CLOSE_HEARTBEAT = 4010
CLOSE_TOKEN_EXPIRED = 4011
CLOSE_BAD_FRAME = 4500
CLOSE_NOT_SIGNED_IN = 4501
CLOSE_FORBIDDEN = 4503
CLOSE_REVOKED = 4504
CLOSE_FLOODING = 4529
CLOSE_REASONS = {
    1000: "bye",
    1012: "the server is going away; reconnect",
    1007: "invalid UTF-8",
    1009: "frame too large",
    4000: "reconnect",
    4008: "too slow; reconnect and resume",
    4009: "this session goes on elsewhere",
    4010: "no heartbeat; reconnect and resume",
    4011: "token expired; refresh it and come back",
    4500: "bad frames",
    4501: "not signed in in time",
    4503: "forbidden",
    4504: "this sign-in was ended",
    4529: "flooding",
}
