"""The catalogue loads the cast once, finds people by what is remembered of them, keeps doors."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from config.plans import Plan
from rooms.companions.access import Viewer
from rooms.companions.catalogue import CAST, Catalogue, Query, offset_of, plain, tsquery
from rooms.errors import BadRequest, NotFound, PaymentRequired
from rooms.ports import Principal
from rooms.shapes import Person
from storage.companions import find_companion

PLANS = {"free": Plan(), "premium": Plan(price_cents=999), "vip": Plan(price_cents=2999)}
STRANGER = Viewer()


def someone(plan: str = "free", minor: bool = False) -> Principal:
    person = Person(
        id="p_1",
        username="sam",
        display_name="Sam",
        role="member",
        plan=plan,
        language="en",
        timezone="UTC",
        country="FR",
    )
    return Principal(person=person, sign_in="s_1", minor=minor)


@pytest.fixture
async def catalogue(database: asyncpg.Pool) -> Catalogue:
    made = Catalogue(database, PLANS, lambda: 1_790_000_000_000)
    await made.load_cast()
    return made


async def names(catalogue: Catalogue, q: str = "", **narrow: object) -> list[str]:
    query = Query(q=q, **narrow)  # type: ignore[arg-type]
    return [card.slug for card in (await catalogue.list(query, STRANGER)).items]


@pytest.mark.stores
async def test_loading_twice_changes_nothing(database: asyncpg.Pool) -> None:
    catalogue = Catalogue(database, PLANS, lambda: 0)
    assert await catalogue.load_cast() == 12
    assert await catalogue.load_cast() == 0


@pytest.mark.stores
async def test_gateways_that_start_together_load_it_once(database: asyncpg.Pool) -> None:
    catalogues = [Catalogue(database, PLANS, lambda: 0) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.load_cast() for one in catalogues))) == 12


@pytest.mark.stores
async def test_an_edited_file_is_stored_and_keeps_its_id(
    database: asyncpg.Pool, tmp_path: Path
) -> None:
    cast = tmp_path / "cast"
    shutil.copytree(CAST, cast)
    catalogue = Catalogue(database, PLANS, lambda: 0, cast=cast)
    await catalogue.load_cast()
    text = (cast / "mira.toml").read_text(encoding="utf-8")
    (cast / "mira.toml").write_text(text.replace("age = 31", "age = 32"), encoding="utf-8")
    assert await catalogue.load_cast() == 1
    assert (await catalogue.find("c_mira")).age == 32


@pytest.mark.stores
async def test_search_finds_by_name_tag_interest_and_the_start_of_a_word(
    catalogue: Catalogue,
) -> None:
    assert (await names(catalogue, "leila"))[0] == "leila"
    assert (await names(catalogue, "Leïla"))[0] == "leila"
    assert (await names(catalogue, "marine biolog"))[0] == "mira"
    assert "arun" in await names(catalogue, "trains")
    assert "sol" in await names(catalogue, "moths")
    assert await names(catalogue, "mir") == ["mira"]
    assert await names(catalogue, "xyzzy") == []


@pytest.mark.stores
async def test_hostile_words_are_only_words(catalogue: Catalogue) -> None:
    for q in ("admin' OR '1'='1", "a & | ! ( ) :*", "\\", "<script>", "'", "🦀", "x" * 5000):
        await names(catalogue, q)


@pytest.mark.stores
async def test_a_secret_is_not_found_by_searching(catalogue: Catalogue) -> None:
    assert "maren" not in await names(catalogue, "autopilot")


@pytest.mark.stores
async def test_pages_join_without_gap_or_repeat(catalogue: Catalogue) -> None:
    seen: list[str] = []
    offset = 0
    while True:
        page = await catalogue.list(Query(limit=5, offset=offset), STRANGER)
        seen += [card.slug for card in page.items]
        if page.cursor is None:
            assert not page.has_more
            break
        offset = offset_of(page.cursor)
    assert len(seen) == len(set(seen)) == 12


def test_a_foreign_cursor_is_refused() -> None:
    with pytest.raises(BadRequest):
        offset_of("o; DROP TABLE")


@pytest.mark.stores
async def test_facets_count_the_result(catalogue: Catalogue) -> None:
    page = await catalogue.list(Query(gender="man"), STRANGER)
    assert page.facets["gender"] == {"man": len(page.items)}
    assert sum(page.facets["origin"].values()) == len(page.items)


@pytest.mark.stores
async def test_a_locked_companion_says_which_plan_opens_the_door(catalogue: Catalogue) -> None:
    with pytest.raises(PaymentRequired) as caught:
        await catalogue.card("c_ngozi", someone("premium"))
    assert caught.value.code == "plan_required"
    assert caught.value.details["plans"] == ["vip"]
    assert (await catalogue.card("c_ngozi", someone("vip"))).name == "Ngozi"
    assert (await catalogue.card("c_haruka", someone("premium"))).name == "Haruka"


@pytest.mark.stores
async def test_a_rating_beyond_the_viewer_does_not_exist_for_them(
    catalogue: Catalogue, database: asyncpg.Pool
) -> None:
    await database.execute(
        "UPDATE companions SET rating = 'mature', doc = jsonb_set(doc, '{rating}', '\"mature\"') "
        "WHERE companion = 'c_wei'"
    )
    assert "wei" not in await names(catalogue)
    with pytest.raises(NotFound):
        await catalogue.find("wei", STRANGER)
    grown = Viewer(ratings=("general", "teen", "mature"))
    assert (await catalogue.find("wei", grown)).slug == "wei"


@pytest.mark.stores
async def test_turns_get_a_persona_and_rooms_a_greeting(catalogue: Catalogue) -> None:
    persona = await catalogue.persona("c_arun")
    assert persona.name == "Arun"
    assert "Madurai" in persona.sheet
    assert (await catalogue.greeting("c_arun", someone())).startswith("Vanakkam")
    cards = await catalogue.cards(["c_arun", "c_mira", "c_gone"])
    assert list(cards) == ["c_arun", "c_mira"]


@pytest.mark.stores
async def test_the_cache_is_bounded_and_an_edit_elsewhere_is_seen(
    database: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.companions.catalogue.CACHE_MAX", 3)
    clock = [0]
    catalogue = Catalogue(database, PLANS, lambda: clock[0])
    await catalogue.load_cast()
    await catalogue.list(Query(), STRANGER)
    assert len(catalogue._kept) == 3
    assert (await catalogue.find("mira")).age == 31
    await database.execute(
        "UPDATE companions SET doc = jsonb_set(doc, '{age}', '33') WHERE companion = 'c_mira'"
    )
    assert (await catalogue.find("mira")).age == 31
    clock[0] += 61_000
    assert (await catalogue.find("mira")).age == 33


@pytest.mark.stores
async def test_popularity_counts_replies(catalogue: Catalogue, database: asyncpg.Pool) -> None:
    catalogue.count_reply("c_sol")
    await catalogue.write_popularity()
    row = await find_companion(database, "sol")
    assert row is not None
    assert row.popularity == 1
    assert (await names(catalogue))[0] == "sol"


def test_text_is_compared_without_accents_but_scripts_stay_whole() -> None:
    assert plain("Leïla Ramírez") == "leila ramirez"
    assert plain("नमस्ते") == "नमस्ते"
    assert tsquery("  ") is None
    assert tsquery("a'b") == "'a':* & 'b':*"
