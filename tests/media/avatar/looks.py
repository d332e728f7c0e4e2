"""Any valid appearance, as a hypothesis strategy built from the document's own types."""

import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from media.avatar.appearance import Appearance

UNIT = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))
_NAMED = {
    "hue": st.integers(0, 360),
    "seed": st.integers(0, 2**31 - 1),
    "version": st.just(1),
}
_COLOUR = st.from_regex(r"\A#[0-9a-f]{6}\Z")


def _of(kind: Any, name: str) -> st.SearchStrategy[Any]:
    if name in _NAMED:
        return _NAMED[name]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if kind is bool:
        return st.booleans()
    base = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(base)
    return _COLOUR if kind is str else UNIT


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: _of(hints[name], name) for name in kind.__struct_fields__})


def looks() -> st.SearchStrategy[Appearance]:
    """Any valid document."""
    return _struct(Appearance)
