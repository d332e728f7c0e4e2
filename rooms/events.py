"""What rooms and accounts tell people: every server event that is not about the connection itself.

An event is told once, logged, and only then shown (docs/why/logged-before-shown.md).
`seq` is not here: each device's session numbers what leaves its own outbox.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from media.speech.ports import Viseme
from rooms.shapes import (
    CallEndReason,
    CallKind,
    CallState,
    Link,
    Lot,
    Message,
    ReplyStatus,
    Room,
    Usage,
)


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of all events; `type` on the wire is the tag."""


class MessageCreated(Event, frozen=True, kw_only=True, tag="message.created"):
    room: str
    message: Message


class MessageUpdated(Event, frozen=True, kw_only=True, tag="message.updated"):
    """An edit, a reaction, a deletion, or a change of status."""

    room: str
    message: Message


class ReplyStarted(Event, frozen=True, kw_only=True, tag="reply.started"):
    """A companion begins to answer; it can cost at most `ceiling_microcredits`."""

    room: str
    reply: str
    companion: str
    ceiling_microcredits: int
    parent: str | None = None
    continues: str | None = None


class ReplyDelta(Event, frozen=True, kw_only=True, tag="reply.delta"):
    """More of a reply. `offset` counts the code points before `text`; deltas always join."""

    room: str
    reply: str
    offset: int
    text: str
    cost_microcredits: int | UnsetType = UNSET


class ReplyDone(Event, frozen=True, kw_only=True, tag="reply.done"):
    """A reply's one ending. `text` equals the deltas joined, unless it was moderated."""

    room: str
    reply: str
    status: ReplyStatus
    text: str
    cost_microcredits: int
    message: Message | None = None
    usage: Usage | None = None
    receipt: str | None = None
    continuable: bool = False
    code: str | None = None


class Typing(Event, frozen=True, kw_only=True, tag="typing"):
    """Someone is writing; holds for 6 s. Ephemeral."""

    room: str
    person: str
    on: bool


class Read(Event, frozen=True, kw_only=True, tag="read"):
    """A member has read up to message `n`. Ephemeral."""

    room: str
    person: str
    n: int


class Presence(Event, frozen=True, kw_only=True, tag="presence"):
    """A member came or went. Ephemeral."""

    person: str
    status: Literal["online", "away", "offline"]


class RoomUpdated(Event, frozen=True, kw_only=True, tag="room.updated"):
    """The room's title, status, members or branch changed; on a person's own log: a room is new.

    `since` is where its log begins for this person, if not at the beginning.
    """

    room: Room
    since: str | UnsetType = UNSET


class RoomLeft(Event, frozen=True, kw_only=True, tag="room.left"):
    """This person is in the room no more."""

    room: str
    reason: Literal["left", "removed"]


class RoomInvited(Event, frozen=True, kw_only=True, tag="room.invited"):
    """Somebody invites this person; accept by the invitation's id."""

    invitation: str
    title: str
    by: str
    expires_at: int


class WalletUpdated(Event, frozen=True, kw_only=True, tag="wallet.updated"):
    available_microcredits: int
    held_microcredits: int
    lots: list[Lot]


class WalletLow(Event, frozen=True, kw_only=True, tag="wallet.low"):
    available_microcredits: int
    text: str


class Notice(Event, frozen=True, kw_only=True, tag="notice"):
    """The AI disclosure, a break reminder, help in a crisis, or a word from the service's staff."""

    kind: Literal["disclosure", "break", "crisis", "safety", "account", "oversight"]
    text: str
    room: str | None = None
    links: list[Link] = []


class CallStarted(Event, frozen=True, kw_only=True, tag="call.started"):
    """A person calls a companion. `microcredits_per_minute` 0: the plan includes it."""

    room: str
    call: str
    kind: CallKind
    person: str
    companion: str
    microcredits_per_minute: int


class CallUpdated(Event, frozen=True, kw_only=True, tag="call.updated"):
    """How a call stands: told at each change, and every few seconds while it is metered.

    `recorded`: its sound is being kept at this moment.
    """

    room: str
    call: str
    state: CallState
    seconds: int
    cost_microcredits: int
    recorded: bool = False


class CallRecording(Event, frozen=True, kw_only=True, tag="call.recording"):
    """Whether a call is recorded, told at each change. `agreed` and `missing` are people's ids.

    `state` is `on` while everybody agrees, `asked` while somebody is missing, else `off`; `why`
    says what ended it. `recording` can be heard by who called, once the call has ended.
    """

    room: str
    call: str
    state: Literal["off", "asked", "on"]
    agreed: list[str]
    missing: list[str]
    recording: str | None = None
    why: Literal["", "withdrawn", "too_long", "full", "failed"] = ""


class CallEnded(Event, frozen=True, kw_only=True, tag="call.ended"):
    """A call's one ending. `message` is the entry it leaves in the room."""

    room: str
    call: str
    reason: CallEndReason
    seconds: int
    cost_microcredits: int
    receipt: str | None = None
    message: Message | None = None


class CallCaption(Event, frozen=True, kw_only=True, tag="call.caption"):
    """What is said in a call, as far as it is known: the newest of an `utterance` replaces it.

    `of` is who speaks, a person's or a companion's id. `final`: it will not change any more. A
    companion's words are captioned as they are heard, and end with what was heard of them.
    `withdrawn`: it was no speech after all.
    """

    room: str
    call: str
    of: str
    utterance: str
    text: str
    final: bool = False
    withdrawn: bool = False


class CallSeen(Event, frozen=True, kw_only=True, tag="call.seen"):
    """The companion was shown pictures of the person's camera with their last words, to that
    person alone. `pictures`: how many in this call by now; `cost_microcredits`: for all of them."""

    room: str
    call: str
    pictures: int
    cost_microcredits: int


class CallUnseen(Event, frozen=True, kw_only=True, tag="call.unseen"):
    """The person's camera is shown no longer, and the call goes on; told to that person alone.

    `minor`: a picture may have shown somebody under age, and the camera stays off in this call;
    `refused`: it was refused for another reason; `unjudged`: nobody answered who has to look first.
    """

    room: str
    call: str
    why: Literal["minor", "refused", "unjudged"]


class CallViseme(Event, frozen=True, kw_only=True, tag="call.viseme"):
    """Mouth shapes of what is about to sound. Ephemeral, to the person of the call alone.

    Each one's `at_sample` counts at 24 kHz from this one's `at_sample` of the sound's `epoch`.
    """

    room: str
    call: str
    person: str
    epoch: int
    at_sample: int
    visemes: list[Viseme]


class CallSounding(Event, frozen=True, kw_only=True, tag="call.sounding"):
    """Where the companion's sound stands: `samples` of `epoch` (24 kHz) have left the server.

    `playing`: it goes on from there; else it stands still there, held, cut off or at its end. Told
    when that changes and once a second. Ephemeral, to the person of the call alone.
    """

    room: str
    call: str
    person: str
    epoch: int
    samples: int
    playing: bool


class CallExpression(Event, frozen=True, kw_only=True, tag="call.expression"):
    """What the companion's face shows at what it says. Ephemeral, to the person of the call alone.

    `arkit`: the same as weights of ARKit's blend shapes at full strength, those that are not 0.
    """

    room: str
    call: str
    person: str
    name: str
    strength: float
    arkit: dict[str, float]


class AuthExpiring(Event, frozen=True, kw_only=True, tag="auth.expiring"):
    """The access token ends in `in_ms`; answer with `auth.refresh`. Ephemeral."""

    in_ms: int


class Reconnect(Event, frozen=True, kw_only=True, tag="reconnect"):
    """Come back after a random wait of up to `jitter_ms`. Ephemeral."""

    jitter_ms: int
    reason: str


RoomEvent = (
    MessageCreated
    | MessageUpdated
    | ReplyStarted
    | ReplyDelta
    | ReplyDone
    | Typing
    | Read
    | Presence
    | RoomUpdated
    | RoomLeft
    | RoomInvited
    | WalletUpdated
    | WalletLow
    | Notice
    | AuthExpiring
    | Reconnect
    | CallStarted
    | CallUpdated
    | CallRecording
    | CallEnded
    | CallCaption
    | CallSeen
    | CallUnseen
    | CallViseme
    | CallSounding
    | CallExpression
)
EPHEMERAL = (
    Typing,
    Read,
    Presence,
    AuthExpiring,
    Reconnect,
    CallViseme,
    CallSounding,
    CallExpression,
)
DURABLE = (
    MessageCreated,
    MessageUpdated,
    ReplyDone,
    RoomUpdated,
    RoomLeft,
    RoomInvited,
    WalletUpdated,
    WalletLow,
    Notice,
)
