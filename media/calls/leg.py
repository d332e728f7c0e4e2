"""A leg: one person's end of a call, whatever carries it (WebRTC, a socket, LiveKit).

The room's holder plays sound into a leg and reads what the person says out of it. The leg paces:
it holds what was synthesised ahead, sends 20 ms every 20 ms, and says how much has left. A leg
lives in a media worker or in the gateway that has the person's socket; `LegAddress` is how the
holder, on whichever node, finds it.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Struct

Transport = Literal["webrtc", "socket", "realtime", "livekit"]
GoneReason = Literal[
    "hung_up", "connection_lost", "worker_lost", "replaced", "at_capacity", "failed"
]


class LegAddress(Struct, frozen=True, kw_only=True):
    """Where a leg waits for its call. `key` is a secret of this leg alone; it expires unused.

    address: `unix:/path` on one host, `tcp:host:port` between hosts.
    """

    leg: str
    address: str
    key: str
    transport: Transport


class Heard(Struct, frozen=True, kw_only=True, tag="heard"):
    """Sound of the person: 16 kHz mono s16le beginning at `at_sample` of the leg's clock.

    The clock runs through losses: a gap is a jump of `at_sample`. `concealed`: made up for a loss.
    """

    pcm: bytes
    at_sample: int
    concealed: bool = False


class Played(Struct, frozen=True, kw_only=True, tag="played"):
    """How many 24 kHz samples of `epoch` have left since it began; told every 100 ms and at once
    when it begins, is flushed, paused or run dry. `clock_us`: CLOCK_MONOTONIC of the leg's host
    then. `still`: it was paused or flushed there, and no more of it leaves for now."""

    epoch: int
    samples: int
    clock_us: int
    dry: bool = False
    still: bool = False


class Connected(Struct, frozen=True, kw_only=True, tag="connected"):
    """Media flows. `remote` is coarse (`host`, `srflx`, `relay`), never an address."""

    remote: str = ""


class Typed(Struct, frozen=True, kw_only=True, tag="typed"):
    """A message of the data channel (a socket command), as it came."""

    data: bytes


class Blocked(Struct, frozen=True, kw_only=True, tag="blocked"):
    """The person's end has taken nothing for a while (`on`), or takes again. Meanwhile nothing is
    paced, and nobody pays."""

    on: bool


class LegQuality(Struct, frozen=True, kw_only=True, tag="quality"):
    """What the network did since the last one, every 5 s."""

    received: int
    lost: int
    concealed_ms: int
    jitter_ms: float
    round_trip_ms: float | None
    late_ms_p99: float
    video_frames: int = 0
    video_freezes: int = 0


class Seen(Struct, frozen=True, kw_only=True, tag="seen"):
    """One still of the person's camera, asked for by `look`: a small JPEG. It is kept nowhere."""

    jpeg: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return f"Seen({self.width}x{self.height})"


class Gone(Struct, frozen=True, kw_only=True, tag="gone"):
    """The last event of a leg. `connection_lost` and `worker_lost` may come back as a new leg."""

    reason: GoneReason


LegEvent = Heard | Played | Connected | Typed | Blocked | LegQuality | Seen | Gone


class Leg(Protocol):
    """The holder's side of a leg. Nothing here waits except `events`; everything is bounded."""

    address: LegAddress

    def events(self) -> AsyncIterator[LegEvent]:
        """What happens, in order, ending with `Gone`. The oldest sound is dropped at 500 ms."""
        ...

    def play(self, epoch: int, pcm: bytes) -> None:
        """Queue 24 kHz sound of this epoch behind what is queued; a stale epoch is ignored.

        At most 5 s are kept: whoever plays looks at `Played` and stays within 4 s.
        """
        ...

    def flush(self, epoch: int) -> None:
        """Begin `epoch`: drop what has not left. Its `samples` count from 0."""
        ...

    def pause(self) -> None:
        """Silence at once, keeping what is queued (an interruption that may be none)."""
        ...

    def resume(self) -> None:
        """Go on where `pause` stopped, with a 10 ms fade in."""
        ...

    def gather(self, below_db: float | None) -> None:
        """Nobody waits for silence: sound below this level may come up to 160 ms late, in larger
        pieces. None, as a leg begins: everything comes at once."""
        ...

    def tell(self, data: bytes) -> None:
        """A message for the data channel `events`; dropped where there is none."""
        ...

    def let_go(self) -> None:
        """Hold it no more, without hanging up: for a while it waits for another holder."""
        ...

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """Whether the person's camera may be looked at at all; a leg begins with it off.

        `pixels` is the longer side of a still, `most_bytes` its largest JPEG.
        """
        ...

    def look(self) -> None:
        """Take one still: `Seen` follows, or nothing where no picture comes."""
        ...

    async def aclose(self, reason: str) -> None:
        """Hang up this end. Idempotent."""
        ...
