"""Who may sign up, how long sign-ins last, and how mail leaves the house."""

from msgspec import Struct, field


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts.

    minimum_age_years: below it nobody can register. Never set below 13.
    terms_version: stamped on consents; a new version asks everyone again.
    privacy_version: likewise, for the privacy notice.
    access_seconds: life of an access token.
    refresh_seconds: life of a refresh token.
    refresh_grace_seconds: a just-rotated token still works this long, for parallel tabs.
    reset_seconds: life of a mailed reset code.
    sign_in_attempts: failed sign-ins per address and account before waiting.
    sign_in_window_seconds: the window those are counted in.
    deletion_grace_seconds: how long a deleted account can be called back.
    sign_ins_most: devices one person is signed in on; the least recently used one gives way.
    api_keys_most: API keys one person has.
    closed_countries: countries in which nobody can register, as two letters.
    argon2_memory_kib: memory of one password hash.
    argon2_concurrency: how many hashes run at once.
    """

    minimum_age_years: int = 18
    terms_version: str = "2026-11"
    privacy_version: str = "2026-11"
    access_seconds: int = 900
    refresh_seconds: int = 30 * 86_400
    refresh_grace_seconds: int = 10
    reset_seconds: int = 900
    sign_in_attempts: int = 10
    sign_in_window_seconds: int = 900
    deletion_grace_seconds: int = 30 * 86_400
    sign_ins_most: int = 50
    api_keys_most: int = 50
    closed_countries: list[str] = field(default_factory=lambda: ["CN"])
    argon2_memory_kib: int = 19_456
    argon2_concurrency: int = 2


class MailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mail.

    smtp_url: smtp://user:password@host:587; empty writes each mail as a file into the outbox.
    sender: the From address.
    """

    smtp_url: str = ""
    sender: str = "Kindred <no-reply@localhost>"


class Features(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Switches of a preset.

    explicit_content: whether explicit companions may exist; law and person must agree too.
    languages: the languages companions are offered in.
    """

    explicit_content: bool = False
    languages: list[str] = field(default_factory=lambda: ["en"])
