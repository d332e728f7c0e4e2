"""A companion's figure (GLB, VRM) over REST: given, shown, fetched by who draws it, taken back.

The body is the file itself; what its sender says of it stands in the query.
"""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response

from rooms.companions.figures import FigureView
from rooms.companions.pictures import Depicts, Sent, Statement
from server.rest import Call, Routes
from server.rest.reading import read_body

routes = Routes(tag="companions")
MEDIA_TYPE = "model/gltf-binary"


class FigureQuery(Struct, frozen=True, kw_only=True):
    """owns: I may use it here. adults: whom it shows is an adult. depicts: whom it shows."""

    owns: bool = False
    adults: bool = False
    depicts: Depicts = "nobody"


class FigureFile(Struct, frozen=True, kw_only=True):
    """`v` is the figure's id, so that a new figure is a new address."""

    v: Annotated[str, Meta(max_length=64)] = ""


@routes.post("/api/v1/companions/{companion}/figure", status=201)
async def give_companion_figure(call: Call, companion: str, query: FigureQuery) -> FigureView:
    """Give this companion a figure of your own: the body is a GLB or VRM file.

    It is checked and kept sealed; nobody else sees it. Your client draws it.
    """
    said, data = await _file(call, query)
    return await call.house.figures.give(call.principal, companion, data, said, _sent(call))


@routes.get("/api/v1/companions/{companion}/figure")
async def show_companion_figure(call: Call, companion: str) -> FigureView:
    """The figure you see this companion as: yours, or else the house's."""
    return await call.house.figures.show(call.principal, companion)


@routes.get("/api/v1/companions/{companion}/figure.glb")
async def companion_figure_file(call: Call, companion: str, query: FigureFile) -> Response:  # noqa: ARG001
    """The file, for whoever draws it. `If-None-Match` saves fetching it twice."""
    asked = call.request.headers.get("if-none-match", "")
    known = await call.house.figures.show(call.principal, companion)
    headers = {
        "cache-control": "private, no-cache",
        "etag": f'"{known.figure}"',
        "content-disposition": 'attachment; filename="figure.glb"',
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
    if headers["etag"] in {one.strip().removeprefix("W/") for one in asked.split(",")}:
        return Response(status_code=304, headers=headers)
    figure, data = await call.house.figures.file(call.principal, companion)
    headers["etag"] = f'"{figure}"'
    return Response(data, media_type=MEDIA_TYPE, headers=headers)


@routes.delete("/api/v1/companions/{companion}/figure", status=204)
async def take_companion_figure(call: Call, companion: str) -> None:
    """Take your figure back."""
    await call.house.figures.take(call.principal, companion, _sent(call))


@routes.post("/api/v1/admin/companions/{companion}/figure", role="admin", status=201)
async def give_everybodys_figure(call: Call, companion: str, query: FigureQuery) -> FigureView:
    """Give this companion a figure that everybody sees who has not given it another. Audited."""
    await call.house.staff.admit(call.principal, "figure.give", note=companion[:64])
    said, data = await _file(call, query)
    return await call.house.figures.give(
        call.principal, companion, data, said, _sent(call), everybody=True
    )


@routes.delete("/api/v1/admin/companions/{companion}/figure", role="admin", status=204)
async def take_everybodys_figure(call: Call, companion: str) -> None:
    """Take the house's figure of this companion away. Audited."""
    await call.house.staff.admit(call.principal, "figure.take", note=companion[:64])
    await call.house.figures.take(call.principal, companion, _sent(call), everybody=True)


async def _file(call: Call, query: FigureQuery) -> tuple[Statement, bytes]:
    """What is said of it, and then the file: whoever may not give one sends nothing in vain."""
    said = Statement(owns=query.owns, adults=query.adults, depicts=query.depicts)
    call.house.figures.may_give(call.principal, said)
    return said, await read_body(call.request, call.house.settings.figures.file_bytes)


def _sent(call: Call) -> Sent:
    return Sent(address=call.address, agent=call.agent)
