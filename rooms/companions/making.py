"""Companions that people make: written, looked at, published, changed and taken away again.

A new one is its maker's alone. Whoever wants others to meet it asks for a review, and each change
of what others see asks anew: nobody publishes something harmless and writes over it later.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Final, Literal

import asyncpg
import msgspec
import structlog
from msgspec import Struct

from config.plans import Plan
from rooms.companions.catalogue import Catalogue, digest_of, plain, search_words
from rooms.companions.companion import Companion, CompanionInvalid, companion_from_table
from rooms.companions.draft import Draft, companion_of, draft_of, written
from rooms.companions.profile import card_of
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, PaymentRequired
from rooms.ports import Principal, Screen
from rooms.shapes import CompanionCard
from storage import made_companions as store
from storage.companions import CompanionRow

logger = structlog.get_logger(__name__)
REVIEWED_AT_ONCE: Final = 50
UNLIMITED: Final = 10_000
Review = Literal["pending", "approved", "rejected", "retired"]


class Made(Struct, frozen=True, kw_only=True):
    """A companion of one's own, and how far it is: `review` matters once others may see it.

    `why` is what a reviewer said of one that was rejected.
    """

    companion: str
    slug: str
    review: Review
    why: str
    draft: Draft
    card: CompanionCard


class Own(Struct, frozen=True, kw_only=True):
    """What one made, and how many one may have; null is no limit."""

    items: list[Made]
    most: int | None


class Waiting(Struct, frozen=True, kw_only=True):
    """A companion to be reviewed, since `since` (unix milliseconds).

    `digest` names the document that was read; `maker` is its maker's username.
    """

    companion: str
    creator: str
    maker: str
    since: int
    digest: str
    draft: Draft
    card: CompanionCard


class Making:
    """What makers and reviewers do."""

    def __init__(
        self, db: asyncpg.Pool, catalogue: Catalogue, plans: Mapping[str, Plan], screen: Screen
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self._plans = plans
        self._screen = screen

    async def own(self, who: Principal) -> Own:
        """Everything this person made, the newest first."""
        rows = await store.own_companions(self._db, who.person.id)
        most = self._most(who)
        return Own(items=[_made(row) for row in rows], most=None if most >= UNLIMITED else most)

    async def make(self, who: Principal, draft: Draft) -> Made:
        """A new companion. Raises Forbidden, Invalid, PaymentRequired, Conflict."""
        self._check(who, draft)
        most = self._most(who)
        if not most:
            plans = [name for name, plan in self._plans.items() if plan.custom_companions]
            raise PaymentRequired(
                "Companions of your own come with another plan.",
                code="plan_required", details={"plans": plans},
            )  # fmt: skip
        slug = f"{_stem(draft.name)}-{secrets.token_hex(5)}"
        writing = self._writing(who, draft, slug)
        if not await store.add_made(self._db, writing, most):
            raise Conflict(f"Your plan has room for {most} companions.", code="companion_limit")
        logger.info("a companion was made", companion=writing.companion)
        return await self.mine(who, writing.companion)

    async def mine(self, who: Principal, companion: str) -> Made:
        """One of one's own. Raises NotFound."""
        row = await store.find_own(self._db, who.person.id, companion)
        if row is None:
            raise NotFound("You made no such companion.", code="companion_not_found")
        return _made(row)

    async def change(self, who: Principal, companion: str, draft: Draft) -> Made:
        """Write over one of one's own. Raises Forbidden, Invalid, NotFound."""
        before = await self.mine(who, companion)
        self._check(who, draft)
        writing = self._writing(who, draft, before.slug)
        if not await store.change_made(self._db, writing):
            raise NotFound("You made no such companion.", code="companion_not_found")
        self._catalogue.forget(writing.companion)
        return await self.mine(who, writing.companion)

    async def take_away(self, who: Principal, companion: str) -> None:
        """Nobody new meets it; conversations with it stay. Raises NotFound."""
        found = await self.mine(who, companion)
        await store.retire_made(self._db, found.companion, who.person.id)
        self._catalogue.forget(found.companion)

    async def waiting(self) -> list[Waiting]:
        """What reviewers have to read, the longest waiting first."""
        rows = await store.companions_to_review(self._db, REVIEWED_AT_ONCE)
        return [_waiting(row) for row in rows]

    async def decide(self, companion: str, digest: str, why: str, *, approved: bool) -> None:
        """A reviewer's word on the very document they read. Raises Conflict.

        `why` is shown to its maker where it is a no.
        """
        review, told = ("approved", "") if approved else ("rejected", why)
        if not await store.decide_review(self._db, companion, review, digest, told):
            raise Conflict("It was changed or decided meanwhile.", code="review_stale")
        self._catalogue.forget(companion)

    def _most(self, who: Principal) -> int:
        most = self._plans[who.person.plan].custom_companions
        return UNLIMITED if most == "unlimited" else int(most)

    def _check(self, who: Principal, draft: Draft) -> None:
        if who.minor:
            raise Forbidden("Making companions is for adults.", code="adults_only")
        if self._screen.screen(written(draft), minor=False, from_person=True).action == "block":
            raise Forbidden("This cannot be written here.", code="content_blocked")

    def _writing(self, who: Principal, draft: Draft, slug: str) -> store.Writing:
        try:
            companion = companion_of(draft, slug)
        except CompanionInvalid as error:
            raise Invalid(str(error).removeprefix("draft: ")) from error
        return store.Writing(
            companion=companion.id,
            creator=who.person.id,
            doc=msgspec.to_builtins(companion),
            digest=digest_of(companion),
            words=search_words(companion),
            review="approved" if companion.visibility == "private" else "pending",
        )


def _stem(name: str) -> str:
    """The readable part of a slug; a name in another script has none of its own."""
    return re.sub(r"[^a-z0-9]+", "-", plain(name)).strip("-")[:24].strip("-") or "companion"


def _companion(row: CompanionRow) -> Companion:
    return companion_from_table(row.doc, f"companions/{row.companion}")


def _made(row: store.MadeRow) -> Made:
    companion = _companion(row)
    return Made(
        companion=row.companion,
        slug=companion.slug,
        review=msgspec.convert(row.review, Review),
        why=row.review_why,
        draft=draft_of(companion),
        card=card_of(companion),
    )


def _waiting(row: store.WaitingRow) -> Waiting:
    companion = _companion(row)
    return Waiting(
        companion=row.companion,
        creator=row.creator or "",
        maker=row.maker,
        since=row.since,
        digest=row.digest,
        draft=draft_of(companion),
        card=card_of(companion),
    )
