"""What may be filled in, and where that is decided elsewhere too: the database knows our zones."""

from datetime import date

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.forms import Preferences, Registration, age_on, preferences_of
from server.accounts.places import COUNTRIES, zones
from tests.server.small import Small

FORM = {
    "email": "a@example.org",
    "password": "12345678",
    "username": "abc",
    "birth_date": "1990-05-17",
    "country": "FR",
    "consents": ["terms", "privacy"],
}


def filled(**changes: object) -> Registration:
    return msgspec.convert({**FORM, **changes}, Registration)


@pytest.mark.parametrize(
    ("today", "born", "years"),
    [
        (date(2026, 5, 16), date(2008, 5, 17), 17),
        (date(2026, 5, 17), date(2008, 5, 17), 18),
        (date(2026, 2, 28), date(2008, 2, 29), 17),
        (date(2026, 3, 1), date(2008, 2, 29), 18),
    ],
)
def test_one_is_a_year_older_on_the_day_itself(today: date, born: date, years: int) -> None:
    assert age_on(today, born) == years


@pytest.mark.parametrize(
    "email",
    ["a@b.c", "first.last+tag@example.co.uk", "o'brien@example.org", "józef@exämple.org"],
)
def test_addresses_people_have_are_taken(email: str) -> None:
    assert filled(email=email).email == email


@pytest.mark.parametrize(
    "email",
    [
        "", "a", "@b.c", "a@", "a@b", "a@b.", "a@.b", "a@b..c", "a b@c.d", "a@b.c, eve@d.e",
        "Eve <eve@d.e>", "a@b.c\r\nBcc: eve@d.e", '"a b"@c.d', "a@b@c.d", "x" * 250 + "@b.c",
    ],
)  # fmt: skip
def test_what_is_no_address_or_would_be_several_is_refused(email: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="email"):
        filled(email=email)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"), ("username", "a" * 33), ("username", "-abc"), ("username", "a b"),
        ("username", "admin' OR '1'='1"), ("username", "<script>"), ("username", "a@b.c"),
        ("password", "1234567"), ("password", "x" * 257), ("country", "fr"), ("country", "FRA"),
        ("language", "english"), ("language", ""), ("birth_date", "17.5.1990"),
        ("birth_date", "1990-02-30"), ("consents", ["everything"]), ("consents", "terms"),
        ("username", "abc\n"), ("email", "a@b.c\n"), ("country", "FR\n"), ("language", "en\n"),
        ("display_name", "x" * 61), ("role", "admin"), ("plan", "vip"), ("person", "u_1"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_as_it_must_be_is_refused(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        filled(**{field: value})


@given(st.text(min_size=8, max_size=256))
def test_any_password_of_some_length_is_a_password(password: str) -> None:
    assert filled(password=password).password == password


def test_there_are_as_many_countries_as_the_standard_has() -> None:
    assert len(COUNTRIES) == 249
    assert {"FR", "US", "IN", "DE", "CN", "GB"} <= COUNTRIES
    assert "XX" not in COUNTRIES


@pytest.mark.stores
async def test_the_database_knows_every_zone_that_is_taken_here(database: asyncpg.Pool) -> None:
    known = {row["name"] for row in await database.fetch("SELECT name FROM pg_timezone_names")}
    strange = []
    for zone in sorted(zones() - known):
        try:
            await database.fetchval("SELECT now() AT TIME ZONE $1::text", zone)
        except asyncpg.PostgresError:
            strange.append(zone)
    assert strange == []


@pytest.mark.stores
@pytest.mark.parametrize(
    ("change", "status", "code", "path"),
    [
        ({"country": "XX"}, 422, "invalid", "$.country"),
        ({"country": "CN"}, 451, "unavailable_for_legal_reasons", "$.country"),
        ({"timezone": "Factory"}, 422, "invalid", "$.timezone"),
        ({"timezone": "../../etc/passwd"}, 422, "invalid", "$.timezone"),
        ({"birth_date": "1899-12-31"}, 422, "invalid", "$.birth_date"),
        ({"birth_date": "2010-01-01"}, 403, "too_young", None),
        ({"consents": ["privacy"]}, 422, "invalid", "$.consents"),
        ({"display_name": "a\0b"}, 422, "malformed_text", None),
    ],
)
async def test_a_form_is_refused_with_the_place_of_the_fault(
    small: Small, change: dict[str, object], status: int, code: str, path: str | None
) -> None:
    answer = await small.ask("POST", "users/register", body=small.form(**change))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("path")) == (status, code, path)
    assert problem["retryable"] is False
    assert "retry-after" not in answer.headers
    assert await small.db.fetchval("SELECT count(*) FROM people") == 0


@pytest.mark.stores
async def test_the_day_one_comes_of_age_is_the_first_one_may_register(small: Small) -> None:
    small.clock[0] = 1_789_999_200_000  # 2026-09-21T14:00:00Z
    early = await small.ask("POST", "users/register", body=small.form(birth_date="2008-09-22"))
    assert early.json()["code"] == "too_young"
    await small.register(birth_date="2008-09-21")


@pytest.mark.stores
async def test_a_profile_is_changed_field_by_field_and_the_birth_date_never(small: Small) -> None:
    person = await small.register()
    name = "<script>alert('x')</script> Zoë 🦊"
    change = {"display_name": name, "interests": ["chess", "rain"], "timezone": "Asia/Kolkata"}
    changed = (await person.ask("PATCH", "users/profile", change)).json()
    assert changed["user"]["display_name"] == name
    assert changed["user"]["timezone"] == "Asia/Kolkata"
    assert changed["interests"] == ["chess", "rain"]
    assert changed["user"]["country"] == "FR"
    for refused in (
        {"birth_date": "1980-01-01"}, {"role": "admin"}, {"plan": "vip"}, {"level": "bank"},
        {"country": "XX"}, {"timezone": "Mars/Olympus"}, {"display_name": ""},
    ):  # fmt: skip
        assert (await person.ask("PATCH", "users/profile", refused)).status_code == 422
    assert (await person.ask("PATCH", "users/profile", {"country": "CN"})).status_code == 451
    profile = (await person.ask("GET", "users/profile")).json()
    assert profile["birth_date"] == "1990-05-17"


@pytest.mark.stores
async def test_content_for_verified_adults_needs_a_verified_age_and_an_operator_who_offers_it(
    small: Small,
) -> None:
    person = await small.register()

    async def prefer(**changes: object):
        answer = await person.ask("PUT", "users/preferences", changes)
        return answer.status_code, answer.json().get("code")

    assert await prefer(content_level="mature") == (403, "verification_needed")
    assert await prefer(explicit=True) == (403, "verification_needed")
    await small.db.execute("UPDATE people SET level = 'contact'")
    assert await prefer(content_level="mature") == (403, "verification_needed")
    await small.db.execute("UPDATE people SET level = 'document'")
    assert await prefer(content_level="mature") == (200, None)
    assert await prefer(explicit=True) == (403, "not_offered")
    small.accounts._explicit_offered = True
    assert await prefer(explicit=True) == (200, None)
    assert (await person.ask("GET", "users/preferences")).json()["explicit"] is True


@pytest.mark.stores
async def test_preferences_of_another_version_are_read_as_far_as_they_are_known(
    small: Small,
) -> None:
    from storage import people

    person = await small.register()
    await people.set_preferences(small.db, person.id, {"video": True, "dropped_long_ago": 1})
    row = await people.find_person(small.db, person.id)
    assert row is not None
    assert preferences_of(row) == Preferences(video=True)
    assert (await person.ask("GET", "users/preferences")).json()["video"] is True
