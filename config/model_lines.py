"""Writes the choice of a model into an operator's own TOML, and leaves every other line alone.

Pure: text in, text out. The result is read back and compared with what it should say, so a file
written in a way this does not understand is refused instead of spoilt.
"""

import copy
import json
import re
import tomllib
from typing import Any, Final

_HEADING: Final = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_USE: Final = re.compile(r"\s*use\s*=")


class CannotWrite(Exception):
    """The file is laid out in a way that is not changed safely; says what to write by hand."""


def with_model(text: str, name: str, provider: dict[str, str | int]) -> str:
    """`text` with `models.use = [name]` and the table of that provider. Raises CannotWrite."""
    wanted = _wanted(text, name, provider)
    lines = _with_use(_without_table(text.splitlines(), f"models.providers.{name}"), name)
    while lines and not lines[-1].strip():
        lines.pop()
    table = [f"{key} = {_value(value)}" for key, value in provider.items()]
    lines += ([""] if lines else []) + [f"[models.providers.{name}]", *table]
    new = "\n".join(lines) + "\n"
    try:
        understood = tomllib.loads(new) == wanted
    except tomllib.TOMLDecodeError:
        understood = False
    if not understood:
        by_hand = "\n".join(["[models]", f'use = ["{name}"]', "", *lines[-len(table) - 1 :]])
        raise CannotWrite(f"The file could not be changed safely; write into it:\n\n{by_hand}")
    return new


def _wanted(text: str, name: str, provider: dict[str, str | int]) -> dict[str, Any]:
    """What the new text has to say."""
    try:
        wanted = copy.deepcopy(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CannotWrite(f"The file is no TOML ({error}); mend it first.") from error
    models = wanted.setdefault("models", {})
    if not isinstance(models, dict) or not isinstance(models.setdefault("providers", {}), dict):
        raise CannotWrite("`models` is no table in this file; mend it first.")
    models["use"] = [name]
    models["providers"][name] = dict(provider)
    return wanted


def _without_table(lines: list[str], name: str) -> list[str]:
    """The lines outside the table of this name."""
    kept, inside = [], False
    for line in lines:
        if heading := _HEADING.match(line):
            inside = heading[1] == name
        if not inside:
            kept.append(line)
    return kept


def _with_use(lines: list[str], name: str) -> list[str]:
    """With `use` set: in its place, else first in [models], else in a [models] of its own."""
    use = f'use = ["{name}"]'
    start = next((n for n, line in enumerate(lines) if _is_heading(line, "models")), None)
    if start is None:
        return [*lines, *([""] if lines else []), "[models]", use]
    for number in range(start + 1, len(lines)):
        if _HEADING.match(lines[number]):
            break
        if _USE.match(lines[number]):
            return [*lines[:number], use, *lines[_end_of_value(lines, number) :]]
    return [*lines[: start + 1], use, *lines[start + 1 :]]


def _is_heading(line: str, name: str) -> bool:
    heading = _HEADING.match(line)
    return heading is not None and heading[1] == name


def _end_of_value(lines: list[str], first: int) -> int:
    """The line after a value that may be written over several."""
    for end in range(first + 1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[first:end]))
        except tomllib.TOMLDecodeError:
            continue
        return end
    return first + 1


def _value(value: str | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
