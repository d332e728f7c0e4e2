"""The shapes people and programs see: messages, senders, usage, wallets, rooms.

They cross every boundary (socket, REST, log), so they live in one place and are
msgspec Structs; the JSON Schema, AsyncAPI and OpenAPI documents are generated
from them. Instants are unix milliseconds on the socket; money is microcredits.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

Role = Literal["member", "moderator", "admin"]
MessageStatus = Literal[
    "completed", "interrupted", "failed", "out_of_credits", "moderated", "deleted"
]
ReplyStatus = Literal["completed", "interrupted", "failed", "out_of_credits", "moderated"]
CallKind = Literal["voice", "video"]
CallState = Literal["connecting", "live", "reconnecting", "ended"]
CallEndReason = Literal[
    "hung_up",  # by the person
    "connection_lost",  # and nobody came back
    "worker_lost",  # likewise
    "never_connected",
    "out_of_credits",
    "time_used_up",  # the plan's minutes, or the longest a call may last
    "at_capacity",
    "ended_by_staff",
    "not_allowed",  # the person lost their seat or their voice
    "server_restarting",
    "holder_died",
    "failed",
]


class Shape(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The base of what is shown: immutable, keyword-only."""


class TextPart(Shape, frozen=True, kw_only=True, tag="text"):
    """Words. `heard_until` counts the code points that were heard in a call; absent in writing."""

    text: str
    heard_until: int | UnsetType = UNSET


class CallPart(Shape, frozen=True, kw_only=True, tag="call"):
    """The entry a call leaves in its room. `seconds` are those that were metered.

    `recordings`: what was recorded of it; only who called can hear them.
    """

    call: str
    kind: CallKind
    reason: CallEndReason
    seconds: int
    cost_microcredits: int
    person: str
    companion: str
    receipt: str | None = None
    recordings: list[str] = []


class VoicePart(Shape, frozen=True, kw_only=True, tag="voice"):
    """A voice note: its sound at `/api/v1/media/recordings/{recording}/sound`, and its words.

    Length, waveform (how loud each part is, 0..100) and transcript are the server's own.
    """

    recording: str
    ms: int
    waveform: list[int]
    transcript: str
    media_type: str


# Images join it as further tags.
Part = TextPart | CallPart | VoicePart


def text_of(parts: "list[Part]") -> str:
    """The words among a message's parts, written or spoken."""
    said = [
        part.text if isinstance(part, TextPart) else part.transcript
        for part in parts
        if isinstance(part, TextPart | VoicePart)
    ]
    return "\n".join(said)


class Sender(Shape, frozen=True, kw_only=True):
    """Who wrote a message."""

    kind: Literal["person", "companion", "system"]
    id: str
    name: str


class Alternatives(Shape, frozen=True, kw_only=True):
    """This message's place among its siblings: `index` counts from 1; `ids` are in order of age."""

    index: int
    ids: list[str]


class Usage(Shape, frozen=True, kw_only=True):
    """Tokens of one reply, as the provider counted them, else as our tokenizer did."""

    input_tokens: int
    output_tokens: int
    source: Literal["provider", "kindred"]


class Message(Shape, frozen=True, kw_only=True):
    """One node of a room's message tree.

    `n` is dense per room. `parent` is the message it answers or follows. `continues`
    names the interrupted reply that this one carries on. `by_staff`: a person of the service
    wrote it in the companion's place.
    """

    id: str
    room: str
    n: int
    sender: Sender
    parts: list[Part]
    at: int
    parent: str | None = None
    continues: str | None = None
    status: MessageStatus = "completed"
    continuable: bool = False
    alternatives: Alternatives | None = None
    reactions: dict[str, str] = {}
    edited: bool = False
    usage: Usage | None = None
    cost_microcredits: int = 0
    receipt: str | None = None
    memories: list[str] = []
    key: str | None = None
    by_staff: bool = False


class Lot(Shape, frozen=True, kw_only=True):
    """Credits of one origin. `expires_at` is unix milliseconds, or null for never."""

    kind: Literal["daily", "subscription", "bonus", "purchased"]
    remaining_microcredits: int
    expires_at: int | None = None


class Wallet(Shape, frozen=True, kw_only=True):
    """What a person can spend now (`available`), what replies under way hold, and the lots."""

    available_microcredits: int
    held_microcredits: int
    lots: list[Lot]


class Person(Shape, frozen=True, kw_only=True):
    """A signed-in person, as shown to themselves."""

    id: str
    username: str
    display_name: str
    role: Role
    plan: str
    language: str
    timezone: str
    country: str


class CompanionCard(Shape, frozen=True, kw_only=True):
    """A companion as lists show it. `portrait` is a path under the server's root."""

    id: str
    slug: str
    name: str
    tagline: str
    age: int
    gender: str
    tier: Literal["free", "premium", "exclusive"]
    rating: Literal["general", "teen", "mature", "explicit"]
    hue: int
    portrait: str
    tags: list[str]
    languages: list[str]


class Member(Shape, frozen=True, kw_only=True):
    """One person or companion in a room, with the person's read cursor (`n`)."""

    kind: Literal["person", "companion"]
    id: str
    name: str
    read_n: int = 0
    role: Literal["owner", "member"] = "member"
    muted: bool = False
    portrait: str | None = None
    hue: int | None = None


class Room(Shape, frozen=True, kw_only=True):
    """A room as its members see it. `head` is the last message of the branch in use.

    `payer` is `sender` (whoever causes a turn pays for it) or the id of the owner who pays for all.
    """

    id: str
    title: str
    status: Literal["active", "ended", "archived"]
    payer: str
    members: list[Member]
    n: int
    unread: int
    created_at: int
    updated_at: int
    head: str | None = None
    last_message: Message | None = None
    replying: str | None = None
    shares_history: bool = False
    spent_microcredits: int = 0


class Link(Shape, frozen=True, kw_only=True):
    """A place to go, named for people."""

    label: str
    href: str


class ReceiptLine(Shape, frozen=True, kw_only=True):
    """One line of a receipt: `quantity` units at `unit_microcredits` per 1,000."""

    what: str
    quantity: int
    unit_microcredits_per_1k: int
    microcredits: int


class Receipt(Shape, frozen=True, kw_only=True):
    """What a reply cost and why. `prompt` names each part of the prompt and its tokens."""

    id: str
    reply: str
    room: str
    companion: str
    at: int
    model: str
    provider: str
    price_book: str
    lines: list[ReceiptLine]
    discount_percent: int
    minimum_applied: bool
    cost_microcredits: int
    held_microcredits: int
    released_microcredits: int
    status: ReplyStatus
    first_token_ms: int | None
    total_ms: int
    memories: list[str]
    prompt: dict[str, int]
