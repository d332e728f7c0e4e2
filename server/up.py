"""`kindred up`: from settings to running children, step by step, and down again.

What is started, with what, in which order; how is in server/supervisor/.
"""

import asyncio
import os
import secrets
import ssl
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from config.models import ModelSettings
from config.problems import SettingsError
from config.settings import Settings
from server.supervisor.display import Display, print_failure
from server.supervisor.faces import FACES_POLICY, face_workers, with_faces
from server.supervisor.folder import CannotStart, DataFolder, State, kindred_version
from server.supervisor.gateways import Gateways
from server.supervisor.keeper import ChildFailed, Keeper
from server.supervisor.listening import open_metrics, open_sockets, shown_url
from server.supervisor.orders import GatewayOrders
from server.supervisor.parts import MediaWorker, ModelServer
from server.supervisor.restarts import RestartPolicy
from server.supervisor.speech import Speech
from server.supervisor.supervisor import Supervisor
from storage.database import DatabaseUnreachable, connect, ensure_database
from storage.embedded.child import StoreFailed, tidy_sockets
from storage.embedded.postgres import Postgres
from storage.embedded.valkey import Valkey
from storage.migrate import MigrationError, migrate

DATABASE = "kindred"
READY_SECONDS = 20.0
_SPARE_CONNECTIONS = 15
_MODEL_POLICY = RestartPolicy(  # people can read and sign in without it: never give up
    first_seconds=1.0, factor=3.0, most_seconds=60.0, deaths=1_000_000, window_seconds=600.0
)


class Addresses(Struct, frozen=True):
    """Where the stores are."""

    database: str
    bus: str


class Launch:
    """One run of everything: what it is made of, and the steps that bring it up."""

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        display: Display,
        roles: Collection[str],
        reload: Callable[[], Settings],
    ) -> None:
        """`reload` reads the settings anew, for a rolling restart; it may raise SettingsError."""
        self.settings = settings
        self.folder = folder
        self.display = display
        self.roles = roles
        self.postgres, self.valkey = embedded_stores(settings, folder.path)
        if "stores" not in roles:
            require_urls(settings)
        self.addresses = Addresses(
            settings.database.url or (self.postgres.url(DATABASE) if self.postgres else ""),
            settings.bus.url or (self.valkey.url() if self.valkey else ""),
        )
        wanted = "model" in roles
        self.model = embedded_model(settings.models, folder.path, display.say) if wanted else None
        self.faces = face_workers(settings.faces, folder.path) if "faces" in roles else []
        self.speech = Speech(settings, folder.path, here="speech" in roles)
        workers = settings.media.workers if "calls" in roles else 0
        self.workers = [
            MediaWorker(number, settings.media, self.addresses.bus, folder.path)
            for number in range(1, workers + 1)
        ]
        count = settings.server.gateways if "gateway" in roles else 0
        self.sockets = open_sockets(settings.server.host, settings.port, count)
        port = self.sockets[0].getsockname()[1] if self.sockets else settings.port
        self.url = shown_url(settings.server.host, port, tls=bool(settings.server.tls_cert))
        metrics = settings.metrics
        self.metrics = open_metrics(metrics.host, metrics.port, count)
        self._reload = reload
        self._renewals = 0
        self._gateways = Gateways(
            self.sockets,
            folder.path / "logs",
            display.say,
            orders=self.orders,
            bury=self._bury,
            drain_seconds=settings.server.drain_seconds,
            metrics=self.metrics,
        )

    async def start_stores(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """PostgreSQL and Valkey, at the same time."""
        parts = [part for part in (self.postgres, self.valkey) if part is not None]
        if not parts:
            return
        keepers = [Keeper(part, self.display.say, stop_seconds=30.0) for part in parts]
        new = self.postgres is not None and self.postgres.is_new
        text = "Making the database (a few seconds, this once)" if new else "Starting the stores"
        with self.display.during(f"{text} ...", "Database and bus are running."):
            supervisor.start(tasks, keepers)
            await supervisor.ready(keepers)

    async def migrate(self, _supervisor: Supervisor, _tasks: asyncio.TaskGroup) -> None:
        """Bring the schema to this version."""
        try:
            applied = await bring_up_to_date(self.addresses.database, own=self.postgres is not None)
        except (MigrationError, DatabaseUnreachable) as error:
            raise ChildFailed(str(error)) from error
        if applied:
            self.display.say(f"The database's schema is up to date ({len(applied)} steps taken).")

    async def start_model(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """The embedded model, if it is in use. Nobody waits for it."""
        if self.model is not None:
            keeper = Keeper(
                self.model, self.display.say, policy=_MODEL_POLICY, stop_seconds=5.0, needed=False
            )
            supervisor.start(tasks, [keeper])

    async def start_faces(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """The render workers. Nobody waits for them."""
        keepers = [
            Keeper(one, self.display.say, policy=FACES_POLICY, stop_seconds=5.0, needed=False)
            for one in self.faces
        ]
        supervisor.start(tasks, keepers)

    async def start_speech(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """The inference workers, if speech is heard and made here. Nobody waits for them."""
        supervisor.start(tasks, self.speech.keepers(self.display.say))

    async def start_workers(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """The media workers, if calls are carried here. Nobody waits for them."""
        supervisor.start(
            tasks,
            [
                Keeper(worker, self.display.say, policy=_MODEL_POLICY, needed=False)
                for worker in self.workers
            ],
        )

    async def start_gateways(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """The gateways, then the line everybody waits for."""
        if "gateway" not in self.roles:
            self.folder.tell(self.state())
            self.display.say("Running without a gateway. Ctrl-C stops it.")
            return
        with self.display.during("Starting the gateway ..."):
            await self._gateways.start(supervisor, tasks)
            await until_it_answers(self.settings.server.host, self.url)
        self.folder.tell(self.state())
        self.display.announce(self.url, self.notes())

    async def renew(self, supervisor: Supervisor, tasks: asyncio.TaskGroup) -> None:
        """A rolling restart with the settings as they are now; bad ones change nothing."""
        refused = ""
        try:
            self.settings = renewed(self.settings, self._reload())
            self.display.say("Renewing the gateways, one after another ...")
            await self._gateways.renew(supervisor, tasks)
            self.display.say("All gateways were renewed.")
        except (SettingsError, CannotStart, ChildFailed) as error:
            refused = str(error)
            self.display.say(f"The restart was given up: {refused}")
        self._renewals += 1
        self.folder.tell(msgspec.structs.replace(self.state(), refused=refused))

    def _bury(self, node: str) -> None:
        """Tell the others at once that a node is dead; by itself its key lives two seconds."""
        if self.valkey is not None:
            self.valkey.forget(f"node:{node}")

    def orders(self, listen_fd: int, ready_fd: int, node: str) -> GatewayOrders:
        """What a gateway is told."""
        return GatewayOrders(
            settings=with_faces(self.settings, self.faces),
            database_url=self.addresses.database,
            bus_url=self.addresses.bus,
            node=node,
            model_url=self.model.url if self.model else None,
            model_key=self.model.key if self.model else None,
            inference_addresses=self.speech.addresses,
            inference_key=self.speech.key,
            listen_fd=listen_fd,
            ready_fd=ready_fd,
        )

    def state(self) -> State:
        """What other commands are told."""
        return State(
            pid=os.getpid(),
            database_url=self.addresses.database,
            bus_url=self.addresses.bus,
            web_url=self.url,
            model_url=self.model.url if self.model else "",
            model_key=self.model.key if self.model else "",
            inference_addresses=self.speech.addresses,
            inference_key=self.speech.key,
            renewals=self._renewals,
        )

    def notes(self) -> list[str]:
        """What a newcomer wants to know next."""
        notes = [f"Everything is kept in {self.folder.path}"]
        if self.model is not None:
            notes.append(
                "A small demonstration model answers; `kindred model use` connects a real one."
            )
        if not self.settings.server.tls_cert and self.settings.server.host not in _LOOPBACK:
            notes.append("Without --tls (or a proxy that has it) phones give no microphone.")
        return notes

    def close(self) -> None:
        """Give the port and the folder back."""
        for listening in (*self.sockets, *self.metrics):
            listening.close()
        self.speech.close()
        for worker in self.workers:
            worker.close()
        tidy_sockets(self.folder.path)
        self.folder.release()


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


ROLES = ("stores", "model", "speech", "calls", "faces", "gateway")


def require_urls(settings: Settings) -> None:
    """Without stores of our own their addresses must be given."""
    missing = [
        name
        for name, url in (("database.url", settings.database.url), ("bus.url", settings.bus.url))
        if not url
    ]
    if missing:
        names = " and ".join(missing)
        raise CannotStart(f"Without the role `stores`, set {names} in kindred.toml.")


def embedded_stores(settings: Settings, data: Path) -> tuple[Postgres | None, Valkey | None]:
    """The stores that are ours to start: those without a URL in the settings."""
    database, bus, server = settings.database, settings.bus, settings.server
    # One more than there are gateways: in a rolling restart two share a place for a while.
    connections = database.pool_size * (server.gateways + 1) + _SPARE_CONNECTIONS
    postgres = Postgres(data, connections=connections, memory_mb=database.memory_mb)
    return (
        None if database.url else postgres,
        None if bus.url else Valkey(data, memory_mb=bus.memory_mb),
    )


def embedded_model(
    models: ModelSettings, data: Path, tell: Callable[[str], None]
) -> ModelServer | None:
    """The model server, when a provider in use needs it."""
    for name in models.use:
        provider = models.providers.get(name)
        kind = provider.kind if provider else name
        if kind == "embedded":
            path = provider.model if provider else ""
            arguments = ["--model", str(Path(path).absolute())] if path else []
            key = secrets.token_urlsafe(24)
            return ModelServer(data, key=key, arguments=arguments, tell=tell)
    return None


async def bring_up_to_date(url: str, *, own: bool) -> list[str]:
    """Make our database if it is missing (on our own server only) and migrate it."""
    if own:
        await ensure_database(url.replace(f"/{DATABASE}?", "/postgres?"), DATABASE)
    connection = await connect(url)
    try:
        return await migrate(connection)
    finally:
        await connection.close()


async def until_it_answers(host: str, url: str) -> None:
    """Wait until /readyz says 200. Raises ChildFailed with its answer when it does not."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while True:
        status, body = await _get(host, url, "/readyz")
        if status == 200:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise ChildFailed(f"The gateway runs but is not ready: {status} {body[:300]}")
        await asyncio.sleep(0.05)


async def _get(host: str, url: str, path: str) -> tuple[int, str]:
    """One GET to ourselves, without an HTTP library in the supervisor."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    context: ssl.SSLContext | None = None
    if url.startswith("https"):
        context = ssl.create_default_context()
        context.check_hostname = False  # we look whether it answers, not who it is
        context.verify_mode = ssl.CERT_NONE
    port = int(url.rsplit(":", 1)[1])
    try:
        async with asyncio.timeout(5.0):
            reader, writer = await asyncio.open_connection(target, port, ssl=context)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n".encode()
            )
            head, _, body = (await reader.read(65_536)).partition(b"\r\n\r\n")
            writer.close()
    except (OSError, TimeoutError) as error:
        return 0, str(error)
    words = head.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 else 0), body.decode(errors="replace")


def check_tls(settings: Settings) -> Settings:
    """The settings with absolute paths, after the certificate was loaded once."""
    cert, key = settings.server.tls_cert, settings.server.tls_key
    if not cert and not key:
        return settings
    if not (cert and key):
        raise CannotStart("--tls needs both: a certificate and its private key.")
    paths = str(Path(cert).expanduser().absolute()), str(Path(key).expanduser().absolute())
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*paths)
    except (OSError, ssl.SSLError) as error:
        raise CannotStart(
            f"The TLS certificate {cert} with key {key} cannot be used: {error}."
        ) from error
    server = msgspec.structs.replace(settings.server, tls_cert=paths[0], tls_key=paths[1])
    return msgspec.structs.replace(settings, server=server)


def renewed(old: Settings, new: Settings) -> Settings:
    """New settings, where a running house can take them: its port and its stores stay."""
    kept = msgspec.structs.replace(new.server, host=old.server.host, gateways=old.server.gateways)
    return check_tls(
        msgspec.structs.replace(
            new, data=old.data, port=old.port, server=kept, database=old.database, bus=old.bus
        )
    )


def up(
    settings: Settings,
    roles: Collection[str] = ROLES,
    display: Display | None = None,
    reload: Callable[[], Settings] | None = None,
) -> int:
    """Run everything in the foreground until told to stop. Returns the exit status."""
    display = display or Display()
    folder = DataFolder(Path(settings.data))
    try:
        settings = check_tls(settings)
        folder.claim()
        launch = Launch(settings, folder, display, roles, reload or (lambda: settings))
    except (CannotStart, StoreFailed) as error:
        print_failure(str(error))
        folder.release()
        return 1
    try:
        return asyncio.run(_run(launch))
    finally:
        launch.close()


async def _run(launch: Launch) -> int:
    launch.display.say(f"Kindred {kindred_version()}, data in {launch.folder.path}")
    supervisor = Supervisor(launch.display.say)
    supervisor.listen_to_signals()
    if "gateway" in launch.roles:
        supervisor.renew_by(launch.renew)
    steps = [
        launch.start_stores, launch.migrate, launch.start_model, launch.start_speech,
        launch.start_workers,
        launch.start_gateways, launch.start_faces,
    ]  # fmt: skip
    status = await supervisor.run(steps)
    if supervisor.failure:
        print_failure(supervisor.failure)
    else:
        launch.display.say("Stopped; everything is saved.")
    return status
