"""Which kinds of model provider there are, and where each lives. Imported only when chosen.

The scripted provider of the tests is not in it: no setting and no preset can reach that one.
"""

import importlib
from typing import Final

from config.models import ModelProvider
from rooms.dialogue.ports import LanguageModel

PROVIDERS: Final = {
    "openai": "rooms.dialogue.providers.openai:OpenAIModel",
    "anthropic": "rooms.dialogue.providers.anthropic:AnthropicModel",
    "embedded": "rooms.dialogue.providers.embedded:EmbeddedModel",
}


def make_provider(name: str, settings: ModelProvider) -> LanguageModel:
    """The provider called `name` in the settings. Raises ValueError for an unknown kind."""
    place = PROVIDERS.get(settings.kind)
    if place is None:
        known = ", ".join(PROVIDERS)
        raise ValueError(f"unknown model provider {settings.kind!r}; known: {known}")
    module, _, attribute = place.partition(":")
    model: LanguageModel = getattr(importlib.import_module(module), attribute)(name, settings)
    return model
