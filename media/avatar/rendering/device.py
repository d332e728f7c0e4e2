"""One device's beat: the faces that are due are painted as batches, encoded, and handed on.

Everything of a session is touched by the one thread that calls `beat`; other threads leave what
happened with `post`. Faces are prepared elsewhere, so that a new call stalls nobody's picture.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from msgspec import Struct

from media.avatar.engine import Engine, Step
from media.avatar.painter import Asset, Frames
from media.avatar.rendering.ladder import Ladder
from media.avatar.rendering.lead import Lead
from media.avatar.rendering.schedule import BEAT_US, Schedule
from media.avatar.rendering.session import FaceSession, Happening
from media.avatar.rendering.wire import CloseFace, OpenFace, Picture, Refused, Speak

logger = logging.getLogger(__name__)
MOST_POSTED: Final = 20_000
LATENESS_KEPT: Final = 512


class Begin(NamedTuple):
    """A face whose asset is ready."""

    asked: OpenFace
    asset: Asset


class Resized(NamedTuple):
    """The asset of a face in another size is ready."""

    face: str
    asset: Asset


class DeviceFigures(Struct, kw_only=True):
    """What a device has done so far."""

    frames: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0


Posted = Begin | Resized | CloseFace | Happening
Deliver = Callable[[Picture | Refused], None]


def now_us() -> int:
    """The one clock of a host."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Device:
    """Sessions on one engine. `deliver` is called from the device's threads."""

    def __init__(
        self, engine: Engine, deliver: Deliver, *, encoders: int = 1, ladder: Ladder | None = None
    ) -> None:
        self.engine = engine
        self.ladder = ladder or Ladder()
        self.figures = DeviceFigures()
        self.late_us: deque[int] = deque(maxlen=LATENESS_KEPT)  # due to delivered, the latest
        self.sessions: dict[str, FaceSession] = {}
        self._deliver = deliver
        self._schedule = Schedule()
        self._lead = Lead()
        self._ahead_us = 0  # of the clock that beats are called by, before ours
        self._by_slot: dict[int, FaceSession] = {}
        self._posted: deque[Posted] = deque(maxlen=MOST_POSTED)
        self._wake = threading.Event()
        self._stopping = False
        self._slots = 0
        self._pool = ThreadPoolExecutor(encoders, "encode") if encoders > 1 else None

    def post(self, what: Posted) -> None:
        """Leave word for the next beat; any thread."""
        self._posted.append(what)
        self._wake.set()

    def run(self) -> None:
        """Beat until `stop`. Without faces it sleeps."""
        while not self._stopping:
            began = now_us()
            self.beat(began)
            coming = self._schedule.next_us()
            if coming is None:
                self._wake.wait(1.0)
            else:
                pause = min(max(coming, began + BEAT_US // 4), began + BEAT_US) - now_us()
                if pause > 0:
                    self._wake.wait(pause / 1e6)
            self._wake.clear()

    def stop(self) -> None:
        """End `run`."""
        self._stopping = True
        self._wake.set()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def beat(self, at_us: int) -> int:
        """Take in what was posted and make what is due; how many frames were sent."""
        began = now_us()
        self._ahead_us = at_us - began
        while self._posted:
            self._take(self._posted.popleft(), at_us)
        self._lead.passed(at_us)
        due = self._schedule.due(at_us)
        steps: dict[int, list[tuple[Step, int, int]]] = {}
        for slot, due_us, skipped in due:
            session = self._by_slot[slot]
            session.skipped += skipped
            self.figures.skipped += skipped
            if session.hidden:
                continue
            step, play_at_us = session.step(due_us, self._lead.us)
            steps.setdefault(session.size, []).append((step, play_at_us, due_us))
        sent = sum(self._make(group) for group in steps.values())
        late = sum(one.skipped for one in due)
        if self.sessions and self.ladder.note(at_us, now_us() - began, late):
            self._step_all()
        return sent

    def resizing(self) -> list[tuple[OpenFace, int]]:
        """Faces whose asset is wanted in another size, and that size."""
        wanted = self._size_of
        return [
            (one.asked, wanted(one.asked)) for one in list(self.sessions.values())
            if one.size != wanted(one.asked)
        ]  # fmt: skip

    def _take(self, what: Posted, at_us: int) -> None:
        match what:
            case Begin():
                self._begin(what, at_us)
            case Resized(face=face, asset=asset):
                session = self.sessions.get(face)
                if session is not None:
                    self.engine.open(session.slot, asset)
                    session.settle(self.ladder.rung, asset.size)
            case CloseFace(face=face):
                self._end(face)
            case _:
                session = self.sessions.get(what.face)
                if session is None:
                    return
                if isinstance(what, Speak):
                    self.engine.listen(session.slot, what.epoch, what.at_sample, what.pcm)
                if session.take(what):
                    self._schedule.hurry(session.slot, at_us)

    def _begin(self, begin: Begin, at_us: int) -> None:
        self._end(begin.asked.face)
        self._slots += 1
        session = FaceSession(self._slots, begin.asked, at_us)
        self.engine.open(session.slot, begin.asset)
        session.settle(self.ladder.rung, begin.asset.size)
        self.sessions[begin.asked.face] = self._by_slot[session.slot] = session
        self._schedule.add(session.slot, at_us, session.fps)

    def _end(self, face: str) -> None:
        session = self.sessions.pop(face, None)
        if session is not None:
            self._by_slot.pop(session.slot)
            self._schedule.remove(session.slot)
            self.engine.close(session.slot)

    def _step_all(self) -> None:
        """A new rung: rates change now, sizes when their assets have come."""
        for session in self.sessions.values():
            session.settle(self.ladder.rung, session.size)
            self._schedule.pace(session.slot, session.fps)
        logger.info("faces now at rung %d", self.ladder.level)

    def _size_of(self, asked: OpenFace) -> int:
        return min(asked.size, self.ladder.rung.size)

    def _make(self, group: Sequence[tuple[Step, int, int]]) -> int:
        sent, most = 0, self.engine.caps.max_batch
        for start in range(0, len(group), most):
            part = group[start : start + most]
            try:
                rendered = self.engine.step([step for step, _, _ in part])
            except Exception:  # an engine is somebody else's code: one face must not end all
                logger.exception("an engine failed on %d faces", len(part))
                sent += self._each_alone(part)
                continue
            made = [
                (self._by_slot[step.slot], rendered.frames[place], play_at_us, due_us)
                for place, (step, play_at_us, due_us) in enumerate(part)
                if rendered.changed[place]
            ]
            self.figures.unchanged += len(part) - len(made)
            run = self._pool.map if self._pool is not None and len(made) > 1 else map
            sent += sum(run(lambda one: self._send(*one), made))
        return sent

    def _each_alone(self, part: Sequence[tuple[Step, int, int]]) -> int:
        """Find the face that fails, and close it."""
        if len(part) > 1:
            return sum(self._make([one]) for one in part)
        session = self._by_slot[part[0][0].slot]
        self.figures.failed += 1
        self._end(session.asked.face)
        self._deliver(Refused(face=session.asked.face, reason="failed", message="It broke."))
        return 0

    def _send(self, session: FaceSession, frame: Frames, play_at_us: int, due_us: int) -> int:
        picture = session.picture(frame, play_at_us)
        if picture is None:
            return 0
        self.figures.frames += 1
        self._deliver(picture)
        took = now_us() + self._ahead_us - due_us
        self.late_us.append(took)
        self._lead.took(took)
        return 1
