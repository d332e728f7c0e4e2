"""Both kinds of embeddings give normalised vectors in which meaning is near meaning."""

import asyncio
import json
import math
from collections.abc import AsyncIterator

import pytest

from config.models import EmbeddingProvider
from rooms.memory.embeddings import (
    DIMENSIONS,
    TEXTS_MAX,
    WAITING_MAX,
    EmbeddedEmbeddings,
    build_embeddings,
    part,
)
from rooms.memory.ports import Embeddings, EmbeddingsError

pytestmark = pytest.mark.model


class Vectors:
    """An address that answers /v1/embeddings, with the embedded vectors or with nonsense."""

    def __init__(self, behind: EmbeddedEmbeddings) -> None:
        self.behind = behind
        self.asked: list[dict[str, object]] = []
        self.body = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        asked = json.loads(await reader.readexactly(length))
        self.asked.append(asked)
        body = self.body or await self._body(asked["input"])
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"connection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    async def _body(self, texts: list[str]) -> str:
        vectors = await self.behind.embed(texts, "passage")
        data = [
            {"object": "embedding", "index": n, "embedding": [3 * x for x in vector]}
            for n, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        # Backwards: the index counts, not the place.
        return json.dumps({"object": "list", "data": data[::-1], "model": "m", "usage": usage})


@pytest.fixture(scope="module")
def engine() -> EmbeddedEmbeddings:
    """The embedded one, loaded once for all tests."""
    return EmbeddedEmbeddings()


@pytest.fixture
async def address(engine: EmbeddedEmbeddings) -> AsyncIterator[tuple[Vectors, Embeddings]]:
    """A server and the remote kind that asks it."""
    vectors = Vectors(engine)
    server = await asyncio.start_server(vectors.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = EmbeddingProvider(kind="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m")
    remote = build_embeddings(settings)
    yield vectors, remote
    server.close()


@pytest.fixture(params=["embedded", "remote"])
def embeddings(
    request: pytest.FixtureRequest,
    engine: EmbeddedEmbeddings,
    address: tuple[Vectors, Embeddings],
) -> Embeddings:
    """Each kind in turn."""
    return engine if request.param == "embedded" else address[1]


def nearness(one: list[float], other: list[float]) -> float:
    """The cosine of two normalised vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_vectors_are_normalised_and_as_long_as_promised(embeddings: Embeddings) -> None:
    vectors = await embeddings.embed(["My sister lives in Lyon.", "Il pleut."], "passage")
    assert [len(vector) for vector in vectors] == [embeddings.dimensions] * 2
    for vector in vectors:
        assert math.isclose(nearness(vector, vector), 1.0, abs_tol=1e-3)


async def test_a_question_is_nearest_to_its_answer_also_across_languages(
    embeddings: Embeddings,
) -> None:
    told = [
        "My sister Claire lives in Lyon and teaches maths.",
        "I am allergic to peanuts.",
        "We went hiking in the rain last Sunday.",
    ]
    passages = await embeddings.embed(told, "passage")
    for question, nearest in (("Where does my sister live?", 0), ("मुझे किस चीज़ से एलर्जी है?", 1)):
        (vector,) = await embeddings.embed([question], "query")
        scores = [nearness(vector, passage) for passage in passages]
        assert scores.index(max(scores)) == nearest


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "🙂" * 5000, " "])
async def test_odd_texts_are_embedded_too(embeddings: Embeddings, text: str) -> None:
    (vector,) = await embeddings.embed([text], "passage")
    assert len(vector) == DIMENSIONS


async def test_what_follows_a_nul_counts(embeddings: Embeddings) -> None:
    one, other = await embeddings.embed(["tea\0peanut allergy", "tea"], "passage")
    assert nearness(one, other) < 0.999


async def test_a_text_is_read_as_far_as_the_model_can(engine: EmbeddedEmbeddings) -> None:
    one, other = await engine.embed(["tea " + "🙂" * 400, "tea " + "🙂" * 900], "passage")
    assert nearness(one, other) > 0.999


async def test_nothing_gives_nothing(embeddings: Embeddings) -> None:
    assert await embeddings.embed([], "query") == []


async def test_too_many_at_once_are_refused_not_queued(engine: EmbeddedEmbeddings) -> None:
    with pytest.raises(EmbeddingsError):
        await engine.embed(["x"] * (TEXTS_MAX + 1), "query")
    calls = [engine.embed(["x"], "query") for _ in range(WAITING_MAX + 1)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results].count(EmbeddingsError) == 1


async def test_the_loop_is_free_while_texts_are_embedded(engine: EmbeddedEmbeddings) -> None:
    await engine.embed(["warm"], "query")
    embedding = asyncio.create_task(engine.embed(["a longer text " * 20] * 20, "passage"))
    turns = 0
    while not embedding.done():
        turns += 1
        await asyncio.sleep(0.005)
    assert turns > 5


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"data": [{"index": 0, "embedding": [1.0, 2.0]}]}', "<html>"]
)
async def test_an_address_that_gives_no_vectors_is_an_embeddings_error(
    address: tuple[Vectors, Embeddings], body: str
) -> None:
    address[0].body = body
    with pytest.raises(EmbeddingsError):
        await address[1].embed(["x"], "query")


async def test_nobody_listening_is_an_embeddings_error() -> None:
    settings = EmbeddingProvider(kind="openai", base_url="http://127.0.0.1:1/v1", model="m")
    with pytest.raises(EmbeddingsError):
        await build_embeddings(settings).embed(["x"], "query")


def test_the_part_names_its_licence() -> None:
    assert part()["licence"] == "MIT"
    assert part()["version"][0].isdigit()
