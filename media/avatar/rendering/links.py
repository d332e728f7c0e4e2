"""The holder's side: faces opened on whichever render worker has room, and moved when it dies.

A `Face` remembers what another worker would have to know (what is about to be said, where the
sound is, how it behaves), so that a lost worker costs a call a moment of picture and nothing else.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from media.avatar.motion.attitudes import Attitude
from media.avatar.rendering.wire import (
    Behave,
    CloseFace,
    Feel,
    Flush,
    FromWorker,
    Hello,
    Opened,
    OpenFace,
    Picture,
    Refused,
    Sounding,
    Speak,
    ToWorker,
    Tune,
    WireBroken,
    WorkerLoad,
    dial,
    from_worker,
    pack,
    read_frame,
)
from media.sound.formats import SAMPLE_BYTES

logger = logging.getLogger(__name__)
AGAIN_SECONDS: Final = 0.1
SILENT_SECONDS: Final = 3.0  # a worker tells its load every second
MOST_KEPT: Final = 64  # pieces of speech not yet played; a leg holds 5 s of sound
Seen = Callable[[Picture], None]
Lost = Callable[[Refused], None]


class Face:
    """One face of a call, on whichever worker. Nothing here waits."""

    def __init__(self, links: "FaceLinks", asked: OpenFace, seen: Seen, lost: Lost) -> None:
        self.asked = asked
        self.seen = seen
        self.lost = lost
        self.worker: _Worker | None = None
        self.tried: set[str] = set()  # workers that had no room, or were lost
        self.shown = False
        self._links = links
        self._attitude: Attitude = asked.attitude
        self._speech: deque[Speak] = deque(maxlen=MOST_KEPT)
        self._sounding: Sounding | None = None
        self._tuned = Tune(face=asked.face)
        self._epoch = 0

    def tell(self, message: Speak | Flush | Sounding | Behave | Feel | Tune) -> None:
        """What happens in the call. Dropped while no worker shows the face, but remembered."""
        self.note(message)
        if self.worker is not None:
            self.worker.tell(message)

    def close(self) -> None:
        """The call is over. Idempotent."""
        self._links.close(self)

    def story(self) -> list[ToWorker]:
        """All that a worker must know to go on with this face."""
        shown = "listening" if self._attitude == "greeting" else self._attitude
        begun = msgspec.structs.replace(self.asked, attitude=shown) if self.shown else self.asked
        told: list[ToWorker] = [begun, Flush(face=self.asked.face, epoch=self._epoch)]
        told += list(self._speech)
        if self._sounding is not None:
            told.append(self._sounding)
        return [*told, self._tuned]

    def note(self, message: Speak | Flush | Sounding | Behave | Feel | Tune) -> None:
        """Remember it for another worker, without telling the one that knows from its leg."""
        match message:
            case Speak(epoch=epoch) if epoch >= self._epoch:
                self._begin(epoch)
                self._speech.append(message)
            case Flush(epoch=epoch):
                self._begin(epoch)
            case Sounding(epoch=epoch) if epoch >= self._epoch:
                self._begin(epoch)
                self._sounding = message
                while self._speech and _end(self._speech[0]) < message.samples:
                    self._speech.popleft()
            case Behave(attitude=attitude):
                self._attitude = attitude
            case Tune():
                self._tuned = Tune(
                    face=message.face,
                    kbps=message.kbps or self._tuned.kbps,
                    hidden=self._tuned.hidden if message.hidden is None else message.hidden,
                )
            case _:
                pass

    def _begin(self, epoch: int) -> None:
        if epoch > self._epoch:
            self._epoch = epoch
            self._speech.clear()
            self._sounding = None


class _Worker:
    """One render worker as seen from here."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.load = WorkerLoad(faces=0, most=0, busy=0.0, level=0)
        self._writer: asyncio.StreamWriter | None = None

    @property
    def alive(self) -> bool:
        """Whether it can be told anything."""
        return self._writer is not None and not self._writer.transport.is_closing()

    def begin(self, writer: asyncio.StreamWriter | None) -> None:
        """The link is there, or (None) gone."""
        self._writer = writer

    def tell(self, message: ToWorker) -> None:
        """Write without waiting; a link that is gone swallows it."""
        if self._writer is not None and not self._writer.transport.is_closing():
            self._writer.write(pack(message))


class FaceLinks:
    """Links to all render workers of this host or cluster, for as long as `run` runs."""

    def __init__(self, addresses: Sequence[str], key: str) -> None:
        self.faces: dict[str, Face] = {}
        self._key = key
        self._workers = [_Worker(address) for address in addresses]

    @property
    def alive(self) -> int:
        """How many workers can be used."""
        return sum(worker.alive for worker in self._workers)

    async def run(self) -> None:
        """Keep the links until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(self._keep(worker), name=f"faces {worker.address}")

    def open(self, asked: OpenFace, seen: Seen, lost: Lost) -> Face:
        """Show a face; `seen` gets its pictures, `lost` why there will be none."""
        face = Face(self, asked, seen, lost)
        self.faces[asked.face] = face
        self._place(face)
        return face

    def close(self, face: Face) -> None:
        """No more of this face."""
        if self.faces.get(face.asked.face) is face:
            del self.faces[face.asked.face]
        if face.worker is not None:
            face.worker.tell(CloseFace(face=face.asked.face))
            face.worker = None

    def _place(self, face: Face) -> None:
        """Open it where there is most room; if nowhere now, when a worker comes back."""
        free = [one for one in self._workers if one.alive and one.address not in face.tried]
        if not free:
            return
        worker = min(free, key=self._fullness)
        for message in face.story():
            worker.tell(message)
        face.worker = worker

    def _fullness(self, worker: _Worker) -> tuple[bool, int, float]:
        count = sum(face.worker is worker for face in self.faces.values())
        return bool(worker.load.most) and count >= worker.load.most, count, worker.load.busy

    async def _keep(self, worker: _Worker) -> None:
        """One worker's link: dial, read, and again when it breaks."""
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                reader, writer = await dial(worker.address)
                try:
                    await self._read(worker, reader, writer)
                finally:
                    worker.begin(None)
                    writer.close()
            self._move_from(worker)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read(
        self, worker: _Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(pack(Hello(self._key)))
        while True:
            async with asyncio.timeout(SILENT_SECONDS):
                body = await read_frame(reader)
            try:
                message = from_worker.decode(body)
            except (msgspec.MsgspecError, WireBroken) as error:
                raise EOFError from error
            if not worker.alive:
                worker.begin(writer)  # its first word: the key was right
                for face in self.faces.values():
                    face.tried.discard(worker.address)
                    if face.worker is None:
                        self._place(face)
            self._heard(worker, message)

    def _heard(self, worker: _Worker, message: FromWorker) -> None:
        if isinstance(message, WorkerLoad):
            worker.load = message
            return
        face = self.faces.get(message.face)
        if face is None or face.worker is not worker:
            return
        match message:
            case Picture():
                face.shown = True
                face.seen(message)
            case Refused(reason="at_capacity") if self._elsewhere(face, worker):
                pass
            case Refused():
                del self.faces[message.face]
                face.worker = None
                face.lost(message)
            case Opened():
                pass

    def _elsewhere(self, face: Face, worker: _Worker) -> bool:
        """Try another worker; False when all of them are full."""
        face.tried.add(worker.address)
        face.worker = None
        self._place(face)
        return face.worker is not None

    def _move_from(self, worker: _Worker) -> None:
        """A worker is gone: its faces go on elsewhere, or wait for it."""
        for face in list(self.faces.values()):
            if face.worker is worker:
                logger.warning("a render worker was lost; a face moves")
                face.worker = None
                face.tried = {worker.address}
                self._place(face)


def _end(speech: Speak) -> int:
    return speech.at_sample + len(speech.pcm) // SAMPLE_BYTES
