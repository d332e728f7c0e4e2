"""A small house for tests of accounts and of the REST layer: their routes, the real stores.

Its clock is a list of one number, its sockets a list of kicks, its letters lie in a folder.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx2
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from config.accounts import MailSettings
from config.load import load
from server.accounts.passwords import Passwords
from server.accounts.service import Accounts
from server.accounts.tokens import Tokens, new_signing_key
from server.api import api_keys, auth, privacy, users
from server.mail import Mailer
from server.rest import Routes
from server.rest.limits import RequestLimits
from server.rest.problems import http_problem
from storage import sign_ins
from storage.limits import RateLimits

PASSWORD = "correct horse battery"
_names = itertools.count(1)


class Kicks:
    """An account log that remembers whom it was told to put out."""

    def __init__(self) -> None:
        self.kicked: list[tuple[str, str | None, int]] = []

    async def kick(self, person: str, session: str | None, code: int, reason: str) -> None:
        self.kicked.append((person, session, code))

    async def tell(self, person: str, event: Any) -> None:
        raise AssertionError("accounts tell nothing")


class Small:
    """The house and a client of it."""

    def __init__(self, house: Any, http: httpx2.AsyncClient, kicks: Kicks, clock: list[int]):
        self.house = house
        self.http = http
        self.kicks = kicks
        self.clock = clock
        self.accounts: Accounts = house.accounts
        self.db: asyncpg.Pool = house.db

    def form(self, **changes: Any) -> dict[str, Any]:
        n = next(_names)
        return {
            "email": f"small{n}@example.org",
            "password": PASSWORD,
            "username": f"small{n}",
            "birth_date": "1990-05-17",
            "language": "en",
            "country": "FR",
            "timezone": "Europe/Paris",
            "consents": ["terms", "privacy"],
            **changes,
        }

    async def register(self, **changes: Any) -> "Somebody":
        form = self.form(**changes)
        answer = await self.http.post("/api/v1/users/register", json=form)
        assert answer.status_code == 201, answer.text
        return Somebody(self, form, answer.json())

    async def ask(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        more = {} if body is None else {"json": body}
        return await self.http.request(method, f"/api/v1/{path}", headers=headers, **more)

    async def letters(self) -> list[Any]:
        """Every letter sent so far, the oldest first."""
        await self.house.mailer.settled()
        folder = self.house.outbox
        return [
            message_from_bytes(path.read_bytes(), policy=policy.default)
            for path in sorted(folder.glob("*.eml"))
        ]

    async def code(self) -> str:
        """The code in the last letter."""
        found = re.search(r"\b\d{8}\b", (await self.letters())[-1].get_content())
        assert found is not None
        return found[0]


class Somebody:
    """A person with an account, signed in once."""

    def __init__(self, small: Small, form: dict[str, Any], signed: dict[str, Any]) -> None:
        self.small = small
        self.form = form
        self.id: str = signed["user"]["id"]
        self.token: str = signed["access_token"]
        self.refresh_token: str = signed["refresh_token"]

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self.small.ask(method, path, self.token, body)

    async def log_in(self, password: str = PASSWORD) -> Any:
        body = {"email": self.form["email"], "password": password}
        return await self.small.ask("POST", "users/login", body=body)

    async def key(self, *scopes: str) -> dict[str, str]:
        answer = await self.ask("POST", "api-keys", {"name": "bot", "scopes": list(scopes)})
        assert answer.status_code == 201, answer.text
        made: dict[str, str] = answer.json()
        return made


@asynccontextmanager
async def small_house(
    database: asyncpg.Pool, valkey_url: str, folder: Path, *more: Routes, **environment: str
) -> AsyncIterator[Small]:
    """The house, until the block ends."""
    settings = load(None, {"KINDRED_ACCOUNTS__ARGON2_MEMORY_KIB": "8192", **environment})
    clock = [1_790_000_000_000]
    kicks = Kicks()
    redis = Redis.from_url(valkey_url)
    mailer = Mailer(MailSettings(), folder / "outbox", pause_seconds=0.001)
    passwords = Passwords(settings.accounts.argon2_memory_kib, settings.accounts.argon2_concurrency)
    keys = await sign_ins.signing_keys(database, *new_signing_key())

    def now_ms() -> int:
        return clock[0]

    accounts = Accounts(
        settings.accounts,
        database,
        passwords,
        Tokens(keys, settings.accounts.access_seconds, now_ms),
        kicks,
        mailer,
        default_plan=settings.default_plan,
        now_ms=now_ms,
        explicit_offered=settings.features.explicit_content,
    )
    groups = [users.routes, auth.routes, api_keys.routes, privacy.routes, *more]
    app = Starlette(
        routes=[route for group in groups for route in group.starlette()],
        exception_handlers={HTTPException: http_problem},
    )
    app.state.house = SimpleNamespace(
        settings=settings,
        db=database,
        accounts=accounts,
        authenticate=accounts.authenticate,
        limits=RequestLimits(RateLimits(redis), settings.api),
        mailer=mailer,
        outbox=folder / "outbox",
        redis=redis,
        groups=groups,
        passwords=passwords,
        recordings=None,
    )
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.7", 1), raise_app_exceptions=True)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(mailer.run())
        async with httpx2.AsyncClient(transport=transport, base_url="http://kindred.test") as http:
            yield Small(app.state.house, http, kicks, clock)
        sending.cancel()
    passwords.close()
    await redis.aclose()
