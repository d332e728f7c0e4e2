"""The catalogue: the cast in the database, and every way to come upon a companion.

Found companions are kept decoded in a bounded cache, because each turn needs one. An entry
is asked for again after a while, so that an edit on another node is seen here too.
"""

import hashlib
import re
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import asyncpg
import msgspec
import structlog
from msgspec import Struct

import config
from config.plans import Plan
from rooms.companions.access import Viewer, plans_that_open, ratings_open, tiers_open
from rooms.companions.companion import Companion, companion_from_table, read_cast
from rooms.companions.persona import persona_of
from rooms.companions.profile import Profile, card_of, profile_of
from rooms.companions.recommend import Recommendation, Taste, recommend
from rooms.dialogue.prompt import Persona
from rooms.errors import BadRequest, NotFound, PaymentRequired
from rooms.ports import Principal
from rooms.shapes import CompanionCard
from storage import companions as store

logger = structlog.get_logger(__name__)

CAST = Path(config.__file__).parent / "cast"
CACHE_MAX = 512
CACHE_MS = 60_000
PAGE_MAX = 100
_WORDS = re.compile(r"[^\W_]+")

Sort = Literal["popular", "newest", "name"]
Sees = Callable[[Principal | None], Awaitable[Viewer]]


class Query(Struct, frozen=True, kw_only=True):
    """What someone looks for. Empty fields do not narrow."""

    q: str = ""
    tags: tuple[str, ...] = ()
    gender: str | None = None
    origin: str | None = None
    tier: str | None = None
    rating: str | None = None
    language: str | None = None
    sort: Sort = "popular"
    limit: int = 24
    offset: int = 0


class Page(Struct, frozen=True, kw_only=True):
    """One page of cards. `cursor` asks for the next one; facets count the whole result."""

    items: list[CompanionCard]
    has_more: bool
    cursor: str | None
    facets: dict[str, dict[str, int]]


class Entry(Struct, frozen=True):
    """A companion as kept in memory."""

    companion: Companion
    creator: str | None
    review: str
    read_at_ms: int


class Catalogue:
    """Companions by list, search, id and slug, as far as whoever asks may see them."""

    def __init__(
        self,
        db: asyncpg.Pool,
        plans: Mapping[str, Plan],
        now_ms: Callable[[], int],
        sees: Sees | None = None,
        cast: Path = CAST,
    ) -> None:
        self._db = db
        self._plans = plans
        self._now_ms = now_ms
        self._sees = sees or self._by_plan
        self._cast = cast
        self._replies: Counter[str] = Counter()
        self.cast: list[Companion] = []  # the shipped ones, once they are loaded
        self._kept: OrderedDict[str, Entry] = OrderedDict()

    async def load_cast(self) -> int:
        """Bring the shipped cast into the database; returns how many documents changed."""
        cast = self.cast = read_cast(self._cast)
        changed = 0
        async with store.cast_to_ourselves(self._db) as db:
            for companion in cast:
                doc = msgspec.to_builtins(companion)
                digest = digest_of(companion)
                changed += await store.upsert_companion(
                    db, companion.id, doc, digest, search_words(companion)
                )
            retired = await store.retire_all_but(db, [companion.id for companion in cast])
        self._kept.clear()
        logger.info("cast loaded", companions=len(cast), changed=changed, retired=len(retired))
        return changed

    async def viewer(self, who: Principal | None) -> Viewer:
        """What this person, or a stranger, may see."""
        return await self._sees(who)

    async def list(self, query: Query, viewer: Viewer) -> Page:
        """One page of what matches. Locked tiers are listed: people may see what they could get."""
        where = filter_of(query, viewer)
        limit = min(max(query.limit, 1), PAGE_MAX)
        rows = await store.list_companions(self._db, where, query.sort, limit + 1, query.offset)
        entries = [self._keep(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(
            items=[card_of(entry.companion) for entry in entries],
            has_more=more,
            cursor=cursor_of(query.offset + limit) if more else None,
            facets=await store.companion_facets(self._db, where),
        )

    async def find(self, id_or_slug: str, viewer: Viewer | None = None) -> Companion:
        """A companion by id or slug. With a viewer, only one they may see; else NotFound."""
        entry = await self._entry(id_or_slug)
        if viewer is not None and not visible(entry, viewer):
            raise NotFound("There is no such companion.", code="companion_not_found")
        return entry.companion

    async def profile(self, id_or_slug: str, viewer: Viewer) -> Profile:
        """A companion in full, as far as people may read."""
        found = await self.find(id_or_slug, viewer)
        return profile_of(found, locked=found.tier not in viewer.tiers)

    async def recommended(
        self, viewer: Viewer, language: str, interests: Sequence[str], limit: int
    ) -> Sequence[Recommendation]:
        """Whom to meet next, each with the reasons why."""
        where = filter_of(Query(), viewer)
        rows = await store.list_companions(self._db, where, "popular", PAGE_MAX, 0)
        met_ids = await store.companions_met(self._db, viewer.person) if viewer.person else []
        met = [self._keep(row) for row in await store.find_companions(self._db, met_ids)]
        taste = Taste(
            language=language,
            interests=tuple(interests),
            met=tuple(entry.companion for entry in met),
            tiers=frozenset(viewer.tiers),
        )
        popularity = {row.companion: row.popularity for row in rows}
        found = recommend((self._keep(r).companion for r in rows), taste, popularity, limit)
        return [Recommendation(companion=card_of(s.companion), because=s.because) for s in found]

    async def card(self, companion: str, who: Principal) -> CompanionCard:
        """The card of a companion this person may talk to."""
        return card_of(await self._to_talk_to(companion, who))

    async def cards(self, companions: Sequence[str]) -> dict[str, CompanionCard]:
        """The cards of these companions, whoever looks; unknown ones are left out."""
        now = self._now_ms()
        wanted = list(dict.fromkeys(companions))
        kept = {id_: entry for id_ in wanted if (entry := self._fresh(id_, now))}
        missing = [id_ for id_ in wanted if id_ not in kept]
        if missing:
            rows = await store.find_companions(self._db, missing)
            kept.update({row.companion: self._keep(row) for row in rows})
        return {id_: card_of(kept[id_].companion) for id_ in wanted if id_ in kept}

    async def greeting(self, companion: str, who: Principal) -> str:
        """The first words in a new room; whoever has several takes turns with them by the day."""
        found = await self._to_talk_to(companion, who)
        day = self._now_ms() // 86_400_000
        return found.greetings[day % len(found.greetings)]

    async def persona(self, companion: str) -> Persona:
        """The companion as the prompt compiler needs them."""
        return persona_of(await self.find(companion))

    def count_reply(self, companion: str) -> None:
        """A reply was given: the companion is that much more popular, once it is written down."""
        self._replies[companion] += 1

    async def write_popularity(self) -> None:
        """Write the replies counted since the last time: no turn pays a commit for it."""
        counted, self._replies = self._replies, Counter()
        for companion, replies in counted.items():
            await store.count_replies(self._db, companion, replies)

    def forget(self, companion: str) -> None:
        """Its document changed: the next look reads it anew."""
        self._kept.pop(companion, None)

    async def _to_talk_to(self, companion: str, who: Principal) -> Companion:
        viewer = await self._sees(who)
        found = await self.find(companion, viewer)
        if found.tier not in viewer.tiers:
            plans = plans_that_open(self._plans, found.tier)
            raise PaymentRequired(
                f"{found.name} is for people on {' or '.join(plans) or 'a higher plan'}.",
                code="plan_required",
                details={"tier": found.tier, "plans": plans},
            )
        return found

    async def _by_plan(self, who: Principal | None) -> Viewer:
        """Without an age-assurance service, an age is only declared."""
        if who is None:
            return Viewer()
        return Viewer(
            person=who.person.id,
            ratings=ratings_open("declared", minor=who.minor),
            tiers=tiers_open(self._plans, who.person.plan),
        )

    async def _entry(self, id_or_slug: str) -> Entry:
        entry = self._fresh(id_or_slug, self._now_ms())
        if entry is None:
            row = await store.find_companion(self._db, id_or_slug)
            if row is None:
                raise NotFound("There is no such companion.", code="companion_not_found")
            entry = self._keep(row)
        return entry

    def _fresh(self, id_or_slug: str, now_ms: int) -> Entry | None:
        key = id_or_slug if id_or_slug.startswith("c_") else f"c_{id_or_slug}"
        entry = self._kept.get(key)
        if entry is None or now_ms - entry.read_at_ms > CACHE_MS:
            return None
        self._kept.move_to_end(key)
        return entry

    def _keep(self, row: store.CompanionRow) -> Entry:
        companion = companion_from_table(row.doc, f"companions/{row.companion}")
        entry = Entry(companion, row.creator, row.review, self._now_ms())
        self._kept[row.companion] = entry
        self._kept.move_to_end(row.companion)
        while len(self._kept) > CACHE_MAX:
            self._kept.popitem(last=False)
        return entry


def visible(entry: Entry, viewer: Viewer) -> bool:
    """Whether someone may see a companion at all. Unlisted ones are found by whoever has the id."""
    companion = entry.companion
    if viewer.person is not None and entry.creator == viewer.person:
        return True
    if companion.rating not in viewer.ratings or companion.visibility == "private":
        return False
    return entry.review in ("approved", "retired")


def filter_of(query: Query, viewer: Viewer) -> store.Filter:
    """A query, bounded by what the viewer may see."""
    ratings = [r for r in viewer.ratings if query.rating in (None, r)]
    return store.Filter(
        ratings=list(ratings),
        person=viewer.person,
        text=tsquery(query.q),
        tags=[tag.strip().lower() for tag in query.tags if tag.strip()],
        gender=query.gender,
        origin=query.origin,
        tier=query.tier,
        language=query.language,
    )


def plain(text: str) -> str:
    """Lower case without accents, so that leila finds Leïla. Scripts without them are untouched."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = (c for c in apart if not ("\u0300" <= c <= "\u036f"))
    return unicodedata.normalize("NFC", "".join(kept))


def tsquery(text: str) -> str | None:
    """What someone typed, as a query of prefixes that all must match; no operator gets through."""
    words = _WORDS.findall(plain(text))[:8]
    return " & ".join(f"'{word[:40]}':*" for word in words) or None


def search_words(companion: Companion) -> store.Words:
    """What search reads of a companion. Secrets and prompt texts are not found by searching."""
    c = companion
    rest = [c.culture, c.origin.replace("_", " "), c.backstory, c.opinion, c.archetype]
    rest += [*c.likes, *c.dislikes, c.gender, c.conversation_style]
    return store.Words(
        name=plain(f"{c.name} {c.full_name} {c.slug}"),
        tags=plain(" ".join([*c.tags, *c.interests])),
        tagline=plain(f"{c.tagline} {c.background}"),
        rest=plain(" ".join(rest)),
    )


def digest_of(companion: Companion) -> str:
    """Changes exactly when the document, or the way its words are indexed, does."""
    body = msgspec.json.encode([companion, search_words(companion)], order="sorted")
    return hashlib.sha256(body).hexdigest()


def cursor_of(offset: int) -> str:
    """An opaque place in a list."""
    return f"o{offset:x}"


def offset_of(cursor: str) -> int:
    """The place a cursor names. Raises BadRequest."""
    if not re.fullmatch(r"o[0-9a-f]{1,8}", cursor):
        raise BadRequest("This cursor was not made here.", code="bad_cursor", path="$.cursor")
    return int(cursor[1:], 16)
