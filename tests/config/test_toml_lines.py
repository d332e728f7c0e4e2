"""The line finder agrees with tomllib about every key, whatever stands between them."""

import tomllib
from typing import Any

import pytest

from config.toml_lines import line_of, lines_of

TEXT = '''# port = 1
title = "a # not a comment" # port = 2
many = [
  1, # [server]
  "]",
]
long = """
[server]
port = 3
"""
raw = \'\'\'
x = 1 \'\'\'
[server]
port = 8000
"quoted.key" = 1
a.b = { c = 1, d = "}" }
[ plans . free ]
rooms = 1
[[list]]
x = 1
'''


def keys_of(tree: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key of a parsed text."""
    found = []
    for name, value in tree.items():
        found.append((*above, name))
        if isinstance(value, dict):
            found += keys_of(value, (*above, name))
    return found


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("title",), 2),
        (("many",), 3),
        (("long",), 7),
        (("raw",), 11),
        (("server",), 13),
        (("server", "port"), 14),
        (("server", "quoted.key"), 15),
        (("server", "a", "b"), 16),
        (("server", "a", "b", "c"), 16),
        (("plans", "free", "rooms"), 18),
        (("list",), 19),
    ],
)
def test_a_key_is_found_on_its_line(key: tuple[str, ...], line: int) -> None:
    assert line_of(lines_of(TEXT), key) == line


def test_only_real_keys_are_found() -> None:
    real = set(keys_of(tomllib.loads(TEXT))) | {("list", "x")}
    assert set(lines_of(TEXT)) <= real
