"""Faces that live on a page, over REST: a companion's, one's own picture's, and one being made up.

What is sent is a sheet (media/avatar/sheet.py): drawn once, kept for good by its version, and
moved by the page itself.
"""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response

from media.avatar.appearance import Appearance
from media.avatar.painter import AvatarError
from media.avatar.provenance import GENERATOR
from media.avatar.sheet_form import SHEET_VERSION, nearest_sheet
from media.avatar.sheets import sheet_version
from rooms.companions.profile import portrait_version
from rooms.errors import NotFound, Unavailable
from server.rest import Call, Routes

routes = Routes(tag="companions")
KEPT_FOR_GOOD = "public, max-age=31536000, immutable"
KEPT_FOR_AN_HOUR = "public, max-age=3600"


class FaceQuery(Struct, frozen=True, kw_only=True):
    """`size` in pixels, rounded up to one that is offered. `v`: the version the portrait's
    address names; `s`: the version of sheets that the page can read."""

    size: Annotated[int, Meta(ge=1, le=4096)] = 256
    v: Annotated[str, Meta(max_length=40)] = ""
    s: Annotated[int, Meta(ge=0, le=10_000)] = 0


class FacePreview(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A face that nobody has yet."""

    appearance: Appearance
    size: Annotated[int, Meta(ge=1, le=512)] = 256


@routes.get("/api/v1/companions/{companion}/face.webp", public=True)
async def companion_face(call: Call, companion: str, query: FaceQuery) -> Response:
    """A companion's face for a page that moves it: layers, mouths and eyes in one WebP."""
    found = await call.house.catalogue.find(companion)
    known = query.v == portrait_version(found)
    if found.visibility == "private" and not known:
        raise NotFound("There is no such companion.", code="companion_not_found")
    tag = f'"{sheet_version(found.appearance)}-{nearest_sheet(query.size)}"'
    keep = KEPT_FOR_GOOD if known and query.s == SHEET_VERSION else KEPT_FOR_AN_HOUR
    headers = _headers(keep if found.visibility != "private" else f"private, {keep[8:]}", tag)
    asked = call.request.headers.get("if-none-match", "")
    if tag in {one.strip().removeprefix("W/") for one in asked.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(await _sheet(call, found.appearance, query.size), headers=headers)


@routes.get("/api/v1/companions/{companion}/picture/face.webp")
async def companion_picture_face(call: Call, companion: str, query: FaceQuery) -> Response:
    """The same of the picture you gave a companion. It is made for you and kept nowhere."""
    portrait = await call.house.pictures.portrait(call.principal, companion)
    try:
        sheet = await call.house.sheets.of_picture(portrait, query.size)
    except AvatarError as error:
        raise _unavailable(error) from error
    return Response(sheet, headers=_headers("private, no-store"))


@routes.post("/api/v1/faces/preview", limited="faces")
async def preview_face(call: Call, body: FacePreview) -> Response:
    """A face drawn from a document that is not kept, for whoever makes up a companion."""
    sheet = await _sheet(call, body.appearance, body.size, hurry=True)
    return Response(sheet, headers=_headers("private, max-age=3600"))


async def _sheet(call: Call, look: Appearance, size: int, *, hurry: bool = False) -> bytes:
    try:
        return await call.house.sheets.of(look, size, hurry=hurry)
    except AvatarError as error:
        raise _unavailable(error) from error


def _unavailable(error: AvatarError) -> Unavailable:
    return Unavailable(str(error), code="face_unavailable", retryable=error.reason == "busy")


def _headers(keep: str, tag: str = "") -> dict[str, str]:
    return {
        "cache-control": keep,
        **({"etag": tag} if tag else {}),
        "content-type": "image/webp",
        "x-content-generator": GENERATOR,
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
