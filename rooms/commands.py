"""What a client may ask for over a socket: every command, typed and bounded.

`id` names the question and comes back in the ack. `key` makes a repeat harmless, also
after a reconnect and on another node; without one the session and id stand in for it.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from media.calls.leg import LegAddress

NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL cannot store one

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL)]
Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_NUL)]
Text = Annotated[str, Meta(min_length=1, max_length=16_000, pattern=NO_NUL)]
Token = Annotated[str, Meta(min_length=1, max_length=4_096)]
Count = Annotated[int, Meta(ge=0)]


class Command(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """The base of all commands; `type` on the wire is the tag."""


class Auth(Command, frozen=True, kw_only=True, tag="auth"):
    id: Id
    token: Token
    device: Annotated[str, Meta(max_length=128)] = ""


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """Carry a session on after frame `seq`, here or on another node."""

    id: Id
    token: Token
    session: Id
    epoch: Id
    seq: Count
    device: Annotated[str, Meta(max_length=128)] = ""


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    """The heartbeat; `seq` acknowledges every frame up to it."""

    seq: Count = 0
    id: Id | None = None


class AuthRefresh(Command, frozen=True, kw_only=True, tag="auth.refresh"):
    """A new access token for this socket, before the old one ends."""

    id: Id
    token: Token


class RoomJoin(Command, frozen=True, kw_only=True, tag="room.join"):
    id: Id
    room: Id


class RoomLeave(Command, frozen=True, kw_only=True, tag="room.leave"):
    id: Id
    room: Id


class MessageSend(Command, frozen=True, kw_only=True, tag="message.send"):
    """Say something. During a reply it interrupts it, and the next reply answers both.

    `voice` sends a voice note of one's own instead of a text (media/recordings): its transcript
    is what is answered.
    """

    id: Id
    room: Id
    text: Text = ""  # "" only where it is left out
    key: Key | None = None
    parent: Id | None = None
    voice: Id | None = None

    def __post_init__(self) -> None:
        """Something has to be said, in one way or the other."""
        if not self.text and self.voice is None:
            raise ValueError("Object missing required field `text`")


class MessageEdit(Command, frozen=True, kw_only=True, tag="message.edit"):
    """Say one's own message otherwise: a new branch, answered anew; the old one is kept."""

    id: Id
    room: Id
    message: Id
    text: Text
    key: Key | None = None


class MessageReact(Command, frozen=True, kw_only=True, tag="message.react"):
    """React to a message; null takes the reaction back."""

    id: Id
    room: Id
    message: Id
    reaction: Annotated[str, Meta(max_length=16, pattern=NO_NUL)] | None = None
    key: Key | None = None


class ReplyCreate(Command, frozen=True, kw_only=True, tag="reply.create"):
    """`again`: another answer beside `message`. `continue`: carry the interrupted `message` on."""

    id: Id
    room: Id
    message: Id
    mode: Literal["again", "continue"] = "again"
    key: Key | None = None


class ReplyCancel(Command, frozen=True, kw_only=True, tag="reply.cancel"):
    id: Id
    reply: Id


class BranchSelect(Command, frozen=True, kw_only=True, tag="branch.select"):
    """Walk to another alternative: the room goes on from `message`'s newest descendant."""

    id: Id
    room: Id
    message: Id
    key: Key | None = None


class TypingSet(Command, frozen=True, kw_only=True, tag="typing"):
    room: Id
    on: bool = True
    id: Id | None = None


class ReadSet(Command, frozen=True, kw_only=True, tag="read"):
    room: Id
    n: Count
    id: Id | None = None


class PresenceSet(Command, frozen=True, kw_only=True, tag="presence"):
    status: Literal["online", "away"]
    id: Id | None = None


class MembersChange(Command, frozen=True, kw_only=True, tag="members.change"):
    """Who is in a room and on what terms. Asked over REST, carried to the room's holder.

    `look` changes nothing: the holder reads again what was changed beside it.
    """

    id: Id
    room: Id
    act: Literal["join", "leave", "remove", "mute", "unmute", "companion", "terms", "look"]
    member: Annotated[str, Meta(max_length=64)] = ""
    invitation: Annotated[str, Meta(max_length=128)] = ""
    payer: Literal["sender", "owner"] | None = None
    shares_history: bool | None = None


class WatchStart(Command, frozen=True, kw_only=True, tag="watch.start"):
    """Administrators: be shown a room as it happens, in `watch.entry` frames. `why` is kept."""

    id: Id
    room: Id
    why: Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]


class WatchStop(Command, frozen=True, kw_only=True, tag="watch.stop"):
    """Watch a room no more."""

    id: Id
    room: Id


class Oversee(Command, frozen=True, kw_only=True, tag="oversee"):
    """Staff's hand in a room. Asked over REST, audited there, carried to the room's holder."""

    id: Id
    room: Id
    act: Literal["pause", "resume", "whisper", "withdraw", "say", "stop", "end", "told"]
    text: Annotated[str, Meta(max_length=16_000, pattern=NO_NUL)] = ""
    once: bool = True
    companion: Annotated[str, Meta(max_length=64)] = ""


class CallStart(Command, frozen=True, kw_only=True, tag="call.start"):
    """Call a room's companion over this socket: from the ack on binary frames are sound.

    `call` goes on with a call whose connection was lost. Over WebRTC a call begins with an offer
    to `POST /v1/calls` instead. `stream` of the frames is in the ack. PCM16 has `sample_rate` both
    ways; `microphone_rate` is of what is sent, where that is another. At 16000 and 24000 nothing
    is resampled.
    """

    id: Id
    room: Id
    kind: Literal["voice", "video"] = "voice"
    transport: Literal["socket", "webrtc", "livekit"] = "socket"
    codec: Literal["pcm16", "opus"] = "pcm16"
    sample_rate: Literal[8_000, 16_000, 24_000, 48_000] = 16_000
    microphone_rate: Literal[8_000, 16_000, 24_000, 48_000] | None = None
    call: Id | None = None
    key: Key | None = None


class CallJoin(Command, frozen=True, kw_only=True, tag="call.join"):
    """A leg for a call: a new one, or (`call`) one that goes on with the same meter.

    From the server's own doors only, once the leg waits at `leg`; no client can send it. Answered
    with the call's id when it is entitled, held and told; refused, the door closes its leg.
    """

    id: Id
    room: Id
    kind: Literal["voice", "video"]
    leg: LegAddress
    call: Id | None = None
    key: Key | None = None


class CallTake(Command, frozen=True, kw_only=True, tag="call.take"):
    """Take a room, and with it the call that its holder has let go of: opening it does that.

    From one holder to the next only; no client can send it.
    """

    id: Id
    room: Id


class CallShut(Command, frozen=True, kw_only=True, tag="call.shut"):
    """End a person's call, for they may not go on with it: they were shut out, or took back a
    consent that it needs. `sign_in`: only if it came by this one; empty: however it came.

    From the server's own hand only; no client can send it.
    """

    id: Id
    room: Id
    sign_in: Annotated[str, Meta(max_length=64)] = ""


class CallCamera(Command, frozen=True, kw_only=True, tag="call.camera"):
    """Let the companion see one's camera in this call, or no longer: a consent that is recorded
    for the call alone. A new connection of the call begins without, and is asked anew.

    Refused with `camera_not_offered` where the model takes no pictures, or where whoever must judge
    them is not named; with `camera_closed` once the judge has seen enough in this call.
    """

    id: Id
    room: Id
    call: Id
    on: bool
    key: Key | None = None


class CallEnd(Command, frozen=True, kw_only=True, tag="call.end"):
    """Hang up. Ending a call that has ended is no error."""

    id: Id
    room: Id
    call: Id | None = None
    key: Key | None = None


class RecordingSet(Command, frozen=True, kw_only=True, tag="call.record"):
    """Agree that this room's call is recorded or, with `on` false, no more.

    It is recorded while everybody in the room agrees, who called among them, and not a moment
    longer. Asked anew in each call; who says it needs the consent `recording` as well.
    """

    id: Id
    room: Id
    on: bool
    call: Id | None = None
    key: Key | None = None


RoomCommand = (
    MessageSend
    | MessageEdit
    | MessageReact
    | ReplyCreate
    | ReplyCancel
    | BranchSelect
    | TypingSet
    | ReadSet
    | MembersChange
    | Oversee
    | CallJoin
    | CallTake
    | CallShut
    | CallCamera
    | CallEnd
    | RecordingSet
)
AnyCommand = (
    Auth
    | Resume
    | Ping
    | AuthRefresh
    | RoomJoin
    | RoomLeave
    | PresenceSet
    | MessageSend
    | MessageEdit
    | MessageReact
    | ReplyCreate
    | ReplyCancel
    | BranchSelect
    | TypingSet
    | ReadSet
    | WatchStart
    | WatchStop
    | CallStart
    | CallCamera
    | CallEnd
    | RecordingSet
)


class Answer(Struct, frozen=True, kw_only=True):
    """What an accepted command is answered with; goes out as `ack`. Stored with its key."""

    message: str | None = None
    reply: str | None = None
    call: str | None = None
