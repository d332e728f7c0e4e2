"""Which speakers there are, and where each lives. Imported only when chosen.

A name with a colon is a class of the operator's own, `module:Class`, made like the others.
"""

import importlib
from collections.abc import Sequence
from typing import Final

from config.speech import SpeechProvider, SpeechSettings
from media.speech.ports import Speaker

PROVIDERS: Final = {
    "embedded": "media.speech.embedded:JoeSpeaker",
    "espeak": "media.speech.providers.espeak:EspeakSpeaker",
    "openai": "media.speech.providers.openai:OpenAISpeaker",
    "elevenlabs": "media.speech.providers.elevenlabs:ElevenLabsSpeaker",
}
ALWAYS_THERE: Final = ("embedded", "espeak")


class UnknownProvider(ValueError):
    """The settings name a speaker that is not there; the message says which are."""


def make_speaker(name: str, settings: SpeechProvider) -> Speaker:
    """The speaker called `name` in the settings. Raises UnknownProvider."""
    place = settings.kind if ":" in settings.kind else PROVIDERS.get(settings.kind)
    if place is None:
        known = ", ".join(PROVIDERS)
        raise UnknownProvider(
            f"unknown speaker {settings.kind!r} for speech.providers.{name}; "
            f"known: {known}, or module:Class"
        )
    module, _, attribute = place.partition(":")
    try:
        made: Speaker = getattr(importlib.import_module(module), attribute)(name, settings)
    except (ImportError, AttributeError) as error:
        raise UnknownProvider(
            f"speech.providers.{name}.kind is {settings.kind!r}, which cannot be loaded: {error}"
        ) from error
    return made


def provider_of(name: str, settings: SpeechSettings) -> SpeechProvider:
    """The settings of a name; those always there need none. Raises UnknownProvider."""
    found = settings.providers.get(name)
    if found is not None:
        return found
    if name in ALWAYS_THERE:
        return SpeechProvider(kind=name)
    known = ", ".join([*settings.providers, *ALWAYS_THERE])
    raise UnknownProvider(f"speech.use names {name!r}, which speech.providers has not: {known}")


def chosen(settings: SpeechSettings) -> Sequence[tuple[str, SpeechProvider]]:
    """Those in use, in order. Raises UnknownProvider."""
    return [(name, provider_of(name, settings)) for name in settings.use]
