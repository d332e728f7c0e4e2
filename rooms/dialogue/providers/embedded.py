"""The shipped model, served by our own process through the very same OpenAI-compatible path.

Only the sampling differs: a model of this size needs a short leash to stay on topic.
"""

from config.models import ModelProvider
from rooms.dialogue.providers.openai import OpenAIModel

SAMPLING = {"min_p": 0.1, "repeat_penalty": 1.1, "cache_prompt": True}
CONTEXT_TOKENS = 2048
REPLY_TOKENS = 64
TEMPERATURE = 0.4


def embedded_model(name: str, settings: ModelProvider) -> OpenAIModel:
    """The embedded server as a provider; `settings.base_url` and key come from the supervisor."""
    return OpenAIModel(name, settings, SAMPLING)
