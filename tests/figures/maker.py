"""Figures for tests, written as GLB: a head with a mouth that opens and eyes that close.

Mouth and eyes are of plain colours that light does not change, so that a test can count them in a
picture: dark red and blue, on a head the colour of sand.
"""

import json
import math
import struct
from typing import Any

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
OPEN = {"aa": 0.03, "E": 0.018, "I": 0.012, "O": 0.024, "U": 0.014, "DD": 0.006, "kk": 0.008}
VOWELS = {"aa": "aa", "ih": "I", "ou": "U", "ee": "E", "oh": "O"}
OLD_NAMES = {"aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blink": "blink"}
Point = tuple[float, float, float]


class Glb:
    """A file in the making."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "tests"},
            "buffers": [], "bufferViews": [], "accessors": [], "meshes": [], "nodes": [],
            "materials": [], "scenes": [{"nodes": []}], "scene": 0,
        }  # fmt: skip
        self.binary = bytearray()

    def view(self, data: bytes) -> int:
        """Bytes as a view."""
        self.binary += bytes(-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.json["bufferViews"].append(view)
        self.binary += data
        return len(self.json["bufferViews"]) - 1

    def floats(self, rows: list[tuple[float, ...]], kind: str) -> int:
        """An accessor of floats."""
        flat = [value for row in rows for value in row]
        view = self.view(struct.pack(f"<{len(flat)}f", *flat))
        self.json["accessors"].append(
            {"bufferView": view, "componentType": 5126, "count": len(rows), "type": kind}
        )
        return len(self.json["accessors"]) - 1

    def order(self, corners: list[int]) -> int:
        """An accessor of indices."""
        view = self.view(struct.pack(f"<{len(corners)}H", *corners))
        accessor = {
            "bufferView": view, "componentType": 5123, "count": len(corners), "type": "SCALAR"
        }  # fmt: skip
        self.json["accessors"].append(accessor)
        return len(self.json["accessors"]) - 1

    def material(self, red: float, green: float, blue: float, *, flat: bool = True) -> int:
        """A colour."""
        made: dict[str, Any] = {
            "pbrMetallicRoughness": {"baseColorFactor": [red, green, blue, 1], "metallicFactor": 0},
            "doubleSided": True,
        }
        if flat:
            made["extensions"] = {"KHR_materials_unlit": {}}
        self.json["materials"].append(made)
        return len(self.json["materials"]) - 1

    def mesh(
        self,
        name: str,
        places: list[Point],
        corners: list[int],
        material: int,
        forms: dict[str, list[Point]] | None = None,
    ) -> int:
        """A shape and the forms it can take, each told as how far every corner moves."""
        primitive: dict[str, Any] = {
            "attributes": {"POSITION": self.floats(list(places), "VEC3")},
            "indices": self.order(corners),
            "material": material,
        }
        made: dict[str, Any] = {"name": name, "primitives": [primitive]}
        if forms:
            primitive["targets"] = [
                {"POSITION": self.floats(list(moves), "VEC3")} for moves in forms.values()
            ]
            made["extras"] = {"targetNames": list(forms)}
        self.json["meshes"].append(made)
        return len(self.json["meshes"]) - 1

    def node(self, **fields: Any) -> int:
        """A node."""
        self.json["nodes"].append(fields)
        return len(self.json["nodes"]) - 1

    def packed(self) -> bytes:
        """The file."""
        if self.binary:
            self.json["buffers"] = [{"byteLength": len(self.binary)}]
        return pack(self.json, bytes(self.binary))


def pack(description: Any, binary: bytes = b"") -> bytes:
    """A GLB of a description and bytes, whatever they say."""
    text = json.dumps(description).encode()
    text += b" " * (-len(text) % 4)
    parts = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        binary += bytes(-len(binary) % 4)
        parts += struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(parts)) + parts


def ball(radius: float, rings: int = 16, around: int = 24) -> tuple[list[Point], list[int]]:
    """A sphere about the origin."""
    places: list[Point] = []
    for ring in range(rings + 1):
        up = math.pi * ring / rings
        for step in range(around + 1):
            turn = 2 * math.pi * step / around
            flat = radius * math.sin(up)
            places.append((flat * math.sin(turn), radius * math.cos(up), flat * math.cos(turn)))
    corners = []
    for ring in range(rings):
        for step in range(around):
            a = ring * (around + 1) + step
            b = a + around + 1
            corners += [a, b, a + 1, a + 1, b, b + 1]
    return places, corners


def disc(x: float, y: float, z: float, wide: float, tall: float) -> tuple[list[Point], list[int]]:
    """A flat oval that looks at the viewer."""
    count = 20
    turns = [2 * math.pi * i / count for i in range(count)]
    rim = [(x + wide * math.cos(turn), y + tall * math.sin(turn), z) for turn in turns]
    corners = [c for i in range(count) for c in (0, 1 + i, 1 + (i + 1) % count)]
    return [(x, y, z), *rim], corners


def squeezed(places: list[Point], to: float) -> list[Point]:
    """How a disc moves when its height becomes `to` times what it is."""
    middle = places[0][1]
    return [(0.0, (y - middle) * (to - 1), 0.0) for _, y, _ in places]


def head(kind: str = "visemes") -> bytes:
    """A head whose mouth knows `visemes`, `arkit`, the vowels of `vrm0` or `vrm1`, or a `jaw`."""
    glb = Glb()
    front = -1.0 if kind == "vrm0" else 1.0  # VRM 0 looks the other way
    skin = glb.material(0.75, 0.55, 0.4, flat=False)
    dark, blue = glb.material(0.35, 0, 0), glb.material(0, 0, 1)
    mouth, mouth_corners = disc(0, -0.055, 0.145 * front, 0.032, 0.002)
    heights = {name: 1 + OPEN.get(name, 0) / 0.002 for name in VISEMES}
    forms = {f"viseme_{name}": squeezed(mouth, height) for name, height in heights.items()}
    if kind == "arkit":
        forms = {"jawOpen": squeezed(mouth, 18), "mouthClose": squeezed(mouth, 1)}
    elif kind in ("vrm0", "vrm1"):
        forms = {name: squeezed(mouth, heights[like]) for name, like in VOWELS.items()}
    elif kind == "jaw":
        forms = {}
    meshes = [
        glb.mesh("Skin", *ball(0.13), skin),
        glb.mesh("Mouth", mouth, mouth_corners, dark, forms),
    ]
    for side, x in (("Left", 0.045), ("Right", -0.045)):
        eye, corners = disc(x * front, 0.03, 0.14 * front, 0.02, 0.014)
        shut = {f"eyeBlink{side}" if kind != "vrm1" else "shut": squeezed(eye, 0.05)}
        meshes.append(glb.mesh(f"Eye{side}", eye, corners, blue, shut))
    nodes = [glb.node(name=f"part {number}", mesh=mesh) for number, mesh in enumerate(meshes)]
    if kind == "jaw":
        nodes[1] = glb.node(name="Jaw", children=[nodes[1]], translation=[0, 0, 0])
    bone = glb.node(name="Head", children=nodes, translation=[0, 1.5, 0])
    glb.json["scenes"][0]["nodes"] = [bone]
    if kind in ("vrm0", "vrm1"):
        glb.json["extensions"] = {"VRM": _old(bone)} if kind == "vrm0" else {"VRMC_vrm": _new(bone)}
    return glb.packed()


def _old(bone: int) -> dict[str, Any]:
    groups = [
        {"name": name, "presetName": OLD_NAMES[name],
         "binds": [{"mesh": 1, "index": index, "weight": 100}]}
        for index, name in enumerate(VOWELS)
    ]  # fmt: skip
    lids = [{"mesh": mesh, "index": 0, "weight": 100} for mesh in (2, 3)]
    groups.append({"name": "blink", "presetName": "blink", "binds": lids})
    return {
        "meta": {"title": "Test head", "author": "Tests", "licenseName": "CC0"},
        "humanoid": {"humanBones": [{"bone": "head", "node": bone}]},
        "blendShapeMaster": {"blendShapeGroups": groups},
    }


def _new(bone: int) -> dict[str, Any]:
    preset: dict[str, Any] = {
        name: {"morphTargetBinds": [{"node": 1, "index": index, "weight": 1}]}
        for index, name in enumerate(VOWELS)
    }
    lids = [{"node": node, "index": 0, "weight": 1} for node in (2, 3)]
    preset["blink"] = {"morphTargetBinds": lids}
    return {
        "meta": {"name": "Test head", "authors": ["Tests"], "licenseUrl": "https://example.org/"},
        "humanoid": {"humanBones": {"head": {"node": bone}}},
        "expressions": {"preset": preset},
    }
