"""Makes the sound of clauses with a speaker, one at a time and no further ahead than allowed.

A speaker that fails is asked once more while nothing of the clause has sounded; then the utterance
is over, as if it had been interrupted.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

import structlog

from media.speech.ports import Speaker, SpeechError, Spoken, VoiceChoice
from media.voice.orders import Made, Synthesise, Withdraw
from media.voice.playout import Playout
from rooms.calls.saying import Tell

logger = structlog.get_logger(__name__)
PIECE_SECONDS: Final = 15.0
TRIES: Final = 2

# A piece is there: of which clause, and where in its epoch the clause begins.
OnPiece = Callable[[Synthesise, int, Spoken], None]


class Making:
    """One leg's synthesis."""

    def __init__(self, speaker: Speaker, choice: VoiceChoice, playout: Playout, tell: Tell) -> None:
        self._speaker = speaker
        self._choice = choice
        self._playout = playout
        self._tell = tell
        self._room = asyncio.Event()
        self._made: dict[int, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The work under way."""
        return list(self._made.values())

    def make(self, order: Synthesise, tasks: asyncio.TaskGroup, on_piece: OnPiece) -> None:
        """Begin a clause."""
        task = tasks.create_task(self._make(order, on_piece), name=f"speak {order.clause}")
        self._made[order.clause] = task
        task.add_done_callback(lambda _task: self._made.pop(order.clause, None))

    def drop(self, clause: int) -> None:
        """Nobody will hear it."""
        if (task := self._made.pop(clause, None)) is not None:
            task.cancel()

    def go_on(self) -> None:
        """Something has left: there may be room for more."""
        self._room.set()

    async def _make(self, order: Synthesise, on_piece: OnPiece) -> None:
        for attempt in range(TRIES):
            made = self._playout.ready
            try:
                await self._say(order, on_piece)
                break
            except (SpeechError, TimeoutError) as error:
                logger.warning("a speaker failed", kind=type(error).__name__, attempt=attempt)
                sounded = self._playout.ready > made
                if sounded or attempt + 1 == TRIES or not getattr(error, "retryable", True):
                    self._tell(Withdraw(order.utterance))
                    return
        self._tell(Made(order.clause, None))

    async def _say(self, order: Synthesise, on_piece: OnPiece) -> None:
        """The pieces of a clause, each within its time and when there is room for it."""
        begins = self._playout.ready
        pieces = self._speaker.speak(order.text, self._choice)
        try:
            while True:
                async with asyncio.timeout(PIECE_SECONDS):
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                on_piece(order, begins, piece)
                self._tell(Made(order.clause, piece))
                await self._until_roomy()
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def _until_roomy(self) -> None:
        while not self._playout.roomy:
            self._room.clear()
            await self._room.wait()
