"""Asks one provider after another until words come: timeouts, retries, fallback, circuits.

Another provider is tried only while nothing was delivered; after the first word a failure is
the caller's to handle. Cancellation passes straight through and closes the upstream stream.
"""

import asyncio
import importlib
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from msgspec import structs

from config.models import ModelProvider, ModelSettings
from rooms.dialogue.circuit import Circuit
from rooms.dialogue.ports import (
    Ended,
    LanguageModel,
    ModelBroken,
    ModelError,
    ModelTimeout,
    Prompt,
    Words,
)
from rooms.dialogue.providers import embedded

logger = structlog.get_logger(__name__)

# kind -> where its implementation lives; imported only when a setting names it.
PROVIDERS: Final = {
    "openai": "rooms.dialogue.providers.openai:OpenAIModel",
    "anthropic": "rooms.dialogue.providers.anthropic:AnthropicModel",
    "embedded": "rooms.dialogue.providers.embedded:embedded_model",
}
RETRY_WAIT_SECONDS_MAX: Final = 5.0


class Answering:
    """A provider that has begun to answer."""

    __slots__ = ("model", "provider", "words")

    def __init__(self, provider: str, model: str, words: AsyncIterator[Words | Ended]) -> None:
        self.provider = provider
        self.model = model
        self.words = words


class Router:
    """The providers in order of preference."""

    def __init__(
        self,
        models: list[LanguageModel],
        settings: ModelSettings,
        *,
        is_demo: bool = False,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        assert models, "a router needs at least one model"
        self._models = models
        self._settings = settings
        self._circuits = {model.name: Circuit() for model in models}
        self._clock = clock
        self._chance = chance
        self.is_demo = is_demo

    @property
    def context_tokens(self) -> int:
        """What the preferred model can read."""
        return self._models[0].context_tokens

    @property
    def max_output_tokens(self) -> int:
        """What the preferred model may write in one reply."""
        return self._models[0].max_output_tokens

    @property
    def model(self) -> str:
        """The preferred model's name."""
        return self._models[0].model

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` for the preferred model."""
        return self._models[0].count_tokens(text)

    async def aclose(self) -> None:
        """Give every provider's connections back."""
        for model in self._models:
            await model.aclose()

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[Answering]:
        """The first provider that gives words. Raises the last ModelError when none does."""
        async with AsyncExitStack() as upstream:
            answering = await self._first_that_answers(prompt, upstream)
            yield answering

    async def _first_that_answers(self, prompt: Prompt, upstream: AsyncExitStack) -> Answering:
        last: ModelError = ModelBroken("no language model is available; all of them rest")
        for model in self._models:
            if not self._circuits[model.name].may_ask(self._clock()):
                continue
            for attempt in range(self._settings.retries + 1):
                try:
                    return await self._ask(model, prompt, upstream)
                except ModelError as error:
                    last = error
                    self._failed(model, error)
                    retry_after = error.retry_after_seconds or 0.0
                    if (
                        not error.retryable
                        or attempt == self._settings.retries
                        or retry_after > RETRY_WAIT_SECONDS_MAX
                    ):
                        break
                    await asyncio.sleep(max(retry_after, 0.1 * 2**attempt * self._chance()))
        raise last

    async def _ask(
        self, model: LanguageModel, prompt: Prompt, upstream: AsyncExitStack
    ) -> Answering:
        """Ask one provider and wait for its first word; on failure leave nothing open."""
        self._circuits[model.name] = self._circuits[model.name].asked(self._clock())
        async with AsyncExitStack() as attempt:
            try:
                async with asyncio.timeout(self._settings.first_token_seconds):
                    words = await attempt.enter_async_context(model.stream(prompt))
                    first = await _first(words)
            except TimeoutError:
                raise ModelTimeout("no first word in time") from None
            except asyncio.CancelledError:
                self._circuits[model.name] = self._circuits[model.name].left()
                raise
            self._circuits[model.name] = self._circuits[model.name].succeeded()
            upstream.push_async_exit(attempt.pop_all())
        return Answering(model.name, model.model, self._watched(model, first, words))

    async def _watched(
        self, model: LanguageModel, first: Words, words: AsyncIterator[Words | Ended]
    ) -> AsyncIterator[Words | Ended]:
        """The stream from its first word on; silence in the middle is a failure."""
        yield first
        try:
            while True:
                # Around the wait alone: a slow listener must not look like a silent model.
                async with asyncio.timeout(self._settings.stall_seconds):
                    item = await anext(words, None)
                if item is None:
                    return
                yield item
        except TimeoutError:
            error = ModelTimeout("the model fell silent in mid-reply")
            self._failed(model, error)
            raise error from None
        except ModelError as error:
            self._failed(model, error)
            raise

    def _failed(self, model: LanguageModel, error: ModelError) -> None:
        settings = self._settings
        logger.warning("a model failed", provider=model.name, error=str(error))
        self._circuits[model.name] = self._circuits[model.name].failed_at(
            self._clock(), settings.circuit_failures, settings.circuit_seconds
        )


async def _first(words: AsyncIterator[Words | Ended]) -> Words:
    """The first words; an answer without any is a failure, not a reply."""
    async for item in words:
        if isinstance(item, Words) and item.text:
            return item
        if isinstance(item, Ended):
            break
    raise ModelBroken("the model answered nothing")


def build_router(
    settings: ModelSettings, embedded_url: str | None, embedded_key: str | None
) -> Router:
    """The router that the settings describe. Raises ValueError for an unknown name or kind."""
    models = [_build(name, settings, embedded_url, embedded_key) for name in settings.use]
    first = settings.use[0]
    shipped = first == "embedded" and not settings.providers.get("embedded", ModelProvider()).model
    return Router(models, settings, is_demo=shipped)


def _build(
    name: str, settings: ModelSettings, embedded_url: str | None, embedded_key: str | None
) -> LanguageModel:
    provider = settings.providers.get(name)
    if provider is None and name != "embedded":
        known = ", ".join(["embedded", *settings.providers])
        raise ValueError(f"models.use names the unknown provider {name!r}; known: {known}")
    provider = provider or ModelProvider(
        kind="embedded",
        context_tokens=embedded.CONTEXT_TOKENS,
        max_output_tokens=embedded.REPLY_TOKENS,
        temperature=embedded.TEMPERATURE,
    )
    if provider.kind == "embedded":
        provider = structs.replace(
            provider,
            base_url=embedded_url or "http://127.0.0.1:1/v1",
            api_key=embedded_key or "",
            model=provider.model.rsplit("/", 1)[-1] or "SmolLM2-135M-Instruct",
        )
    if provider.kind not in PROVIDERS:
        raise ValueError(f"unknown model provider {provider.kind!r}; known: {', '.join(PROVIDERS)}")
    module, _, attribute = PROVIDERS[provider.kind].partition(":")
    model: LanguageModel = getattr(importlib.import_module(module), attribute)(name, provider)
    return model
