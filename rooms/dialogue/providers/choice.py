"""From settings to providers: which of them are in use, and what an embedded one still lacks.

The embedded provider needs no entry of its own; its address and key are the supervisor's.
"""

from pathlib import PurePath
from typing import Final

from msgspec import structs

from config.models import ModelProvider, ModelSettings
from rooms.dialogue.embedded.shipped import OWN_CONTEXT_TOKENS, SHIPPED_MODEL
from rooms.dialogue.ports import LanguageModel
from rooms.dialogue.providers import embedded
from rooms.dialogue.providers.table import make_provider

EMBEDDED: Final = "embedded"
_NOWHERE: Final = "http://127.0.0.1:1/v1"  # refuses at once, where no model server was started


def chosen_models(
    settings: ModelSettings, embedded_url: str | None, embedded_key: str | None
) -> list[LanguageModel]:
    """The providers in use, in order. Raises ValueError for an unknown name or kind."""
    if not settings.use:
        raise ValueError("models.use names no provider; `embedded` is always there")
    chosen = []
    for name in dict.fromkeys(settings.use):
        provider = _provider(name, settings)
        if provider.kind == EMBEDDED:
            provider = _completed(provider, embedded_url, embedded_key)
        chosen.append(make_provider(name, provider))
    return chosen


def is_shipped(name: str, settings: ModelSettings) -> bool:
    """Whether this provider is the demonstration model."""
    provider = _provider(name, settings)
    return provider.kind == EMBEDDED and not provider.model


def _provider(name: str, settings: ModelSettings) -> ModelProvider:
    provider = settings.providers.get(name)
    if provider is not None:
        return provider
    if name == EMBEDDED:
        return ModelProvider(
            kind="embedded",
            context_tokens=embedded.CONTEXT_TOKENS,
            max_output_tokens=embedded.REPLY_TOKENS,
            temperature=embedded.TEMPERATURE,
        )
    known = ", ".join(dict.fromkeys([EMBEDDED, *settings.providers]))
    raise ValueError(f"models.use names the unknown provider {name!r}; known: {known}")


def _completed(provider: ModelProvider, url: str | None, key: str | None) -> ModelProvider:
    """With the model server's address, and never more context than it keeps for one talker."""
    most = OWN_CONTEXT_TOKENS if provider.model else embedded.CONTEXT_TOKENS
    return structs.replace(
        provider,
        base_url=url or provider.base_url or _NOWHERE,
        api_key=key or provider.api_key,
        model=PurePath(provider.model).stem or SHIPPED_MODEL,
        context_tokens=min(provider.context_tokens, most),
    )
