"""A face attached to its leg: pictures go straight to the media worker that has the person.

The leg answers with what its peer can show, what it can receive, what it lost, and where the
sound is. A leg that hangs up ends the attachment; one whose link breaks is dialled again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from media.avatar.rendering import wire
from media.avatar.rendering.session import Happening
from media.calls import wire as calls
from media.calls.leg import Gone, LegAddress, Played

logger = logging.getLogger(__name__)
AGAIN_SECONDS: Final = 0.2
TRIES: Final = 25
MOST_UNSENT_BYTES: Final = 500_000
Happened = Callable[[Happening], None]
_TRANSPORT_SHARE: Final = 0.85  # of what the peer can receive; the rest is sound and headers


class LegTold:
    """Turns what a leg tells into what a face is told. Pure."""

    def __init__(self, face: str) -> None:
        self._face = face
        self._last: Played | None = None

    def take(self, told: calls.ToFace) -> list[Happening]:
        """In order; nothing for what is not the face's business."""
        match told:
            case Played():
                return [self._sounding(told)]
            case calls.KeyframeWanted():
                return [wire.Tune(face=self._face, key=True)]
            case calls.Bandwidth(bits_per_second=bits):
                return [wire.Tune(face=self._face, kbps=int(bits * _TRANSPORT_SHARE) // 1000)]
            case _:
                return []

    def _sounding(self, told: Played) -> wire.Sounding:
        """A leg that is paused tells the same place again: nothing sounds there."""
        last, self._last = self._last, told
        held = (
            last is not None
            and last.epoch == told.epoch
            and last.samples == told.samples
            and told.clock_us - last.clock_us > 30_000
        )
        return wire.Sounding(
            face=self._face,
            epoch=told.epoch,
            samples=told.samples,
            clock_us=told.clock_us,
            playing=not told.dry and not held,
        )


class _Link(asyncio.Protocol):
    """The socket to a media worker; what arrives goes to a bounded queue."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[calls.ToFace | None] = asyncio.Queue(maxsize=256)
        self._frames = calls.Frames()

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._put(calls.to_face.decode(body))
        except (calls.WireBroken, msgspec.MsgspecError):
            self._put(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._put(None)

    def _put(self, told: calls.ToFace | None) -> None:
        if self.told.full():
            self.told.get_nowait()  # the oldest place of the sound is the least worth
        self.told.put_nowait(told)


class Attachment:
    """One face's leg. `codec` is set once `wanted` is; None: the peer shows no pictures."""

    def __init__(self, face: str, leg: LegAddress) -> None:
        self.face = face
        self.codec: wire.Codec | None = None
        self.wanted = asyncio.Event()
        self.gone = False
        self._leg = leg
        self._transport: asyncio.Transport | None = None
        self._told = LegTold(face)

    def send(self, picture: wire.Picture) -> bool:
        """Hand over a picture without waiting; False when the leg takes none."""
        link = self._transport
        if link is None or link.is_closing() or link.get_write_buffer_size() > MOST_UNSENT_BYTES:
            return False
        link.write(
            calls.pack(
                calls.Picture(
                    epoch=picture.epoch,
                    position=picture.position,
                    play_at_us=picture.play_at_us,
                    key=picture.key,
                    codec=picture.codec,
                    data=picture.data,
                )
            )
        )
        return True

    async def run(self, happened: Happened) -> None:
        """Until the leg is gone, or cannot be reached any more."""
        misses = 0
        while not self.gone and misses < TRIES:
            misses += 1
            with contextlib.suppress(OSError):
                transport, link = await calls.dial(self._leg.address, _Link)
                assert isinstance(link, _Link)
                try:
                    if await self._listen(transport, link, happened):
                        misses = 0
                finally:
                    self._transport = None
                    transport.close()
            if not self.gone:
                await asyncio.sleep(AGAIN_SECONDS)
        self.gone = True
        self.wanted.set()

    async def _listen(self, transport: asyncio.Transport, link: _Link, happened: Happened) -> bool:
        """One connection. True when the leg let us in."""
        transport.write(calls.pack(calls.Hello(role="face", key=self._leg.key, leg=self._leg.leg)))
        while (told := await link.told.get()) is not None:
            match told:
                case Gone():
                    self.gone = True
                    return True
                case calls.FaceWanted(codec=codec):
                    self.codec, self._transport = codec, transport
                    self.wanted.set()
                    happened(wire.Tune(face=self.face, key=True))
                case _:
                    for one in self._told.take(told):
                        happened(one)
        return self._transport is not None
