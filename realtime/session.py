"""One socket's conversation as a pure state machine: frames and time in, orders out.

No await, no clock, no socket: what may be asked when, how often, how long one may be silent,
and what a mistake costs is decided here and tested by calling it. `realtime/socket.py` carries
the orders out; which number a frame gets is in `realtime/numbering.py`.
"""

from typing import Final, Literal

from msgspec import Struct

from realtime import frames
from realtime.codec import Format, decode, id_in
from rooms.commands import (
    AnyCommand,
    Auth,
    AuthRefresh,
    CallStart,
    Ping,
    PresenceSet,
    Resume,
    RoomCommand,
    RoomJoin,
    RoomLeave,
    WatchStart,
    WatchStop,
)
from rooms.errors import Forbidden, ProductError, TooMany, Unauthorized
from rooms.events import AuthExpiring

MALFORMED_MAX: Final = 3
HEARTBEATS_MISSED: Final = 2.5
SOUND_PER_SECOND: Final = 110.0  # frames of 10 ms, and a little more
SOUND_BURST: Final = 220
EXPIRING_MS: Final = 60_000
NEVER: Final = float("inf")


class Rules(Struct, frozen=True, kw_only=True):
    """What a client must keep to; from the settings."""

    frame_bytes: int
    commands_per_second: float
    commands_burst: int
    auth_seconds: float
    heartbeat_seconds: float
    slow_seconds: float


class Say(Struct, frozen=True):
    """Send this frame."""

    frame: frames.AnyFrame | AuthExpiring


class SignIn(Struct, frozen=True):
    """Find out who this is, and begin or take up a session; then `signed_in` or `not_signed_in`."""

    command: Auth | Resume


class Refresh(Struct, frozen=True):
    """A new token for the same person; then `refreshed`."""

    command: AuthRefresh


Asked = RoomCommand | RoomJoin | RoomLeave | PresenceSet | WatchStart | WatchStop | CallStart


class Carry(Struct, frozen=True):
    """Carry this command out, in its turn, and say `ack` or `error`."""

    command: Asked


class Acknowledged(Struct, frozen=True):
    """The client has every frame up to `seq`, and lives."""

    seq: int


class Close(Struct, frozen=True):
    """Close the socket. Nothing comes after this."""

    code: int


Order = Say | SignIn | Refresh | Carry | Acknowledged | Close
PONG: Final = Say(frames.Pong())


class Session:
    """`receive` and `tick` return what is to be done, in order."""

    __slots__ = (
        "_bucket",
        "_expires_at_ms",
        "_form",
        "_heard_at",
        "_malformed",
        "_opened_at",
        "_rules",
        "_sound",
        "_warned",
        "epoch",
        "session",
        "state",
    )

    def __init__(self, form: Format, rules: Rules, now: float) -> None:
        self.state: Literal["new", "signing", "live", "closed"] = "new"
        self.session = ""
        self.epoch = ""
        self._form: Format = form
        self._rules = rules
        self._bucket = Bucket(rules.commands_per_second, rules.commands_burst, now)
        self._opened_at = now
        self._heard_at = now
        self._malformed = 0
        self._sound: Bucket | None = None
        self._expires_at_ms: int | None = None
        self._warned = False

    # --- what the client sends

    def receive(self, data: bytes, now: float) -> list[Order]:
        """A frame in the connection's own format."""
        if self.state == "closed":
            return []
        self._heard_at = now
        wait_seconds = self._bucket.take(now)
        if len(data) > self._rules.frame_bytes:
            return self._close(frames.CLOSE_TOO_LARGE)
        if self._bucket.flooding():
            return self._close(frames.CLOSE_FLOODING)
        try:
            command = decode(data, self._form)
        except ProductError as error:
            return self._misread(error, id_in(data, self._form))
        self._malformed = 0
        if isinstance(command, Ping):
            return [Acknowledged(command.seq), PONG]
        if wait_seconds > 0:
            retry_after_ms = int(wait_seconds * 1000) + 1
            slow = TooMany("You are sending too fast.", retry_after_ms=retry_after_ms)
            return [refusal(command.id, slow)]
        return self._ask(command)

    def call_begins(self, now: float) -> None:
        """From now on binary frames are sound."""
        self._sound = Bucket(SOUND_PER_SECOND, SOUND_BURST, now)

    def call_ends(self) -> None:
        """Binary frames are mistakes again."""
        self._sound = None

    def receive_binary(self, now: float) -> list[Order]:
        """A binary frame on a text connection: sound, legal only in a call on this socket.

        No order: it is sound, and the call's.
        """
        if self.state == "closed":
            return []
        self._heard_at = now
        if self._sound is not None:
            self._sound.take(now)
            return self._close(frames.CLOSE_FLOODING) if self._sound.flooding() else []
        self._bucket.take(now)
        if self._bucket.flooding():
            return self._close(frames.CLOSE_FLOODING)
        error = Forbidden("Binary frames are audio; start a call first.", code="not_in_call")
        return self._misread(error, None)

    def misheard(self, error: ProductError) -> list[Order]:
        """A binary frame in a call that is no sound of it."""
        return self._misread(error, None) if self.state != "closed" else []

    def _misread(self, error: ProductError, command_id: str | None) -> list[Order]:
        said: list[Order] = [refusal(command_id, error)]
        self._malformed += 1
        return said + self._close(frames.CLOSE_BAD_FRAME) if self._tired() else said

    def _tired(self) -> bool:
        return self._malformed >= MALFORMED_MAX

    def _ask(self, command: AnyCommand) -> list[Order]:
        match command:
            case Auth() | Resume():
                if self.state != "new":
                    already = Forbidden("This socket is signed in.", code="already_signed_in")
                    return [refusal(command.id, already)]
                self.state = "signing"
                return [SignIn(command)]
            case _ if self.state == "new":
                return [refusal(command.id, not_signed_in())]
            case AuthRefresh():
                return [Refresh(command)]
            case Ping():
                return []
            case _:
                return [Carry(command)]

    def key_of(self, command: Asked) -> str:
        """What makes a repeat of this command harmless, also on another node."""
        return getattr(command, "key", None) or f"{self.session}/{self.epoch}/{command.id}"

    def heard(self, now: float) -> None:
        """The peer lives, as its transport shows."""
        self._heard_at = now

    # --- what became of it

    def signed_in(self, session: str, epoch: str, expires_at_ms: int | None) -> None:
        """From now on commands are carried out for somebody."""
        if self.state != "closed":
            self.state = "live"
        self.session, self.epoch = session, epoch
        self._expires_at_ms = expires_at_ms

    def not_signed_in(self) -> None:
        """The sign-in was refused; it may be tried again."""
        if self.state == "signing":
            self.state = "new"

    def refreshed(self, expires_at_ms: int | None) -> None:
        """A later token holds now."""
        self._expires_at_ms, self._warned = expires_at_ms, False

    def closed(self) -> None:
        """The socket is gone, whoever closed it."""
        self.state = "closed"

    # --- what time brings

    def tick(self, now: float, now_ms: int, stuck_at: float | None) -> list[Order]:
        """Look at the deadlines. `stuck_at`: since when the socket has taken nothing."""
        rules = self._rules
        if self.state == "closed":
            return []
        if self.state != "live" and now - self._opened_at >= rules.auth_seconds:
            return self._close(frames.CLOSE_NOT_SIGNED_IN)
        if stuck_at is not None and now - stuck_at >= rules.slow_seconds:
            return self._close(frames.CLOSE_SLOW)
        if now - self._heard_at >= HEARTBEATS_MISSED * rules.heartbeat_seconds:
            return self._close(frames.CLOSE_HEARTBEAT)
        if self._expires_at_ms is None:
            return []
        left_ms = self._expires_at_ms - now_ms
        if left_ms <= 0:
            return self._close(frames.CLOSE_TOKEN_EXPIRED)
        if left_ms <= EXPIRING_MS and not self._warned:
            self._warned = True
            return [Say(AuthExpiring(in_ms=left_ms))]
        return []

    def next_tick(self, now: float, now_ms: int, stuck_at: float | None) -> float:
        """In how many seconds `tick` is next worth calling."""
        due = self._heard_at + HEARTBEATS_MISSED * self._rules.heartbeat_seconds
        if self.state != "live":
            due = min(due, self._opened_at + self._rules.auth_seconds)
        if stuck_at is not None:
            due = min(due, stuck_at + self._rules.slow_seconds)
        if self._expires_at_ms is not None:
            warn_ms = 0 if self._warned else EXPIRING_MS
            due = min(due, now + (self._expires_at_ms - warn_ms - now_ms) / 1000)
        return max(0.0, due - now)

    def _close(self, code: int) -> list[Order]:
        self.state = "closed"
        return [Close(code)]


class Bucket:
    """A command rate: `burst` at once, `per_second` steadily. Time is passed in."""

    __slots__ = ("_burst", "_filled_at", "_left", "_per_second")

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left = float(burst)
        self._filled_at = now

    def take(self, now: float) -> float:
        """Take one: 0 if allowed, else the seconds to wait (the debt grows: flooding shows)."""
        self._left = min(self._burst, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        self._left -= 1
        return 0.0 if self._left >= 0 else -self._left / self._per_second

    def give_back(self) -> None:
        """One that is counted elsewhere."""
        self._left = min(self._burst, self._left + 1)

    def flooding(self) -> bool:
        """Whether the debt is so deep that nobody sends like this by accident."""
        return self._left < -2 * self._burst


def not_signed_in() -> Unauthorized:
    """The refusal of whoever has not said who they are."""
    return Unauthorized("Sign in first.", code="not_signed_in")


def refusal(command_id: str | None, error: ProductError) -> Say:
    """A command's refusal, or (without an id) a frame's."""
    return Say(
        frames.ErrorFrame(
            id=command_id,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
            path=error.path,
            details=error.details,
        )
    )
