"""What people send and see of their accounts: the forms, and the views made from a row."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import available_timezones

from msgspec import Meta, Struct

from rooms.errors import Invalid
from rooms.shapes import Person
from storage.people import PersonRow

EMAIL = r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)+$"
USERNAME = r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{1,30})[A-Za-z0-9]$"


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody signs up with. The server stamps the versions of the consents."""

    email: Annotated[str, Meta(max_length=254, pattern=EMAIL)]
    password: Annotated[str, Meta(min_length=8, max_length=256)]
    username: Annotated[str, Meta(min_length=3, max_length=32, pattern=USERNAME)]
    birth_date: date
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    consents: list[Literal["terms", "privacy", "marketing"]]
    display_name: Annotated[str, Meta(max_length=60)] = ""
    device: Annotated[str, Meta(max_length=128)] = ""


class Preferences(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person wants; the server keeps to it."""

    content_level: Literal["mild", "moderate", "mature"] = "moderate"
    explicit: bool = False
    voice: bool = True
    video: bool = False
    notifications: bool = True
    preferred_genders: list[Annotated[str, Meta(max_length=24)]] = []
    preferred_personalities: list[Annotated[str, Meta(max_length=24)]] = []


class ProfileChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may change of themselves; the birth date is not among it."""

    display_name: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
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


def shown(row: PersonRow) -> Person:
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


def check_zone(name: str) -> None:
    """Raises Invalid for a name that is no time zone."""
    if name not in available_timezones():
        raise Invalid("This is not a time zone, such as Europe/Paris.", path="$.timezone")
