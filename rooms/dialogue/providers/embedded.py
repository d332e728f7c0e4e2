"""The shipped model, served by our own process through the very same OpenAI-compatible path.

Only the sampling differs: a model of this size needs a short leash to stay on topic. And it is
waited for, because right after a start it still loads, the first time for ten seconds.
"""

import asyncio
import time
from typing import Any, Final

from config.models import ModelProvider
from rooms.dialogue.embedded.shipped import SHIPPED_CONTEXT_TOKENS
from rooms.dialogue.ports import ModelBroken, Prompt
from rooms.dialogue.providers.failures import Unreachable
from rooms.dialogue.providers.openai import OpenAIModel

SAMPLING: Final = {"min_p": 0.1, "repeat_penalty": 1.1, "cache_prompt": True}
CONTEXT_TOKENS: Final = SHIPPED_CONTEXT_TOKENS
REPLY_TOKENS: Final = 64
TEMPERATURE: Final = 0.4
LOADING_SECONDS_MAX: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.2
_LOADING: Final = "Loading model"  # llama.cpp's words


class EmbeddedModel(OpenAIModel):
    """Our model server as a provider; address and key come from the supervisor."""

    def __init__(self, name: str, settings: ModelProvider) -> None:
        super().__init__(name, settings, SAMPLING)

    async def _open(self, prompt: Prompt) -> Any:
        """As the parent does, but a server that still loads is asked again until it has."""
        deadline = time.monotonic() + LOADING_SECONDS_MAX
        while True:
            try:
                return await super()._open(prompt)
            except ModelBroken as error:
                loading = isinstance(error, Unreachable) or _LOADING in error.detail
                if not loading or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
