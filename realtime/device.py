"""One device's session on this node: what it follows, what waits for it, how it is resumed.

It lives from sign-in until its socket is gone; the record and anchors on the bus let any node
take it up again. Sending is a task of its own, so that a slow reader waits for itself alone.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from realtime.codec import Format, numbered, unnumbered
from realtime.frames import CLOSE_SLOW
from realtime.outbox import Outbox, Waiting, joined
from realtime.session import (
    Anchor,
    Numbering,
    Place,
    Record,
    Rest,
    decode_anchors,
    encode_anchor,
    rests,
)
from realtime.tails import Tails
from rooms.ports import Principal
from storage.bus.ports import Bus, BusDown, Entry, Wanted
from storage.ids import new_id

logger = structlog.get_logger(__name__)
REPLAY_MAX: Final = 4_096
WHISPERS_MAX: Final = 64


class NotResumable(Exception):
    """The session cannot go on where it was; `reason` goes into `resync`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Device:
    """A session with at most one socket. `send` writes one frame; `close` ends the socket."""

    def __init__(
        self,
        who: Principal,
        bus: Bus,
        tails: Tails,
        form: Format,
        outbox_bytes: int,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[int, str], None],
    ) -> None:
        self.who = who
        self.session = ""
        self.epoch = ""
        self.owner = secrets.token_hex(8)
        self.numbering = Numbering({})
        self.acked = 0
        self.since: float | None = None  # when what waits began to wait
        self._bus = bus
        self._tails = tails
        self._form = form
        self._outbox = Outbox(outbox_bytes)
        self._whispers: list[bytes] = []
        self._logs: list[str] = []
        self._wake = asyncio.Event()
        self._send = send
        self._close = close
        self._held: list[Waiting] | None = None  # entries that come while a replay is read
        self._record: Record | None = None
        self._stopped = False

    @property
    def person(self) -> str:
        return self.who.person.id

    # --- beginning

    async def begin(self, logs: Sequence[str]) -> None:
        """A new session: it is shown what happens from now on. Raises BusDown."""
        self.session, self.epoch = new_id("s"), new_id("e")
        base = await self._follow(logs)
        self.numbering = Numbering(base)
        await self._keep(base)

    async def resume(
        self, session: str, epoch: str, seq: int, logs: Sequence[str]
    ) -> list[Waiting]:
        """Take a session over and return what comes after frame `seq`, merged and in order.

        Raises NotResumable, and BusDown.
        """
        kept = await self._bus.recall(session)
        if kept is None:
            raise NotResumable("unknown_session")
        record = msgspec.msgpack.decode(kept[0], type=Record)
        if record.person != self.person or record.epoch != epoch:
            raise NotResumable("unknown_session")
        self._held = []
        live = await self._follow(logs)
        replay: list[Waiting] = []
        places: dict[str, Place] = {}
        anchors = decode_anchors(kept[1])
        if seq and not anchors:
            raise NotResumable("seq_ahead")  # the first frame of a session writes an anchor
        found = rests(record, anchors, seq)
        for log in logs:
            rest = found.get(log, Rest(log, "", 0, 0))
            entries = await self._after(rest, live.get(log))
            if log in live:
                places[log] = live[log]
                replay.extend(_waiting(log, live[log].generation, entry) for entry in entries)
        self.session, self.epoch = session, epoch
        self.numbering = Numbering(_before(places, replay), seq)
        await self._keep(record.base)
        return _merged(sorted(replay, key=lambda w: w.at))

    async def _after(self, rest: Rest, now: Place | None) -> list[Entry]:
        """The entries of one log this person may see that come after `rest`."""
        if now is None or not now.pos:
            if rest.after or rest.visible:
                raise NotResumable("log_lost")
            return []
        if rest.generation and rest.generation != now.generation:
            raise NotResumable("log_lost")
        entries = await self._bus.read(rest.log, rest.after, REPLAY_MAX + 1)
        if (entries and entries[0].pos != rest.after + 1) or len(entries) > REPLAY_MAX:
            raise NotResumable("window")
        if not entries and now.pos > rest.after:
            raise NotResumable("window")
        visible = [e for e in entries if e.to in {"", self.person} and e.pos <= now.pos]
        if rest.visible > len(visible):
            raise NotResumable("seq_ahead")
        return visible[rest.visible :]

    async def _follow(self, logs: Sequence[str]) -> dict[str, Place]:
        self._logs = list(logs)
        return await self._tails.follow(logs, self.entry, self.hear)

    @property
    def rooms(self) -> list[str]:
        """The rooms this session follows."""
        return self._logs[1:]

    async def follow_more(self, log: str) -> None:
        """A room this person came into while the session runs: shown from its log's beginning."""
        if log in self._logs:
            return
        self._logs.append(log)
        mine, self._held = self._held is None, [] if self._held is None else self._held
        try:
            live = (await self._tails.follow([log], self.entry, self.hear)).get(log)
            if live is not None:
                for entry in await self._bus.read(log, 0, REPLAY_MAX):
                    if entry.to in {"", self.person} and entry.pos <= live.pos:
                        self._put(_waiting(log, live.generation, entry))
        except BusDown:
            logger.warning("a new room is not followed until the next resume")
        finally:
            if mine:
                held, self._held = self._held or [], None
                for waiting in held:
                    self._put(waiting)

    def stop(self) -> None:
        """This session goes on elsewhere: not one more number is given here."""
        self._stopped = True

    async def _keep(self, base: dict[str, Place]) -> None:
        self._record = Record(
            person=self.person,
            epoch=self.epoch,
            owner=self.owner,
            sign_in=self.who.sign_in,
            base=base,
        )
        await self._bus.remember(self.session, msgspec.msgpack.encode(self._record), None)

    async def touch(self) -> None:
        """Keep the record alive; called at heartbeats."""
        if self._record is not None:
            await self._bus.remember(self.session, msgspec.msgpack.encode(self._record), None)

    def end(self) -> None:
        """The socket is gone; the record stays a while."""
        self._tails.unfollow(self._logs, self.entry, self.hear)
        self._logs = []

    # --- what comes in

    def entry(self, log: str, generation: str, pos: int, wanted: Wanted) -> None:
        """A log's entry: it waits for the socket, unless it is private to somebody else."""
        if wanted.to and wanted.to != self.person:
            return
        waiting = Waiting(log, generation, pos, wanted.at, wanted.reply, wanted.event)
        if self._held is not None:
            self._held.append(waiting)
            return
        self._put(waiting)

    def _put(self, waiting: Waiting) -> None:
        self._outbox.put(waiting)
        if self.since is None:
            self.since = time.monotonic()
        if self._outbox.full:
            self._close(CLOSE_SLOW, "")
        self._wake.set()

    def hear(self, payload: bytes) -> None:
        """Something ephemeral; when too much waits, the oldest is let go."""
        self._whispers.append(payload)
        del self._whispers[:-WHISPERS_MAX]
        self._wake.set()

    # --- what goes out

    async def run(self, replay: Sequence[Waiting] = ()) -> None:
        """Send what waits, in order, until cancelled. `replay` goes first."""
        for waiting in replay:
            await self._send_one(waiting)
        held, self._held = self._held or [], None
        for waiting in held:
            self._put(waiting)
        while True:
            if not len(self._outbox) and not self._whispers:
                self.since = None
                await self._wake.wait()
            self._wake.clear()
            while (next_one := self._outbox.take()) is not None:
                await self._send_one(next_one)
                self.since = time.monotonic()
            whispers, self._whispers = self._whispers, []
            for whisper in whispers:
                await self._send(unnumbered(whisper, self._form))

    async def _send_one(self, waiting: Waiting) -> None:
        """Number an entry, write its anchor first if it needs one, and send the frame."""
        if self._stopped or self.numbering.shown(waiting.log, waiting.generation, waiting.pos):
            return
        anchor = self.numbering.number(
            waiting.log, waiting.generation, waiting.pos, merged=waiting.merged
        )
        if anchor is not None:
            await self._anchored(anchor)
        frame = numbered(waiting.event, self.numbering.seq, waiting.at, self._form)
        await self._send(frame)

    async def _anchored(self, anchor: Anchor) -> None:
        """An anchor is on the bus before its frame is on the socket, however long that takes."""
        while True:
            try:
                await self._bus.remember(self.session, None, encode_anchor(anchor))
            except BusDown:
                await asyncio.sleep(0.2)
            else:
                return


def _waiting(log: str, generation: str, entry: Entry) -> Waiting:
    return Waiting(log, generation, entry.pos, entry.at, entry.reply, entry.event)


def _merged(entries: Sequence[Waiting]) -> list[Waiting]:
    """Neighbouring deltas of one reply as one frame each."""
    out: list[Waiting] = []
    for entry in entries:
        last = out[-1] if out else None
        if last and entry.reply and last.reply == entry.reply and last.log == entry.log:
            out[-1] = joined(last, entry)
        else:
            out.append(entry)
    return out


def _before(live: dict[str, Place], replay: Sequence[Waiting]) -> dict[str, Place]:
    """Where each log stands before its first replayed entry, so that none is taken as shown."""
    places = dict(live)
    for waiting in reversed(replay):
        places[waiting.log] = Place(waiting.generation, waiting.pos - 1)
    return places
