"""The description inside a GLB, as far as it is checked: what refers to what, and how long it is.

Anything else in it is left alone; a client that does not know it does not use it.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Index = Annotated[int, Meta(ge=0, le=2**24)]
Bytes = Annotated[int, Meta(ge=0, le=2**31)]
Name = Annotated[str, Meta(max_length=4096)]
Kind = Literal["SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4"]
Component = Literal[5120, 5121, 5122, 5123, 5125, 5126]


class Asset(Struct, frozen=True):
    version: Name
    generator: Name = ""
    copyright: Name = ""


class Buffer(Struct, frozen=True, rename="camel"):
    byte_length: Bytes
    uri: Name | None = None


class View(Struct, frozen=True, rename="camel"):
    buffer: Index
    byte_length: Bytes
    byte_offset: Bytes = 0
    byte_stride: Annotated[int, Meta(ge=4, le=252)] | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


class SparseIndices(Struct, frozen=True, rename="camel"):
    buffer_view: Index
    component_type: Literal[5121, 5123, 5125]
    byte_offset: Bytes = 0


class SparseValues(Struct, frozen=True, rename="camel"):
    buffer_view: Index
    byte_offset: Bytes = 0


class Sparse(Struct, frozen=True):
    count: Annotated[int, Meta(ge=1, le=2**24)]
    indices: SparseIndices
    values: SparseValues


class Accessor(Struct, frozen=True, rename="camel"):
    component_type: Component
    count: Annotated[int, Meta(ge=1, le=2**24)]
    type: Kind
    buffer_view: Index | None = None
    byte_offset: Bytes = 0
    normalized: bool = False
    sparse: Sparse | None = None


class Primitive(Struct, frozen=True):
    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: Annotated[int, Meta(ge=0, le=6)] = 4
    targets: list[dict[str, Index]] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)


class Mesh(Struct, frozen=True):
    primitives: list[Primitive]
    name: Name = ""
    extras: Any = None


class Node(Struct, frozen=True):
    children: list[Index] = field(default_factory=list)
    mesh: Index | None = None
    skin: Index | None = None
    name: Name = ""
    matrix: Annotated[list[float], Meta(min_length=16, max_length=16)] | None = None
    translation: Annotated[list[float], Meta(min_length=3, max_length=3)] | None = None
    rotation: Annotated[list[float], Meta(min_length=4, max_length=4)] | None = None
    scale: Annotated[list[float], Meta(min_length=3, max_length=3)] | None = None


class Skin(Struct, frozen=True, rename="camel"):
    joints: Annotated[list[Index], Meta(min_length=1)]
    inverse_bind_matrices: Index | None = None
    skeleton: Index | None = None


class Image(Struct, frozen=True, rename="camel"):
    buffer_view: Index | None = None
    mime_type: Name = ""
    uri: Name | None = None


class Texture(Struct, frozen=True):
    source: Index | None = None
    sampler: Index | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


class Scene(Struct, frozen=True):
    nodes: list[Index] = field(default_factory=list)


class Document(Struct, frozen=True, rename="camel"):
    """A glTF 2.0 description. Materials, samplers and animations are the client's to read."""

    asset: Asset
    buffers: list[Buffer] = field(default_factory=list)
    buffer_views: list[View] = field(default_factory=list)
    accessors: list[Accessor] = field(default_factory=list)
    meshes: list[Mesh] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    skins: list[Skin] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    textures: list[Texture] = field(default_factory=list)
    materials: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    scene: Index | None = None
    extensions_required: list[Name] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)
