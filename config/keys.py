"""The names of all settings, walked from the Structs, and the nearest one to a mistyped name.

Nothing else knows how a dotted key maps to a typed field: the loader, the environment
reader and the generated reference all ask here.
"""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from config.problems import Key

ANY = "*"


class UnknownKey(Exception):
    """No setting is called that; `depth` is the place of the first segment that is wrong."""

    def __init__(self, depth: int, *, value_above: bool) -> None:
        super().__init__(depth)
        self.depth = depth
        self.value_above = value_above


def bare(kind: Any) -> Any:
    """The type without Annotated and without `| None`."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        rest = [arm for arm in get_args(kind) if arm is not NoneType]
        if len(rest) == 1:
            return bare(rest[0])
    return kind


@cache
def fields_of(kind: type[Struct]) -> Mapping[str, FieldInfo]:
    """The fields of a Struct by name, in their written order."""
    return {field.name: field for field in fields(kind)}


def is_section(kind: Any) -> bool:
    """Whether a value of this type has settings of its own inside."""
    kind = bare(kind)
    return (isinstance(kind, type) and issubclass(kind, Struct)) or entries_of(kind) is not None


def entries_of(kind: Any) -> Any | None:
    """The type of the entries of `dict[str, T]`; None for anything else."""
    kind = bare(kind)
    return get_args(kind)[1] if get_origin(kind) is dict else None


def child_kind(kind: Any, name: str) -> Any | None:
    """The type of `name` inside a section, or None when the section has no such name."""
    entry = entries_of(kind)
    if entry is not None:
        return entry
    field = fields_of(bare(kind)).get(name)
    return None if field is None else field.type


def kind_of(root: type[Struct], key: Key) -> Any:
    """The type of the setting called `key`; raises UnknownKey."""
    kind: Any = root
    for depth, name in enumerate(key):
        if not is_section(kind):
            raise UnknownKey(depth, value_above=True)
        kind = child_kind(kind, name)
        if kind is None:
            raise UnknownKey(depth, value_above=False)
    return kind


def all_keys(root: Any, entries: Mapping[Key, list[str]], above: Key = ()) -> Iterator[Key]:
    """Every key; inside a dict of sections, one for each name that `entries` lists, else `*`."""
    if not is_section(root):
        yield above
        return
    entry = entries_of(root)
    if entry is not None:
        for name in entries.get(above) or [ANY]:
            yield from all_keys(entry, entries, (*above, name))
        return
    for name, field in fields_of(bare(root)).items():
        yield from all_keys(field.type, entries, (*above, name))


def required_of(kind: type[Struct]) -> list[str]:
    """Fields that have no default."""
    return [
        name
        for name, field in fields_of(kind).items()
        if field.default is NODEFAULT and field.default_factory is NODEFAULT
    ]


def nearest_key(wanted: Key, known: list[Key]) -> str | None:
    """The known key that was most likely meant: a sibling first, then the same name elsewhere."""
    place = len(wanted) - 1
    siblings = [key[place] for key in known if len(key) > place and key[:place] == wanted[:place]]
    near = difflib.get_close_matches(wanted[-1], siblings, n=1, cutoff=0.6)
    if near:
        return ".".join((*wanted[:-1], near[0]))
    for key in known:
        if key[-1] == wanted[-1]:
            return ".".join(key)
    last = {key[-1]: ".".join(key) for key in reversed(known)}
    near = difflib.get_close_matches(wanted[-1], last, n=1, cutoff=0.7)
    if near:
        return last[near[0]]
    dotted = [".".join(key) for key in known]
    near = difflib.get_close_matches(".".join(wanted), dotted, n=1, cutoff=0.75)
    return near[0] if near else None


def choices_of(kind: Any) -> tuple[str, ...]:
    """The words a setting may hold, where it may hold only certain ones."""
    kind = bare(kind)
    if get_origin(kind) is Literal:
        return tuple(str(word) for word in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return tuple(word for arm in get_args(kind) for word in choices_of(arm))
    return ()


def in_words(kind: Any) -> str:
    """What may stand there, for people."""
    kind = bare(kind)
    plain = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if kind in plain:
        return plain[kind]
    if get_origin(kind) is Literal:
        words = ", ".join(f'"{word}"' for word in get_args(kind))
        return words if len(get_args(kind)) == 1 else f"one of {words}"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(in_words(arm) for arm in get_args(kind))
    if get_origin(kind) is list:
        return f"a list, each {in_words(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"a table, each value {in_words(get_args(kind)[1])}"
    return "a table"
