"""Accounts over REST: register, log in, profile, preferences, reset, close."""

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

from config.api import Rate
from server.accounts.forms import (
    Email,
    NewSecret,
    Preferences,
    Profile,
    ProfileChange,
    Registration,
    Signed,
)
from server.rest import Call, Routes

routes = Routes(tag="accounts")
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
Login = Annotated[str, Meta(min_length=1, max_length=254)]


class SigningIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`email` may be the username."""

    email: Login
    password: Secret
    device: Annotated[str, Meta(max_length=128)] = ""


class PasswordChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Secret
    new_password: NewSecret


class EmailChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Secret
    email: Email


class ResetRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Login


class Reset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Login
    code: Annotated[str, Meta(pattern=r"^\d{8}$")]
    new_password: NewSecret


class Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`immediate` erases now; otherwise the account can be called back by signing in."""

    password: Secret
    immediate: bool = False


@routes.post("/api/v1/users/register", status=201, public=True, limited="register")
async def register(call: Call, body: Registration) -> Signed:
    """Open an account. Adults only, unless the operator's law allows otherwise."""
    return await call.house.accounts.register(body, call.address, call.agent)


@routes.post("/api/v1/users/login", public=True, limited="sign-in")
async def log_in(call: Call, body: SigningIn) -> Signed:
    """Sign in by e-mail address or username."""
    subject = f"{_hidden(body.email)}:{call.address}"
    await call.house.limits.attempt("sign-in", subject, _attempts(call))
    signed = await call.house.accounts.sign_ins.log_in(
        body.email, body.password, body.device or call.agent, call.address
    )
    await call.house.limits.pardon("sign-in", subject)
    return signed


def _attempts(call: Call) -> Rate:
    settings = call.house.settings.accounts
    return Rate(settings.sign_in_attempts, settings.sign_in_window_seconds)


def _hidden(login: str) -> str:
    """What attempts are counted by: the same for the same account, and no address to read."""
    return hashlib.sha256(login.lower().encode()).hexdigest()[:16]


@routes.post("/api/v1/users/password/forgot", status=202, public=True, limited="mail")
async def forgot_password(call: Call, body: ResetRequest) -> None:
    """Mail a reset code, if there is such an account; the answer is the same if not."""
    limits = call.house.limits
    await limits.attempt("reset-mail", _hidden(body.email), call.house.settings.api.mail)
    call.house.accounts.recovery.request_reset(body.email)


@routes.post("/api/v1/users/password/reset", status=204, public=True, limited="sign-in")
async def reset_password(call: Call, body: Reset) -> None:
    """Set a new password with a mailed code; every sign-in ends."""
    await call.house.limits.attempt("reset", _hidden(body.email), _attempts(call))
    await call.house.accounts.recovery.reset(body.email, body.code, body.new_password)


@routes.post("/api/v1/users/password", status=204, limited="sign-in")
async def change_password(call: Call, body: PasswordChange) -> None:
    """Change the password; other sign-ins end."""
    recovery = call.house.accounts.recovery
    await recovery.change_password(call.principal, body.password, body.new_password)


@routes.post("/api/v1/users/email", status=204, limited="sign-in")
async def change_email(call: Call, body: EmailChange) -> None:
    """Change the e-mail address; the old one is told."""
    await call.house.accounts.recovery.change_email(call.principal, body.password, body.email)


@routes.get("/api/v1/users/profile", scope="account")
async def profile(call: Call) -> Profile:
    """Your account."""
    return await call.house.accounts.profile(call.principal)


@routes.patch("/api/v1/users/profile", scope="account")
async def change_profile(call: Call, body: ProfileChange) -> Profile:
    """Change your profile; the birth date cannot be changed."""
    return await call.house.accounts.change_profile(call.principal, body)


@routes.get("/api/v1/users/preferences", scope="account")
async def preferences(call: Call) -> Preferences:
    """What you prefer."""
    return (await call.house.accounts.profile(call.principal)).preferences


@routes.put("/api/v1/users/preferences", scope="account")
async def prefer(call: Call, body: Preferences) -> Preferences:
    """Replace your preferences."""
    return await call.house.accounts.prefer(call.principal, body)


@routes.delete("/api/v1/users/account", status=204, limited="sign-in")
async def close_account(call: Call, body: Closing) -> None:
    """Close your account, at once or with a grace in which signing in calls it back."""
    await call.house.accounts.close(call.principal, body.password, at_once=body.immediate)
