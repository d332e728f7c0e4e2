"""Who may meet whom: ratings by verified age, tiers by plan, privacy by maker. Pure.

Declaring an age opens general content, e-mail and phone teen, a document mature; explicit needs
the operator's leave besides, and a minor never gets beyond general.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from config.plans import Plan
from rooms.companions.companion import Rating, Tier

Assurance = Literal["declared", "contact", "document", "bank"]

_LADDER: tuple[Rating, ...] = ("general", "teen", "mature", "explicit")
_OPENED: dict[Assurance, int] = {"declared": 1, "contact": 2, "document": 3, "bank": 3}


class Viewer(Struct, frozen=True, kw_only=True):
    """Whoever looks: their id (None before signing in), what they may see and talk to."""

    person: str | None = None
    ratings: tuple[Rating, ...] = ("general",)
    tiers: frozenset[Tier] = frozenset({"free"})


def ratings_open(
    assurance: Assurance,
    *,
    minor: bool,
    wanted: Rating = "explicit",
    explicit_allowed: bool = False,
) -> tuple[Rating, ...]:
    """The ratings a person may see: what their verification opens and they have not narrowed."""
    if minor:
        return ("general",)
    opened = _OPENED[assurance]
    if explicit_allowed and opened == len(_LADDER) - 1:
        opened += 1
    return _LADDER[: min(opened, _LADDER.index(wanted) + 1)]


def tiers_open(plans: Mapping[str, Plan], name: str) -> frozenset[Tier]:
    """Free companions for all; premium with any paid plan; exclusive with the dearest one."""
    plan = plans.get(name)
    if plan is None or plan.price_cents <= 0:
        return frozenset({"free"})
    dearest = max(other.price_cents for other in plans.values())
    if plan.price_cents >= dearest:
        return frozenset({"free", "premium", "exclusive"})
    return frozenset({"free", "premium"})


def plans_that_open(plans: Mapping[str, Plan], tier: Tier) -> list[str]:
    """The plans that would open a tier, cheapest first: what a locked companion answers with."""
    by_price = sorted(plans.items(), key=lambda item: (item[1].price_cents, item[0]))
    return [name for name, _ in by_price if tier in tiers_open(plans, name)]
