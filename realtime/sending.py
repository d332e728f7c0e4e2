"""What goes out on a socket: entries numbered on leaving, as far as the transport takes them.

Nothing here waits for the peer. A frame that needs an anchor waits for the bus to have it; what
waits behind it stays in the outbox, bounded, and may be merged there.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import structlog

from realtime import frames
from realtime.codec import Format, encode
from realtime.delivery import Delivery
from realtime.lanes import NOT_NOW, Direct, Lane
from realtime.numbering import Anchor, Numbering, encode_anchor, encode_record
from realtime.outbox import Outbox
from realtime.told import Heard, Told
from storage.bus.ports import BusDown, Place

if TYPE_CHECKING:
    from realtime.service import Realtime

logger = structlog.get_logger(__name__)
BATCH_BYTES: Final = 65_536
AGAIN_SECONDS: Final = 0.1
NEVER: Final = float("-inf")


class Peer(Protocol):
    """The other end, as a transport shows it. Nothing here waits."""

    paused: bool

    def write(self, payloads: Sequence[bytes]) -> None:
        """Hand frames to the transport, whether it is paused or not."""

    def close(self, code: int, reason: str) -> None:
        """Close; what was sent before may still arrive."""


@runtime_checkable
class SoundPeer(Protocol):
    """A peer that takes binary frames beside its text."""

    def write_binary(self, payload: bytes) -> None:
        """Hand one to the transport, whether it is paused or not."""


class Identity:
    """Whose session it is; what its record on the bus is made of."""

    __slots__ = ("epoch", "owner", "person", "session", "sign_in")

    def __init__(self, person: str, sign_in: str, session: str, epoch: str, owner: str) -> None:
        self.person, self.sign_in = person, sign_in
        self.session, self.epoch, self.owner = session, epoch, owner


class Sender:
    """One socket's way out. `put` and `hear`, then `flush`."""

    __slots__ = (
        "_anchoring",
        "_close",
        "_form",
        "_held",
        "_identity",
        "_kept_at",
        "_node",
        "_numbering",
        "_outbox",
        "_past",
        "_schedule",
        "_tally",
        "_watch",
        "direct",
        "flowing",
        "peer",
        "stuck_at",
    )

    def __init__(
        self, node: "Realtime", peer: Peer, form: Format, close: Callable[[int], None]
    ) -> None:
        """`close` is asked for when the socket must not go on; it comes back as `end`."""
        self.peer = peer
        self.direct: Direct | None = None  # how to send past the outbox
        self._past: Direct | None = None  # the same, while nothing waits
        self._close = close
        self.flowing = False  # events may go out
        self.stuck_at: float | None = None  # since when the transport takes nothing
        self._node, self._tally = node, node.tally
        self._form: Format = form
        self._identity: Identity | None = None
        self._numbering: Numbering | None = None
        self._outbox = Outbox(node.settings.outbox_bytes, node.tally)
        self._held: list[Told] | None = None  # what comes while a replay is being read
        self._anchoring = False  # a frame waits for its anchor
        self._kept_at = 0.0
        self._schedule: Callable[[], None] | None = None
        self._watch: Delivery | None = None  # traced replies on their way out

    def greet(self) -> None:
        """The first frame."""
        self.peer.write((self._node.hello(self._form),))

    def say(self, frame: object) -> None:
        """A frame without number; it may overtake events that wait."""
        self.peer.write((encode(frame, self._form),))

    def end(self, code: int, reason: str) -> None:
        """Nothing more goes out but a goodbye, and nothing more waits."""
        self._stop()
        self._outbox = Outbox(0)
        self.peer.close(code, reason or frames.CLOSE_REASONS.get(code, ""))

    def lost(self) -> None:
        """There is nobody any more; the wheel may remember us a while, so let go of the rest."""
        self._stop()
        if self.direct is not None:
            self.direct.lane = None
            self.direct = None
        self.peer, self._outbox = Nobody(), Outbox(0)

    def _stop(self) -> None:
        self._wait()
        if self._numbering is not None:
            self._numbering.sender = None
        self.flowing, self._held, self._numbering = False, None, None
        self._node.tally.unsent += len(self._outbox)
        if self._watch is not None:
            self._watch.lost()
            self._watch = None

    @property
    def waiting(self) -> int:
        """How many entries wait."""
        return len(self._outbox)

    def _wait(self) -> None:
        """What comes next may not go out at once."""
        self._past = None
        if self._numbering is not None:
            self._numbering.fd = NOT_NOW

    @property
    def lane(self) -> Lane | None:
        """Where entries may be written past even this, once `send_now` has sent one."""
        return self._numbering if self.flowing and self.direct is not None else None

    def watch(self) -> Delivery:
        """Have an eye on traced replies until they have left."""
        if self._watch is None:
            self._watch = Delivery()
            if self._numbering is not None:
                self._numbering.fd = NOT_NOW
        return self._watch

    def is_another(self, session: str, owner: str) -> bool:
        """Whether this session is ours no more."""
        mine = self._identity
        return mine is not None and mine.session == session and mine.owner != owner

    # --- beginning

    def hold(self) -> None:
        """Keep what comes until it is known what was missed."""
        self._held = []

    async def begin(self, identity: Identity, base: dict[str, Place]) -> None:
        """Number from 1, from where the logs stand; kept on the bus. Raises BusDown."""
        self._identity, self._held = identity, None
        self._outbox = Outbox(self._node.settings.outbox_bytes, self._node.tally)
        self._numbering = Numbering(base)
        await self._node.bus.begin(identity.session, identity.owner, self._record(identity))

    def take_up(
        self,
        identity: Identity,
        numbering: Numbering,
        replay: Sequence[Told],
        live: dict[str, Place],
    ) -> None:
        """Number on, with what was missed in front; `live` is how far that reaches."""
        self._identity, self._numbering = identity, numbering
        self._outbox = Outbox(self._node.settings.outbox_bytes, self._node.tally)
        self._outbox.load(replay)
        held, self._held = self._held or [], None
        for told in held:
            place = live.get(told.log)
            if place is None or place.generation != told.generation or told.pos > place.pos:
                self._outbox.put(told)

    def flow(self, schedule: Callable[[], None]) -> None:
        """From now on events go out; `schedule` has `flush` called soon."""
        self._kept_at = self._node.now()
        self.flowing, self._schedule = True, schedule
        if self.direct is not None and self._numbering is not None:
            self.direct.lane, self._numbering.sender = self._numbering, self
        self.flush()

    # --- on the way

    def send_now(self, told: Told) -> bool:
        """Send an entry past the outbox, where nothing waits and no anchor is needed.

        The common case of a stream, and a third of its cost (docs/why/frames-past-asgi.md).
        False, and nothing done, where the entry has to go the long way.
        """
        past, numbering = self._past, self._numbering
        if past is None or numbering is None:
            return False
        pos = told.pos
        if (
            pos == numbering.pos + 1
            and numbering.runs
            and told.log == numbering.log
            and told.generation == numbering.generation
        ):  # `next_of`, without the call
            numbering.pos = pos
            numbering.seq = seq = numbering.seq + 1
        else:
            seq = numbering.next_of(told.log, told.generation, pos)
            if not seq:
                return False
        numbering.log, numbering.generation = told.log, told.generation  # the very same objects
        past.entry(seq, told)
        self._tally.frames_out += 1
        if self._watch is not None:
            self._watch.left(told)
        elif self._past is past:
            numbering.fd = past.clear
        return True

    def late(self, told: Told) -> None:
        """An entry that did not go out with everybody's (realtime/lanes.py)."""
        if not self.send_now(told):
            self.put(told)
            if self._schedule is not None:
                self._schedule()

    def rest(self, data: bytes) -> None:
        """What the kernel did not take of a frame."""
        if self.direct is not None:
            self.direct.rest(data)

    def stuck(self, now: float) -> bool:
        """The transport takes no more; True when that is news."""
        self._wait()
        if self.stuck_at is not None:
            return False
        self.stuck_at = now
        return True

    def put(self, told: Told) -> None:
        """An entry this person may see; `flush` follows."""
        self._wait()
        if self._held is not None:
            self._held.append(told)
        elif self._numbering is not None:
            self._outbox.put(told)

    def hear(self, heard: Heard) -> None:
        """Something ephemeral; `flush` follows."""
        self._wait()
        if self.flowing:
            self._outbox.hear(heard)

    def flush(self) -> None:
        """Number what waits and hand it to the transport, as far as that takes it."""
        if not self.flowing:
            return
        peer = self.peer
        while not peer.paused and not self._anchoring:
            payloads = self._batch()
            if not payloads:
                break
            peer.write(payloads)
        if not peer.paused and (heard := self._outbox.take_heard()):
            peer.write([one.frame(self._form) for one in heard])
        if self._outbox.full:
            self._close(frames.CLOSE_SLOW)
            return
        self._wait()
        if not (len(self._outbox) > 0 or peer.paused or self._anchoring):
            self._past = self.direct

    def _batch(self) -> list[bytes]:
        """The next frames, up to one that needs an anchor first."""
        numbering = self._numbering
        assert numbering is not None, "events flow in a session"
        payloads: list[bytes] = []
        size = 0
        while size < BATCH_BYTES and (told := self._outbox.take()) is not None:
            anchor = numbering.number(told.log, told.generation, told.pos, merged=told.merged)
            frame = told.frame(numbering.seq, self._form)
            if anchor is not None:
                self._anchoring = True
                self._wait()
                self._node.spawn(self._anchor(anchor, frame, told))
                break
            payloads.append(frame)
            size += len(frame)
            if self._watch is not None:
                self._watch.left(told)
        self._node.tally.frames_out += len(payloads)
        return payloads

    async def _anchor(self, anchor: Anchor, frame: bytes, told: Told) -> None:
        """An anchor is on the bus before its frame is on the socket, however long that takes."""
        identity, raw = self._identity, encode_anchor(anchor)
        assert identity is not None, "events flow in a session"
        while self.flowing:
            try:
                kept = await self._node.bus.anchor(identity.session, identity.owner, raw)
                if kept is None:
                    await self._keep_again(identity)
                    continue
            except BusDown:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if not kept:
                self._close(frames.CLOSE_REPLACED)
                return
            self.peer.write((frame,))
            self._node.tally.frames_out += 1
            if self._watch is not None:
                self._watch.left(told)
            break
        self._anchoring = False
        self.flush()

    # --- the record

    def acknowledged(self, seq: int) -> None:
        """What was received need not be kept; the record is renewed now and then."""
        if self._numbering is None:
            return
        self._numbering.ack(seq)
        node, now = self._node, self._node.now()
        due = node.keep_seconds if self._numbering.dirty else node.touch_seconds
        if now - self._kept_at >= due or self._kept_at < node.gap_at:
            self._kept_at = now
            node.spawn(self.keep())

    async def keep(self) -> None:
        """Renew the record on the bus; when the bus is away the next heartbeat does it."""
        numbering, identity = self._numbering, self._identity
        if numbering is None or identity is None or self._anchoring:
            return
        record, anchors = None, []
        if numbering.dirty:
            record = self._record(identity)
            anchors = [encode_anchor(anchor) for anchor in numbering.anchors()]
        try:
            touch = self._node.bus.touch(identity.session, identity.owner, record, anchors)
            kept = await touch
            if kept is None:
                await self._keep_again(identity)
        except BusDown:
            logger.info("a session record was not renewed; the bus is away")
            self._kept_at = NEVER
            return
        if kept is False and self.flowing:
            self._close(frames.CLOSE_REPLACED)

    async def _keep_again(self, identity: Identity) -> None:
        """The bus lost the record: write it anew, as far as it is still known here."""
        numbering = self._numbering
        if numbering is None:
            return
        record = self._record(identity)
        anchors = [encode_anchor(anchor) for anchor in numbering.anchors()]
        await self._node.bus.begin(identity.session, identity.owner, record)
        await self._node.bus.touch(identity.session, identity.owner, record, anchors)

    def _record(self, identity: Identity) -> bytes:
        assert self._numbering is not None, "there is a session"
        kept = self._numbering.record(identity.person, identity.epoch, identity.sign_in)
        return encode_record(kept)


class Nobody:
    """What a sender has in place of its peer once that is lost."""

    paused = True

    def write(self, payloads: Sequence[bytes]) -> None:
        """Nobody is there."""

    def close(self, code: int, reason: str) -> None:
        """It is closed."""
