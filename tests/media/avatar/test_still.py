"""Stills are layered, deterministic, self-contained, and as different as the people they show."""

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from media.avatar.appearance import Appearance
from media.avatar.face import anchors, measure
from media.avatar.portraits import Portraits
from media.avatar.raster import SIZES, RasterFailed, nearest_size, portrait_png, rasterise
from media.avatar.sketch import number
from media.avatar.still import LAYERS, draw, draw_layers
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast
from tests.media.avatar.looks import looks
from tests.media.avatar.pixels import read_png

SHIPPED = read_cast(CAST)
PLAIN = Appearance(origin="european")
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {
    SVG + tag
    for tag in (
        "svg", "defs", "g", "path", "ellipse", "clipPath", "filter", "feGaussianBlur",
        "linearGradient", "radialGradient", "stop",
    )
}  # fmt: skip


def check_safe(svg: str) -> ElementTree.Element:
    """Well-formed, only shapes, every reference inside the document, every number finite."""
    root = ElementTree.fromstring(svg)
    ids = {element.get("id") for element in root.iter()} - {None}
    for element in root.iter():
        assert element.tag in ALLOWED
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert "href" not in name
            assert name != "style"
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target[0] == "#"
                assert target[1:] in ids
    assert not re.search(r"\b(nan|inf)\b", svg, re.IGNORECASE)
    return root


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(looks())
def test_any_valid_document_draws_a_safe_picture(look: Appearance) -> None:
    check_safe(draw(look).svg)
    for place in anchors(measure(look)).values():
        assert all(0.0 < value < 1.0 for value in place)


@pytest.mark.parametrize("companion", SHIPPED, ids=lambda companion: companion.slug)
def test_each_of_the_cast_draws_the_layers_a_rig_needs(companion: object) -> None:
    look = companion.appearance  # type: ignore[attr-defined]
    root = check_safe(draw(look).svg)
    found = [g.get("data-layer") for g in root.findall(f"{SVG}g")]
    assert found == list(LAYERS)
    for layer in ("background", "body", "neck-shadow", "head", "eyes", "brows", "mouth"):
        group = next(g for g in root.findall(f"{SVG}g") if g.get("data-layer") == layer)
        assert len(group) > 0


def test_the_same_document_draws_the_same_picture() -> None:
    for companion in SHIPPED[:3]:
        assert draw(companion.appearance) == draw(companion.appearance)


def test_ids_of_two_portraits_never_meet_in_one_page() -> None:
    ids = [set(re.findall(r' id="([^"]+)"', draw(c.appearance).svg)) for c in SHIPPED]
    for one, other in itertools.combinations(ids, 2):
        assert not one & other


def test_single_layers_are_whole_documents() -> None:
    layers = draw_layers(SHIPPED[0].appearance)
    assert set(layers) == set(LAYERS)
    for svg in layers.values():
        root = check_safe(svg)
        assert len(root.findall(f"{SVG}g")) == 1


def test_every_pair_of_the_cast_differs_in_pixels_even_at_96() -> None:
    pictures = [
        read_png(rasterise(draw(c.appearance).svg, 96))[..., :3].astype(float) for c in SHIPPED
    ]
    faces = [picture[18:78, 26:70] for picture in pictures]
    for (i, one), (k, other) in itertools.combinations(enumerate(faces), 2):
        distance = float(np.abs(one - other).mean())
        assert distance > 8.0, f"{SHIPPED[i].slug} and {SHIPPED[k].slug}: {distance:.1f}"


def test_a_portrait_is_opaque_and_not_blank() -> None:
    pixels = read_png(rasterise(draw(PLAIN).svg, 96))
    assert pixels.shape == (96, 96, 4)
    assert pixels[..., 3].min() == 255
    assert pixels[..., :3].std() > 20


def test_each_part_of_the_document_changes_the_picture() -> None:
    changes: dict[str, dict[str, object]] = {
        "skin": {"tone": 0.9},
        "shape": {"jaw": 0.9},
        "eyes": {"spacing": 0.9},
        "brows": {"thickness": 0.9},
        "nose": {"width": 0.9},
        "mouth": {"fullness": 0.9},
        "hair": {"style": "afro"},
        "facial_hair": {"style": "full"},
        "wear": {"glasses": "round"},
        "clothing": {"colour": "#aa2244"},
        "build": {"frame": 0.9},
        "background": {"hue": 20},
        "expression": {"smile": 0.9},
    }
    plain = read_png(rasterise(draw(PLAIN).svg, 96)).astype(int)
    for part, change in changes.items():
        table = msgspec.to_builtins(PLAIN)
        table[part] |= change
        changed = draw(msgspec.convert(table, Appearance))
        assert changed.digest != draw(PLAIN).digest
        difference = np.abs(read_png(rasterise(changed.svg, 96)).astype(int) - plain)
        assert int((difference.max(axis=2) > 12).sum()) >= 6, part


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        number(float("nan"))


def test_a_picture_is_drawn_once_and_read_after(tmp_path: Path) -> None:
    first = portrait_png(PLAIN, 96, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"kept")
    assert portrait_png(PLAIN, 96, tmp_path) == b"kept"
    assert first.startswith(b"\x89PNG")


def test_only_offered_sizes_are_drawn(tmp_path: Path) -> None:
    assert [nearest_size(wanted) for wanted in (1, 96, 97, 5000)] == [96, 96, 256, SIZES[-1]]
    with pytest.raises(RasterFailed):
        portrait_png(PLAIN, 100, tmp_path)
    with pytest.raises(RasterFailed):
        rasterise("<svg", 96)


async def test_many_asking_at_once_wait_for_one_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    drawn: list[object] = []
    start = asyncio.create_subprocess_exec

    async def counting(*arguments: object, **more: object) -> object:
        drawn.append(arguments)
        return await start(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("asyncio.create_subprocess_exec", counting)
    portraits = Portraits(tmp_path)
    pictures = await asyncio.gather(*(portraits.png(PLAIN, 90) for _ in range(8)))
    assert len(drawn) == 1
    assert len(set(pictures)) == 1
    assert portraits._locks == {}
    assert (await portraits.svg(PLAIN)).startswith("<svg")
