"""What one person says and hears, whatever it travels over: turns, replies, and their times.

Every time is taken from the moment the person *meant* to speak. A message that had to wait for
the server counts its waiting; otherwise a server that stalls would look better the longer it does.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import json

from loadtest.clients.frames import Frame, Watch
from loadtest.clients.wire import Trouble
from loadtest.measure import Measures

KEPT_REPLIES = 32


class Turn:
    """One message and what came of it. `acked` and `done` raise Trouble."""

    __slots__ = ("acked", "command", "done", "meant_at", "reply")

    def __init__(self, command: bytes, meant_at: float) -> None:
        loop = asyncio.get_running_loop()
        self.command = command  # as it was sent, to be repeated if its answer was lost
        self.meant_at = meant_at
        self.reply: str | None = None
        self.acked: asyncio.Future[Frame] = loop.create_future()
        self.done: asyncio.Future[Frame] = loop.create_future()

    def fail(self, trouble: Trouble) -> None:
        """Whoever waits is told."""
        for future in (self.acked, self.done):
            if not future.done():
                future.set_exception(trouble)
                future.exception()  # nobody has to look


class _Reply:
    __slots__ = ("done", "first_at", "last_at", "turn")

    def __init__(self) -> None:
        self.turn: Turn | None = None
        self.first_at: float | None = None
        self.last_at = 0.0
        self.done: Frame | None = None


class Talk:
    """The frames of one session, measured as they come."""

    def __init__(
        self,
        measures: Measures,
        now: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.watch = Watch()
        self.on_message: Callable[[Frame], None] | None = None
        self._measures = measures
        self._now, self._wall = now, wall
        self._turns: dict[str, Turn] = {}
        self._replies: dict[str, _Reply] = {}

    def asked(self, command_id: str, command: bytes, meant_at: float) -> Turn:
        """Something is being said."""
        self._measures.count("turns")
        turn = self._turns[command_id] = Turn(command, meant_at)
        return turn

    def unanswered(self) -> list[Turn]:
        """What was said and not acknowledged."""
        return [turn for turn in self._turns.values() if not turn.acked.done()]

    def fail(self, trouble: Trouble) -> None:
        """Nothing more will be heard."""
        for turn in [*self._turns.values(), *(r.turn for r in self._replies.values() if r.turn)]:
            turn.fail(trouble)
        self._turns.clear()
        self._replies.clear()

    def gave_up(self, turn: Turn) -> None:
        """Nobody waits any longer. The wait counts, or the slowest would not be among the times."""
        waited = self._now() - turn.meant_at
        reply = self._replies.get(turn.reply or "")
        self._measures.time("reply", waited)
        if reply is None or reply.first_at is None:
            self._measures.time("first_token", waited)
        if not turn.acked.done():
            self._measures.time("ack", waited)

    def forget(self, turn: Turn) -> None:
        """Nobody waits for this one any more."""
        self._turns = {name: one for name, one in self._turns.items() if one is not turn}
        if turn.reply is not None:
            self._replies.pop(turn.reply, None)

    def take(self, frame: Frame) -> None:
        """A frame came."""
        now = self._now()
        if frame.seq is not None and not self._numbered(frame):
            return
        match frame.type:
            case "reply.delta" if frame.reply is not None:
                self._delta(frame.reply, now)
            case "reply.done" if frame.reply is not None:
                reply = self._reply(frame.reply)
                reply.done = frame
                self._finish(frame.reply, reply, now)
            case "ack":
                self._acked(frame, now)
            case "error":
                self._refused(frame)
            case "message.created" if self.on_message is not None:
                self.on_message(frame)
            case _:
                pass

    def _numbered(self, frame: Frame) -> bool:
        measures, watch = self._measures, self.watch
        lost, repeated = watch.lost, watch.repeated
        fresh = watch.see(frame)
        measures.count("events")
        if watch.lost != lost:
            measures.count("lost_events", watch.lost - lost)
        if watch.repeated != repeated:
            measures.count("repeated_events", watch.repeated - repeated)
        if fresh and frame.at is not None:
            measures.time("delivery_lag", self._wall() - frame.at / 1000)
        return fresh

    def _reply(self, name: str) -> _Reply:
        found = self._replies.get(name)
        if found is None:
            if len(self._replies) >= KEPT_REPLIES:
                del self._replies[next(iter(self._replies))]
            found = self._replies[name] = _Reply()
        return found

    def _delta(self, name: str, now: float) -> None:
        reply = self._reply(name)
        self._measures.count("deltas")
        if reply.first_at is None:
            reply.first_at = now
            if reply.turn is not None:
                self._measures.time("first_token", now - reply.turn.meant_at)
        else:
            self._measures.time("inter_token", now - reply.last_at)
        reply.last_at = now

    def _acked(self, frame: Frame, now: float) -> None:
        turn = self._turns.pop(frame.id or "", None)
        if turn is None:
            return
        self._measures.time("ack", now - turn.meant_at)
        if not turn.acked.done():
            turn.acked.set_result(frame)
        if frame.reply is None:
            turn.fail(Trouble("no_reply"))
            return
        turn.reply = frame.reply
        reply = self._reply(frame.reply)
        reply.turn = turn
        if reply.first_at is not None:  # its words were here before the ack
            self._measures.time("first_token", reply.first_at - turn.meant_at)
        if reply.done is not None:
            self._finish(frame.reply, reply, max(reply.last_at, reply.first_at or now))

    def _finish(self, name: str, reply: _Reply, now: float) -> None:
        turn, done = reply.turn, reply.done
        if turn is None or done is None:
            return
        del self._replies[name]
        self._measures.count("replies")
        self._measures.time("reply", now - turn.meant_at)
        if done.status != "completed":
            self._measures.count("interrupted")
            self._measures.count(f"interrupted.{done.status}")
        if not turn.done.done():
            turn.done.set_result(done)

    def _refused(self, frame: Frame) -> None:
        turn = self._turns.pop(frame.id or "", None)
        code = frame.code or "error"
        if turn is None:
            self._measures.error(code)
        else:
            turn.fail(Trouble(code))


def message_send(command_id: str, room: str, text: str, key: str) -> bytes:
    """The command that says something."""
    return json.encode(
        {"type": "message.send", "id": command_id, "room": room, "text": text, "key": key}
    )


@contextmanager
def timed(measures: Measures, name: str, since: float) -> Iterator[None]:
    """Take the time of the block from `since`. Who gives up waiting counts with their wait."""
    try:
        yield
    except Trouble as trouble:
        if trouble.code.endswith("_timeout"):
            measures.time(name, time.perf_counter() - since)
        raise
    measures.time(name, time.perf_counter() - since)


async def whole_reply(talk: Talk, turn: Turn, timeout_seconds: float) -> Frame:
    """Wait for a turn's `reply.done`. Raises Trouble."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await turn.done
    except TimeoutError:
        talk.gave_up(turn)
        raise Trouble("reply_timeout" if turn.acked.done() else "ack_timeout") from None
    finally:
        talk.forget(turn)
