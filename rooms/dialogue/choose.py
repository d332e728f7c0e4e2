"""Makes a GGUF file or an OpenAI-compatible address the model, in one step: `kindred model use`.

Nothing is written before the model has answered a trial question; the settings file keeps all
its other lines.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct, structs

from config.model_lines import CannotWrite, with_model
from config.models import ModelProvider, ModelSettings
from rooms.dialogue.embedded.gguf_file import check_gguf
from rooms.dialogue.embedded.shipped import OWN_CONTEXT_TOKENS, NoModel
from rooms.dialogue.embedded.trial_server import NotServing, trial_server
from rooms.dialogue.providers.table import make_provider
from rooms.dialogue.router import Router
from rooms.dialogue.trial import CannotChoose, Trial, try_model

NAME: Final = "chosen"
_TRIAL_KEY: Final = "trial"
_LOOK_SECONDS: Final = 10.0
_LISTED: Final = 12
_ANTHROPIC: Final = "api.anthropic.com"
Say = Callable[[str], None]


class Choice(Struct, frozen=True, kw_only=True):
    """What was chosen, how it answered, and where that is written."""

    name: str
    provider: ModelProvider
    trial: Trial
    config: Path


async def choose_model(
    target: str,
    config_path: Path,
    *,
    api_key: str | None = None,
    model: str | None = None,
    vision: bool = False,
    trial_seconds: float = 120.0,
    say: Say = lambda _text: None,
) -> Choice:
    """Try `target` and write it into the settings. Raises CannotChoose; then nothing changed."""
    if "://" in target:
        provider = await _provider_at(target, api_key or "", model, say)
        say(f"Asking {provider.model} a trial question ...")
        trial = await _tried(provider, trial_seconds)
    else:
        provider, trial = await _gguf(Path(target).expanduser(), trial_seconds, say)
    provider = structs.replace(provider, vision=vision)
    _write(config_path, provider)
    return Choice(name=NAME, provider=provider, trial=trial, config=config_path)


async def _tried(provider: ModelProvider, seconds: float) -> Trial:
    model = make_provider(NAME, provider)
    patience = ModelSettings(use=[NAME], first_token_seconds=seconds, stall_seconds=seconds)
    try:
        return await try_model(model, Router([model], patience))
    finally:
        await model.aclose()


async def _gguf(path: Path, seconds: float, say: Say) -> tuple[ModelProvider, Trial]:
    """A file: loaded by a server of its own for the trial."""
    try:
        check_gguf(path)
    except NoModel as error:
        raise CannotChoose(f"{error} Give a .gguf file, or an address with http://.") from error
    path = path.absolute()
    say(f"Loading {path.name} ...")
    provider = ModelProvider(
        kind="embedded", model=str(path), context_tokens=OWN_CONTEXT_TOKENS, max_output_tokens=512
    )
    try:
        async with trial_server(path, _TRIAL_KEY, seconds) as url:
            say("Asking it a trial question ...")
            served = ModelProvider(base_url=url, api_key=_TRIAL_KEY, model=path.stem)
            return provider, await _tried(served, seconds)
    except NotServing as error:
        raise CannotChoose(f"{path.name} does not load: {error}") from error


async def _provider_at(url: str, key: str, model: str | None, say: Say) -> ModelProvider:
    """What stands at an address: its kind, its models, and how much the chosen one reads."""
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise CannotChoose(f"{url} is no address; it must begin with http:// or https://.")
    anthropic = urlsplit(url).hostname == _ANTHROPIC
    base = f"https://{_ANTHROPIC}" if anthropic else url.rstrip("/")
    say(f"Asking {base} which models it has ...")
    base, models = await _models_at(base, key, anthropic=anthropic)
    entry = _chosen_entry(models, model)
    told = [entry.get("context_length"), entry.get("max_model_len")]
    told.append((entry.get("meta") or {}).get("n_ctx"))
    context = next((size for size in told if isinstance(size, int) and size > 0), None)
    return ModelProvider(
        kind="anthropic" if anthropic else "openai",
        base_url=base,
        api_key=key,
        model=str(entry["id"]),
        context_tokens=min(context or ModelProvider().context_tokens, 131_072),
    )


async def _models_at(base: str, key: str, *, anthropic: bool) -> tuple[str, list[dict[str, Any]]]:
    """The address that answers (with or without /v1) and its list; empty where it has none."""
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"} if anthropic else {}
    if key and not anthropic:
        headers = {"authorization": f"Bearer {key}"}
    bases = [base] if base.endswith("/v1") or anthropic else [f"{base}/v1", base]
    status = 0
    async with httpx2.AsyncClient(timeout=_LOOK_SECONDS, follow_redirects=True) as client:
        for candidate in bases:
            path = "/v1/models" if anthropic else "/models"
            try:
                answer = await client.get(candidate + path, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise CannotChoose(
                    f"Nothing answers at {candidate} ({type(error).__name__}). Is the server "
                    "running, and is the address right?"
                ) from error
            status = answer.status_code
            if status in {401, 403}:
                raise CannotChoose(f"{candidate} wants a key, or another one: pass --api-key.")
            if (models := _listed(answer)) is not None:
                return candidate, models
    if status == 404 or status < 400:
        return bases[-1], []
    raise CannotChoose(f"{bases[-1]} answered {status} when asked for its models; try again later.")


def _listed(answer: httpx2.Response) -> list[dict[str, Any]] | None:
    """The models an answer names, or None if it is no list of models."""
    if answer.status_code != 200:
        return None
    try:
        found = answer.json()["data"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(found, list):
        return None
    return [entry for entry in found if isinstance(entry, dict) and "id" in entry]


def _chosen_entry(models: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    """The model asked for, or the only one there is."""
    names = [str(entry["id"]) for entry in models]
    if wanted is not None:
        found = [entry for entry in models if str(entry["id"]) == wanted]
        if names and not found:
            raise CannotChoose(f"There is no model {wanted!r} there; it has {_some(names)}.")
        return found[0] if found else {"id": wanted}
    if not names:
        raise CannotChoose("The address does not list its models: name one with --name.")
    if len(names) > 1:
        raise CannotChoose(f"It has {len(names)} models, name one with --name: {_some(names)}.")
    return models[0]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _write(path: Path, provider: ModelProvider) -> None:
    """Into the settings, whole or not at all. A file that holds a key is its owner's alone."""
    usual = ModelProvider()
    table = {
        name: getattr(provider, name)
        for name in ("kind", "base_url", "api_key", "model", "context_tokens", "vision")
        if name == "kind" or getattr(provider, name) != getattr(usual, name)
    }
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}")
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        new = with_model(text, NAME, table)
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        if provider.api_key:
            mode &= 0o600
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except CannotWrite as error:
        raise CannotChoose(f"The model answers, but {path} was not changed. {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CannotChoose(f"The model answers, but {path} cannot be written: {error}.") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
