"""What a run is to do, as it is handed to each driver process."""

from typing import Literal

from msgspec import Struct

from loadtest.arrivals import Ramp
from loadtest.targets import Target

Model = Literal["open", "closed"]


class Account(Struct, frozen=True, kw_only=True):
    """Somebody to be: a token that signs in, a room of their own, and one they all share."""

    person: str
    token: str
    room: str
    shared: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """One driver's orders. `begin_at` is on the machine's monotonic clock, the same for all."""

    scenario: str
    targets: list[Target]
    accounts: list[Account]
    model: Model
    ramp: Ramp
    ramp_seconds: float
    for_seconds: float
    every_seconds: float
    messages: int
    timeout_seconds: float
    grace_seconds: float
    options: dict[str, str]
    seed: int
    poisson: bool
    sources: int
    driver: int
    drivers: int
    begin_at: float
    settle_seconds: float = 0.0  # whose times are left out
