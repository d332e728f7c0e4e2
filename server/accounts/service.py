"""Accounts as requests use them: open one, look after it, close it.

Signing in is `sign_ins`, passwords and addresses are `recovery`; this class puts them together
and is what the rest of the house knows.
"""

from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from msgspec import structs, to_builtins

from config.accounts import AccountSettings
from rooms.errors import Conflict, NotFound
from rooms.ports import AccountLog, Principal
from server.accounts import letters
from server.accounts.forms import (
    Preferences,
    Profile,
    ProfileChange,
    Registration,
    Signed,
    check_lawful,
    check_preferences,
    check_registration,
    preferences_of,
    shown,
)
from server.accounts.kept_files import Keeper
from server.accounts.passwords import Passwords
from server.accounts.places import check_country, check_zone
from server.accounts.recovery import Recovery
from server.accounts.sign_ins import SignIns
from server.accounts.tokens import Tokens
from server.mail import Mail, Mailer
from storage import people, sign_ins
from storage.erase import erase
from storage.ids import new_id
from storage.people import NameTaken, PersonRow

logger = structlog.get_logger(__name__)
DAY_SECONDS = 86_400
ERASED_AT_ONCE = 100


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
        explicit_offered: bool = False,
    ) -> None:
        self._settings = settings
        self._db = db
        self._passwords = passwords
        self._mailer = mailer
        self._default_plan = default_plan
        self._now_ms = now_ms
        self._explicit_offered = explicit_offered
        self.sign_ins = SignIns(settings, db, passwords, tokens, account_log, now_ms)
        self.recovery = Recovery(settings, db, passwords, self.sign_ins, mailer)
        self.authenticate = self.sign_ins.authenticate
        self.revoked = self.sign_ins.ended
        self.depart: Callable[[str], Awaitable[list[str]]] = _from_nowhere
        self.files: Keeper | None = None  # what lies outside the database
        self.departed: Callable[[str, list[str]], Awaitable[None]] = _nobody_to_tell
        self.withdrawn: Callable[[Principal, str], Awaitable[None]] = _nothing_to_stop

    async def register(self, form: Registration, address: str, agent: str) -> Signed:
        """A new account, signed in."""
        check_registration(form, self._settings, self.sign_ins.today())
        row = new_row(
            form,
            password=await self._passwords.hash(form.password),
            plan=self._default_plan,
            now_ms=self._now_ms,
        )
        given = [(purpose, self.version_of(purpose)) for purpose in dict.fromkeys(form.consents)]
        try:
            await people.add_person(self._db, row, given, address, agent)
        except NameTaken as taken:
            raise Conflict(
                f"This {taken.field} is already in use.",
                code=f"{taken.field}_taken",
                path=f"$.{taken.field}",
            ) from taken
        return await self.sign_ins.sign_in(row, form.device or agent, address)

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
        if change.country is not None:
            check_country(change.country)
            check_lawful(change.country, self._settings)
        await people.set_profile(self._db, who.person.id, **structs.asdict(change))
        return await self.profile(who)

    async def prefer(self, who: Principal, wanted: Preferences) -> Preferences:
        """Replace the preferences."""
        row = await self._row(who.person.id)
        check_preferences(wanted, row.level, explicit_offered=self._explicit_offered)
        await people.set_preferences(self._db, who.person.id, to_builtins(wanted))
        return wanted

    # --- consents

    def version_of(self, purpose: str) -> str:
        """The version of what is agreed to today."""
        settings = self._settings
        known = {"terms": settings.terms_version, "privacy": settings.privacy_version}
        return known.get(purpose, "1")

    async def consent(
        self, who: Principal, purpose: str, *, granted: bool, address: str, agent: str
    ) -> None:
        """Record a consent given or withdrawn. What the service cannot do without ends with it."""
        if purpose in {"terms", "privacy"} and not granted:
            raise Conflict(
                "Without this we cannot keep an account: close it instead.",
                code="consent_needed",
                path="$.granted",
                details={"instead": "DELETE /api/v1/users/account"},
            )
        version = self.version_of(purpose)
        await people.consent(
            self._db, who.person.id, purpose, version, granted=granted, address=address, agent=agent
        )
        if not granted:
            await self.withdrawn(who, purpose)

    # --- the end

    async def close(self, who: Principal, password: str, *, at_once: bool) -> None:
        """Close the account, with a grace to call it back, or erase it at once."""
        row = await self.recovery.confirmed(who, password)
        if not at_once:
            await people.delete_later(self._db, row.person)
            await self.sign_ins.revoke_everything(row.person, "account closed")
            days = self._settings.deletion_grace_seconds // DAY_SECONDS
            self._mailer.post(Mail(row.email, *letters.account_closed(days)))
            return
        self._mailer.post(Mail(row.email, *letters.account_erased()))
        await people.delete_now(self._db, row.person)
        await self.sign_ins.revoke_everything(row.person, "account closed")
        await self._erase(row.person)

    async def _erase(self, person: str) -> bool:
        """Erase; a reply that is still being paid for is let finish, and the next pass comes."""
        rooms = await self.depart(person)
        kept = await self.files.addresses_of(person) if self.files else []
        gone = await erase(self._db, person)
        if gone and self.files:
            await self.files.forget(kept)
        if not gone:
            logger.info("an erasure waits for an open hold", person=person)
        await self.departed(person, rooms)
        return gone

    async def erase_due(self) -> int:
        """Erase the accounts whose grace is over, and tokens nobody can use; returns how many."""
        grace_seconds = self._settings.deletion_grace_seconds
        due = await people.due_for_erasure(self._db, grace_seconds, ERASED_AT_ONCE)
        erased = [person for person in due if await self._erase(person)]
        await sign_ins.tidy(self._db, self._settings.refresh_seconds)
        return len(erased)

    # --- for those who run the house

    async def set_standing(
        self,
        person: str,
        *,
        role: str | None = None,
        plan: str | None = None,
        status: str | None = None,
    ) -> None:
        """Change role, plan or status; who is suspended loses every socket at once."""
        if not await people.set_standing(self._db, person, role=role, plan=plan, status=status):
            raise NotFound("There is no such person.", code="person_not_found")
        if status == "suspended":
            await self.sign_ins.shut_out(person, "account suspended")

    async def _row(self, person: str) -> PersonRow:
        row = await people.find_person(self._db, person)
        if row is None:
            raise NotFound("There is no such person.", code="person_not_found")
        return row


def new_row(
    form: Registration,
    *,
    password: str,
    plan: str,
    now_ms: Callable[[], int],
    role: str = "member",
) -> PersonRow:
    """The account a form asks for; `password` is its hash."""
    return PersonRow(
        person=new_id("u", now_ms),
        email=form.email,
        username=form.username,
        password=password,
        display_name=form.display_name or form.username,
        birth_date=form.birth_date,
        country=form.country,
        timezone=form.timezone,
        language=form.language,
        role=role,
        plan=plan,
        status="active",
        level="declared",
        interests=[],
        preferences={},
        deleted_at=None,
    )


async def _from_nowhere(_: str) -> list[str]:
    """Until rooms are wired."""
    return []


async def _nobody_to_tell(_: str, __: list[str]) -> None:
    """Until rooms are wired."""


async def _nothing_to_stop(who: Principal, purpose: str) -> None:
    """Until the house is wired."""
