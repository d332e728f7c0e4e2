"""Accounts as requests use them: register, sign in, refresh, revoke, reset, delete, prefer.

Every answer about a sign-in takes as long for an account that exists as for one that does not.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import structlog
from msgspec import structs, to_builtins

from config.accounts import AccountSettings
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unlawful
from rooms.ports import AccountLog, Principal
from server.accounts.forms import (
    EMAIL,
    Preferences,
    Profile,
    ProfileChange,
    Registration,
    Signed,
    age_on,
    check_zone,
    preferences_of,
    shown,
)
from server.accounts.passwords import Passwords
from server.accounts.tokens import Tokens, hash_of, new_secret
from server.mail import Mailer
from storage import people, sign_ins
from storage.ids import new_id
from storage.people import NameTaken, PersonRow

logger = structlog.get_logger(__name__)
REVOKED: Final = 4504
CODE_TRIES: Final = 5
COUNTRIES_CLOSED: Final = frozenset({"CN"})


class Accounts:
    """See the module. One per process."""

    def __init__(
        self,
        settings: AccountSettings,
        db: asyncpg.Pool,
        passwords: Passwords,
        tokens: Tokens,
        account_log: AccountLog,
        mailer: Mailer,
        *,
        default_plan: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._account_log = account_log
        self._mailer = mailer
        self._default_plan = default_plan
        self._now_ms = now_ms
        self.revoked: set[str] = set()  # sign-ins ended while their access tokens still live

    # --- signing up and in

    async def register(self, form: Registration, address: str, agent: str) -> Signed:
        """A new account, signed in."""
        self._check(form)
        row = PersonRow(
            person=new_id("u", self._now_ms),
            email=form.email,
            username=form.username,
            password=await self._passwords.hash(form.password),
            display_name=form.display_name or form.username,
            birth_date=form.birth_date,
            country=form.country,
            timezone=form.timezone,
            language=form.language,
            role="member",
            plan=self._default_plan,
            status="active",
            level="declared",
            interests=[],
            preferences={},
            deleted_at=None,
        )
        versions = {
            "terms": self._settings.terms_version,
            "privacy": self._settings.privacy_version,
        }
        given = [(purpose, versions.get(purpose, "1")) for purpose in dict.fromkeys(form.consents)]
        try:
            await people.add_person(self._db, row, given, address, agent)
        except NameTaken as taken:
            raise Conflict(
                f"This {taken.field} is already in use.",
                code=f"{taken.field}_taken",
                path=f"$.{taken.field}",
            ) from taken
        return await self._sign_in(row, form.device or agent, address)

    def _check(self, form: Registration) -> None:
        today = datetime.fromtimestamp(self._now_ms() / 1000, UTC).date()
        if form.country in COUNTRIES_CLOSED:
            raise Unlawful("Kindred is not offered in this country.", path="$.country")
        if form.birth_date >= today or form.birth_date.year < 1900:
            raise Invalid("This is not a birth date.", path="$.birth_date")
        if age_on(today, form.birth_date) < self._settings.minimum_age_years:
            raise Forbidden("You cannot use this service.", code="too_young")
        if not {"terms", "privacy"} <= set(form.consents):
            raise Invalid("Accept the terms and the privacy notice.", path="$.consents")
        check_zone(form.timezone)

    async def log_in(self, login: str, password: str, device: str, address: str) -> Signed:
        """Sign in by e-mail address or username."""
        row = await people.find_by_login(self._db, login)
        right = await self._passwords.matches(password, row.password if row else None)
        if row is None or not right:
            raise Unauthorized("The name or the password is wrong.", code="wrong_credentials")
        if row.status == "suspended":
            raise Forbidden("This account is suspended.", code="suspended")
        if row.status == "deleted":
            await people.call_back(self._db, row.person)
        if self._passwords.outdated(row.password):
            await people.set_password(self._db, row.person, await self._passwords.hash(password))
        await people.signed_in(self._db, row.person)
        return await self._sign_in(row, device, address)

    async def _sign_in(self, row: PersonRow, device: str, address: str) -> Signed:
        sign_in = new_id("si", self._now_ms)
        refresh, kept = new_secret("rt")
        await sign_ins.add_sign_in(
            self._db,
            row.person,
            sign_in,
            device[:128],
            address,
            kept,
            self._settings.refresh_seconds,
        )
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
        row = await self._row(found.person)
        return Signed(
            user=shown(row),
            access_token=self._tokens.access(row.person, found.sign_in),
            refresh_token=fresh,
            expires_in=self._tokens.seconds,
        )

    async def authenticate(self, token: str) -> Principal:
        """See rooms/ports.py `Authenticate`."""
        if token.startswith("kd_"):
            return await self._by_key(token)
        claims = self._tokens.claims(token)
        if claims.sign_in in self.revoked:
            raise Unauthorized("This sign-in was ended.", code="revoked")
        row = await self._row(claims.person)
        if not await sign_ins.is_live(self._db, row.person, claims.sign_in):
            raise Unauthorized("This sign-in was ended.", code="revoked")
        return self._principal(row, claims.sign_in, frozenset({"*"}), claims.expires_at_ms)

    async def _by_key(self, secret: str) -> Principal:
        found = await sign_ins.use_api_key(self._db, hash_of(secret))
        if found is None:
            raise Unauthorized("This API key is not valid.", code="token_invalid")
        person, api_key, scopes = found
        return self._principal(await self._row(person), api_key, frozenset(scopes), None)

    async def principal_of(self, person: str) -> Principal:
        """A person as the asker of something they left running."""
        return self._principal(await self._row(person), "", frozenset({"*"}), None)

    def _principal(
        self, row: PersonRow, sign_in: str, scopes: frozenset[str], expires_at_ms: int | None
    ) -> Principal:
        today = datetime.fromtimestamp(self._now_ms() / 1000, UTC).date()
        return Principal(
            person=shown(row),
            sign_in=sign_in,
            scopes=scopes,
            expires_at_ms=expires_at_ms,
            minor=age_on(today, row.birth_date) < 18,
        )

    async def _row(self, person: str) -> PersonRow:
        row = await people.find_person(self._db, person)
        if row is None or row.status == "deleted":
            raise Unauthorized("This account is closed.", code="account_closed")
        if row.status == "suspended":
            raise Forbidden("This account is suspended.", code="suspended")
        return row

    # --- sign-ins and keys

    async def revoke(self, person: str, sign_in: str | None, reason: str) -> int:
        """End one sign-in, or all; its sockets close at once, on every node."""
        ended = await sign_ins.revoke(self._db, person, sign_in, reason)
        self.revoked.update(ended)
        for one in ended:
            await self._account_log.kick(person, one, REVOKED, reason)
        return len(ended)

    async def add_key(self, who: Principal, name: str, scopes: list[str]) -> tuple[str, str]:
        """A new API key: its id, and its secret, shown this once."""
        api_key = new_id("ak", self._now_ms)
        secret, kept = new_secret("kd")
        await sign_ins.add_api_key(self._db, who.person.id, api_key, kept, name, scopes)
        return api_key, secret

    async def revoke_key(self, who: Principal, api_key: str) -> None:
        """End a key; its sockets close."""
        if not await sign_ins.revoke_api_key(self._db, who.person.id, api_key):
            raise NotFound("There is no such key.", code="key_not_found")
        await self._account_log.kick(who.person.id, api_key, REVOKED, "API key revoked")

    # --- passwords and addresses

    async def request_reset(self, email: str) -> None:
        """Mail a code, if there is such an account; nobody learns which."""
        row = await people.find_by_login(self._db, email)
        if row is None or row.email.lower() != email.lower():
            return
        code = f"{secrets.randbelow(10**8):08d}"
        await sign_ins.set_reset_code(
            self._db, row.person, _code_hash(row.person, code), self._settings.reset_seconds
        )
        minutes = self._settings.reset_seconds // 60
        self._mailer.post(
            row.email,
            "Your Kindred code",
            f"Your code is {code}. It is good for {minutes} minutes.\n\n"
            "If you did not ask for it, you need do nothing.",
        )

    async def reset(self, email: str, code: str, password: str) -> None:
        """Set a new password with a mailed code; every sign-in ends."""
        row = await people.find_by_login(self._db, email)
        person = row.person if row is not None else "nobody"
        right = await sign_ins.try_reset_code(
            self._db, person, _code_hash(person, code), CODE_TRIES
        )
        hashed = await self._passwords.hash(password)
        if row is None or not right:
            raise Invalid("This code is wrong or too old.", code="code_wrong", path="$.code")
        await people.set_password(self._db, row.person, hashed)
        await self.revoke(row.person, None, "password reset")

    async def change_password(self, who: Principal, old: str, new: str) -> None:
        """Change the password; other sign-ins end."""
        row = await self._confirmed(who, old)
        await people.set_password(self._db, row.person, await self._passwords.hash(new))
        for other in await sign_ins.sign_ins(self._db, row.person):
            if other.sign_in != who.sign_in:
                await self.revoke(row.person, other.sign_in, "password changed")

    async def change_email(self, who: Principal, password: str, email: str) -> None:
        """Change the address, which asks for the password."""
        if not re.match(EMAIL, email):
            raise Invalid("This is not an e-mail address.", path="$.email")
        row = await self._confirmed(who, password)
        try:
            await people.set_email(self._db, row.person, email)
        except NameTaken as taken:
            raise Conflict("This e-mail is already in use.", code="email_taken") from taken

    async def _confirmed(self, who: Principal, password: str) -> PersonRow:
        row = await self._row(who.person.id)
        if not await self._passwords.matches(password, row.password):
            raise Forbidden("The password is wrong.", code="wrong_credentials", path="$.password")
        return row

    # --- one's own account

    async def profile(self, who: Principal) -> Profile:
        """Everything a person sees of their own account."""
        row = await self._row(who.person.id)
        return Profile(
            user=shown(row),
            email=row.email,
            birth_date=row.birth_date,
            level=row.level,
            interests=row.interests,
            preferences=preferences_of(row),
        )

    async def change_profile(self, who: Principal, change: ProfileChange) -> Profile:
        """Change what is given."""
        if change.timezone is not None:
            check_zone(change.timezone)
        await people.set_profile(self._db, who.person.id, **structs.asdict(change))
        return await self.profile(who)

    async def prefer(self, who: Principal, preferences: Preferences) -> Preferences:
        """Replace the preferences; explicit content asks for more than a wish."""
        row = await self._row(who.person.id)
        if preferences.explicit and row.level not in {"document", "bank"}:
            raise Forbidden(
                "Explicit content needs a verified age.",
                code="verification_needed",
                details={"unlocked_by": ["users/verify-age"]},
            )
        await people.set_preferences(self._db, who.person.id, to_builtins(preferences))
        return preferences

    async def close(self, who: Principal, password: str, *, at_once: bool) -> None:
        """Close the account, with a grace to call it back, or erase it at once."""
        await self._confirmed(who, password)
        await self.revoke(who.person.id, None, "account closed")
        if at_once:
            await people.erase(self._db, who.person.id)
        else:
            await people.delete_later(self._db, who.person.id)

    async def erase_due(self) -> int:
        """Erase the accounts whose grace is over; returns how many."""
        due = await people.due_for_erasure(self._db, self._settings.deletion_grace_seconds, 100)
        for person in due:
            await people.erase(self._db, person)
        return len(due)

    async def export(self, who: Principal) -> dict[str, Any]:
        """Every row that names the person."""
        return await people.export(self._db, who.person.id)


def _code_hash(person: str, code: str) -> bytes:
    return hashlib.sha256(f"{person}:{code}".encode()).digest()
