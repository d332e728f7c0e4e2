"""Makes people beforehand, straight in the database: accounts, sign-ins, rooms, credits.

Signing up is mostly password hashing, by design slow; a run that began with it would measure it.
Nobody can sign in to these accounts by a password, only with the tokens in the file.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, cast

import asyncpg
from click import echo
from msgspec import Struct

from config.settings import Settings
from loadtest.people import NoPeople, PeopleFile, load_people, write_people
from loadtest.plan import Account
from rooms.companions.catalogue import Catalogue
from rooms.companions.companion import Companion
from rooms.credits.wallet import Credits
from rooms.errors import ProductError
from server import administration
from server.accounts.tokens import Tokens, hash_of, new_signing_key
from storage import people, rooms, sign_ins
from storage.erase import erase
from storage.ids import new_id
from storage.people import PersonRow
from storage.rooms import Greeting
from storage.statements import sql

AT_ONCE: Final = 4
BATCH: Final = 100
NO_PASSWORD: Final = "!"  # noqa: S105 - no hash at all, so that no password matches it
ORIGIN: Final = "load test"
_T = TypeVar("_T")

ADD_TO_ROOM = sql(
    "add_to_room",
    "INSERT INTO members (home, room, kind, member) "
    "SELECT $1, $2, 'person', unnest($3::text[]) ON CONFLICT DO NOTHING",
)


class Wanted(Struct, frozen=True, kw_only=True):
    """What kind of people to make."""

    people: int
    companion: str = "mira"
    plan: str = ""
    credits: float = 1_000.0
    valid_seconds: int = 86_400
    shared_room: bool = False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def seed(db: asyncpg.Pool, settings: Settings, wanted: Wanted, out: Path) -> list[str]:
    """Make them, write their tokens to `out`, and say so. Raises ProductError (the companion)."""
    began = time.perf_counter()
    parts = await _parts(db, settings, wanted)
    batches = [
        range(first, min(first + BATCH, wanted.people)) for first in range(0, wanted.people, BATCH)
    ]
    each = await _all(AT_ONCE, [partial(_together, db, parts, numbers) for numbers in batches])
    made = [one for batch in each for one in batch]
    if wanted.shared_room:
        made = await _Maker(db, parts).gather(made)
    expires_at = time.time() + wanted.valid_seconds
    write_people(out, PeopleFile(expires_at=expires_at, people=made))
    took = time.perf_counter() - began
    hours = wanted.valid_seconds / 3600
    return [
        f"{len(made)} people made in {took:.1f} s, each with a room, "
        f"{wanted.credits:g} credits and a token good for {hours:g} hours.",
        f"Their tokens are in {out}; it signs in as them, so keep it to yourself.",
    ]


class _Parts(Struct, frozen=True):
    """What making people takes, besides the database."""

    settings: Settings
    wanted: Wanted
    companion: Companion
    tokens: Tokens
    tag: str


async def _parts(db: asyncpg.Pool, settings: Settings, wanted: Wanted) -> _Parts:
    catalogue = Catalogue(db, settings.plans, _now_ms)
    await catalogue.load_cast()
    companion = await catalogue.find(wanted.companion)
    keys = await sign_ins.signing_keys(db, *new_signing_key())
    tokens = Tokens(keys, wanted.valid_seconds, _now_ms)
    return _Parts(settings, wanted, companion, tokens, secrets.token_hex(3))


async def _together(db: asyncpg.Pool, parts: _Parts, numbers: range) -> list[Account]:
    """A batch in one transaction: a commit for each statement is most of what seeding costs."""
    async with db.acquire() as connection, connection.transaction():
        maker = _Maker(cast("asyncpg.Pool", connection), parts)  # it answers the same calls
        return [await maker.make(number) for number in numbers]


class _Maker:
    """Makes one person after another, with the statements the service itself uses."""

    def __init__(self, db: asyncpg.Pool, parts: _Parts) -> None:
        self._db = db
        self._settings = parts.settings
        self._wanted = parts.wanted
        self._companion = parts.companion
        self._tokens = parts.tokens
        self._tag = parts.tag
        self._credits = Credits(
            db,
            parts.settings.plans,
            parts.settings.prices,
            hold_seconds=parts.settings.rooms.hold_seconds,
            now_ms=_now_ms,
        )

    async def make(self, number: int) -> Account:
        """An account that has agreed to everything, signed in, with a room and credits."""
        row = self._row(number)
        accounts = self._settings.accounts
        given = [("terms", accounts.terms_version), ("privacy", accounts.privacy_version)]
        given += [(purpose, accounts.privacy_version) for purpose in self._settings.calls.consents]
        await people.add_person(self._db, row, given, ORIGIN, ORIGIN)
        sign_in = await self._sign_in(row.person)
        room = await self._room(row.person)
        if self._wanted.credits > 0:
            amount = round(self._wanted.credits * 1_000_000)
            ref = new_id("adm", _now_ms)
            await self._credits.grant(row.person, row.timezone, "bonus", amount, ref, ORIGIN)
        token = self._tokens.access(row.person, sign_in)
        return Account(person=row.person, token=token, room=room)

    async def gather(self, made: Sequence[Account]) -> list[Account]:
        """One more room, with everybody in it; the first of them owns it."""
        owner = made[0].person
        shared = await self._room(owner)
        await self._db.execute(ADD_TO_ROOM, owner, shared, [one.person for one in made])
        return [
            Account(person=one.person, token=one.token, room=one.room, shared=shared)
            for one in made
        ]

    async def _sign_in(self, person: str) -> str:
        sign_in = new_id("si", _now_ms)
        accounts = self._settings.accounts
        added = sign_ins.NewSignIn(
            person=person,
            sign_in=sign_in,
            device=ORIGIN,
            address="127.0.0.1",
            token=hash_of(secrets.token_urlsafe(32)),  # nobody has it: the token is not renewed
            seconds=max(accounts.refresh_seconds, self._wanted.valid_seconds),
            most=accounts.sign_ins_most,
        )
        await sign_ins.add_sign_in(self._db, added)
        return sign_in

    async def _room(self, person: str) -> str:
        room = new_id("r", _now_ms)
        greeting = Greeting(new_id("m", _now_ms), self._companion.id, self._companion.greetings[0])
        await rooms.create_room(
            self._db, person, room, ORIGIN, "sender", [self._companion.id], [greeting]
        )
        return room

    def _row(self, number: int) -> PersonRow:
        name = f"load_{self._tag}_{number}"
        return PersonRow(
            person=new_id("u", _now_ms),
            email=f"{name}@loadtest.invalid",
            username=name,
            password=NO_PASSWORD,
            display_name=name,
            birth_date=date(1990, 1, 1),
            country="FR",
            timezone="Europe/Paris",
            language="en",
            role="member",
            plan=self._wanted.plan or self._settings.default_plan,
            status="active",
            level="declared",
            interests=[],
            preferences={},
            deleted_at=None,
        )


async def _all(at_once: int, works: Sequence[Callable[[], Awaitable[_T]]]) -> list[_T]:
    """Results in order, so many at a time."""
    turns = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Awaitable[_T]]) -> _T:
        async with turns:
            return await work()

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(work)) for work in works]
    return [task.result() for task in running]


async def forget(db: asyncpg.Pool, path: Path) -> list[str]:
    """Erase the people of a file, with all they said, and then the file. Raises NoPeople."""
    kept = load_people(path)
    busy: list[Account] = []
    for one in kept.people:
        await people.delete_now(db, one.person)
        if not await erase(db, one.person):
            busy.append(one)
    gone = len(kept.people) - len(busy)
    if busy:
        write_people(path, PeopleFile(expires_at=kept.expires_at, people=busy))
        return [f"{gone} people erased; {len(busy)} still pay for a reply: try again in a while."]
    path.unlink()
    return [f"{gone} people erased, and {path} with them."]


def forget_now(settings: Settings, path: Path) -> int:
    """`kindred loadtest forget`; returns the exit status."""
    try:
        load_people(path)
        return administration.told(settings, lambda db: forget(db, path))
    except NoPeople as error:
        echo(str(error), err=True)
        return 2


def seed_now(settings: Settings, wanted: Wanted, out: Path) -> int:
    """`kindred loadtest seed`; returns the exit status."""
    if wanted.plan and wanted.plan not in settings.plans:
        echo(f"There is no plan {wanted.plan!r}: {', '.join(settings.plans)}.", err=True)
        return 2
    try:
        return administration.told(settings, lambda db: seed(db, settings, wanted, out))
    except ProductError as error:
        echo(f"That did not work. {error.message}", err=True)
        return 1
