"""Companions at rest: stored once, found by what they are, narrowed by what one may see."""

from typing import Any

import asyncpg
import pytest

from storage.companions import (
    Filter,
    Words,
    companion_facets,
    count_replies,
    find_companion,
    find_companions,
    list_companions,
    retire_all_but,
    upsert_companion,
)

pytestmark = pytest.mark.stores

ANYONE = ["general"]


def document(slug: str, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "slug": slug,
        "name": slug.title(),
        "gender": "woman",
        "origin": "european",
        "tier": "free",
        "rating": "general",
        "visibility": "public",
        "age": 30,
        "tags": ["sea"],
        "languages": ["en"],
    }
    return base | changes


async def put(db: asyncpg.Pool, slug: str, rest: str = "", **changes: Any) -> bool:
    creator, digest = changes.pop("creator", None), changes.pop("digest", "d1")
    doc = document(slug, **changes)
    words = Words(name=doc["name"].lower(), tags=" ".join(doc["tags"]), tagline="", rest=rest)
    return await upsert_companion(db, f"c_{slug}", doc, digest, words, creator)


async def ids(db: asyncpg.Pool, where: Filter, sort: str = "popular") -> list[str]:
    return [row.companion for row in await list_companions(db, where, sort, 50, 0)]


async def test_an_unchanged_document_is_left_alone(database: asyncpg.Pool) -> None:
    assert await put(database, "ada")
    assert not await put(database, "ada")
    assert await put(database, "ada", digest="d2", tier="premium")
    row = await find_companion(database, "ada")
    assert row is not None
    assert row.companion == "c_ada"
    assert row.doc["tier"] == "premium"


async def test_id_and_slug_find_the_same_companion(database: asyncpg.Pool) -> None:
    await put(database, "ada")
    assert await find_companion(database, "c_ada") == await find_companion(database, "ada")
    assert await find_companion(database, "nobody") is None
    assert [row.companion for row in await find_companions(database, ["c_ada", "c_x"])] == ["c_ada"]


async def test_a_name_ranks_above_a_mention(database: asyncpg.Pool) -> None:
    await put(database, "ada", rest="friend of bela")
    await put(database, "bela")
    assert await ids(database, Filter(ratings=ANYONE, text="'bela':*")) == ["c_bela", "c_ada"]


async def test_popularity_orders_a_list_without_words(database: asyncpg.Pool) -> None:
    await put(database, "ada")
    await put(database, "bela")
    await count_replies(database, "c_bela", 3)
    assert await ids(database, Filter(ratings=ANYONE)) == ["c_bela", "c_ada"]
    assert await ids(database, Filter(ratings=ANYONE), "name") == ["c_ada", "c_bela"]


async def test_filters_narrow_and_facets_count_what_is_left(database: asyncpg.Pool) -> None:
    await put(database, "ada", gender="man", tags=["sea", "calm"])
    await put(database, "bela", origin="african", tags=["sea"])
    await put(database, "cleo", rating="mature")
    assert await ids(database, Filter(ratings=ANYONE, tags=["sea", "calm"])) == ["c_ada"]
    assert await ids(database, Filter(ratings=ANYONE, gender="woman")) == ["c_bela"]
    facets = await companion_facets(database, Filter(ratings=ANYONE))
    assert facets["tags"] == {"sea": 2, "calm": 1}
    assert facets["gender"] == {"man": 1, "woman": 1}
    assert facets["rating"] == {"general": 2}


async def test_only_the_maker_sees_a_private_companion_in_lists(database: asyncpg.Pool) -> None:
    await put(database, "mine", visibility="private", creator="p_1")
    assert await ids(database, Filter(ratings=ANYONE, person="p_1")) == ["c_mine"]
    assert await ids(database, Filter(ratings=ANYONE, person="p_2")) == []
    assert await ids(database, Filter(ratings=ANYONE)) == []


async def test_a_companion_shipped_no_more_leaves_the_lists_and_may_return(
    database: asyncpg.Pool,
) -> None:
    await put(database, "ada")
    await put(database, "bela")
    assert await retire_all_but(database, ["c_ada"]) == ["c_bela"]
    assert await ids(database, Filter(ratings=ANYONE)) == ["c_ada"]
    assert await find_companion(database, "bela") is not None
    assert await put(database, "bela")
    assert len(await ids(database, Filter(ratings=ANYONE))) == 2


async def test_a_minor_cannot_be_stored(database: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await put(database, "kid", age=17)
