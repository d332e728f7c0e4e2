"""Whom to meet next, and why: a few plain reasons, added up, and always said aloud. Pure.

Nothing here looks at what was written in a conversation, only at whom someone talks with,
which language they read, and what they named as interests.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from rooms.companions.companion import Companion
from rooms.shapes import CompanionCard

_INTEREST, _ALIKE, _LANGUAGE, _OPEN, _POPULAR = 3.0, 1.2, 1.0, 0.8, 1.0


class Recommendation(Struct, frozen=True, kw_only=True):
    """A companion, and the reasons in words."""

    companion: CompanionCard
    because: list[str]


class Taste(Struct, frozen=True, kw_only=True):
    """What is known of the person. `met` are companions they have talked with."""

    language: str = "en"
    interests: tuple[str, ...] = ()
    met: tuple[Companion, ...] = ()
    tiers: frozenset[str] = frozenset({"free"})


class Suggested(Struct, frozen=True):
    """A companion with their score and reasons, strongest first."""

    companion: Companion
    score: float
    because: list[str]


def recommend(
    companions: Iterable[Companion], taste: Taste, popularity: Mapping[str, int], limit: int
) -> list[Suggested]:
    """The best of those not met yet. The same taste gives the same list."""
    met = {companion.id for companion in taste.met}
    most = max([*popularity.values(), 1])
    scored = [
        _score(companion, taste, popularity.get(companion.id, 0) / most)
        for companion in companions
        if companion.id not in met
    ]
    scored.sort(key=lambda suggested: (-suggested.score, suggested.companion.id))
    return scored[:limit]


def _score(companion: Companion, taste: Taste, popular: float) -> Suggested:
    reasons: list[tuple[float, str]] = []
    if shared := _shared(taste.interests, [*companion.tags, *companion.interests]):
        reasons.append((_INTEREST * len(shared), f"You like {_list(shared)}"))
    for other in taste.met:
        if alike := [tag for tag in companion.tags if tag in other.tags]:
            text = f"You talk with {other.name}, who is also about {_list(alike)}"
            reasons.append((_ALIKE * len(alike), text))
    if taste.language in companion.languages and taste.language != "en":
        reasons.append((_LANGUAGE, "Speaks your language"))
    if companion.tier in taste.tiers:
        reasons.append((_OPEN, "Included in your plan"))
    if popular >= 0.5:
        reasons.append((_POPULAR * popular, "Many people enjoy talking with them"))
    reasons.sort(key=lambda reason: -reason[0])
    told = [text for _, text in reasons[:3]] or ["Someone new to meet"]
    return Suggested(companion, sum(weight for weight, _ in reasons), told)


def _shared(wanted: Sequence[str], offered: Sequence[str]) -> list[str]:
    lowered = [word.strip().lower() for word in wanted if word.strip()]
    return [o for o in offered if any(w == o.lower() or w in o.lower().split() for w in lowered)][
        :3
    ]


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
