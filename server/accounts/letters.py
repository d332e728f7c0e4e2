"""The letters Kindred writes about an account: a subject and a text, nothing else.

Plain words, no links to click: who learns to click links in such mails is easily robbed.
"""

Letter = tuple[str, str]
_NOT_YOU = "If this was not you, set a new password and end every sign-in in the settings."


def reset_code(code: str, minutes: int) -> Letter:
    """The code that sets a new password."""
    return (
        "Your Kindred code",
        f"Your code is {code}. It is good for {minutes} minutes.\n\n"
        "If you did not ask for it, you need do nothing. Never tell it to anybody.",
    )


def password_changed() -> Letter:
    """After the password was changed or reset."""
    return ("Your Kindred password was changed", f"Your password was changed.\n\n{_NOT_YOU}")


def email_changed() -> Letter:
    """To the address that was the account's until now."""
    return (
        "Your Kindred address was changed",
        f"Your account has another e-mail address now.\n\n{_NOT_YOU}",
    )


def account_closed(days: int) -> Letter:
    """After closing with a grace."""
    return (
        "Your Kindred account is closed",
        f"Your account is closed. Sign in within {days} days to open it again; after that "
        "everything in it is erased.",
    )


def account_erased() -> Letter:
    """The last letter; it leaves before the address is forgotten."""
    return (
        "Your Kindred account is erased",
        "Your account and everything in it is being erased, as you asked. What the law makes us "
        "keep of payments no longer names you. This is the last letter to this address.",
    )
