"""Which recognisers there are, and where each lives. Imported only when chosen.

A name with a colon is a class of the operator's own, `module:Class`, made like the others.
"""

import importlib
from collections.abc import Sequence
from typing import Final

from config.hearing import HearingSettings, TranscriptionProvider
from media.hearing.ports import Transcriber

PROVIDERS: Final = {
    "embedded": "media.hearing.providers.embedded:EmbeddedTranscriber",
    "openai": "media.hearing.providers.openai:OpenAITranscriber",
    "deepgram": "media.hearing.providers.deepgram:DeepgramTranscriber",
}
EMBEDDED: Final = "embedded"


class UnknownProvider(ValueError):
    """The settings name a recogniser that is not there; the message says which are."""


def make_transcriber(name: str, settings: TranscriptionProvider) -> Transcriber:
    """The recogniser called `name` in the settings. Raises UnknownProvider."""
    place = settings.kind if ":" in settings.kind else PROVIDERS.get(settings.kind)
    if place is None:
        known = ", ".join(PROVIDERS)
        raise UnknownProvider(
            f"unknown recogniser {settings.kind!r} for hearing.providers.{name}; "
            f"known: {known}, or module:Class"
        )
    module, _, attribute = place.partition(":")
    try:
        made: Transcriber = getattr(importlib.import_module(module), attribute)(name, settings)
    except (ImportError, AttributeError) as error:
        raise UnknownProvider(
            f"hearing.providers.{name}.kind is {settings.kind!r}, which cannot be loaded: {error}"
        ) from error
    return made


def provider_of(name: str, settings: HearingSettings) -> TranscriptionProvider:
    """The settings of a name; `embedded` needs none. Raises UnknownProvider."""
    found = settings.providers.get(name)
    if found is not None:
        return found
    if name == EMBEDDED:
        return TranscriptionProvider(kind=EMBEDDED)
    known = ", ".join([*settings.providers, EMBEDDED])
    raise UnknownProvider(f"hearing.use names {name!r}, which hearing.providers has not: {known}")


def chosen(settings: HearingSettings) -> Sequence[tuple[str, TranscriptionProvider]]:
    """Those in use, in order. Raises UnknownProvider."""
    return [(name, provider_of(name, settings)) for name in settings.use]
