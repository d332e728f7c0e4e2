"""What people fill in about themselves, what they are shown of it, and the rules between.

Pure: no clock, no database. The service hands in the day.
"""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from config.accounts import AccountSettings
from rooms.errors import Forbidden, Invalid, Unlawful
from rooms.shapes import Person
from server.accounts.places import check_country, check_zone
from storage.people import PersonRow, StandingRow

# Python's `$` matches before a last line feed too; this does not, and other readers of the schema
# take it as well.
END: Final = r"$(?!\n)"
# An address one can write to without quoting; what is odder than this is a way to write elsewhere.
_ATOM: Final = r"[^@\s\x00-\x1f\x7f-\x9f<>(),;:\\\"\[\]]"
EMAIL: Final = rf"^{_ATOM}{{1,64}}@(?:(?!\.){_ATOM}){{1,189}}(?:\.(?:(?!\.){_ATOM}){{1,63}})+{END}"
USERNAME: Final = rf"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{{1,30}})[A-Za-z0-9]{END}"
LANGUAGE: Final = rf"^[a-z]{{2,3}}(-[A-Za-z0-9]{{2,8}}){{0,3}}{END}"
COUNTRY: Final = rf"^[A-Z]{{2}}{END}"
VERIFIED: Final = frozenset({"document", "bank"})

Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL)]
NewSecret = Annotated[str, Meta(min_length=8, max_length=256)]
Words = Annotated[str, Meta(max_length=24)]


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody signs up with. The server stamps the versions of the consents."""

    email: Email
    password: NewSecret
    username: Annotated[str, Meta(min_length=3, max_length=32, pattern=USERNAME)]
    birth_date: date
    country: Annotated[str, Meta(pattern=COUNTRY)]
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    language: Annotated[str, Meta(max_length=32, pattern=LANGUAGE)] = "en"
    consents: Annotated[list[Literal["terms", "privacy", "marketing"]], Meta(max_length=16)]
    display_name: Annotated[str, Meta(max_length=60)] = ""
    device: Annotated[str, Meta(max_length=128)] = ""


class Preferences(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person wants; the server keeps to it."""

    content_level: Literal["mild", "moderate", "mature"] = "moderate"
    explicit: bool = False
    voice: bool = True
    video: bool = False
    notifications: bool = True
    preferred_genders: Annotated[list[Words], Meta(max_length=16)] = []
    preferred_personalities: Annotated[list[Words], Meta(max_length=16)] = []


class ProfileChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may change of themselves; the birth date is not among it."""

    display_name: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    country: Annotated[str, Meta(pattern=COUNTRY)] | None = None
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    language: Annotated[str, Meta(max_length=32, pattern=LANGUAGE)] | None = None
    interests: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=40)] | None = (
        None
    )


class Signed(Struct, frozen=True, kw_only=True):
    """A sign-in: keep the refresh token safe, send the access token with each request."""

    user: Person
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's word, not a secret


class Profile(Struct, frozen=True, kw_only=True):
    """Everything a person sees of their own account."""

    user: Person
    email: str
    birth_date: date
    level: str
    interests: list[str]
    preferences: Preferences


def check_registration(form: Registration, settings: AccountSettings, today: date) -> None:
    """Raises for whom or from where nobody may register, and for what is not so."""
    check_country(form.country)
    check_lawful(form.country, settings)
    check_zone(form.timezone)
    if form.birth_date >= today or form.birth_date.year < 1900:
        raise Invalid("This is not a birth date.", path="$.birth_date")
    if age_on(today, form.birth_date) < settings.minimum_age_years:
        raise Forbidden("You cannot use this service.", code="too_young")
    if not {"terms", "privacy"} <= set(form.consents):
        raise Invalid("Accept the terms and the privacy notice.", path="$.consents")


def check_lawful(country: str, settings: AccountSettings) -> None:
    """Raises Unlawful where Kindred is not offered."""
    if country in settings.closed_countries:
        raise Unlawful("Kindred is not offered in this country.", path="$.country")


def check_preferences(wanted: Preferences, level: str, *, explicit_offered: bool) -> None:
    """Raises for what asks for more than a wish: a verified age, and an operator who offers it."""
    field = "explicit" if wanted.explicit else "content_level"
    if (wanted.explicit or wanted.content_level == "mature") and level not in VERIFIED:
        raise Forbidden(
            "This needs a verified age.",
            code="verification_needed",
            path=f"$.{field}",
            details={"unlocked_by": ["users/verify-age"]},
        )
    if wanted.explicit and not explicit_offered:
        raise Forbidden(
            "Explicit content is not offered here.", code="not_offered", path="$.explicit"
        )


def shown(row: PersonRow | StandingRow) -> Person:
    """An account as its owner's clients see it."""
    return Person(
        id=row.person,
        username=row.username,
        display_name=row.display_name,
        role=row.role,  # type: ignore[arg-type]  # the table's CHECK is this Literal
        plan=row.plan,
        language=row.language,
        timezone=row.timezone,
        country=row.country,
    )


def preferences_of(row: PersonRow) -> Preferences:
    """Stored preferences over the defaults; what a newer version dropped is ignored."""
    known = {k: v for k, v in row.preferences.items() if k in Preferences.__struct_fields__}
    return Preferences(**known)


def age_on(today: date, born: date) -> int:
    """Whole years; someone born on 29 February has their birthday on 1 March elsewhere."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
