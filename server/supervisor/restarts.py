"""When a child that died is started again, and when we stop trying.

Pure: the deaths so far and the time go in, a waiting time or "give up" comes out.
"""

from typing import assert_never

from msgspec import Struct


class RestartPolicy(Struct, frozen=True, kw_only=True):
    """Wait `first_seconds`, then `factor` times longer each time; give up after `deaths`.

    Deaths longer ago than `window_seconds` are forgotten.
    """

    first_seconds: float = 0.1
    factor: float = 2.0
    most_seconds: float = 5.0
    deaths: int = 8
    window_seconds: float = 120.0


class Again(Struct, frozen=True):
    """Start it again after this long."""

    after_seconds: float


class GiveUp(Struct, frozen=True):
    """It died this often within the window: something is wrong that we cannot mend."""

    deaths: int


class Deaths(Struct, frozen=True):
    """When a child died, in seconds of a clock that only goes forward; newest last."""

    at_seconds: tuple[float, ...] = ()

    def add(self, now_seconds: float, policy: RestartPolicy) -> "tuple[Deaths, Again | GiveUp]":
        """Count a death and say what follows from it."""
        since = now_seconds - policy.window_seconds
        kept = (*(at for at in self.at_seconds if at > since), now_seconds)
        if len(kept) >= policy.deaths:
            return Deaths(kept), GiveUp(len(kept))
        wait = policy.first_seconds * policy.factor ** (len(kept) - 1)
        return Deaths(kept), Again(min(wait, policy.most_seconds))


def tell(title: str, how: str, what: Again | GiveUp) -> str:
    """The sentence a person reads about it."""
    match what:
        case Again():
            return f"{title} {how}; starting it again."
        case GiveUp(deaths=deaths):
            return f"{title} {how}, {deaths} times in a short while: giving up."
        case _:
            assert_never(what)


def how_it_ended(code: int) -> str:
    """An exit status in words."""
    import signal

    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
