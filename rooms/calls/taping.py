"""One call's recording: begun when everybody agrees, stopped the moment anybody does not.

Who agrees is rooms/calls/agreement.py's to say; the sound lies on media/recording/tape.py. Here it
is cut off every few seconds, packed in a thread and kept (rooms/tapes.py): a crash costs seconds.
"""

import asyncio
import contextlib
import importlib
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from media.recording.tape import Tape
from rooms.calls.agreement import Agreement
from rooms.calls.parts import CallParts
from rooms.calls.taped_leg import Laid
from rooms.commands import Answer, RecordingSet
from rooms.credits.calls import Calling
from rooms.errors import Forbidden, NotFound, ProductError, Unavailable
from rooms.events import CallRecording
from rooms.ports import Principal
from rooms.tapes import CONSENT, Sealed, Tapes
from storage import tapes as store
from storage.database import DATABASE_AWAY

if TYPE_CHECKING:
    from media.recording.packing import Packer
    from rooms.calls.call import Call

logger = structlog.get_logger(__name__)
UNKEPT_MOST: Final = 12  # parts that wait for stores that are away
LAST_SECONDS: Final = 8.0  # for what was recorded last, when a call ends
_AGAIN_SECONDS: Final = 0.5
Why = Literal["", "withdrawn", "too_long", "full", "failed"]
Says = Literal["recording", "not_recording"]
_WHY: Final[dict[str, Why]] = {"recording_not_agreed": "withdrawn", "recordings_full": "full"}


class Running:
    """A recording under way."""

    def __init__(self, recording: store.Tape, packer: "Packer", now_ms: int) -> None:
        self.recording = recording
        self.packer = packer
        self.tape = Tape(now_ms)
        self.over = asyncio.Event()
        self.ended_ms = 0  # when it was stopped
        self.refused = False  # no further part is taken
        self.handed = False  # the next holder of the call goes on with what was agreed
        self.ended = asyncio.Event()  # and no other holder would take it for going on
        self.ms = 0
        self.unkept: list[tuple[int, Sealed]] = []
        self.parts = self.kept = 0


class Taping:
    """See the module. `people`: who is in the room now; `tell` and `say` show and speak."""

    def __init__(
        self,
        calling: Calling,
        tapes: Tapes | None,
        clock_ms: Callable[[], int],
        tell: Callable[[CallRecording], None],
        say: Callable[[Says], None],
    ) -> None:
        self.people: Callable[[], Iterable[str]] = lambda: [calling.who.person.id]
        self.recordings: list[str] = []  # those of which something is kept
        self._calling = calling
        self._tapes = tapes
        self._clock_ms = clock_ms
        self._tell = tell
        self._say = say
        self._agreement = Agreement(calling.who.person.id)
        self._now: Running | None = None
        self._connected = self._closed = False
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stands: tuple[object, ...] = ()  # what was told last
        self._left_on = False  # an earlier holder was recording, and its end was told to nobody

    @property
    def on(self) -> bool:
        """Sound is kept at this moment."""
        return self._now is not None

    def tape(self) -> Laid | None:
        """What sound is laid on now."""
        return self._now.tape if self._now is not None else None

    # --- what happens

    async def said(self, person: str, consents: frozenset[str], *, on: bool) -> None:
        """Somebody in the room agrees, or no more. Raises ProductError."""
        if not on:
            running = self._now
            self._agreement.say(person, on=False)
            self.look()
            if running is not None and self._now is None:  # kept before it is acknowledged
                await _either(running.ended, LAST_SECONDS)
            return
        if self._tapes is None or not self._tapes.settings.calls:
            raise Forbidden("Calls are not recorded here.", code="recording_not_offered")
        if CONSENT not in consents:
            raise Forbidden(
                "Agree first that calls you allow it for are recorded and kept, sealed.",
                code="consent_needed",
                details={"purposes": [CONSENT], "unlocked_by": ["privacy/consents"]},
            )
        self._agreement.say(person, on=True)
        try:
            await self._start()
        except ProductError:
            self._agreement.say(person, on=False)
            raise
        finally:
            self._show()

    def look(self) -> None:
        """Who is in the room, or who agrees, may have changed: stop at once, or begin."""
        if self._now is not None and not self._agreed:
            self._stop("withdrawn")
            return
        if self._now is None and self._agreed:
            self._spawn(self._start_quietly())
        self._show()

    async def go_on(self) -> None:
        """An earlier holder died, or handed the call over: what was agreed there counts here.

        It was agreed for this call, by people who know it is recorded. Raises Unavailable.
        """
        if self._tapes is None:
            return
        for person in await self._tapes.take(self._calling.call):
            self._left_on = True
            self._agreement.say(person, on=self._tapes.settings.calls)

    def connected(self) -> None:
        """Sound flows, at last or again, perhaps to another device: it is told there too."""
        self._connected = True
        if self._left_on and self._now is None:
            self._spawn(self._start_quietly())
            return
        if self._now is not None:
            self._now.tape.another_leg()
            self._say("recording")
        self.look()

    async def close(self, *, handed: bool = False) -> None:
        """The call is over here: what was recorded last is kept when this returns.

        `handed`: it goes on elsewhere, and its recording with it.
        """
        self._closed = True
        if self._now is not None:
            self._now.handed = handed
            self._stop("")
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
        if self._tapes is not None:
            with contextlib.suppress(*DATABASE_AWAY):  # an earlier holder's are named too
                self.recordings = await self._tapes.kept_of(self._calling.call)

    async def finish(self) -> None:
        """The call is settled: its recordings are put together, now or by housekeeping."""
        if self._tapes is None or not self.recordings:
            return
        try:
            await self._tapes.finish(self._calling.call)
        except (*DATABASE_AWAY, OSError) as error:
            logger.warning("a recording waits to be put together", why=type(error).__name__)

    # --- beginning and ending

    @property
    def _agreed(self) -> bool:
        return self._agreement.state(self.people()) == "on" and not self._closed

    async def _start_quietly(self) -> None:
        why: Why = "withdrawn"
        try:
            await self._start()
        except ProductError as refusal:
            logger.info("a recording does not begin", code=refusal.code)
            self._agreement.say(self._calling.who.person.id, on=False)
            why = _WHY.get(refusal.code, "failed")
        if not self._left_on or self._closed:
            self._show()
            return
        self._left_on, self._stands = False, ("left on",)  # whatever becomes of it is news
        if not self.on:
            self._say("not_recording")
        self._show("" if self.on else why)

    async def _start(self) -> None:
        """Begin, if everybody agrees and sound flows. Raises ProductError."""
        async with self._starting:
            if self._tapes is None or not self._agreed or not self._connected or self.on:
                return
            person, call = self._calling.who.person.id, self._calling.call
            people = sorted(self.people())
            packer = await self._packer(self._tapes.settings.call_bits_per_second)
            recording = await self._tapes.begin(person, call, people)
            if not self._agreed or sorted(self.people()) != people:  # somebody spoke up meanwhile
                await self._tapes.drop(recording, person)
                return
            tape = store.Tape(recording=recording, person=person, call=call)
            self._now = Running(tape, packer, self._clock_ms())
            self._spawn(self._run(self._tapes, self._now))
            self._say("recording")

    async def _packer(self, bits_per_second: int) -> "Packer":
        """The codec is loaded off the loop, with the first recording."""
        packing = await asyncio.to_thread(importlib.import_module, "media.recording.packing")
        try:
            made: Packer = await asyncio.to_thread(
                packing.Packer, secrets.randbits(32), bits_per_second
            )
        except packing.NoOpus as error:
            raise Unavailable(
                "Nothing can be recorded here.", code="recording_unavailable", retryable=False
            ) from error
        return made

    def _stop(self, why: Why) -> None:
        """From here on nothing is laid on the tape."""
        running, self._now = self._now, None
        if running is None:
            return
        running.ended_ms = self._clock_ms()
        running.over.set()
        if why in {"too_long", "full", "failed"}:  # or it would begin again at once
            self._agreement.say(self._calling.who.person.id, on=False)
        if not self._closed:
            self._say("not_recording")
        if not running.handed:
            self._show(why, running.recording.recording)

    def _show(self, why: Why = "", recording: str | None = None) -> None:
        """Tell how it stands, if that is new."""
        people = list(self.people())
        agreed = self._agreement.agreed(people)
        if self._now is not None:
            recording = self._now.recording.recording
        told = CallRecording(
            room=self._calling.room,
            call=self._calling.call,
            state="on" if self.on else "asked" if agreed and not self._closed else "off",
            agreed=agreed,
            missing=self._agreement.missing(people),
            recording=recording,
            why=why,
        )
        stands = (told.state, told.agreed, told.missing)
        if stands != self._stands and (self._stands or told.state != "off"):
            self._stands = stands
            self._tell(told)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name=f"recording {self._calling.call}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- keeping

    async def _run(self, tapes: Tapes, running: Running) -> None:
        """Cut, pack and keep, until it is over and all of it is kept."""
        try:
            last = False
            while not last:
                await _either(running.over, tapes.settings.call_part_seconds)
                last = running.over.is_set()
                await self._cut(tapes, running, last=last)
            while running.unkept:
                await asyncio.sleep(_AGAIN_SECONDS)
                await self._keep(tapes, running)
        except (OSError, ValueError) as error:
            logger.error("a recording broke off", why=type(error).__name__)
            if self._now is running:
                self._stop("failed")
        finally:
            if running.unkept:
                logger.error("the end of a recording is lost", parts=len(running.unkept))
            if not running.handed:
                await tapes.end(running.recording.recording)
            running.ended.set()

    async def _cut(self, tapes: Tapes, running: Running, *, last: bool) -> None:
        now_ms = running.ended_ms if last else self._clock_ms()
        left_ms = tapes.settings.call_seconds * 1000 - running.ms
        if running.refused:
            return
        cut = running.tape.cut(now_ms, whole=last)
        if cut.ms > left_ms:
            cut = cut.shortened(left_ms)
        if cut.ms:
            packed = await asyncio.to_thread(running.packer.pack, cut)
            running.unkept.append((running.parts, packed))
            running.parts += 1
            running.ms += cut.ms
        await self._keep(tapes, running)
        if running.ms >= tapes.settings.call_seconds * 1000 and self._now is running:
            self._stop("too_long")

    async def _keep(self, tapes: Tapes, running: Running) -> None:
        """What waits, in order; while the stores are away it waits on, but not for ever."""
        while running.unkept:
            n, packed = running.unkept[0]
            try:
                kept = await tapes.keep(running.recording, n, packed)
            except (*DATABASE_AWAY, OSError) as error:
                logger.warning("a part of a recording waits", why=type(error).__name__)
                if len(running.unkept) > UNKEPT_MOST and self._now is running:
                    self._stop("failed")
                return
            if kept != "kept":
                self._refused(running, kept)
                return
            del running.unkept[0]
            running.kept += 1
            if running.kept == 1:
                self.recordings.append(running.recording.recording)

    def _refused(self, running: Running, kept: store.Kept) -> None:
        """Somebody's consent is gone, or there is no room: the rest is thrown away."""
        running.unkept.clear()
        running.refused = True
        if self._now is running:
            if kept == "not_agreed":
                for person in self._agreement.agreed(self.people()):
                    self._agreement.say(person, on=False)
            self._stop({"not_agreed": "withdrawn", "full": "full"}.get(kept, "failed"))  # type: ignore[arg-type]


async def record(
    parts: CallParts | None, call: "Call | None", who: Principal, command: RecordingSet
) -> Answer:
    """A member agrees to a recording, or no more; of a call that has ended only the latter."""
    over = call is None or not call.going_on or command.call not in {None, call.calling.call}
    if call is None or parts is None or over:
        if not command.on:
            return Answer(call=command.call)
        raise NotFound("This call has ended.", code="call_not_found")
    consents = (await parts.caller(who, counted=False)).consents if command.on else frozenset()
    await call.taping.said(who.person.id, consents, on=command.on)
    return Answer(call=call.calling.call)


async def _either(over: asyncio.Event, seconds: float) -> None:
    """Until it is over, or so long."""
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        return
