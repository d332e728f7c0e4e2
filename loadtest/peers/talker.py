"""People who talk with a voice server over a WebSocket, and what they notice of it.

They send a microphone's sound every 20 ms, say something when their time has come, hear the answer
out or interrupt it, and keep what they noticed. Ours and a peer's differ in how sound is framed,
and in how a session begins; the rest is the same for both.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
import numpy as np
from msgspec import Struct, field

from loadtest.peers.line import BINARY, TEXT, Line
from loadtest.peers.stub_voice import MARK_SAMPLES, RATE, now_us, read_mark
from loadtest.plan import Account
from media.calls.binary import HEADER, PCM16, SoundFrame, pack
from media.sound.formats import HEARING_RATE

FRAME_US: Final = 20_000
HEARD_FRAME: Final = HEARING_RATE // 50  # samples of 16 kHz in a frame
AUDIBLE: Final = 1_000
OVER_US: Final = 700_000  # so long unheard: what was being said is over
CUT_OFF_US: Final = 300_000  # so long unheard after an interruption: it fell silent
INTO_US: Final = 1_000_000  # how far into an answer it is interrupted
LOST_US: Final = 8_000_000  # no answer came
INTERRUPTED_EVERY: Final = 3
_CONNECT_SECONDS: Final = 20


class Noticed(Struct):
    """What one person, or all of them, noticed; in milliseconds.

    added: from the speech being made until it is heard. waited: from the last voiced sound said
    until the answer is heard. cut: from the moment at which a server can know that it is
    interrupted until the last sound of what it said.
    """

    added_ms: list[float] = field(default_factory=list)
    waited_ms: list[float] = field(default_factory=list)
    cut_ms: list[float] = field(default_factory=list)
    turns: int = 0
    unanswered: int = 0
    unread: int = 0

    def take(self, other: "Noticed") -> None:
        """Add what somebody else noticed."""
        self.added_ms += other.added_ms
        self.waited_ms += other.waited_ms
        self.cut_ms += other.cut_ms
        self.turns += other.turns
        self.unanswered += other.unanswered
        self.unread += other.unread


class Framing(Protocol):
    """How one server wants its sound."""

    path: str
    more: str

    def frame(self, n: int, pcm: bytes) -> bytes:
        """The nth frame of a microphone at this server's rate."""
        ...

    def sound(self, body: bytes) -> bytes:
        """The samples of what came, at 24 kHz."""
        ...

    async def begin(self, talker: "Talker") -> None:
        """What must be said before sound flows."""
        ...


class Plain:
    """Sound as it is, at 16 kHz in and 24 kHz out."""

    path = "/"
    more = ""
    rate = HEARING_RATE

    def frame(self, n: int, pcm: bytes) -> bytes:  # noqa: ARG002
        """See Framing."""
        return pcm

    def sound(self, body: bytes) -> bytes:
        """See Framing."""
        return body

    async def begin(self, talker: "Talker") -> None:
        """Nothing has to be said."""


class Ours:
    """A call over our socket: 24 kHz out, and in at the rate of `Plain` or another."""

    path = "/v1/socket"
    more = "Sec-WebSocket-Protocol: kindred.v1.json\r\n"

    def __init__(self, account: Account, rate: int = HEARING_RATE) -> None:
        self._account = account
        self.rate = rate

    def frame(self, n: int, pcm: bytes) -> bytes:
        """See Framing."""
        return pack(SoundFrame(PCM16, 0, 1, n, n * FRAME_US, pcm))

    def sound(self, body: bytes) -> bytes:
        """See Framing."""
        return body[HEADER.size :]

    async def begin(self, talker: "Talker") -> None:
        """See Framing: sign in, and call."""
        await talker.ask({"type": "auth", "id": "1", "token": self._account.token}, "ready")
        call = {"type": "call.start", "id": "2", "room": self._account.room, "sample_rate": RATE,
                "microphone_rate": self.rate}  # fmt: skip
        await talker.ask(call, "ack")


class Lines(Struct, frozen=True):
    """What is said, and when it is known to be speech.

    frames: of 20 ms at the server's rate. voiced: up to which frame somebody is heard. decided:
    by where it begins in windows of 512 samples, after how many samples it is known to be speech.
    """

    frames: Sequence[bytes]
    voiced: int
    quiet: Sequence[bytes]
    decided: Mapping[int, int]


class Talker:
    """One person. `tick` is called every 20 ms."""

    def __init__(self, number: int, framing: Framing, lines: Lines, pause_us: int) -> None:
        self.noticed = Noticed()
        self.talking = False  # whether they may begin to say something
        self._framing = framing
        self._lines = lines
        self._pause_us = pause_us
        self._turn = number  # so that not everybody interrupts at the same time
        self._line = Line(framing.path, framing.more, self._heard)
        self._wanted: tuple[str, asyncio.Future[None]] | None = None
        self._sent = 0  # frames
        self._saying = -1  # the place in the line that is being said, or -1
        self._say_at = 0
        self._voiced_at = 0  # when the last voiced frame left; 0 while no answer is awaited
        self._decided_at = 0  # when it can be known that an answer is interrupted
        self._audible_at = 0  # when something was last heard
        self._answered_at = 0
        self._fresh: list[bytes] = []  # the beginning of an answer, until its mark is read

    # --- a session

    async def open(self, port: int) -> None:
        """Connect, and begin. Raises OSError and TimeoutError."""
        await self._line.open(port)
        await self._framing.begin(self)

    async def ask(self, command: dict[str, object], answer: str) -> None:
        """Say something in text and wait for an answer of this type."""
        loop = asyncio.get_running_loop()
        self._wanted = (answer, loop.create_future())
        self._line.say(TEXT, msgspec.json.encode(command))
        async with asyncio.timeout(_CONNECT_SECONDS):
            await self._wanted[1]

    def close(self) -> None:
        """Leave."""
        self._line.close()

    @property
    def gone(self) -> bool:
        """The server closed the connection."""
        return self._line.closed.is_set()

    async def heard_something(self) -> None:
        """Wait until any sound came."""
        async with asyncio.timeout(_CONNECT_SECONDS):
            while not self._audible_at:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    # --- every 20 ms

    def tick(self) -> None:
        """Send the next 20 ms; decide what they are."""
        now, lines = now_us(), self._lines
        if self._saying < 0 and self._begins(now):
            self._begin(now)
        if self._saying >= 0:
            pcm = lines.frames[self._saying]
            self._saying += 1
            if self._saying == lines.voiced:
                self._voiced_at = now
            if self._saying == len(lines.frames):
                self._saying = -1
        else:
            pcm = lines.quiet[self._sent % len(lines.quiet)]
        self._line.say(BINARY, self._framing.frame(self._sent, pcm))
        self._sent += 1
        self._look(now)

    def _begins(self, now: int) -> bool:
        """Whether it is time to say something: in the middle of an answer, or after it."""
        if not self.talking or self._voiced_at:
            return False
        if not self._answered_at:
            return now >= self._say_at
        interrupts = self._turn % INTERRUPTED_EVERY == 0
        if interrupts and now - self._audible_at < FRAME_US * 4:
            return now - self._answered_at >= INTO_US
        return now - self._audible_at >= OVER_US + self._pause_us

    def _begin(self, now: int) -> None:
        lines = self._lines
        self._turn += 1
        self.noticed.turns += 1
        self._saying = 0
        if now - self._audible_at < FRAME_US * 4:
            shift = self._sent * HEARD_FRAME % 512
            frames = -(-lines.decided[shift - shift % 64] // HEARD_FRAME)
            self._decided_at = now + (frames - 1) * FRAME_US
        self._answered_at = 0

    def _look(self, now: int) -> None:
        if self._decided_at and now - max(self._decided_at, self._audible_at) > CUT_OFF_US:
            late = max(self._audible_at - self._decided_at, 0)
            self.noticed.cut_ms.append(late / 1000)
            self._decided_at = 0
        if self._voiced_at and now - self._voiced_at > LOST_US:
            self.noticed.unanswered += 1
            self._voiced_at = 0
            self._say_at = now + self._pause_us

    # --- what comes

    def _heard(self, opcode: int, body: bytes) -> None:
        if opcode == TEXT:
            self._told(body)
            return
        pcm = self._framing.sound(body)
        sound = np.frombuffer(pcm[: len(pcm) & ~1], "<i2")
        if not len(sound) or int(np.abs(sound.astype(np.int32)).max()) < AUDIBLE:
            return
        now = now_us()
        after_quiet = now - self._audible_at > CUT_OFF_US
        self._audible_at = now
        if self._voiced_at and (after_quiet or self._fresh):
            self._answer(now, pcm)

    def _answer(self, now: int, pcm: bytes) -> None:
        """The beginning of an answer: its mark says when it was made."""
        if not self._fresh:
            self._answered_at = now
        self._fresh.append(pcm)
        sound = np.frombuffer(b"".join(self._fresh), "<i2")
        made_at = read_mark(sound)
        if made_at is None and len(sound) < 3 * MARK_SAMPLES:
            return
        noticed = self.noticed
        if made_at is None:
            noticed.unread += 1
        else:
            noticed.added_ms.append((self._answered_at - made_at) / 1000)
        noticed.waited_ms.append((self._answered_at - self._voiced_at) / 1000)
        self._fresh = []
        self._voiced_at = 0

    def _told(self, body: bytes) -> None:
        kind = msgspec.json.decode(body).get("type")
        if self._wanted is None or self._wanted[1].done():
            return
        if kind == self._wanted[0]:
            self._wanted[1].set_result(None)
        elif kind == "error":
            self._wanted[1].set_exception(ConnectionRefusedError(body.decode()))


async def pump(talkers: Sequence[Talker], seconds: float) -> None:
    """Everybody's microphone, spread over the 20 ms as people are."""
    loop = asyncio.get_running_loop()
    began, count = loop.time(), len(talkers)
    step = FRAME_US / 1e6 / count
    for n in range(int(seconds / step)):
        ahead = began + n * step - loop.time()
        if ahead > 0:
            await asyncio.sleep(ahead)
        talkers[n % count].tick()
