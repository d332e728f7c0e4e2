"""People at rest: found whatever the case, changed field by field, and erased table by table."""

from datetime import date

import asyncpg
import pytest

from storage import api_keys, people, sign_ins
from storage.erase import KEPT, OWNERS, SECRET_TABLES, erase, tables_of_people
from storage.people import NameTaken, PersonRow, StandingRow

pytestmark = pytest.mark.stores
SHARED = set(StandingRow.__struct_fields__) - {"live"}


def row(person: str = "u_1", **changes: object) -> PersonRow:
    values: dict[str, object] = {
        "person": person,
        "email": f"{person}@Example.org",
        "username": f"Name-{person}",
        "password": "$argon2id$",
        "display_name": "<b>Sam</b>",
        "birth_date": date(1990, 5, 17),
        "country": "FR",
        "timezone": "Europe/Paris",
        "language": "fr",
        "role": "member",
        "plan": "free",
        "status": "active",
        "level": "declared",
        "interests": [],
        "preferences": {},
        "deleted_at": None,
    }
    return PersonRow(**{**values, **changes})  # type: ignore[arg-type]


async def add(db: asyncpg.Pool, one: PersonRow) -> None:
    await people.add_person(db, one, [("terms", "1"), ("privacy", "2")], "address", "agent")


async def test_what_is_added_is_found_by_id_name_and_address(database: asyncpg.Pool) -> None:
    await add(database, row())
    assert await people.find_person(database, "u_1") == row()
    for login in ("u_1@example.ORG", "name-U_1"):
        assert await people.find_by_login(database, login) == row()
    assert await people.find_by_email(database, "U_1@example.org") == row()
    assert await people.find_by_email(database, "name-u_1") is None
    assert await people.find_by_login(database, "admin' OR '1'='1") is None
    given = await people.consents(database, "u_1")
    assert [(one["purpose"], one["version"]) for one in given] == [("terms", "1"), ("privacy", "2")]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"email": "U_1@EXAMPLE.ORG"}, "email"), ({"username": "NAME-u_1"}, "username")],
)  # fmt: skip
async def test_a_name_is_taken_whatever_its_case_and_nothing_is_half_added(
    database: asyncpg.Pool, change: dict[str, object], field: str
) -> None:
    await add(database, row())
    with pytest.raises(NameTaken) as taken:
        await add(database, row("u_2", **change))
    assert taken.value.field == field
    assert await database.fetchval("SELECT count(*) FROM consents") == 2


async def test_only_what_is_given_is_changed(database: asyncpg.Pool) -> None:
    await add(database, row())
    await people.set_profile(database, "u_1", display_name="Sam", interests=["rain"])
    changed = await people.find_person(database, "u_1")
    assert changed == row(display_name="Sam", interests=["rain"])
    assert await people.set_standing(database, "u_1", plan="vip")
    assert not await people.set_standing(database, "u_nobody", plan="vip")
    changed = await people.find_person(database, "u_1")
    assert changed is not None
    assert (changed.plan, changed.role) == ("vip", "member")


async def test_signed_in_people_are_one_read(database: asyncpg.Pool) -> None:
    await add(database, row())
    await signed_in(database, "u_1", "si_1")
    await add(database, row("u_2"))
    await signed_in(database, "u_2", "si_9")
    asked = [("u_1", "si_1"), ("u_1", "si_2"), ("u_2", "si_9"), ("u_2", "si_1"), ("u_3", "si_1")]
    found = await people.find_signed_in(database, asked)
    assert {key: one.live for key, one in found.items()} == dict(
        zip(asked, (True, False, True, False), strict=False)
    )
    one = found["u_1", "si_1"]
    whole = row()
    assert all(getattr(one, field) == getattr(whole, field) for field in SHARED)
    assert await sign_ins.revoke(database, "u_1", None, "test", None) == ["si_1"]
    assert not (await people.find_signed_in(database, asked))["u_1", "si_1"].live


async def signed_in(database: asyncpg.Pool, person: str, sign_in: str) -> None:
    await sign_ins.add_sign_in(
        database,
        sign_ins.NewSignIn(
            person=person,
            sign_in=sign_in,
            device="phone",
            address="address",
            token=sign_in.encode(),
            seconds=100,
            most=10,
        ),
    )


async def test_every_table_that_names_a_person_is_known_to_erasure(database: asyncpg.Pool) -> None:
    found = {table.name: table.columns for table in await tables_of_people(database)}
    assert set(found) >= {
        "people", "consents", "sign_ins", "refresh_tokens", "api_keys", "reset_codes", "rooms",
        "members", "messages", "commands", "reports", "blocks", "recollections", *KEPT,
    }  # fmt: skip
    columns = await database.fetch(
        "SELECT table_name::text, column_name::text FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'people' "
        "AND column_name ~ '(person|user|owner|payer|author|maker)'"
    )
    strange = [tuple(one) for one in columns if one["column_name"] not in OWNERS]
    known = {("rooms", "payer"), ("calls", "payer")}  # FORGET_PAYING_FOR, FORGET_CALLS_PAID
    assert set(strange) == known
    assert set(found) >= SECRET_TABLES - {"signing_keys"}


async def test_a_table_made_tomorrow_is_erased_too(database: asyncpg.Pool) -> None:
    await database.execute("CREATE TABLE diaries (person text, page text)")
    await database.execute("INSERT INTO diaries VALUES ('u_1', 'mine'), ('u_2', 'not mine')")
    for one in ("u_1", "u_2"):
        await add(database, row(one))
        await signed_in(database, one, f"si_{one}")
        await sign_ins.set_reset_code(database, one, b"code", 100)
        assert await api_keys.add_api_key(database, one, "ak_1", one.encode(), "bot", ["chat"], 5)
    assert await erase(database, "u_1")
    for table in ("diaries", "people", "consents", "sign_ins", "refresh_tokens", "api_keys",
                  "reset_codes"):  # fmt: skip
        left = await database.fetch(f'SELECT DISTINCT person FROM "{table}"')
        assert [one["person"] for one in left] == ["u_2"], table
    assert await erase(database, "u_1")  # again changes nothing


async def test_companions_of_one_who_is_gone_are_nobodys_or_gone(database: asyncpg.Pool) -> None:
    for name, visibility in (("c_1", "public"), ("c_2", "private")):
        await database.execute(
            "INSERT INTO companions (companion, slug, creator, doc, digest, name, gender, origin, "
            "tier, rating, visibility, age, words) VALUES ($1, $1, 'u_1', '{}', '', $1, '', '', "
            "'free', 'general', $2, 30, '')", name, visibility,
        )  # fmt: skip
    await erase(database, "u_1")
    left = await database.fetch("SELECT companion, creator FROM companions")
    assert [tuple(one) for one in left] == [("c_1", None)]
