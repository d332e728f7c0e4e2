"""How a turn is spoken instead of written: a mouth says the words, and what was heard is logged.

Words are charged and logged as they are heard, never as the model makes them: a reply that is cut
off keeps, and costs, what had left by then (docs/why/voice_turn.md).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from rooms.dialogue.ports import Prompt
from rooms.pen import Pen

if TYPE_CHECKING:
    from rooms.asking import Asked
    from rooms.dialogue.router import Answering

TAIL_CHARACTERS = 200


class CutOff(Exception):
    """The listener has taken the floor, or is gone: say no more."""


class Mouth(Protocol):
    """Says one reply aloud."""

    async def say(self, text: str) -> None:
        """More words; waits while it is far ahead of what was heard. Raises CutOff."""

    def close(self) -> None:
        """Those were all the words."""

    async def heard(self) -> int | None:
        """How many code points were heard: each time more; None once all were. Raises CutOff."""

    async def stop(self) -> int:
        """Say no more; how much was heard in the end. May be asked again. Never takes long."""


class Voicing(Protocol):
    """Whoever speaks a room's replies for the time being."""

    reply_tokens: int
    log_seconds: float

    def mouth(self, asked: "Asked") -> Mouth:
        """A mouth for this turn, which stands and is about to begin."""

    def ahead(self, prompt: Prompt) -> "AbstractAsyncContextManager[Answering] | None":
        """An answer to exactly this prompt that was asked for early, if there is one."""

    def settled(self) -> None:
        """The turn is over, and the room stands as its next one will find it."""


class Aloud:
    """One reply on its way through a mouth. Stands where a pen would, and writes with it."""

    def __init__(
        self, asked: "Asked", voicing: Voicing, pen: Pen, inspect: Callable[[str], None]
    ) -> None:
        """`inspect` is shown words before they are spoken, and may refuse them."""
        self._asked = asked
        self._voicing = voicing
        self._pen = pen
        self._inspect = inspect
        self._mouth: Mouth | None = None
        self._said = ""
        self._prices: list[tuple[int, int]] = []  # up to this code point, so many microcredits
        self._written = 0

    @property
    def begun(self) -> bool:
        """Words were given to the mouth."""
        return bool(self._said)

    def begin(self) -> None:
        """The turn stands: open the mouth."""
        self._mouth = self._voicing.mouth(self._asked)

    async def write(self, text: str, microcredits: int) -> None:
        """More words; the reply so far costs `microcredits`. Raises CutOff, Moderated."""
        assert self._mouth is not None, "the mouth opens with the hold"
        self._inspect(self._said[-TAIL_CHARACTERS:] + text)
        self._said += text
        self._prices.append((len(self._said), microcredits))
        await self._mouth.say(text)

    async def hear(self) -> None:
        """Write what is heard, until all of it was. Raises CutOff."""
        assert self._mouth is not None
        while (heard := await self._mouth.heard()) is not None:
            await self._write_until(heard)
        await self._write_until(len(self._said))

    def close(self) -> None:
        """Those were all the words."""
        assert self._mouth is not None
        self._mouth.close()

    async def stop(self) -> None:
        """However it ended: what was heard is written, and no more will be."""
        if self._mouth is not None:
            await self._write_until(await self._mouth.stop())

    async def _write_until(self, heard: int) -> None:
        text = self._said[self._written : heard]
        if not text:
            return
        self._written = min(heard, len(self._said))
        price = next(cost for until, cost in self._prices if until >= self._written)
        await self._pen.write(text, price)
