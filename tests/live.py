"""A whole Kindred in the test's own loop: the real application, stores, sockets, a scripted model.

`Live` starts what the gateway starts; `Client` is a person with a socket, who can lose it.
"""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import uvicorn
import websockets

from config.load import load
from config.settings import Settings
from loadtest.upstream import Upstream
from realtime.transports.doorway import Doorway
from realtime.transports.uvicorn_socket import SocketProtocol
from server.app import create_app

_names = itertools.count(1)


class Paced(Upstream):
    """A connection that is kept between answers: each has the pace that is set when it begins."""

    def __init__(self, script: "Script") -> None:
        super().__init__(script.tokens, script.gap_seconds, script.first_seconds)
        self._script = script

    def _answer(self, head: bytes) -> None:
        script = self._script
        if script.away:
            assert self._transport is not None
            self._transport.abort()
            return
        self._tokens, self._gap_seconds = script.tokens, script.gap_seconds
        self._first_seconds = script.first_seconds
        super()._answer(head)
        script.asked += not head.startswith(b"GET")


class Script:
    """A scripted upstream on loopback. `gap_seconds`, `tokens` and `away` may be set any time."""

    def __init__(self, tokens: int = 30, gap_seconds: float = 0.005) -> None:
        self.tokens = tokens
        self.gap_seconds = gap_seconds
        self.first_seconds = 0.005
        self.away = False
        self.asked = 0
        self.connections: list[Upstream] = []
        self.port = 0

    def _connect(self) -> Upstream:
        made = Paced(self)
        self.connections.append(made)
        return made

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Script"]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


class Live:
    """A running gateway."""

    def __init__(self, app: Any, port: int, settings: Settings, script: Script) -> None:
        self.app = app
        self.port = port
        self.settings = settings
        self.script = script
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx2.AsyncClient(base_url=self.url, timeout=20)

    @property
    def house(self) -> Any:
        return self.app.state.house

    async def person(self, **changes: Any) -> "Client":
        """A new person, signed in, with a socket."""
        client = Client(self, await self.registered(**changes))
        await client.connect()
        return client

    async def registered(self, **changes: Any) -> dict[str, Any]:
        n = next(_names)
        form = {
            "email": f"person{n}@example.org",
            "password": "correct horse battery",
            "username": f"person{n}",
            "birth_date": "1990-05-17",
            "language": "en",
            "country": "FR",
            "timezone": "Europe/Paris",
            "consents": ["terms", "privacy"],
            **changes,
        }
        answer = await self.http.post("/api/v1/users/register", json=form)
        assert answer.status_code == 201, answer.text
        return answer.json()


class Client:
    """A person's device: REST with their token, and a socket that numbers what it has seen."""

    def __init__(self, live: Live, signed: dict[str, Any]) -> None:
        self.live = live
        self.user = signed["user"]
        self.token = signed["access_token"]
        self.refresh_token = signed.get("refresh_token", "")
        self.headers = {"authorization": f"Bearer {self.token}"}
        self.ws: Any = None
        self.sound: list[bytes] = []  # binary frames, in a call
        self.hello: dict[str, Any] = {}
        self.ready: dict[str, Any] = {}
        self.session = ""
        self.epoch = ""
        self.seq = 0
        self.frames: list[dict[str, Any]] = []
        self._ids = itertools.count(2)

    async def rest(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.live.http.request(
            method, path, headers={**self.headers, **more.pop("headers", {})}, **more
        )
        return answer

    async def room(self, companion: str = "mira") -> dict[str, Any]:
        answer = await self.rest("POST", "/api/v1/rooms", json={"companions": [companion]})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def connect(self) -> dict[str, Any]:
        """A new session."""
        await self._open()
        await self.send({"type": "auth", "id": "1", "token": self.token, "device": "test"})
        self.ready = await self._raw()
        assert self.ready["type"] == "ready", self.ready
        self._take_session(self.ready)
        return self.ready

    async def resume(self) -> dict[str, Any]:
        """Carry on after the last frame seen."""
        await self._open()
        ask = {"type": "resume", "id": "1", "token": self.token}
        await self.send({**ask, "session": self.session, "epoch": self.epoch, "seq": self.seq})
        answer = await self._raw()
        if answer["type"] in {"resumed", "resync"}:
            self._take_session(answer)
        return answer

    def _take_session(self, frame: dict[str, Any]) -> None:
        self.session, self.epoch, self.seq = frame["session"], frame["epoch"], frame["seq"]

    async def _open(self) -> None:
        self.ws = await websockets.connect(
            f"ws://127.0.0.1:{self.live.port}/v1/socket",
            subprotocols=[websockets.Subprotocol("kindred.v1.json")],
            compression=None,
            max_size=None,
        )
        self.hello = await self._raw()
        assert self.hello["type"] == "hello"

    async def _raw(self) -> dict[str, Any]:
        while isinstance(came := await asyncio.wait_for(self.ws.recv(), 20), bytes):
            self.sound.append(came)
        return orjson.loads(came)

    async def send(self, command: dict[str, Any]) -> None:
        await self.ws.send(orjson.dumps(command).decode())

    async def next(self) -> dict[str, Any]:
        """The next frame; numbered ones must come without gap or repeat."""
        return self._seen(await self._raw())

    def _seen(self, frame: dict[str, Any]) -> dict[str, Any]:
        if "seq" in frame and frame["type"] not in {"ready", "resumed", "resync"}:
            assert frame["seq"] == self.seq + 1, (frame, self.seq)
            self.seq = frame["seq"]
        self.frames.append(frame)
        return frame

    def frames_of(self, kind: str) -> list[dict[str, Any]]:
        """Those of a type that were read."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def sound_until(self, frames: int) -> list[bytes]:
        """Read until so many binary frames came in all; text between them is kept as ever."""
        while len(self.sound) < frames:
            came = await asyncio.wait_for(self.ws.recv(), 20)
            if isinstance(came, bytes):
                self.sound.append(came)
            else:
                self._seen(orjson.loads(came))
        return self.sound

    async def until(self, wanted: Callable[[dict[str, Any]], bool] | str) -> dict[str, Any]:
        """Read frames up to the one that is wanted, by type or by a test of it."""
        while True:
            frame = await self.next()
            if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                return frame

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command and return its ack or error; events in between are kept."""
        command_id = str(next(self._ids))
        await self.send({"id": command_id, **command})
        return await self.until(
            lambda f: f["type"] in {"ack", "error"} and f.get("id") == command_id
        )

    async def say(self, room: str, text: str, **more: Any) -> dict[str, Any]:
        return await self.ask({"type": "message.send", "room": room, "text": text, **more})

    async def done(self, reply: str) -> dict[str, Any]:
        """The reply's end (which may have been read already)."""
        for frame in self.frames:
            if frame["type"] == "reply.done" and frame["reply"] == reply:
                return frame
        return await self.until(lambda f: f["type"] == "reply.done" and f["reply"] == reply)

    def text_of(self, reply: str) -> str:
        """The deltas joined, each checked against its offset."""
        text = ""
        for frame in self.frames:
            if frame["type"] == "reply.delta" and frame["reply"] == reply:
                assert frame["offset"] == len(text), (frame, text)
                text += frame["text"]
        return text

    async def drop(self) -> None:
        """Lose the socket, without a goodbye."""
        self.ws.transport.abort()
        await self.ws.wait_closed()

    async def close(self) -> None:
        if self.ws is not None:
            await self.ws.close()


@asynccontextmanager
async def running(
    database_url: str,
    bus_url: str,
    data: Path,
    node: str = "gw-test",
    inference: tuple[str, str] | None = None,
    **environment: str,
) -> AsyncIterator[Live]:
    """The application on a free port, until the block ends. `inference`: a worker and its key."""
    async with Script().serving() as script:
        values = {
            "KINDRED_DATA": str(data),
            "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
            "KINDRED_MODELS__USE": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{script.port}/v1",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
            "KINDRED_ACCOUNTS__ARGON2_MEMORY_KIB": "8192",
            **environment,
        }
        settings = load(None, values)
        app = create_app(
            settings,
            database_url=database_url,
            bus_url=bus_url,
            node=node,
            model_url=None,
            model_key=None,
            inference_addresses=[inference[0]] if inference else (),
            inference_key=inference[1] if inference else "",
        )
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=Doorway,
            ws=SocketProtocol,
            log_config=None,
            proxy_headers=False,  # as a gateway that trusts no proxy
            lifespan="on",
            ws_max_size=2**20,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                assert not serving.done(), "the application did not start"
                await asyncio.sleep(0.01)
            live = Live(app, port, settings, script)
            yield live
            await live.http.aclose()
        finally:
            if server.started:
                await app.state.drain()  # as the gateway does
            server.should_exit = True
            await asyncio.wait([serving], timeout=20)
