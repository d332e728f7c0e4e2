"""What a figure must be before a browser is given it: whole, bounded, and of one piece.

Every reference stays inside the file, every count inside a limit, every picture within a size; no
address leads out of it. Only lengths and headers are read, so that it costs milliseconds.
"""

from typing import Final

import msgspec

from media.avatar.figure.about import About, about
from media.avatar.figure.container import Box, damaged, opened, refused
from media.avatar.figure.geometry import check_accessors, check_meshes, check_views
from media.avatar.figure.shapes import Document
from media.avatar.picture.claims import PictureRefused, claimed

MOST_NODES: Final = 4_096
MOST_JOINTS: Final = 1_024
MOST_IMAGES: Final = 64
MOST_SIDE: Final = 4_096
MOST_PIXELS: Final = 80_000_000
MOST_MATERIALS: Final = 512
# What the viewer understands of what a file may insist on.
UNDERSTOOD: Final = frozenset(
    (
        "KHR_materials_unlit", "KHR_texture_transform", "KHR_mesh_quantization",
        "KHR_materials_emissive_strength", "KHR_materials_specular", "KHR_materials_ior",
        "KHR_materials_clearcoat", "KHR_materials_sheen", "KHR_materials_transmission",
        "EXT_texture_webp", "VRM", "VRMC_vrm", "VRMC_materials_mtoon", "VRMC_springBone",
        "VRMC_node_constraint", "VRMC_materials_hdr_emissiveMultiplier",
    )
)  # fmt: skip
_decode = msgspec.json.Decoder(Document).decode


def check(data: bytes) -> About:
    """What this file is, once all of it holds. Raises FigureRefused."""
    box = opened(data)
    try:
        document = _decode(box.text.rstrip(b"\0 "))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged("its description cannot be read") from error
    _check_kind(document)
    check_views(document, len(box.binary))
    check_accessors(document)
    size = check_meshes(document)
    _check_nodes(document)
    _check_skins(document)
    _check_images(document, box)
    return about(document, size)


def _check_kind(document: Document) -> None:
    if not document.asset.version.startswith("2."):
        raise refused("unreadable", "Figures are glTF 2.0.")
    strange = sorted(set(document.extensions_required) - UNDERSTOOD)
    if strange:
        raise refused(
            "extension",
            f"This file needs {', '.join(strange)[:200]}, which is not understood here: "
            "export it without compression.",
        )
    if any(buffer.uri is not None for buffer in document.buffers) or any(
        image.uri is not None for image in document.images
    ):
        raise refused("external", "Parts of this figure lie elsewhere: export it as one file.")


def _check_nodes(document: Document) -> None:
    nodes, count = document.nodes, len(document.nodes)
    if count > MOST_NODES or len(document.materials) > MOST_MATERIALS:
        raise refused("too_detailed", "A figure has at most 4096 nodes and 512 materials.")
    parents = [-1] * count
    for number, node in enumerate(nodes):
        for child in node.children:
            if child >= count or parents[child] >= 0 or child == number:
                raise damaged("its nodes do not form a tree")
            parents[child] = number
        if node.mesh is not None and node.mesh >= len(document.meshes):
            raise damaged("a node shows a mesh that is not there")
        if node.skin is not None and node.skin >= len(document.skins):
            raise damaged("a node has a skin that is not there")
    _check_no_rings(parents)
    for scene in document.scenes:
        if any(node >= count for node in scene.nodes):
            raise damaged("a scene names a node that is not there")


def _check_no_rings(parents: list[int]) -> None:
    """Every walk to a root ends; each node is walked over once."""
    safe = [False] * len(parents)
    for begin in range(len(parents)):
        walked: set[int] = set()
        at = begin
        while at >= 0 and not safe[at]:
            if at in walked:
                raise damaged("its nodes go round in a ring")
            walked.add(at)
            at = parents[at]
        for node in walked:
            safe[node] = True


def _check_skins(document: Document) -> None:
    joints = 0
    for skin in document.skins:
        joints += len(skin.joints)
        if any(joint >= len(document.nodes) for joint in skin.joints):
            raise damaged("a skin hangs on a node that is not there")
        if skin.inverse_bind_matrices is None:
            continue
        if skin.inverse_bind_matrices >= len(document.accessors):
            raise damaged("a skin lacks its matrices")
        matrices = document.accessors[skin.inverse_bind_matrices]
        if matrices.type != "MAT4" or matrices.component_type != 5126:
            raise damaged("a skin's matrices are of another kind")
        if matrices.count < len(skin.joints):
            raise damaged("a skin has fewer matrices than joints")
    if joints > 4 * MOST_JOINTS or any(len(skin.joints) > MOST_JOINTS for skin in document.skins):
        raise refused("too_detailed", f"A skin has at most {MOST_JOINTS} joints.")


def _check_images(document: Document, box: Box) -> None:
    if len(document.images) > MOST_IMAGES:
        raise refused("pictures", f"A figure has at most {MOST_IMAGES} pictures.")
    pixels = 0
    for image in document.images:
        if image.buffer_view is None or image.buffer_view >= len(document.buffer_views):
            raise damaged("a picture is not in the file")
        view = document.buffer_views[image.buffer_view]
        data = box.binary[view.byte_offset : view.byte_offset + view.byte_length]
        try:
            claim = claimed(bytes(data))
        except PictureRefused as why:
            raise refused("pictures", f"A picture in it cannot be shown. {why}") from why
        if claim.animated or not 0 < max(claim.width, claim.height) <= MOST_SIDE:
            raise refused(
                "pictures", f"Pictures in a figure are still, and at most {MOST_SIDE} pixels wide."
            )
        pixels += claim.width * claim.height
    if pixels > MOST_PIXELS:
        raise refused("pictures", f"Its pictures have {pixels // 10**6} megapixels; 80 may be.")
    for texture in document.textures:
        if texture.source is not None and texture.source >= len(document.images):
            raise damaged("a texture shows a picture that is not there")
