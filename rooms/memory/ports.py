"""The embeddings port: words to vectors, for recall by meaning."""

from typing import Literal, Protocol

Kind = Literal["query", "passage"]


class EmbeddingsError(Exception):
    """No vectors now; recall goes on by words alone."""


class Embeddings(Protocol):
    """One embedding model. Vectors are normalised; `dimensions` long."""

    model: str
    dimensions: int

    async def embed(self, texts: list[str], kind: Kind) -> list[list[float]]:
        """A vector for each text. Raises EmbeddingsError."""
