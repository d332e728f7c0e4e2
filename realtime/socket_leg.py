"""A leg that lives on a person's own socket: sound as binary frames, paced here.

The holder's side is media/calls/leg.py `Leg`; the socket's side is `heard`, `stuck` and `writable`.
A socket that takes nothing loses the oldest sound at 500 ms; after a while nothing is paced any
more, and nobody pays.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal

from media.calls.arriving import Arriving
from media.calls.binary import OPUS, PCM16, BadFrame, SoundFrame, pack, unpack
from media.calls.leg import (
    Blocked,
    Connected,
    Gone,
    GoneReason,
    Heard,
    LegAddress,
    LegEvent,
    LegQuality,
    Played,
    Transport,
)
from media.calls.opus import BadPacket, Encoder, NoOpus
from media.calls.playout import Playout
from media.sound.formats import FRAME_MS, HEARING_RATE, PLAYOUT_RATE, SAMPLE_BYTES
from media.sound.prompt import PromptResampler
from realtime.pacing import Pacer
from rooms.errors import Invalid

NoCodec = NoOpus
Codec = Literal["pcm16", "opus"]
LATE_FRAMES: Final = 25  # 500 ms wait for a socket that is stuck; the oldest are dropped
HEARD_SAMPLES: Final = HEARING_RATE // 2
TOLD_EVERY: Final = 5  # frames: 100 ms
QUALITY_SECONDS: Final = 5.0
EVENTS_WAITING: Final = 256


class SocketLeg:
    """See media/calls/leg.py `Leg`."""

    def __init__(
        self,
        address: LegAddress,
        write: Callable[[bytes], None],
        *,
        codec: Codec,
        sample_rate: int,
        microphone_rate: int | None = None,
        stream: int,
        blocked_seconds: float,
        pacer: Pacer,
    ) -> None:
        """`write` hands a frame to the socket; `microphone_rate` is of what comes, if it is not
        `sample_rate`. Raises NoCodec."""
        self.address = address
        self.stream = stream
        self.dropped = 0  # frames the socket did not take in time
        self._write = write
        self._kind = OPUS if codec == "opus" else PCM16
        self._out = Playout()
        self._in = Arriving(None if codec == "opus" else microphone_rate or sample_rate)
        self._to: PromptResampler | Encoder | None = None  # what is played may leave as it is
        if codec == "opus":
            self._to = Encoder()
        elif sample_rate != PLAYOUT_RATE:
            self._to = PromptResampler(PLAYOUT_RATE, sample_rate)
        self._events: deque[LegEvent] = deque()
        self._heard_samples = 0
        self._reading: asyncio.Future[None] | None = None  # whoever waits for them
        self._gone: GoneReason | None = None
        self._stuck: asyncio.TimerHandle | None = None  # until it counts as blocked
        self._blocked = False
        self._blocked_seconds = blocked_seconds
        self._late: deque[bytes] = deque(maxlen=LATE_FRAMES)
        self._seq = 0
        self._sent_us = 0
        self._pacer = pacer
        self._pacing = False  # in its ticks, or about to be
        self._running: asyncio.Future[None] | None = None
        self._lateness: list[float] = []
        self._told_dry = True

    # --- the socket's side

    def begin(self) -> None:
        """Sound flows from now on."""
        self._happens(Connected(remote="socket"))

    def heard(self, data: bytes) -> None:
        """A binary frame came. Raises Invalid."""
        try:
            told = self._in.push(unpack(data, kind=self._kind, stream=self.stream))
        except BadFrame as error:
            raise Invalid(str(error), code=error.code) from error
        except BadPacket as error:
            raise Invalid("This is no Opus packet.", code="bad_frame") from error
        for heard in told:
            self._happens(heard)

    def stuck(self) -> None:
        """The socket takes no more."""
        if self._stuck is None:
            loop = asyncio.get_running_loop()
            self._stuck = loop.call_later(self._blocked_seconds, self._too_long_stuck)

    def writable(self) -> None:
        """The socket takes more: what is not too old goes first."""
        self._not_stuck()
        while self._late and self._stuck is None:
            self._write(self._late.popleft())
        if self._blocked:
            self._blocked = False
            self._happens(Blocked(on=False))
            self._go_on()

    def lost(self, reason: GoneReason) -> None:
        """The socket is gone, or the person hung up."""
        if self._gone is None:
            self._gone = reason
            for heard in self._in.rest():
                self._happens(heard)
            self._happens(Gone(reason=reason))
            if self._running is not None and not self._running.done():
                self._running.set_result(None)

    @property
    def over(self) -> bool:
        """Nothing more comes or goes."""
        return self._gone is not None

    # --- the holder's side

    async def events(self) -> AsyncIterator[LegEvent]:
        """See `Leg`."""
        while True:
            while self._events:
                event = self._events.popleft()
                self._heard_samples -= _samples(event)
                yield event
                if isinstance(event, Gone):
                    return
            await self._news()

    async def _news(self) -> None:
        """Until something happens; a bare future, for this is done for every window."""
        self._reading = asyncio.get_running_loop().create_future()
        try:
            await self._reading
        finally:
            self._reading = None

    def play(self, epoch: int, pcm: bytes) -> None:
        """See `Leg`."""
        self._out.play(epoch, pcm)
        self._told_dry = False
        self._go_on()

    def flush(self, epoch: int) -> None:
        """See `Leg`."""
        self._tell_played(still=True)
        if self._out.flush(epoch):
            self._late.clear()
            self._go_on()

    def pause(self) -> None:
        """See `Leg`."""
        if self._out.pause():
            self._tell_played(still=True)

    def resume(self) -> None:
        """See `Leg`."""
        self._out.resume()
        self._go_on()

    def gather(self, below_db: float | None) -> None:
        """See `Leg`."""
        self._in.quiet.gather(below_db)

    def tell(self, data: bytes) -> None:
        """The socket has its events already."""

    def let_go(self) -> None:
        """See `Leg`: for the next holder everything begins anew."""
        if self.over:
            return
        self._out = Playout()
        self._in.begin()
        self._events.clear()
        self._heard_samples = 0
        self._late.clear()
        self._told_dry = True
        self.begin()

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """There are no pictures over a socket."""

    def look(self) -> None:
        """There are no pictures over a socket."""

    async def aclose(self, reason: str) -> None:
        """See `Leg`."""
        self.lost("replaced" if reason == "replaced" else "hung_up")

    # --- pacing

    async def run(self) -> None:
        """Send 20 ms every 20 ms while there is sound, until it is over. The node owns it.

        Sound that comes after silence leaves at once, and goes on with the next tick.
        """
        if self.over:
            return
        self._running = asyncio.get_running_loop().create_future()
        self._go_on()
        self._reporting = asyncio.get_running_loop().call_later(QUALITY_SECONDS, self._report)
        try:
            await self._running
        finally:
            self._running = None
            self._pacer.leave(self)
            self._reporting.cancel()
            self._not_stuck()

    def beat(self, late_ms: float) -> bool:
        """See realtime/pacing.py `Paced`."""
        if not self._rests():
            self._lateness.append(late_ms)
            self._send_next()
        self._pacing = not self._rests()
        return self._pacing

    def _rests(self) -> bool:
        """Nothing is to be sent, or told, until something comes."""
        if self._gone is not None or self._blocked:
            return True
        return not self._out.sounding and (self._told_dry or self._out.paused)

    def _go_on(self) -> None:
        """Something came: the pieces of one turn of the loop make one frame."""
        if not self._pacing and self._running is not None:
            self._pacing = True
            asyncio.get_running_loop().call_soon(self._begin_pacing)

    def _begin_pacing(self) -> None:
        if self._running is not None and self.beat(0.0):
            self._pacer.join(self)

    def _report(self) -> None:
        self._reporting = asyncio.get_running_loop().call_later(QUALITY_SECONDS, self._report)
        self._tell_quality()

    def _not_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _too_long_stuck(self) -> None:
        self._blocked = True
        self._late.clear()
        self._happens(Blocked(on=True))

    def _send_next(self) -> None:
        pcm = self._out.frame()
        if pcm is None:
            if not self._told_dry and not self._out.paused:
                self._told_dry = True
                self._tell_played(dry=True)
            return
        frame = self._framed(self._coded(pcm))
        if self._stuck is not None:
            self.dropped += len(self._late) == LATE_FRAMES
            self._late.append(frame)
        else:
            self._write(frame)
        if self._seq % TOLD_EVERY == 0:
            self._tell_played()

    def _coded(self, pcm: bytes) -> bytes:
        if self._to is None:
            return pcm
        return self._to.encode(pcm) if isinstance(self._to, Encoder) else self._to.push(pcm)

    def _framed(self, sound: bytes) -> bytes:
        self._seq += 1
        frame = SoundFrame(self._kind, 0, self.stream, self._seq - 1, self._sent_us, sound)
        self._sent_us += FRAME_MS * 1000
        return pack(frame)

    # --- telling

    def _tell_played(self, *, dry: bool = False, still: bool = False) -> None:
        out = self._out
        self._happens(
            Played(
                epoch=out.epoch,
                samples=out.played,
                clock_us=time.monotonic_ns() // 1000,
                dry=dry,
                still=still,
            )
        )

    def _tell_quality(self) -> None:
        late = sorted(self._lateness)
        self._lateness = []
        places = self._in.places
        arrivals, places.received = places.received, 0
        lost, places.lost = places.lost, 0
        self._happens(
            LegQuality(
                received=arrivals,
                lost=lost,
                concealed_ms=0,
                jitter_ms=0.0,
                round_trip_ms=None,
                late_ms_p99=round(late[len(late) * 99 // 100], 1) if late else 0.0,
            )
        )

    def _happens(self, event: LegEvent) -> None:
        """The oldest sound is dropped where nobody reads; what is said about it is kept."""
        if isinstance(event, Heard):
            self._heard_samples += _samples(event)
            while self._heard_samples > HEARD_SAMPLES and self._drop_oldest_sound():
                pass
        elif len(self._events) >= EVENTS_WAITING and not isinstance(event, Gone | Connected):
            return
        self._events.append(event)
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    def _drop_oldest_sound(self) -> bool:
        for number, event in enumerate(self._events):
            if isinstance(event, Heard):
                del self._events[number]
                self._heard_samples -= _samples(event)
                return True
        return False


def _samples(event: LegEvent) -> int:
    return len(event.pcm) // SAMPLE_BYTES if isinstance(event, Heard) else 0


def new_address(server: str, transport: Transport) -> LegAddress:
    """A leg's name and secret, at this process's address for holders elsewhere."""
    return LegAddress(
        leg=secrets.token_hex(8), address=server, key=secrets.token_hex(16), transport=transport
    )
