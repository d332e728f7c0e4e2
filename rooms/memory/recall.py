"""A first honest recall: earlier messages of the same person, by words and by meaning.

Remembering happens behind the turn, in one owned task with a bounded queue; when the
embeddings are away, recall goes on by words alone. Facts and summaries come with deep memory.
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from rooms.memory.ports import Embeddings, EmbeddingsError, Kind
from rooms.ports import Memory
from storage import recollections
from storage.database import DATABASE_AWAY

logger = structlog.get_logger(__name__)
QUEUED_MAX: Final = 512
LEAST_CHARACTERS: Final = 12  # "ok" and "lol" are not worth remembering
EMBED_SECONDS_MAX: Final = 0.25


class MessageRecall:
    """See rooms/ports.py `Recall`. Run `run()` in a TaskGroup for remembering to happen."""

    def __init__(self, db: asyncpg.Pool, embeddings: Embeddings | None) -> None:
        self._db = db
        self._embeddings = embeddings
        self._queue: asyncio.Queue[tuple[str, str, str, str, str]] = asyncio.Queue(QUEUED_MAX)

    async def recall(self, person: str, companion: str, text: str, limit: int) -> list[Memory]:
        """At most `limit` memories of what this person told this companion."""
        vector = await self._vector(text, "query", EMBED_SECONDS_MAX)
        found = await recollections.recall(self._db, person, companion, text, vector, limit)
        return [Memory(id=r.message, text=r.words, score=r.score) for r in found]

    def remember(self, person: str, message: str, room: str, companion: str, words: str) -> None:
        """Remember later; when too much waits, the newest is let go rather than a turn slowed."""
        if len(words) < LEAST_CHARACTERS:
            return
        try:
            self._queue.put_nowait((person, message, room, companion, words))
        except asyncio.QueueFull:
            logger.warning("remembering lags; a message was not kept for recall", message=message)

    async def run(self) -> None:
        """Keep what was said, one message at a time, until cancelled."""
        while True:
            person, message, room, companion, words = await self._queue.get()
            vector = await self._vector(words, "passage", 30.0)
            model = self._embeddings.model if self._embeddings and vector else "none"
            try:
                await recollections.remember(
                    self._db, person, message, room, companion, words, model, vector
                )
            except (*DATABASE_AWAY, asyncpg.PostgresError):
                logger.warning("a message was not kept for recall", message=message)

    async def _vector(self, text: str, kind: Kind, seconds: float) -> list[float] | None:
        if self._embeddings is None:
            return None
        try:
            async with asyncio.timeout(seconds):
                return (await self._embeddings.embed([text], kind))[0]
        except (EmbeddingsError, TimeoutError):
            return None
