"""A companion's face from a picture of one's own, over REST: given, shown, taken back."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response

from media.avatar.picture.claims import MAX_BYTES
from rooms.companions.pictures import PictureView, Sent, Statement
from server.rest import Call, Routes

routes = Routes(tag="companions")
BODY_BYTES = MAX_BYTES * 4 // 3 + 4096


class NewPicture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`picture` is PNG, JPEG or WebP in base64: one adult's face, seen from the front."""

    picture: Annotated[bytes, Meta(min_length=1)]
    statement: Statement


@routes.post("/api/v1/companions/{companion}/picture", status=201, body_bytes=BODY_BYTES)
async def give_companion_picture(call: Call, companion: str, body: NewPicture) -> PictureView:
    """Let this companion look like a picture in your own video calls.

    Nobody else sees it. What is sent is thrown away once an upright portrait is cut from it.
    """
    return await call.house.pictures.give(
        call.principal, companion, body.picture, body.statement, _sent(call)
    )


@routes.get("/api/v1/companions/{companion}/picture")
async def show_companion_picture(call: Call, companion: str) -> PictureView:
    """The picture you gave this companion, and what you said of it."""
    return await call.house.pictures.show(call.principal, companion)


@routes.get("/api/v1/companions/{companion}/picture.jpg", gives=("image/jpeg",))
async def companion_picture_jpg(call: Call, companion: str) -> Response:
    """The portrait that was cut from your picture, as JPEG."""
    portrait = await call.house.pictures.portrait(call.principal, companion)
    headers = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}
    return Response(portrait, media_type="image/jpeg", headers=headers)


@routes.delete("/api/v1/companions/{companion}/picture", status=204)
async def take_companion_picture(call: Call, companion: str) -> None:
    """Take the picture back; the companion wears its own face again."""
    await call.house.pictures.take(call.principal, companion, _sent(call))


def _sent(call: Call) -> Sent:
    return Sent(address=call.address, agent=call.agent)
