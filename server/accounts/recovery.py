"""Passwords and addresses: changing them, and getting back in with a mailed code.

Nobody learns here who has an account: the answer to a request is given before anything is
looked up, and a wrong code, an old one and an unknown address are one answer.
"""

import hashlib
import secrets
from typing import Final

import asyncpg

from config.accounts import AccountSettings
from rooms.errors import Conflict, Forbidden, Invalid
from rooms.ports import Principal
from server.accounts import letters
from server.accounts.passwords import Passwords
from server.accounts.sign_ins import SignIns
from server.mail import Mail, Mailer
from storage import people, sign_ins
from storage.people import NameTaken, PersonRow

CODE_TRIES: Final = 5
_NOBODY: Final = "nobody"


class Recovery:
    """See the module."""

    def __init__(
        self,
        settings: AccountSettings,
        db: asyncpg.Pool,
        passwords: Passwords,
        signing_in: SignIns,
        mailer: Mailer,
    ) -> None:
        self._settings = settings
        self._db = db
        self._passwords = passwords
        self._sign_ins = signing_in
        self._mailer = mailer

    def request_reset(self, email: str) -> None:
        """Mail a code, if there is such an account; looked up after the answer was given."""
        self._mailer.compose(lambda: self._reset_mail(email))

    async def _reset_mail(self, email: str) -> Mail | None:
        row = await people.find_by_email(self._db, email)
        if row is None or row.status == "suspended":
            return None
        code = f"{secrets.randbelow(10**8):08d}"
        seconds = self._settings.reset_seconds
        await sign_ins.set_reset_code(self._db, row.person, _code_hash(row.person, code), seconds)
        return Mail(row.email, *letters.reset_code(code, max(1, seconds // 60)))

    async def reset(self, email: str, code: str, password: str) -> None:
        """Set a new password with a mailed code; every sign-in ends."""
        row = await people.find_by_email(self._db, email)
        person = row.person if row is not None else _NOBODY
        hashed = await self._passwords.hash(password)
        right = await sign_ins.try_reset_code(
            self._db, person, _code_hash(person, code), CODE_TRIES
        )
        if row is None or not right:
            raise Invalid("This code is wrong or too old.", code="code_wrong", path="$.code")
        await people.set_password(self._db, row.person, hashed)
        await self._sign_ins.revoke(row.person, None, "password reset")
        self._mailer.post(Mail(row.email, *letters.password_changed()))

    async def change_password(self, who: Principal, old: str, new: str) -> None:
        """Change the password; other sign-ins end."""
        row = await self.confirmed(who, old)
        await people.set_password(self._db, row.person, await self._passwords.hash(new))
        await sign_ins.clear_reset_code(self._db, row.person)
        await self._sign_ins.revoke(row.person, None, "password changed", but=who.sign_in)
        self._mailer.post(Mail(row.email, *letters.password_changed()))

    async def change_email(self, who: Principal, password: str, email: str) -> None:
        """Change the address; a code that lies in the old mailbox is worth nothing any more."""
        row = await self.confirmed(who, password)
        try:
            await people.set_email(self._db, row.person, email)
        except NameTaken as taken:
            raise Conflict(
                "This e-mail is already in use.", code="email_taken", path="$.email"
            ) from taken
        await sign_ins.clear_reset_code(self._db, row.person)
        if email.lower() != row.email.lower():
            self._mailer.post(Mail(row.email, *letters.email_changed()))

    async def confirmed(self, who: Principal, password: str) -> PersonRow:
        """The account of somebody who has just given its password once more."""
        row = await people.find_person(self._db, who.person.id)
        if row is None or not await self._passwords.matches(password, row.password):
            raise Forbidden("The password is wrong.", code="wrong_credentials", path="$.password")
        return row


def _code_hash(person: str, code: str) -> bytes:
    return hashlib.sha256(f"{person}:{code}".encode()).digest()
