"""`kindred admin`: the first administrator, credits by hand, and who has an account.

It uses the same functions as the service itself, on its database, whether or not it runs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import msgspec
from click import echo

from config.settings import Settings
from rooms.credits.wallet import Credits
from server.accounts.forms import Registration, age_on
from server.accounts.passwords import Passwords
from server.accounts.service import new_row
from server.borrowed import borrowed_stores
from server.supervisor.folder import CannotStart
from server.up import bring_up_to_date
from storage import people
from storage.database import DatabaseUnreachable, open_pool
from storage.embedded.child import StoreFailed
from storage.ids import new_id
from storage.migrate import MigrationError
from storage.people import PersonRow

_ORIGIN = "command line"


class Refused(Exception):
    """It was not done; the message says why."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def told(settings: Settings, work: "Callable[[asyncpg.Pool], Awaitable[list[str]]]") -> int:
    """Run `work` on the migrated database and print its lines. Returns the exit status."""
    try:
        with borrowed_stores(settings) as addresses:
            lines = asyncio.run(_on(addresses.database, settings, work))
    except (
        Refused, CannotStart, StoreFailed, DatabaseUnreachable, MigrationError,
    ) as error:  # fmt: skip
        echo(f"That did not work. {error}", err=True)
        return 1
    for line in lines:
        echo(line)
    return 0


async def _on(
    url: str, settings: Settings, work: "Callable[[asyncpg.Pool], Awaitable[list[str]]]"
) -> list[str]:
    await bring_up_to_date(url, own=not settings.database.url)
    pool = await open_pool(url, size=2, name="kindred admin")
    try:
        return await work(pool)
    finally:
        await pool.close()


async def create(
    db: asyncpg.Pool, settings: Settings, form: dict[str, str], password: str
) -> list[str]:
    """Make an administrator, or make one of the account that has this address already."""
    known = await people.find_by_login(db, form["email"])
    if known is not None:
        await people.set_standing(db, known.person, role="admin")
        return [f"{known.username} ({known.person}) has an account already and is now an admin."]
    try:
        filled = {**form, "password": password, "consents": ["terms", "privacy"]}
        checked = msgspec.convert(filled, Registration)
    except msgspec.ValidationError as error:
        raise Refused(f"{error}.") from error
    if age_on(datetime.now(UTC).date(), checked.birth_date) < settings.accounts.minimum_age_years:
        raise Refused(f"One must be {settings.accounts.minimum_age_years} to have an account.")
    accounts = settings.accounts
    passwords = Passwords(accounts.argon2_memory_kib, accounts.argon2_concurrency)
    row = new_row(
        checked, password=await passwords.hash(checked.password), plan=settings.default_plan,
        now_ms=_now_ms, role="admin",
    )  # fmt: skip
    given = [("terms", accounts.terms_version), ("privacy", accounts.privacy_version)]
    try:
        await people.add_person(db, row, given, _ORIGIN, _ORIGIN)
    except people.NameTaken as taken:
        raise Refused(f"This {taken.field} is already in use.") from taken
    return [f"{row.username} ({row.person}) is an admin and can sign in."]


async def set_standing(
    db: asyncpg.Pool, settings: Settings, who: str, *, role: str | None, plan: str | None
) -> list[str]:
    """Change somebody's role or plan; it holds from their next request on."""
    if plan is not None and plan not in settings.plans:
        raise Refused(f"There is no plan {plan!r}; there are: {', '.join(settings.plans)}.")
    row = await _found(db, who)
    await people.set_standing(db, row.person, role=role, plan=plan)
    changed = [f"role {role}"] * (role is not None) + [f"plan {plan}"] * (plan is not None)
    return [f"{row.username} ({row.person}) now has the {' and the '.join(changed)}."]


async def _found(db: asyncpg.Pool, who: str) -> PersonRow:
    row = await people.find_by_login(db, who) or await people.find_person(db, who)
    if row is None:
        raise Refused(f"Nobody has the address, name or id {who!r}: see `kindred admin list`.")
    return row


async def grant_credits(
    db: asyncpg.Pool, settings: Settings, who: str, credits: float, reference: str, note: str
) -> list[str]:
    """Put a bonus lot into somebody's wallet, once per reference."""
    row = await _found(db, who)
    ledger = Credits(
        db, settings.plans, settings.prices,
        hold_seconds=settings.rooms.hold_seconds, now_ms=_now_ms,
    )  # fmt: skip
    available = await ledger.grant(
        row.person, row.timezone, "bonus", round(credits * 1_000_000),
        reference or new_id("adm"), note or _ORIGIN,
    )  # fmt: skip
    return [f"{row.username} has {available / 1_000_000:,.2f} credits to spend."]


async def list_people(db: asyncpg.Pool, limit: int) -> list[str]:
    """Accounts, the newest first, without their addresses."""
    rows = await people.list_people(db, limit)
    if not rows:
        return ["Nobody has an account yet."]
    return [
        f"{row.person}  {row.username:<32}  {row.role:<9}  {row.plan:<12}  {row.status}"
        for row in rows
    ]
