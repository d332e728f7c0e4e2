"""The door of a render worker: links of holders in, faces prepared, pictures out.

All the awaiting is here; the device beats in a thread of its own and never waits for a link. A
link that reads too slowly loses pictures, and gets a keyframe when it reads again.
"""

import asyncio
import contextlib
import hmac
import logging
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from media.avatar.appearance import Appearance
from media.avatar.engine import Engine, Source
from media.avatar.painter import Asset, AvatarError
from media.avatar.rendering.attach import Attachment
from media.avatar.rendering.device import Begin, Device, Resized
from media.avatar.rendering.session import Happening
from media.avatar.rendering.wire import (
    CloseFace,
    FromWorker,
    Hello,
    Opened,
    OpenFace,
    Picture,
    Refused,
    Tune,
    WireBroken,
    WorkerLoad,
    pack,
    read_frame,
    split_address,
    to_worker,
)

logger = logging.getLogger(__name__)
MOST_UNSENT_BYTES: Final = 1_000_000
HELLO_SECONDS: Final = 5.0
LOAD_SECONDS: Final = 1.0
MOST_WAITING: Final = 256
LEG_SECONDS: Final = 10.0
_appearance = msgspec.json.Decoder(Appearance)


async def _both(
    attaching: Coroutine[object, object, OpenFace], preparing: Coroutine[object, object, Asset]
) -> tuple[OpenFace, Asset]:
    """Go to the leg while the face is drawn. Raises the AvatarError of either."""
    try:
        async with asyncio.TaskGroup() as tasks:
            attached, prepared = tasks.create_task(attaching), tasks.create_task(preparing)
    except ExceptionGroup as group:
        for error in group.exceptions:
            if isinstance(error, AvatarError):
                raise error from None
        raise
    return attached.result(), prepared.result()


class Link:
    """One holder's connection and the faces it opened."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.faces: set[str] = set()
        self.starved: set[str] = set()  # faces that lost a picture to a full buffer
        self._writer = writer

    def tell(self, message: FromWorker) -> bool:
        """Write without waiting; False when the other side does not read."""
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            return False
        self._writer.write(pack(message))
        return True

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class FaceServer:
    """Serves one device. `key` is what callers must show."""

    def __init__(self, engine: Engine, *, key: str, most: int, encoders: int = 1) -> None:
        self.key = key
        self.most = most
        self.device = Device(engine, self._made, encoders=encoders)
        self._engine = engine
        self._links: dict[str, Link] = {}  # by face
        self._open: set[Link] = set()
        self._prepare = ThreadPoolExecutor(1, "prepare")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resizing: set[str] = set()
        self._attached: dict[str, tuple[Attachment, asyncio.Task[None]]] = {}
        self._waiting: dict[str, deque[Happening]] = {}  # said to faces still being prepared

    async def serve(self, address: str, ready: asyncio.Event | None = None) -> None:
        """Listen until cancelled. Ends, with an error, when the device does."""
        self._loop = asyncio.get_running_loop()
        server = await self._listen(address)
        try:
            async with server, asyncio.TaskGroup() as tasks:
                tasks.create_task(self._run_device(), name="device")
                tasks.create_task(self._report(), name="load")
                if ready is not None:
                    ready.set()
                await server.serve_forever()
        finally:
            self.device.stop()
            for link in self._open:
                link.close()
            self._prepare.shutdown(wait=False, cancel_futures=True)

    async def _listen(self, address: str) -> asyncio.Server:
        kind, _, where = address.partition(":")
        if kind == "unix":
            path = Path(where)
            path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self._connected, where)
            path.chmod(0o600)
            return server
        return await asyncio.start_server(self._connected, *split_address(where))

    async def _run_device(self) -> None:
        try:
            await asyncio.to_thread(self.device.run)
        finally:
            self.device.stop()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(LOAD_SECONDS)
            load = self.load()
            for link in self._open:
                link.tell(load)
            await self._resize()

    def load(self) -> WorkerLoad:
        """How much this worker has to do."""
        ladder = self.device.ladder
        return WorkerLoad(
            faces=len(self._links), most=self.most, busy=ladder.busy, level=ladder.level
        )

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A link that is cancelled with the server is no error; asyncio would log it as one.
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve_link(reader, writer)

    async def _serve_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = to_worker.decode(await read_frame(reader))
            if not isinstance(hello, Hello) or not hmac.compare_digest(hello.key, self.key):
                return
            self._open.add(link)
            link.tell(self.load())
            async with asyncio.TaskGroup() as opening:
                while True:
                    await self._frame(link, await read_frame(reader), opening)
        except* (EOFError, TimeoutError, ConnectionError):
            pass
        except* (msgspec.MsgspecError, WireBroken) as error:
            logger.warning("a link sent nonsense: %s", error.exceptions[0])
        finally:
            self._forget(link)
            writer.close()

    async def _frame(self, link: Link, body: bytes, opening: asyncio.TaskGroup) -> None:
        message = to_worker.decode(body)
        match message:
            case Hello():
                raise WireBroken("a second hello")
            case OpenFace():
                if self._admit(link, message):
                    opening.create_task(self._begin(link, message), name="open a face")
            case CloseFace(face=face):
                if self._links.get(face) is link:
                    self._end(face)
            case _:
                if self._links.get(message.face) is not link:
                    return
                self._happened(message)

    def _admit(self, link: Link, asked: OpenFace) -> bool:
        """Whether there is room; from here on the face is this link's."""
        if len(self._links) >= self.most and asked.face not in self._links:
            link.tell(Refused(face=asked.face, reason="at_capacity", message="No face is free."))
            return False
        if asked.face in self._links:
            self._end(asked.face)
        self._links[asked.face] = link
        self._waiting[asked.face] = deque(maxlen=MOST_WAITING)
        link.faces.add(asked.face)
        return True

    async def _begin(self, link: Link, asked: OpenFace) -> None:
        """Prepare a face and show it, or say why not."""
        try:
            size = min(asked.size, self.device.ladder.rung.size)
            asked, asset = await _both(self._attach(asked), self._prepared(asked, size))
        except AvatarError as error:
            if self._links.get(asked.face) is link:
                self._end(asked.face)
                link.tell(Refused(face=asked.face, reason=error.reason, message=str(error)))
            return
        if self._links.get(asked.face) is link:  # else it was closed meanwhile
            self.device.post(Begin(asked, asset))
            for message in self._waiting.pop(asked.face, ()):
                self.device.post(message)
            link.tell(Opened(face=asked.face, size=size, fps=asked.fps, codec=asked.codec))

    async def _attach(self, asked: OpenFace) -> OpenFace:
        """Go to the leg, where there is one, and take the codec it wants. Raises AvatarError."""
        if asked.leg is None:
            return asked
        attachment = Attachment(asked.face, asked.leg)
        task = asyncio.create_task(attachment.run(self._happened), name="a face's leg")
        self._attached[asked.face] = attachment, task
        task.add_done_callback(lambda _: self._leg_gone(asked.face, attachment))
        try:
            async with asyncio.timeout(LEG_SECONDS):
                await attachment.wanted.wait()
        except TimeoutError as error:
            raise AvatarError("The leg did not answer.", reason="leg_lost") from error
        if attachment.codec is None:
            raise AvatarError("The leg shows no pictures.", reason="no_pictures")
        return msgspec.structs.replace(asked, codec=attachment.codec)

    def _happened(self, what: Happening) -> None:
        """A leg told something of its face."""
        waiting = self._waiting.get(what.face)
        if waiting is None:
            self.device.post(what)
        else:
            waiting.append(what)

    def _leg_gone(self, face: str, attachment: Attachment) -> None:
        """A leg that has gone takes its face along."""
        now = self._attached.get(face)
        if now is None or now[0] is not attachment:
            return
        link = self._links.get(face)
        self._end(face)
        if link is not None:
            link.tell(Refused(face=face, reason="leg_lost", message="The leg is gone."))

    async def _prepared(self, asked: OpenFace, size: int) -> Asset:
        """The face's asset, made off the loop. Raises AvatarError."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._prepare, self._make_asset, asked, size)

    def _make_asset(self, asked: OpenFace, size: int) -> Asset:
        if not 1 <= asked.fps <= 60:
            raise AvatarError("A face moves 1 to 60 times a second.", reason="bad_rate")
        try:
            look = _appearance.decode(asked.appearance) if asked.appearance else None
        except msgspec.MsgspecError as error:
            raise AvatarError(
                "The appearance is not one we know.", reason="bad_appearance"
            ) from error
        try:
            return self._engine.prepare(Source(appearance=look, picture=asked.picture), size)
        except AvatarError:
            raise
        except Exception as error:  # what people upload must not end the worker
            logger.exception("a face could not be prepared")
            raise AvatarError("This face could not be prepared.") from error

    async def _resize(self) -> None:
        """Prepare what a new rung wants; the device exchanges it when it is there.

        Whoever waits for a first picture comes before those who are to have another one.
        """
        for asked, size in self.device.resizing():
            if self._waiting:
                return
            if asked.face in self._resizing or asked.face not in self._links:
                continue
            self._resizing.add(asked.face)
            try:
                self.device.post(Resized(asked.face, await self._prepared(asked, size)))
            except AvatarError:
                logger.warning("a face has no smaller size")
            finally:
                self._resizing.discard(asked.face)

    def _made(self, message: Picture | Refused) -> None:
        """From the device's threads."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._hand_out, message)

    def _hand_out(self, message: Picture | Refused) -> None:
        link = self._links.get(message.face)
        if link is None:
            return
        if isinstance(message, Refused):
            self._links.pop(message.face)
            link.faces.discard(message.face)
            link.tell(message)
        elif message.face in link.starved and not message.key:
            return
        elif self._show(link, message):
            link.starved.discard(message.face)
        else:
            # What follows builds on what was lost: nothing more until a picture stands alone.
            link.starved.add(message.face)
            self.device.post(Tune(face=message.face, key=True))

    def _show(self, link: Link, picture: Picture) -> bool:
        """Hand a picture on; False when nobody takes it now."""
        attached = self._attached.get(picture.face)
        return attached[0].send(picture) if attached else link.tell(picture)

    def _end(self, face: str) -> None:
        attached = self._attached.pop(face, None)
        if attached is not None:
            attached[1].cancel()
        self._waiting.pop(face, None)
        link = self._links.pop(face, None)
        if link is not None:
            link.faces.discard(face)
        self.device.post(CloseFace(face=face))

    def _forget(self, link: Link) -> None:
        self._open.discard(link)
        for face in list(link.faces):
            self._end(face)
