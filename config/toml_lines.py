"""The line on which each key of a TOML text stands, which tomllib does not tell.

A small scanner over keys, strings and brackets; it runs only after tomllib has accepted
the text (or to name a line in a complaint), so it may assume well-formed input.
"""

import re
import tomllib

from config.problems import Key

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_KEY})\s*\]\]?")
_PAIR = re.compile(rf"\s*({_KEY})\s*=")
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}\n]''',
    re.DOTALL,
)


def lines_of(text: str) -> dict[Key, int]:
    """Key -> line, counted from 1. Keys inside an inline table have the line of the table."""
    found: dict[Key, int] = {}
    table: Key = ()
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        heading = _TABLE.match(text, position)
        pair = _PAIR.match(text, position)
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if heading and heading.start(1) < end:
            table = _split(heading[1])
            found.setdefault(table, line)
            position = end + 1
        elif pair and pair.start(1) < end:
            found.setdefault((*table, *_split(pair[1])), line)
            position = _end_of_value(text, pair.end())
        else:
            position = end + 1
    return found


def line_of(lines: dict[Key, int], key: Key) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None


def _split(dotted: str) -> Key:
    """The segments of a dotted key, unquoted, as tomllib reads them."""
    node: object = tomllib.loads(f"{dotted} = 0")
    parts: list[str] = []
    while isinstance(node, dict):
        name, node = next(iter(node.items()))
        parts.append(name)
    return tuple(parts)


def _end_of_value(text: str, position: int) -> int:
    """Just after the newline that ends the value beginning at `position`."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth <= 0:
                return token.end()
            case _:
                pass
    return len(text)
