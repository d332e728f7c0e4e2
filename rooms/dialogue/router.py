"""Asks one provider after another until words come: timeouts, retries, fallback, circuits.

Another provider is tried only while nothing was delivered; after the first word a failure is
the caller's to handle. Cancellation passes straight through and closes the upstream stream.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from msgspec import structs

from config.models import ModelSettings
from rooms.dialogue.circuit import Circuit, wait_before_asking_again
from rooms.dialogue.fitting import fitted
from rooms.dialogue.ports import (
    Ended,
    LanguageModel,
    ModelBroken,
    ModelError,
    ModelRefused,
    ModelTimeout,
    Prompt,
    Words,
)
from rooms.dialogue.providers.choice import chosen_models, is_shipped
from rooms.dialogue.reading_ahead import ReadingAhead, Unread
from storage.overdue import Overdue

logger = structlog.get_logger(__name__)


class Answering:
    """A provider that has begun to answer. `is_demo`: it is the small model that we ship.

    `saw`: how many pictures it was shown.
    """

    __slots__ = ("is_demo", "model", "provider", "saw", "words")

    def __init__(
        self,
        provider: str,
        model: str,
        words: AsyncIterator[Words | Ended],
        *,
        is_demo: bool = False,
        saw: int = 0,
    ) -> None:
        self.saw = saw
        self.provider = provider
        self.model = model
        self.words = words
        self.is_demo = is_demo


class Router:
    """The providers in order of preference. `is_demo` tells of the preferred one."""

    def __init__(
        self,
        models: list[LanguageModel],
        settings: ModelSettings,
        *,
        is_demo: bool = False,
        demos: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        assert models, "a router needs at least one model"
        self._models = models
        self._settings = settings
        self._stalled = Overdue(settings.stall_seconds)
        self._circuits = {model.name: Circuit() for model in models}
        self.failures: Counter[tuple[str, str]] = Counter()  # by provider and kind
        self.answers: Counter[str] = Counter()  # by provider
        self._clock = clock
        self._chance = chance
        self._demos = demos
        self.is_demo = is_demo or models[0].name in demos
        self._ahead = ReadingAhead(models[0], clock) if self.is_demo else None

    @property
    def context_tokens(self) -> int:
        """What the preferred model can read."""
        return self._models[0].context_tokens

    @property
    def max_output_tokens(self) -> int:
        """What the preferred model may write in one reply."""
        return self._models[0].max_output_tokens

    @property
    def sees(self) -> bool:
        """Whether the preferred model takes pictures."""
        return self._models[0].sees

    @property
    def model(self) -> str:
        """The preferred model's name."""
        return self._models[0].model

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` for the preferred model."""
        return self._models[0].count_tokens(text)

    def resting(self) -> dict[str, bool]:
        """Of each provider, whether its circuit is open at the moment."""
        now = self._clock()
        return {name: circuit.rests_seconds(now) > 0 for name, circuit in self._circuits.items()}

    async def warm_up(self) -> None:
        """Import the vendors' clients off the loop, so that the first question need not wait."""
        for model in self._models:
            await asyncio.to_thread(model.warm_up)

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

    async def read_ahead(self, unread: Unread) -> None:
        """Have our own small model read what the next question begins with; free, and no failure.

        Nothing for any other model: those read fast, and for money. Raises what `unread` raises.
        """
        model = self._models[0]

        async def fitting() -> Prompt | None:
            rests = self._circuits[model.name].rests_seconds(self._clock()) > 0
            prompt = None if rests else await unread()
            return None if prompt is None else self._fitted(model, prompt)

        if self._ahead is not None:
            await self._ahead.read(fitting)

    async def _first_that_answers(self, prompt: Prompt, upstream: AsyncExitStack) -> Answering:
        last = self._nobody()
        for model in self._models:
            attempt = 0
            while self._circuits[model.name].may_ask(self._clock()):
                attempt += 1
                try:
                    return await self._ask(model, prompt, upstream)
                except ModelError as error:
                    last = error
                wait = wait_before_asking_again(
                    last,
                    attempt,
                    self._settings.retries,
                    others=self._others(model),
                    chance=self._chance(),
                )
                if wait is None:
                    break
                await asyncio.sleep(wait)
        raise last

    def _nobody(self) -> ModelError:
        """The error for the case that every provider rests: says when the first may be asked."""
        now = self._clock()
        soonest = min(circuit.rests_seconds(now) for circuit in self._circuits.values())
        return ModelBroken(
            "no language model is available; all of them rest", retry_after_seconds=soonest
        )

    def _others(self, tried: LanguageModel) -> bool:
        """Whether a provider further down could be asked now."""
        now = self._clock()
        later = self._models[self._models.index(tried) + 1 :]
        return any(self._circuits[model.name].may_ask(now) for model in later)

    async def _ask(
        self, model: LanguageModel, prompt: Prompt, upstream: AsyncExitStack
    ) -> Answering:
        """Ask one provider and wait for its first word; on failure leave nothing open."""
        self._circuits[model.name] = self._circuits[model.name].asked(self._clock())
        known = False
        try:
            async with AsyncExitStack() as attempt:
                words, first = await self._begin(model, prompt, attempt)
                self._circuits[model.name] = self._circuits[model.name].succeeded()
                self.answers[model.name] += 1
                known = True
                upstream.push_async_exit(attempt.pop_all())
        except ModelError as error:
            known = True
            self._failed(model, error)
            raise
        finally:
            if not known:
                self._circuits[model.name] = self._circuits[model.name].left()
        watched = _Watched(first, words, self._stalled)
        watched.on_error = lambda error: self._failed(model, error)
        saw = len(prompt.pictures) if model.sees else 0
        return Answering(
            model.name, model.model, watched, is_demo=model.name in self._demos, saw=saw
        )

    async def _begin(
        self, model: LanguageModel, prompt: Prompt, attempt: AsyncExitStack
    ) -> tuple[AsyncIterator[Words | Ended], Words]:
        if prompt.pictures and not model.sees:  # who takes over may be blind
            prompt = structs.replace(prompt, pictures=())
        fits = self._fitted(model, prompt)
        try:
            async with asyncio.timeout(self._settings.first_token_seconds):
                if self._ahead is not None and model is self._models[0]:
                    await attempt.enter_async_context(self._ahead.asked(fits))
                words = await attempt.enter_async_context(model.stream(fits))
                return words, await _first(words)
        except TimeoutError:
            raise ModelTimeout("no first word in time") from None

    def _fitted(self, model: LanguageModel, prompt: Prompt) -> Prompt:
        return fitted(prompt, model.context_tokens, model.max_output_tokens, model.count_tokens)

    def _failed(self, model: LanguageModel, error: ModelError) -> None:
        settings, kind = self._settings, type(error).__name__
        self.failures[model.name, kind] += 1
        logger.warning("a model failed", provider=model.name, kind=kind)
        self._circuits[model.name] = self._circuits[model.name].failed_with(
            error, self._clock(), settings.circuit_failures, settings.circuit_seconds
        )


class _Watched:
    """The stream from its first word on; silence in the middle is a failure.

    A plain object, not a generator: nothing is left open when its reader is cancelled.
    """

    __slots__ = ("_first", "_overdue", "_words", "on_error")

    def __init__(self, first: Words, words: AsyncIterator[Words | Ended], overdue: Overdue) -> None:
        self._first: Words | None = first
        self._words = words
        self._overdue = overdue
        self.on_error: Callable[[ModelError], None] = lambda _error: None

    def __aiter__(self) -> "_Watched":
        return self

    async def __anext__(self) -> Words | Ended:
        if (first := self._first) is not None:
            self._first = None
            return first
        try:
            # Around the wait alone: a slow listener must not look like a silent model.
            return await self._overdue.wait(anext(self._words))
        except TimeoutError:
            error = ModelTimeout("the model fell silent in mid-reply")
            self.on_error(error)
            raise error from None
        except ModelError as error:
            self.on_error(error)
            raise


async def _first(words: AsyncIterator[Words | Ended]) -> Words:
    """The first words, blanks before them included; an answer without any is a failure."""
    blank, tokens = "", 0
    async for item in words:
        match item:
            case Words():
                blank, tokens = blank + item.text, tokens + item.tokens
                if blank and not blank.isspace():
                    return Words(blank, tokens)
            case Ended(reason="filtered"):
                raise ModelRefused("the provider declines to answer this")
            case Ended():
                break
    raise ModelBroken("the model answered nothing")


def build_router(
    settings: ModelSettings, embedded_url: str | None, embedded_key: str | None
) -> Router:
    """The router that the settings describe. Raises ValueError for an unknown name or kind."""
    models = chosen_models(settings, embedded_url, embedded_key)
    demos = frozenset(model.name for model in models if is_shipped(model.name, settings))
    return Router(models, settings, demos=demos)
