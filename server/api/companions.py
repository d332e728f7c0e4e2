"""Companions over REST: list and search, one in full, recommended, and their portraits.

Lists and profiles are open to strangers, who see what a declared age may see; with a token
one sees what one's own age and plan open. Portraits are public files that may be kept for good.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.responses import Response

from media.avatar.appearance import Appearance
from media.avatar.face import anchors, measure
from media.avatar.provenance import GENERATOR
from media.avatar.raster import nearest_size
from rooms.companions.access import Viewer
from rooms.companions.catalogue import Page, Query, offset_of
from rooms.companions.companion import Companion, Gender, Rating, Tier
from rooms.companions.profile import (
    PersonalityView,
    Profile,
    personality_of,
    portrait_version,
)
from rooms.companions.recommend import Recommendation
from rooms.errors import NotFound
from rooms.ports import Principal
from server.rest import Call, Routes

routes = Routes(tag="companions")

KEPT_FOR_GOOD = "public, max-age=31536000, immutable"
KEPT_FOR_AN_HOUR = "public, max-age=3600"


class ListQuery(Struct, frozen=True, kw_only=True):
    """`q` searches names, tags, interests and stories; `tags` are joined by commas, all must match.

    `cursor` is from an earlier page and wins over `offset`.
    """

    q: Annotated[str, Meta(max_length=200)] = ""
    tags: Annotated[str, Meta(max_length=400)] = ""
    gender: Gender | None = None
    origin: Annotated[str, Meta(max_length=40)] | None = None
    tier: Tier | None = None
    rating: Rating | None = None
    language: Annotated[str, Meta(max_length=3)] | None = None
    sort: Literal["popular", "newest", "name"] = "popular"
    limit: Annotated[int, Meta(ge=1, le=100)] = 24
    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0
    cursor: Annotated[str, Meta(max_length=16)] | None = None


class RecommendedQuery(Struct, frozen=True, kw_only=True):
    """`interests` are joined by commas."""

    interests: Annotated[str, Meta(max_length=400)] = ""
    limit: Annotated[int, Meta(ge=1, le=24)] = 6


class Recommended(Struct, frozen=True):
    items: list[Recommendation]


class AppearanceView(Struct, frozen=True, kw_only=True):
    """The appearance document, and the named places a rig needs, as fractions of the picture."""

    companion: str
    appearance: Appearance
    anchors: dict[str, list[float]]


class PortraitQuery(Struct, frozen=True, kw_only=True):
    """`size` in pixels, rounded up to one that is offered; `v` is the version the card names."""

    size: Annotated[int, Meta(ge=1, le=4096)] = 512
    v: Annotated[str, Meta(max_length=40)] = ""


@routes.get("/api/v1/companions", public=True)
async def list_companions(call: Call, query: ListQuery) -> Page:
    """Companions to meet, narrowed and searched; facets count what is left."""
    _, viewer = await _looking(call)
    asked = Query(
        q=query.q,
        tags=_words(query.tags),
        gender=query.gender,
        origin=query.origin,
        tier=query.tier,
        rating=query.rating,
        language=query.language,
        sort=query.sort,
        limit=query.limit,
        offset=offset_of(query.cursor) if query.cursor is not None else query.offset,
    )
    return await call.house.catalogue.list(asked, viewer)


@routes.get("/api/v1/companions/recommended", public=True)
async def recommended_companions(call: Call, query: RecommendedQuery) -> Recommended:
    """Whom to meet next, each with the reasons why."""
    who, viewer = await _looking(call)
    language = who.person.language if who else "en"
    found = await call.house.catalogue.recommended(
        viewer, language, _words(query.interests), query.limit
    )
    return Recommended(list(found))


@routes.get("/api/v1/companions/{companion}", public=True)
async def show_companion(call: Call, companion: str) -> Profile:
    """One companion by id or slug, without what only the prompt may know."""
    _, viewer = await _looking(call)
    return await call.house.catalogue.profile(companion, viewer)


@routes.get("/api/v1/companions/{companion}/personality", public=True)
async def companion_personality(call: Call, companion: str) -> PersonalityView:
    """A companion's traits, as numbers and in words."""
    return personality_of(await _seen(call, companion))


@routes.get("/api/v1/companions/{companion}/appearance", public=True)
async def companion_appearance(call: Call, companion: str) -> AppearanceView:
    """The document a companion's face is drawn from, and where its parts are."""
    found = await _seen(call, companion)
    places = anchors(measure(found.appearance))
    return AppearanceView(companion=found.id, appearance=found.appearance, anchors=places)


@routes.get("/api/v1/companions/{companion}/portrait.png", public=True)
async def companion_portrait_png(call: Call, companion: str, query: PortraitQuery) -> Response:
    """A companion's portrait as PNG, square."""
    found = await _pictured(call, companion, query.v)
    tag = f'"{portrait_version(found)}-{nearest_size(query.size)}"'
    headers = _keeping(found, query, tag)
    if _unchanged(call, tag):
        return Response(status_code=304, headers=headers)
    png = await call.house.portraits.png(found.appearance, query.size)
    return Response(png, media_type="image/png", headers=headers)


@routes.get("/api/v1/companions/{companion}/portrait.svg", public=True)
async def companion_portrait_svg(call: Call, companion: str, query: PortraitQuery) -> Response:
    """A companion's portrait as layered SVG."""
    found = await _pictured(call, companion, query.v)
    tag = f'"{portrait_version(found)}-svg"'
    headers = _keeping(found, query, tag)
    if _unchanged(call, tag):
        return Response(status_code=304, headers=headers)
    svg = await call.house.portraits.svg(found.appearance)
    return Response(svg, media_type="image/svg+xml", headers=headers)


async def _looking(call: Call) -> tuple[Principal | None, Viewer]:
    """Who looks, where they say so, and what they may see."""
    who = await call.house.authenticate(call.token) if call.token else None
    return who, await call.house.catalogue.viewer(who)


async def _seen(call: Call, companion: str) -> Companion:
    _, viewer = await _looking(call)
    return await call.house.catalogue.find(companion, viewer)


async def _pictured(call: Call, companion: str, version: str) -> Companion:
    """Pictures carry no token. One of a private companion is shown to whoever knows its version,
    which is made of the drawing itself, and to nobody else."""
    found = await call.house.catalogue.find(companion)
    if found.visibility == "private" and version != portrait_version(found):
        raise NotFound("There is no such companion.", code="companion_not_found")
    return found


def _keeping(companion: Companion, query: PortraitQuery, tag: str) -> dict[str, str]:
    current = query.v == portrait_version(companion)
    keep = KEPT_FOR_GOOD if current else KEPT_FOR_AN_HOUR
    return {
        "cache-control": keep if companion.visibility != "private" else f"private, {keep[8:]}",
        "etag": tag,
        "x-content-generator": GENERATOR,
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'none'; sandbox",
    }


def _unchanged(call: Call, tag: str) -> bool:
    asked = call.request.headers.get("if-none-match", "")
    return tag in {one.strip().removeprefix("W/") for one in asked.split(",")}


def _words(joined: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in joined.split(",") if word.strip())[:12]
