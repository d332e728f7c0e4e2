"""The port behind which a WebRTC stack lies: a leg's peer, as the worker sees it.

aiortc is the engine that is shipped (media/calls/rtc.py). An engine carries encoded packets and
decides nothing: pacing, order, concealment and epochs are the leg's (media/calls/carrying.py).
"""

from typing import Literal, Protocol

from msgspec import Struct

from media.calls.offers import Offer
from media.calls.wire import Codec, IceServer

PeerState = Literal["connected", "lost", "closed"]


class EngineRefused(Exception):
    """The engine cannot answer this offer; the message holds nothing of the peer's."""


class Received(Struct, frozen=True):
    """A packet of sound. `source` changes when the peer begins a stream anew."""

    source: int
    sequence: int
    stamp: int
    payload: bytes


class PeerEvents(Protocol):
    """What a peer does. Called from the loop; must not wait."""

    def on_state(self, state: PeerState, remote: str) -> None: ...

    def on_sound(self, packet: Received) -> None: ...

    def on_pcm(self, pcm: bytes) -> None:
        """Sound an engine has decoded itself: 16 kHz mono."""

    def on_message(self, data: bytes) -> None: ...

    def on_picture(self, codec: Codec, data: bytes) -> None:
        """One whole picture of the peer's camera that stands alone, as it was wished for."""

    def on_keyframe_wanted(self) -> None: ...

    def on_bandwidth(self, bits_per_second: int) -> None: ...

    def on_loss(self, percent: int) -> None:
        """How much of what we send is lost."""

    def on_sent_late(self, late_us: int) -> None:
        """How late a packet of sound left."""


class Peer(Protocol):
    """One connection to one person."""

    codec: Codec | None  # of the pictures the peer can show
    raw: bool  # encodes sound itself: `send_sound` is given 24 kHz PCM, and no silence

    async def answer(self, offer: Offer) -> str:
        """The answer's SDP. Raises EngineRefused."""
        ...

    async def add_candidate(self, mid: str, candidate: str) -> None:
        """One more way to the peer. Raises EngineRefused."""
        ...

    def send_sound(self, payload: bytes, sample: int, due_us: int) -> None:
        """An Opus packet; `sample` is its place on the leg's clock at 24 kHz."""
        ...

    def send_picture(self, data: bytes, sample: int, due_us: int) -> None:
        """An encoded frame, on the same clock; `due_us` is when its sample is heard."""
        ...

    def send_message(self, data: bytes) -> None:
        """Over the data channel `events`, where there is one."""
        ...

    def want_picture(self) -> None:
        """Ask for one picture of the peer's camera: `on_picture` follows, or nothing."""
        ...

    def want_no_picture(self) -> None:
        """Forget that one was asked for."""
        ...

    def round_trip_ms(self) -> float | None:
        """As last measured."""
        ...

    async def aclose(self) -> None:
        """Hang up. Idempotent."""
        ...


class MediaEngine(Protocol):
    """A WebRTC stack."""

    def peer(
        self,
        events: PeerEvents,
        ice: tuple[IceServer, ...],
        *,
        video: bool,
        camera: bool = False,
    ) -> Peer:
        """A peer that waits for its offer. `video`: that it may be shown pictures; `camera`: that
        it may send its own."""
        ...
