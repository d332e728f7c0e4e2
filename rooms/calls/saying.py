"""What is being said in a call: replies on their way through a mouth, and words that are no reply.

Each belongs to one leg's conductor (rooms/calls/conductor.py), which tells it how far it was heard.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from media.voice.orders import Told, Withdraw, Words, WordsEnd
from rooms.calls.times import Times
from rooms.mouth import CutOff

UNHEARD_CHARACTERS: Final = 800  # about a minute: further ahead a model need not think
LAST_WORD_SECONDS: Final = 0.5

Tell = Callable[[Told], None]


class Saying:
    """One utterance. `text` is all of it so far, `heard` how many code points of it were heard."""

    def __init__(self, name: str, tell: Tell, times: Times | None = None) -> None:
        self.name = name
        self.text = ""
        self.heard_until = 0
        self.cut = False
        self.over = asyncio.Event()
        self.times = times
        self._tell = tell
        self._told = 0
        self._news = asyncio.Event()

    # --- told by the conductor

    def hear(self, code_points: int, *, done: bool) -> None:
        """So much was heard; `done`: and that is all."""
        self.heard_until = max(self.heard_until, code_points)
        if done:
            self.over.set()
        self._news.set()

    def interrupt(self) -> None:
        """The floor was taken."""
        self.cut = True
        self._news.set()

    # --- as a Mouth (rooms/mouth.py)

    async def say(self, text: str) -> None:
        """More words; waits while a minute of them is unheard. Raises CutOff."""
        if self.cut:
            raise CutOff
        self.text += text
        if self.times is not None:
            self.times.mark("word")
        self._tell(Words(self.name, text))
        while len(self.text) - self.heard_until > UNHEARD_CHARACTERS and not self.cut:
            await self._news_of()
        if self.cut:
            raise CutOff

    def close(self) -> None:
        """Those were all the words."""
        self._tell(WordsEnd(self.name))

    async def heard(self) -> int | None:
        """How much was heard, once it is more than last time. Raises CutOff."""
        while True:
            if self.cut:
                raise CutOff
            if self.heard_until > self._told:
                self._told = self.heard_until
                return self._told
            if self.over.is_set():
                return None
            await self._news_of()

    async def stop(self) -> int:
        """Say no more; how much was heard in the end."""
        if not self.over.is_set():
            self._tell(Withdraw(self.name))
            try:
                async with asyncio.timeout(LAST_WORD_SECONDS):
                    await self.over.wait()
            except TimeoutError:
                self.over.set()
        return self.heard_until

    async def _news_of(self) -> None:
        """Waits for the next thing it is told. `say` and `heard` may both wait."""
        if self._news.is_set():
            self._news = asyncio.Event()
        await self._news.wait()
