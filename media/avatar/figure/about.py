"""What is worth knowing of a figure: its kind, its maker's terms, and what its mouth can do.

Read with forgiveness: a name that is missing or odd is left out, and refuses nothing.
"""

from typing import Any, Final, Literal

from msgspec import Struct

from media.avatar.figure.geometry import Size
from media.avatar.figure.shapes import Document
from media.speech.visemes import SHAPES

FigureKind = Literal["glb", "vrm0", "vrm1"]
Mouth = Literal["visemes", "vowels", "arkit", "jaw", "none"]
MOST_WORDS: Final = 120
_VOWELS: Final = frozenset(("a", "i", "u", "e", "o", "aa", "ih", "ou", "ee", "oh"))
_BINDS: Final = ("binds", "morphTargetBinds", "textureTransformBinds", "materialColorBinds",
                 "materialValues")  # fmt: skip


class About(Struct, frozen=True, kw_only=True):
    """A figure that was checked. `mouth`: what its lips follow, the finest that it offers.

    `title`, `author` and `licence` are its maker's own words, where the file has any.
    """

    kind: FigureKind
    mouth: Mouth
    corners: int
    triangles: int
    targets: int
    title: str = ""
    author: str = ""
    licence: str = ""


def about(document: Document, size: Size) -> About:
    """What this document is."""
    old, new = document.extensions.get("VRM"), document.extensions.get("VRMC_vrm")
    kind: FigureKind = "vrm1" if isinstance(new, dict) else "glb"
    if kind == "glb" and isinstance(old, dict):
        kind = "vrm0"
    terms = _terms(new if kind == "vrm1" else old if kind == "vrm0" else {})
    return About(
        kind=kind,
        mouth=_mouth(document, kind),
        corners=size.corners,
        triangles=size.triangles,
        targets=size.targets,
        title=terms.get("title", ""),
        author=terms.get("author", "") or _words(document.asset.copyright),
        licence=terms.get("licence", ""),
    )


def _terms(extension: Any) -> dict[str, str]:
    meta = extension.get("meta") if isinstance(extension, dict) else None
    if not isinstance(meta, dict):
        return {}
    authors = meta.get("authors") if isinstance(meta.get("authors"), list) else [meta.get("author")]
    licence = meta.get("licenseUrl") or meta.get("otherLicenseUrl") or meta.get("licenseName")
    return {
        "title": _words(meta.get("name") or meta.get("title")),
        "author": _words(", ".join(one for one in authors or [] if isinstance(one, str))),
        "licence": _words(licence),
    }


def _words(value: Any) -> str:
    """One line of a stranger's words."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:MOST_WORDS]


def _mouth(document: Document, kind: FigureKind) -> Mouth:
    named = {_plain(name) for mesh in document.meshes for name in _targets(mesh.extras)}
    if {f"viseme{shape}".lower() for shape in SHAPES[1:]} <= named:
        return "visemes"
    if kind != "glb" and _VOWELS & _bound(document.extensions, kind):
        return "vowels"
    if "jawopen" in named:
        return "arkit"
    bones = {_plain(node.name) for node in document.nodes}
    return (
        "jaw" if any(bone.endswith("jaw") or bone.startswith("jaw") for bone in bones) else "none"
    )


def _targets(extras: Any) -> list[str]:
    names = extras.get("targetNames") if isinstance(extras, dict) else None
    return [one for one in names if isinstance(one, str)] if isinstance(names, list) else []


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _bound(extensions: dict[str, Any], kind: FigureKind) -> set[str]:
    """Names of expressions that move something."""
    if kind == "vrm1":
        found = _at(extensions, "VRMC_vrm", "expressions", "preset")
        groups: list[tuple[Any, Any]] = list(found.items()) if isinstance(found, dict) else []
    else:
        listed = _at(extensions, "VRM", "blendShapeMaster", "blendShapeGroups")
        groups = [
            (one.get("presetName"), one)
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict)
        ]
    return {
        name
        for name, one in groups
        if isinstance(name, str) and isinstance(one, dict) and any(one.get(b) for b in _BINDS)
    }


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
