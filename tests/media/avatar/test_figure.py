"""What is let in as a figure, and what a browser is spared: every lie a file can tell."""

import contextlib
import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.avatar.figure.about import About
from media.avatar.figure.check import check
from media.avatar.figure.container import FigureRefused
from tests.figures.maker import head, pack

REAL = Path(__file__).parents[2] / "figures"
WHOLE = head()


def parts(data: bytes) -> tuple[Any, bytes]:
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[20 + length + 8 :]


def reason(data: bytes) -> str:
    with pytest.raises(FigureRefused) as refused:
        check(data)
    return refused.value.reason


@pytest.mark.parametrize(
    ("kind", "mouth"),
    [("visemes", "visemes"), ("arkit", "arkit"), ("vrm0", "vowels"), ("vrm1", "vowels"),
     ("jaw", "jaw")],
)  # fmt: skip
def test_a_figure_is_known_by_what_its_mouth_can_do(kind: str, mouth: str) -> None:
    found = check(head(kind))
    assert found.mouth == mouth
    assert found.kind == (kind if kind.startswith("vrm") else "glb")
    assert found.triangles > 700


def test_a_makers_words_are_kept_short_and_on_one_line() -> None:
    description, binary = parts(head("vrm1"))
    description["extensions"]["VRMC_vrm"]["meta"]["name"] = "A\nB\0C" + "x" * 500
    found = check(pack(description, binary))
    assert found.title.startswith("A B C")
    assert len(found.title) == 120
    assert found.licence == "https://example.org/"


def test_real_files_are_let_in() -> None:
    cube = check((REAL / "morph_cube_sparse.glb").read_bytes())
    assert (cube.kind, cube.triangles, cube.targets) == ("glb", 12, 1)
    robot = check((REAL / "debug_robot.vrm").read_bytes())
    assert (robot.kind, robot.title) == ("vrm1", "VRM Animation Debug Robot")


def change(path: str, value: Any) -> Callable[[Any], None]:
    """Set what lies at a path of names and numbers."""

    def changed(description: Any) -> None:
        *way, last = [int(one) if one.isdigit() else one for one in path.split(".")]
        at = description
        for step in way:
            at = at[step]
        at[last] = value

    return changed


LIES = [
    ("buffers.0.byteLength", 10**8, "damaged"),
    ("buffers.0.uri", "https://example.org/x.bin", "external"),
    ("buffers", [{"byteLength": 4}, {"byteLength": 4}], "external"),
    ("bufferViews.0.byteLength", 10**7, "damaged"),
    ("bufferViews.0.byteOffset", 2**31, "damaged"),
    ("bufferViews.0.byteStride", 2, "damaged"),
    ("accessors.0.count", 10**6, "damaged"),
    ("accessors.0.count", -1, "damaged"),
    ("accessors.0.bufferView", 999, "damaged"),
    ("accessors.0.componentType", 5130, "damaged"),
    ("meshes.0.primitives.0.attributes.POSITION", 999, "damaged"),
    ("meshes.0.primitives.0.attributes.NORMAL", 4, "damaged"),
    ("meshes.0.primitives.0.indices", 0, "damaged"),
    ("meshes.0.primitives.0.material", 77, "damaged"),
    ("meshes.1.primitives.0.targets.0.POSITION", 0, "damaged"),
    ("meshes", [], "empty"),
    ("nodes.0.children", [4], "damaged"),
    ("nodes.0.children", [0], "damaged"),
    ("nodes.0.mesh", 50, "damaged"),
    ("nodes.0.skin", 0, "damaged"),
    ("scenes.0.nodes", [50], "damaged"),
    ("images", [{"uri": "x.png"}], "external"),
    ("images", [{"bufferView": 0, "mimeType": "image/png"}], "pictures"),
    ("textures", [{"source": 3}], "damaged"),
    ("skins", [{"joints": [99]}], "damaged"),
    ("skins", [{"joints": [0], "inverseBindMatrices": 0}], "damaged"),
    ("extensionsRequired", ["KHR_draco_mesh_compression"], "extension"),
    ("asset.version", "1.0", "unreadable"),
]


@pytest.mark.parametrize(("path", "value", "why"), LIES)
def test_a_lie_is_found_and_named(path: str, value: Any, why: str) -> None:
    description, binary = parts(WHOLE)
    told = copy.deepcopy(description)
    change(path, value)(told)
    assert reason(pack(told, binary)) == why


def test_nodes_in_a_ring_are_found() -> None:
    description, binary = parts(WHOLE)
    description["nodes"] += [{"children": [6]}, {"children": [5]}]
    assert reason(pack(description, binary)) == "damaged"


def test_a_small_file_that_unpacks_to_a_large_one_is_refused() -> None:
    description, binary = parts(WHOLE)
    shape = description["meshes"][0]["primitives"][0]
    description["meshes"][0]["primitives"] = [shape] * 1000
    assert reason(pack(description, binary)) == "too_detailed"
    description["meshes"][0]["primitives"] = [shape | {"targets": [{"POSITION": 0}] * 300}]
    assert reason(pack(description, binary)) == "too_detailed"
    description["meshes"][0]["primitives"] = [shape]
    description["accessors"].append({"componentType": 5126, "count": 2**24, "type": "VEC3"})
    assert reason(pack(description, binary)) == "too_detailed"


def test_a_picture_that_unpacks_to_a_large_one_is_refused() -> None:
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    description, binary = parts(WHOLE)
    at = len(binary)
    description["bufferViews"].append({"buffer": 0, "byteOffset": at, "byteLength": len(bomb)})
    description["buffers"][0]["byteLength"] = at + len(bomb)
    description["images"] = [
        {"bufferView": len(description["bufferViews"]) - 1, "mimeType": "image/png"}
    ]
    assert reason(pack(description, binary + bomb)) == "pictures"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "unreadable"),
        (b"glTF", "damaged"),
        (b'{"asset":{"version":"2.0"}}', "unreadable"),
        (b"\x89PNG\r\n\x1a\n", "unreadable"),
        (WHOLE[:-4], "damaged"),
        (WHOLE + b"\0\0\0\0", "damaged"),
        (b"glTF" + struct.pack("<II", 1, 20) + bytes(8), "unreadable"),
        (pack("no object"), "damaged"),
        (pack({"asset": {"version": "2.0"}}), "empty"),
        (pack({"asset": {"version": "2.0"}, "nodes": [[[[]]]]}), "damaged"),
    ],
)
def test_what_is_no_figure_is_told_so(data: bytes, why: str) -> None:
    assert reason(data) == why


def test_a_deep_description_does_not_break_the_reader() -> None:
    text = b'{"asset":{"version":"2.0"},"extras":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    text += b" " * (-len(text) % 4)
    data = b"glTF" + struct.pack("<IIII", 2, 20 + len(text), len(text), 0x4E4F534A) + text
    assert reason(data) == "damaged"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(1, 8))
def test_no_flipped_byte_brings_the_check_down(at: int, value: int, count: int) -> None:
    broken = bytearray(WHOLE)
    broken[at : at + count] = bytes([value]) * len(broken[at : at + count])
    with contextlib.suppress(FigureRefused):
        assert isinstance(check(bytes(broken)), About)
