"""Whether a figure's shapes lie where it says, and how much of them there is. Pure arithmetic.

A file of a few kilobytes can claim a billion corners by naming the same bytes again and again, so
what counts is what a client would have to unpack, not how long the file is.
"""

from typing import Final

from msgspec import Struct

from media.avatar.figure.container import damaged, refused
from media.avatar.figure.shapes import Accessor, Document, Primitive

MOST_VIEWS: Final = 16_384
MOST_CORNERS: Final = 400_000
MOST_TRIANGLES: Final = 600_000
MOST_MOVED: Final = 12_000_000  # corners times the shapes they can take
MOST_TARGETS: Final = 256
MOST_PRIMITIVES: Final = 1_024
TRIANGLES: Final = 4
BYTES: Final = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
PARTS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


class Size(Struct, frozen=True):
    """How much there is to draw and to move."""

    corners: int
    triangles: int
    targets: int


def check_views(document: Document, binary: int) -> None:
    """Every view lies inside the one buffer of the file. Raises FigureRefused."""
    if len(document.buffers) > 1:
        raise refused("external", "A figure has one buffer, inside the file.")
    if document.buffers and document.buffers[0].byte_length > binary:
        raise damaged("its data is shorter than it says")
    longest = document.buffers[0].byte_length if document.buffers else 0
    if len(document.buffer_views) > MOST_VIEWS or len(document.accessors) > MOST_VIEWS:
        raise refused("too_detailed", "This figure has too many parts.")
    for view in document.buffer_views:
        if view.buffer >= len(document.buffers) or view.byte_offset + view.byte_length > longest:
            raise damaged("a part lies outside its data")


def check_accessors(document: Document) -> None:
    """Every accessor lies inside its view. Raises FigureRefused."""
    for one in document.accessors:
        width = BYTES[one.component_type] * PARTS[one.type]
        if one.buffer_view is not None:
            _check_span(document, one.buffer_view, one.byte_offset, width, one.count)
        elif one.sparse is None and one.count > MOST_CORNERS:
            raise refused("too_detailed", "This figure is mostly empty space.")
        if one.sparse is not None:
            sparse = one.sparse
            if sparse.count > one.count:
                raise damaged("more is changed than there is")
            indices, values = sparse.indices, sparse.values
            _check_span(
                document, indices.buffer_view, indices.byte_offset,
                BYTES[indices.component_type], sparse.count,
            )  # fmt: skip
            _check_span(document, values.buffer_view, values.byte_offset, width, sparse.count)


def _check_span(document: Document, number: int, offset: int, width: int, count: int) -> None:
    if number >= len(document.buffer_views):
        raise damaged("a list lies in a part that is not there")
    view = document.buffer_views[number]
    stride = view.byte_stride or width
    if stride < width or offset + stride * (count - 1) + width > view.byte_length:
        raise damaged("a list is longer than its part")


def check_meshes(document: Document) -> Size:
    """How much there is. Raises FigureRefused where it is too much, or does not fit together."""
    corners = triangles = moved = most = drawn = primitives = 0
    for mesh in document.meshes:
        primitives += len(mesh.primitives)
        for primitive in mesh.primitives:
            if primitive.material is not None and primitive.material >= len(document.materials):
                raise damaged("a shape has a material that is not there")
            count, used = _check_primitive(document, primitive)
            corners += count
            triangles += used // 3
            moved += count * len(primitive.targets)
            most = max(most, len(primitive.targets))
            drawn += primitive.mode == TRIANGLES
    if not drawn:
        raise refused("empty", "There is nothing to see in this file.")
    if corners > MOST_CORNERS or triangles > MOST_TRIANGLES or primitives > MOST_PRIMITIVES:
        raise refused(
            "too_detailed",
            f"This figure has {triangles:,} triangles and {corners:,} corners; "
            f"{MOST_TRIANGLES:,} and {MOST_CORNERS:,} may be.",
        )
    if moved > MOST_MOVED or most > MOST_TARGETS:
        raise refused("too_detailed", f"A shape of it can take {most} forms: too many.")
    return Size(corners, triangles, most)


def _check_primitive(document: Document, primitive: Primitive) -> tuple[int, int]:
    """(corners, corners drawn) of one primitive."""
    place = _accessor(document, primitive.attributes.get("POSITION"))
    if place.type != "VEC3":
        raise damaged("places are of another kind")
    for name in primitive.attributes.values():
        if _accessor(document, name).count != place.count:
            raise damaged("a shape's lists differ in length")
    for target in primitive.targets:
        for name in target.values():
            if _accessor(document, name).count != place.count:
                raise damaged("a form has another length than its shape")
    if primitive.indices is None:
        return place.count, place.count
    indices = _accessor(document, primitive.indices)
    if indices.type != "SCALAR" or indices.component_type not in (5121, 5123, 5125):
        raise damaged("a shape's order is of another kind")
    return place.count, indices.count


def _accessor(document: Document, number: int | None) -> Accessor:
    if number is None or number >= len(document.accessors):
        raise damaged("a shape names a list that is not there")
    return document.accessors[number]
