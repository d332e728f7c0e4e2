"""How often the REST API may be called, and the stricter rates of what is dear or abused.

Turns of conversation have a limit of their own in each plan; these count HTTP requests.
"""

from msgspec import Struct


class Rate(Struct, frozen=True, forbid_unknown_fields=True):
    """So many requests within a window.

    requests: how many.
    window_seconds: the length of the window.
    """

    requests: int
    window_seconds: int


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The REST API. Counted per person, or per address where nobody is signed in.

    requests: calls a person may make within the window.
    window_seconds: the length of the window.
    per_endpoint: whether each endpoint counts by itself.
    sign_in: attempts to sign in, to reset or to change a password.
    register: new accounts.
    mail: requests that send a mail.
    export: archives of everything one person has.
    faces: previews of faces while one makes up a companion.
    vr: reports of headsets on how they draw.
    """

    requests: int = 600
    window_seconds: int = 60
    per_endpoint: bool = False
    sign_in: Rate = Rate(20, 300)
    register: Rate = Rate(30, 3_600)
    mail: Rate = Rate(5, 900)
    export: Rate = Rate(5, 900)
    faces: Rate = Rate(60, 60)
    vr: Rate = Rate(30, 60)
