"""How a msgspec type reads in the reference and in the browser's types.

TypeScript's notation serves both: `string`, `number`, `Message[]`, `"a" | "b"`.
"""

import inspect
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct, UnsetType
from msgspec.structs import FieldInfo, fields

_PLAIN = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    bytes: "string",
    object: "unknown",
    Any: "unknown",
}


def is_struct(kind: Any) -> bool:
    """Whether a type is a Struct."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def tag_of(kind: type[Struct]) -> str | None:
    """The word that tells a Struct from the others of its union, on the wire."""
    tag = kind.__struct_config__.tag
    return None if tag is None else str(tag)


def notation(kind: Any) -> str:
    """A type as TypeScript writes it."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_struct(kind):
        return str(kind.__name__)
    origin, arms = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return notation(arms[0])
    if origin is Literal:
        return " | ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in arms)
    if origin in (Union, UnionType):
        return " | ".join(notation(arm) for arm in arms if arm is not UnsetType)
    if origin in (list, tuple, set, frozenset):
        inner = notation(arms[0])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<{notation(arms[0])}, {notation(arms[1])}>"
    raise TypeError(f"the reference cannot write {kind!r}")


def may_be_absent(field: FieldInfo) -> bool:
    """Whether the field can be missing altogether on the wire."""
    return UnsetType in get_args(field.type)


def bounds(kind: Any) -> str:
    """The limits a Meta sets, in words."""
    said = []
    for note in _metas(kind):
        if note.min_length or note.max_length is not None:
            least, most = note.min_length or 0, note.max_length
            said.append(f"{least} to {most:,} characters" if most else f"at least {least} long")
        if note.ge is not None:
            said.append(f"at least {note.ge:,}")
        if note.le is not None:
            said.append(f"at most {note.le:,}")
        if note.pattern:
            said.append(f"matches {note.pattern}")
    return ", ".join(said)


def _metas(kind: Any) -> list[Meta]:
    if get_origin(kind) is Annotated:
        return [note for note in get_args(kind)[1:] if isinstance(note, Meta)]
    if get_origin(kind) in (Union, UnionType):
        return [note for arm in get_args(kind) for note in _metas(arm)]
    return []


def named(kinds: list[type[Struct]]) -> list[type[Struct]]:
    """The given Structs and every Struct their fields mention, in order of first mention."""
    found: dict[str, type[Struct]] = {}
    waiting: list[Any] = list(kinds)
    while waiting:
        kind = waiting.pop(0)
        if is_struct(kind):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                waiting += [field.type for field in fields(kind)]
        else:
            waiting += [arm for arm in get_args(kind) if not isinstance(arm, str | Meta)]
    return list(found.values())


def about(kind: type) -> str:
    """A class's own docstring on one line; nothing when it has none of its own."""
    text = kind.__dict__.get("__doc__") or ""
    return " ".join(inspect.cleandoc(text).split())
