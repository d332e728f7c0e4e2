"""Signing in and staying signed in: tokens out, tokens back, keys, and the end of each.

A sign-in is one device; its refresh tokens are one family. Every answer about a sign-in takes
as long for an account that exists as for one that does not.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Final, TypeVar

import asyncpg
import structlog

from config.accounts import AccountSettings
from rooms.errors import Conflict, Forbidden, NotFound, Unauthorized
from rooms.ports import AccountLog, Principal
from server.accounts.forms import Signed, age_on, shown
from server.accounts.keys import KeyRing
from server.accounts.passwords import Passwords
from server.accounts.tokens import Tokens, hash_of, new_secret
from storage import api_keys, people, sign_ins
from storage.ids import new_id
from storage.people import PersonRow, StandingRow
from storage.together import Together

logger = structlog.get_logger(__name__)
REVOKED: Final = 4504
EVERYTHING: Final = frozenset({"*"})
Row = TypeVar("Row", PersonRow, StandingRow)


class Ended:
    """Sign-ins that were ended while their access tokens still live, here or on another node."""

    def __init__(self, seconds: int, now_ms: Callable[[], int]) -> None:
        self._ms = seconds * 1000
        self._now_ms = now_ms
        self._since: dict[str, int] = {}

    def add(self, sign_in: str) -> None:
        """It ended now; older ones, whose tokens have run out, are forgotten."""
        now = self._now_ms()
        self._since.pop(sign_in, None)
        self._since[sign_in] = now
        for one, at in list(self._since.items()):
            if now - at <= self._ms:
                break
            del self._since[one]

    def __contains__(self, sign_in: str) -> bool:
        return sign_in in self._since

    def __len__(self) -> int:
        return len(self._since)


class SignIns:
    """See the module. `authenticate` is rooms/ports.py `Authenticate`."""

    def __init__(
        self,
        settings: AccountSettings,
        db: asyncpg.Pool,
        passwords: Passwords,
        tokens: Tokens,
        account_log: AccountLog,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._keys = KeyRing(db, tokens, now_ms)
        self._account_log = account_log
        self.shut: Callable[[str, str], Awaitable[None]] = _nothing_open  # a call, if there is one
        self._now_ms = now_ms
        self._signed_in = Together(partial(people.find_signed_in, db))
        self.ended = Ended(settings.access_seconds, now_ms)

    def today(self) -> date:
        """The day in Greenwich."""
        return datetime.fromtimestamp(self._now_ms() / 1000, UTC).date()

    # --- in

    async def log_in(self, login: str, password: str, device: str, address: str) -> Signed:
        """Sign in by e-mail address or username; calls a closed account back within its grace."""
        row = await people.find_by_login(self._db, login)
        right = await self._passwords.matches(password, row.password if row else None)
        if row is None or not right:
            raise _wrong()
        if row.status == "suspended":
            raise Forbidden("This account is suspended.", code="suspended")
        grace_seconds = self._settings.deletion_grace_seconds
        if row.status == "deleted" and not await people.call_back(
            self._db, row.person, grace_seconds
        ):
            raise _wrong()
        if self._passwords.outdated(row.password):
            await people.set_password(self._db, row.person, await self._passwords.hash(password))
        await people.signed_in(self._db, row.person)
        return await self.sign_in(row, device, address)

    async def sign_in(self, row: PersonRow, device: str, address: str) -> Signed:
        """A new sign-in for somebody who has proved who they are."""
        sign_in = new_id("si", self._now_ms)
        refresh, kept = new_secret("rt")
        added = sign_ins.NewSignIn(
            person=row.person,
            sign_in=sign_in,
            device=device[:128],
            address=address,
            token=kept,
            seconds=self._settings.refresh_seconds,
            most=self._settings.sign_ins_most,
        )
        for crowded_out in await sign_ins.add_sign_in(self._db, added):
            await self._kick(row.person, crowded_out, "signed in on too many devices")
        return self._signed(row, sign_in, refresh)

    def _signed(self, row: PersonRow, sign_in: str, refresh: str) -> Signed:
        return Signed(
            user=shown(row),
            access_token=self._tokens.access(row.person, sign_in),
            refresh_token=refresh,
            expires_in=self._tokens.seconds,
        )

    async def refresh(self, refresh_token: str) -> Signed:
        """A new pair of tokens. A token used twice (beyond parallel tabs) ends its sign-in."""
        fresh, kept = new_secret("rt")
        found = await sign_ins.rotate(
            self._db,
            hash_of(refresh_token),
            kept,
            self._settings.refresh_grace_seconds,
            self._settings.refresh_seconds,
        )
        if found is None:
            raise Unauthorized("Sign in again.", code="refresh_invalid")
        if found.outcome == "reused":
            await self.revoke(found.person, found.sign_in, "refresh token reused")
            logger.warning("a refresh token was used twice", sign_in=found.sign_in)
        if found.outcome not in {"fresh", "sibling"}:
            raise Unauthorized("Sign in again.", code=f"refresh_{found.outcome}")
        row = _standing(await people.find_person(self._db, found.person))
        return self._signed(row, found.sign_in, fresh)

    # --- who is asking

    async def authenticate(self, token: str) -> Principal:
        """See rooms/ports.py `Authenticate`."""
        if token.startswith("kd_"):
            return await self._by_key(token)
        claims = await self._keys.claims(token)
        if claims.sign_in in self.ended:
            raise Unauthorized("This sign-in was ended.", code="revoked")
        row = _standing(await self._signed_in.find((claims.person, claims.sign_in)))
        if not row.live:
            raise Unauthorized("This sign-in was ended.", code="revoked")
        return self._principal(row, claims.sign_in, EVERYTHING, claims.expires_at_ms)

    async def _by_key(self, secret: str) -> Principal:
        found = await api_keys.use_api_key(self._db, hash_of(secret))
        if found is None:
            raise Unauthorized("This API key is not valid.", code="token_invalid")
        row = _standing(await people.find_person(self._db, found.person))
        return self._principal(row, found.api_key, frozenset(found.scopes), None)

    def _principal(
        self,
        row: PersonRow | StandingRow,
        sign_in: str,
        scopes: frozenset[str],
        expires_at_ms: int | None,
    ) -> Principal:
        return Principal(
            person=shown(row),
            sign_in=sign_in,
            scopes=scopes,
            expires_at_ms=expires_at_ms,
            minor=age_on(self.today(), row.birth_date) < 18,
        )

    # --- out

    async def revoke(
        self, person: str, sign_in: str | None, reason: str, *, but: str | None = None
    ) -> int:
        """End one sign-in, or all `but` one; their sockets close at once, on every node."""
        ended = await sign_ins.revoke(self._db, person, sign_in, reason, but)
        for one in ended:
            await self._kick(person, one, reason)
        return len(ended)

    async def revoke_everything(self, person: str, reason: str) -> None:
        """End every sign-in and every API key; all sockets close."""
        for one in await sign_ins.revoke(self._db, person, None, reason, None):
            self.ended.add(one)
        await api_keys.revoke_api_keys(self._db, person)
        await self.shut_out(person, reason)

    async def shut_out(self, person: str, reason: str) -> None:
        """Close every socket, end their call; the account's own standing keeps them out."""
        await self._account_log.kick(person, None, REVOKED, reason)
        await self.shut(person, "")

    async def _kick(self, person: str, sign_in: str, reason: str) -> None:
        self.ended.add(sign_in)
        await self._account_log.kick(person, sign_in, REVOKED, reason)
        await self.shut(person, sign_in)

    # --- API keys

    async def add_key(self, who: Principal, name: str, scopes: list[str]) -> tuple[str, str]:
        """A new API key: its id, and its secret, shown this once."""
        if "*" not in who.scopes and not set(scopes) <= who.scopes:
            raise Forbidden("A key cannot make a key that may do more.", code="missing_scope")
        api_key = new_id("ak", self._now_ms)
        secret, kept = new_secret("kd")
        most = self._settings.api_keys_most
        if not await api_keys.add_api_key(
            self._db, who.person.id, api_key, kept, name, scopes, most
        ):
            raise Conflict(f"You have {most} API keys already; end one.", code="too_many_keys")
        return api_key, secret

    async def revoke_key(self, who: Principal, api_key: str) -> None:
        """End a key; its sockets close."""
        if not await api_keys.revoke_api_key(self._db, who.person.id, api_key):
            raise NotFound("There is no such key.", code="key_not_found")
        await self._account_log.kick(who.person.id, api_key, REVOKED, "API key revoked")
        await self.shut(who.person.id, api_key)


async def _nothing_open(person: str, sign_in: str) -> None:
    """Until the house is wired."""


def _wrong() -> Unauthorized:
    return Unauthorized("The name or the password is wrong.", code="wrong_credentials")


def _standing(row: Row | None) -> Row:
    """The account, where it is open. Raises what its owner is told otherwise."""
    if row is None or row.status == "deleted":
        raise Unauthorized("This account is closed.", code="account_closed")
    if row.status == "suspended":
        raise Forbidden("This account is suspended.", code="suspended")
    return row
