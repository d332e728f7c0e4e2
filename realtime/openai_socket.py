"""One `/v1/realtime` socket: carries out what its session orders, one response at a time.

Rules are in realtime/openai_session.py; a response is a completion without a room
(rooms/completion.py), paid for word by word as it is written to the socket. A reader that does
not keep up stops its own reply, then loses its socket; nobody else waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from msgspec import Struct

from media.hearing.ports import Ear
from media.speech.ports import Speaker, VoiceChoice
from realtime import frames
from realtime.actor import Actor
from realtime.openai_orders import Hear, Transcribe
from realtime.openai_session import (
    CLOSE_EXPIRED,
    Close,
    Hush,
    OpenAIRules,
    OpenAISession,
    Order,
    Speak,
    Tell,
)
from realtime.openai_telling import End, end_of
from realtime.sending import Peer
from realtime.told import Heard, Told
from rooms.completion import Completion
from rooms.credits.by_second import SecondsCredits
from rooms.errors import ProductError, Unavailable
from rooms.ports import Principal
from rooms.shapes import CompanionCard
from storage.database import DATABASE_AWAY
from storage.ids import new_id

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode
CANCELLED: Final = End(status="cancelled", reason="client_cancelled")
REASONS: Final = {**frames.CLOSE_REASONS, CLOSE_EXPIRED: "the session has ended; open another"}


class VoiceParts(Struct, frozen=True):
    """Who listens and who speaks, and who may be listened to."""

    listens: Callable[[str], Awaitable[Ear]]  # raises HearingError
    speaks: Callable[[str, str], Awaitable[tuple[Speaker, VoiceChoice]]]  # raises SpeechError
    refusal: Callable[[Principal], Awaitable[ProductError | None]]


class Companions(Struct, frozen=True):
    """Who can be talked to, and how a completion with one of them is begun."""

    card: Callable[[str, Principal], Awaitable[CompanionCard]]
    begin: Callable[..., Coroutine[Any, Any, Completion]]  # rooms/completion.py `complete`
    turn_seconds: float
    voice: "VoiceParts | None" = None
    seconds: SecondsCredits | None = None  # None: sound costs nothing here


class Unheard:
    """Entries of rooms' logs are not for this protocol."""

    lane = None

    def send_now(self, told: Told) -> bool:  # noqa: ARG002 - see realtime/seat.py `Out`
        return True

    def put(self, told: Told) -> None: ...


_UNHEARD: Final = Unheard()


class OpenAISocket:
    """See realtime/seat.py `Seat`; `seated` gives it its peer."""

    __slots__ = (
        "_actor",
        "_bytes",
        "_companions",
        "_due_at",
        "_expires_at",
        "_flowing",
        "_hushed",
        "_leaving",
        "_model",
        "_node",
        "_peer",
        "_stuck_at",
        "_task",
        "_waiting",
        "session",
        "who",
    )

    transport: Final = "openai"

    def __init__(
        self, node: "Realtime", companions: Companions, who: Principal, model: str
    ) -> None:
        settings = node.settings
        rules = OpenAIRules(
            frame_bytes=settings.frame_bytes,
            commands_per_second=settings.commands_per_second,
            commands_burst=settings.commands_burst,
            items=settings.openai_items,
            conversation_bytes=settings.openai_bytes,
        )
        expires_ms = node.now_ms() + int(settings.openai_seconds * 1000)
        if who.expires_at_ms is not None:
            expires_ms = min(expires_ms, who.expires_at_ms)
        self.who = who
        self._node = node
        self.session = self._session(model, rules, expires_ms // 1000)
        self._companions = companions
        self._model = model
        self._expires_at = expires_ms
        self._actor: Actor | None = None
        self._peer: Peer | None = None
        self._task: asyncio.Task[Any] | None = None
        self._leaving = False  # the node goes; so do we once nothing is being said
        self._hushed = False  # a response was stopped, perhaps before its task began
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._stuck_at: float | None = None
        self._due_at: float | None = None

    def _session(self, model: str, rules: OpenAIRules, expires_at: int) -> OpenAISession:
        """The rules of what is said here."""
        node = self._node
        return OpenAISession(
            model, rules, lambda prefix: new_id(prefix, node.now_ms), node.now(), expires_at
        )

    @property
    def waiting(self) -> int:
        """How many events wait to go out."""
        return len(self._waiting)

    @property
    def out(self) -> Unheard:
        """Nothing of rooms is told here."""
        return _UNHEARD

    @property
    def sign_in(self) -> str:
        """Under which sign-in or API key it was opened."""
        return self.who.sign_in

    async def enter(self) -> None:
        """Take a place among the person's connections. Raises TooMany or BusDown.

        Their own log is followed from now on: that is where a revoked key is told.
        """
        person = self.who.person.id
        self._actor = self._node.registry.enter(person, self)
        await self._actor.follow({person: None})

    def seated(self, peer: Peer) -> None:
        """The handshake is done; `opened` comes next."""
        self._peer = peer
        self._node.sockets.add(self)
        self._node.tally.opened[self.transport] += 1

    # --- what the transport tells

    def opened(self) -> None:
        """Greet, unless the key was revoked meanwhile."""
        if self.session.closed:
            self._goodbye(frames.CLOSE_REVOKED, "")
            return
        self._obey(self.session.begin())
        self._look_again()

    def received(self, data: bytes) -> None:
        """A text frame."""
        self._obey(self.session.receive(data, self._node.now()))

    def received_binary(self, data: bytes) -> None:  # noqa: ARG002 - never legal here
        """A binary frame."""
        self._obey(self.session.receive_binary(self._node.now()))

    def stuck(self) -> None:
        """The transport takes no more."""
        if self._stuck_at is None:
            self._stuck_at = self._node.now()
            self._flowing.clear()
            self._look_again()

    def writable(self) -> None:
        """The transport takes more."""
        self._stuck_at = None
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if waiting and self._peer is not None:
            self._peer.write(waiting)
        if self._stuck_at is None:
            self._flowing.set()

    def lost(self) -> None:
        """The socket is gone: a response under way is stopped and settled."""
        self.session.lost()
        self._hush()
        self._peer, self._waiting = None, []
        self._node.gone(self)
        if self._actor is not None:
            self._node.registry.left(self._actor, self)

    def close(self, code: int, reason: str = "") -> None:
        """Close, as the one at fault or as the one who goes, who lets a reply be finished."""
        if code == frames.CLOSE_GOING_AWAY and self._task is not None:
            self._leaving = True
            return
        self.session.closed = True
        self._goodbye(code, reason)

    def _goodbye(self, code: int, reason: str) -> None:
        self._hush()
        self._waiting, self._bytes = [], 0
        if self._peer is not None:
            self._peer.close(code, reason or REASONS.get(code, ""))

    # --- what time brings

    def _look_again(self) -> None:
        """Have the wheel look at the deadlines, unless it does so sooner anyway."""
        now, wheel = self._node.now(), self._node.wheel
        wait = max(0.0, (self._expires_at - self._node.now_ms()) / 1000)
        if self._stuck_at is not None:
            wait = min(wait, self._stuck_at + self._node.settings.slow_seconds - now)
        wait = min(wait, wheel.longest_seconds)
        if self._due_at is None or now + wait < self._due_at:
            self._due_at = now + wait
            wheel.add(self._look, wait, now)

    def _look(self, now: float) -> None:
        """The wheel came round."""
        if self._due_at is None or now < self._due_at or self.session.closed:
            return
        self._due_at = None
        slow_seconds = self._node.settings.slow_seconds
        if self._stuck_at is not None and now - self._stuck_at >= slow_seconds:
            self.close(frames.CLOSE_SLOW)
        elif self._node.now_ms() >= self._expires_at:
            self._obey(self.session.expired())
        else:
            self._look_again()

    # --- what the session orders

    def _obey(self, orders: Sequence[Order]) -> None:
        payloads: list[bytes] = []
        for order in orders:
            match order:
                case Tell(event=event):
                    payloads.append(_encode(event))
                case Speak():
                    self._hushed = False
                    self._node.spawn(self._speak(order))
                case Hush():
                    self._hush()
                case Close(code=code):
                    self._write(payloads)
                    payloads = []
                    self._goodbye(code, "")
                case Hear() | Transcribe():
                    self._hear(order)
        self._write(payloads)

    def _hear(self, order: Hear | Transcribe) -> None:
        """Sound; realtime/openai_voice_socket.py has ears."""

    def _write(self, payloads: list[bytes]) -> None:
        peer = self._peer
        if peer is None or not payloads:
            return
        if not self._waiting and not peer.paused:
            peer.write(payloads)
            return
        self._waiting += payloads
        self._bytes += sum(map(len, payloads))
        if self._bytes > self._node.settings.outbox_bytes:
            self.close(frames.CLOSE_SLOW)

    def _hush(self) -> None:
        if not self._hushed:
            self._hushed = True
            if self._task is not None:
                self._task.cancel()

    # --- a response

    async def _speak(self, order: Speak) -> None:
        """From the hold to the receipt. Whatever ends it, it is settled, then told."""
        task = self._task = asyncio.current_task()
        assert task is not None, "spawned"
        self._node.speaking.add(task)
        started: Completion | None = None
        refusal: ProductError | None = None
        try:
            if not self._hushed:
                started = await self._begun(order)
                await self._utter(order.response, started)
        except asyncio.CancelledError:
            logger.debug("a response was stopped", response=order.response)
        except ProductError as error:
            refusal = error
        except DATABASE_AWAY as error:
            logger.warning("the database is away", kind=type(error).__name__)
            refusal = Unavailable("Our stores do not answer. Please try again.")
        except Exception:
            logger.exception("a response failed", response=order.response)
            refusal = ProductError("Something went wrong on our side.")
        finally:
            self._task = None
            self._node.speaking.discard(task)
        self._obey(self._ended(order.response, started, refusal))
        if self._leaving:
            self.close(frames.CLOSE_GOING_AWAY)

    async def _begun(self, order: Speak) -> Completion:
        """The hold, which must be known even if the client goes away meanwhile."""
        if self._node.holder.draining:
            raise Unavailable("This server is going away; reconnect.", retry_after_ms=500)
        opening = asyncio.ensure_future(
            self._companions.begin(
                self.who,
                self._model,
                list(order.spoken),
                order.max_tokens,
                by_second=self._by_second(order.response),
            )
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                async with opening.result():
                    raise
            raise

    def _by_second(self, response: str) -> bool:  # noqa: ARG002 - words are paid for one by one
        """Whether the seconds of this response are paid for."""
        return False

    async def _utter(self, response: str, started: Completion) -> None:
        """Words as they come, no faster than the reader takes them.

        A reader that takes nothing is closed by the wheel, which cancels this.
        """
        async with started, asyncio.timeout(self._companions.turn_seconds):
            self._obey(self.session.opened(response, started.turns))
            async for piece in started.words():
                self._obey(self.session.words(response, piece))
                if not self._flowing.is_set():
                    await self._flowing.wait()

    def _ended(
        self, response: str, started: Completion | None, refusal: ProductError | None
    ) -> list[Order]:
        if started is not None:
            end = end_of(
                started.status,
                started.code,
                cut=started.finish_reason == "length",
                usage=started.usage,
                cost_microcredits=started.cost_microcredits,
                receipt=started.receipt,
            )
            return self.session.ended(response, end)
        if refusal is not None:
            return self.session.refused(response, refusal)
        return self.session.ended(response, CANCELLED)

    # --- what the actor hands on: rooms' events are not told here

    def hear(self, heard: Heard) -> None: ...

    def flush(self) -> None: ...

    def replaced(self, session: str, owner: str) -> None: ...
