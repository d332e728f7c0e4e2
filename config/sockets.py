"""The limits of sockets, sessions and rooms; all of them are told to clients in `hello`."""

from typing import Final

from msgspec import Struct, structs

OWN_DESCRIPTORS: Final = 256  # stores, listeners, files, model connections


class SocketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sockets.

    frame_bytes: the largest frame a client may send.
    commands_per_second: a person's steady command rate per socket.
    commands_burst: how many commands may come at once.
    sockets_per_person: sockets one person may hold on a node.
    sockets_per_address: sockets one address (of IPv6: one /64) may hold on a node.
    sockets_max: sockets a node holds; further ones are refused with 503 at the handshake.
    unsigned_max: sockets a node holds that have not signed in yet.
    unsigned_per_address: of those, how many one address may hold.
    resumes_per_second: how often, in the long run, a person may take up sessions again.
    resumes_burst: how many of a person's sessions may be taken up at once.
    auth_seconds: how long a new socket may stay silent before it signs in.
    heartbeat_ms: how often a client must ping.
    resume_window_ms: how long a lost session can be resumed.
    outbox_bytes: what may wait for one socket before it is closed as slow.
    transport_bytes: what may lie in the transport before deltas are merged.
    slow_seconds: how long a socket may stay undrained.
    socketio_polling: offer Socket.IO's long polling beside its WebSocket, where one gateway runs.
    delta_ms: the least time between two log appends of one reply.
    openai_items: items one conversation on /v1/realtime may hold.
    openai_bytes: bytes of text one conversation on /v1/realtime may hold.
    openai_seconds: how long a session on /v1/realtime may last.
    """

    frame_bytes: int = 65_536
    commands_per_second: float = 10.0
    commands_burst: int = 40
    sockets_per_person: int = 20
    sockets_per_address: int = 1000
    sockets_max: int = 20_000
    unsigned_max: int = 2_000
    unsigned_per_address: int = 500
    resumes_per_second: float = 1.0
    resumes_burst: int = 60
    auth_seconds: float = 10.0
    heartbeat_ms: int = 25_000
    resume_window_ms: int = 120_000
    outbox_bytes: int = 262_144
    transport_bytes: int = 32_768
    slow_seconds: float = 20.0
    socketio_polling: bool = True
    delta_ms: int = 40
    openai_items: int = 500
    openai_bytes: int = 262_144
    openai_seconds: float = 3_600.0


def within_descriptors(settings: SocketSettings, descriptors: int) -> SocketSettings:
    """No more sockets than the process may open files, less what the house itself needs.

    A node that runs out of descriptors cannot even say so: it stops accepting.
    """
    if descriptors < 0:  # no limit
        return settings
    room = max(64, descriptors - OWN_DESCRIPTORS)
    return structs.replace(settings, sockets_max=min(settings.sockets_max, room))


def for_gateways(settings: SocketSettings, gateways: int) -> SocketSettings:
    """The settings that hold among so many processes on one port.

    The requests of a polling session land on any of them, and only one knows the session.
    """
    polling = settings.socketio_polling and gateways == 1
    return structs.replace(settings, socketio_polling=polling)


class RoomSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rooms and turns.

    message_characters: the longest message a person may write.
    reply_tokens: the longest reply, whatever the provider allows.
    prompt_tokens: the budget of a compiled prompt.
    turn_seconds: the longest a turn may take.
    people_per_room: people in one room at most.
    companions_per_room: companions in one room at most.
    companion_turns: replies of companions in a row, after each message of a person.
    live_rooms: rooms kept in memory per node; the idlest leave first.
    hold_seconds: life of a hold; it is renewed every third of it while a turn runs.
    disclosure_seconds: how long a conversation may go on before it is said again that it is an AI.
    """

    message_characters: int = 8_000
    reply_tokens: int = 512
    prompt_tokens: int = 4_096
    turn_seconds: float = 180.0
    people_per_room: int = 32
    companions_per_room: int = 8
    companion_turns: int = 3
    live_rooms: int = 10_000
    hold_seconds: int = 90
    disclosure_seconds: int = 10_800
