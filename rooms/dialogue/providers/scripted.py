"""A provider that says what it was told to, for tests and benchmarks: no network, no chance.

It is made by hand only; the table of providers does not know it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from rooms.dialogue.estimate import estimate_tokens
from rooms.dialogue.ports import Ended, ModelError, Prompt, Words


class Script(Struct, frozen=True, kw_only=True):
    """One answer. `error` is raised after the words; `refuses` instead of any."""

    words: Sequence[str] = ()
    first_seconds: float = 0.0
    between_seconds: float = 0.0
    error: ModelError | None = None
    refuses: ModelError | None = None
    hangs: bool = False
    reason: str = "stop"


class ScriptedModel:
    """Answers with its scripts in turn; the last one stays. `open` counts streams not yet left."""

    name: str
    model = "scripted"

    def __init__(
        self,
        scripts: Sequence[Script],
        name: str = "scripted",
        context_tokens: int = 8192,
        max_output_tokens: int = 512,
        sees: bool = False,
    ) -> None:
        assert scripts, "a scripted model needs something to say"
        self.name = name
        self.context_tokens = context_tokens
        self.max_output_tokens = max_output_tokens
        self.sees = sees
        self.asked: list[Prompt] = []
        self.open = 0
        self._scripts = list(scripts)

    def warm_up(self) -> None:
        """Nothing to do."""

    def count_tokens(self, text: str) -> int:
        """The common estimate."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Nothing to give back."""

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Words | Ended]]:
        """See the port."""
        self.asked.append(prompt)
        script = self._scripts[min(len(self.asked), len(self._scripts)) - 1]
        self.open += 1
        try:
            if script.refuses is not None:
                raise script.refuses
            yield _Saying(script, prompt)
        finally:
            self.open -= 1


class _Saying:
    """One answer under way: a plain object, as in rooms/dialogue/providers/reading.py."""

    def __init__(self, script: Script, prompt: Prompt) -> None:
        self._script = script
        self._said = 0
        self._over = False
        self._input_tokens = sum(estimate_tokens(line.text) for line in prompt.lines)

    def __aiter__(self) -> "_Saying":
        return self

    async def __anext__(self) -> Words | Ended:
        script = self._script
        if self._over:
            raise StopAsyncIteration
        if self._said < len(script.words):
            pause = script.between_seconds if self._said else script.first_seconds
            if pause > 0:
                await asyncio.sleep(pause)
            self._said += 1
            return Words(script.words[self._said - 1])
        if script.hangs:
            await asyncio.get_running_loop().create_future()
        if script.error is not None:
            raise script.error
        self._over = True
        return Ended(
            reason=script.reason,  # type: ignore[arg-type]
            input_tokens=self._input_tokens,
            output_tokens=self._said,
        )
