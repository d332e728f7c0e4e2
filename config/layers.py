"""The layers settings are made of: typed values by key, later ones over earlier ones.

Every value remembers its origin and every mistake is collected, so that one start tells
everything that is wrong, each with its file and line, variable or flag.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from config.environment import is_ours, key_of, nearest_variable, variable_of
from config.keys import (
    UnknownKey,
    all_keys,
    bare,
    child_kind,
    choices_of,
    entries_of,
    is_section,
    kind_of,
    nearest_key,
    required_of,
)
from config.limits import disagreements, out_of_bounds
from config.presets import preset_file, preset_names
from config.problems import DEFAULT, Key, Origin, Problem, SettingsError
from config.settings import Settings
from config.toml_lines import line_of, lines_of
from config.values import WrongValue, from_text, is_secret, typed

_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")


class Layers:
    """Values by key, later ones over earlier ones, with their origins and all complaints."""

    def __init__(self) -> None:
        self.values: dict[Key, object] = {}
        self.origins: dict[Key, Origin] = {}
        self.problems: list[Problem] = []

    def value(self, key: Key) -> object:
        """A top-level value as it stands so far."""
        return self.values.get(key, getattr(Settings(), key[0]))

    def add_preset(self, name: str, origin: Origin) -> None:
        """The business that is run."""
        path = preset_file(name)
        if path is None:
            known = list(preset_names())
            message = f'unknown preset "{name}"; known: {", ".join(known)}'
            near = _nearest_word(name, known)
            self._complain(origin, ("preset",), message, near)
            return
        self._add_toml(path, f"preset {path.name}", forbidden=("data", "port", "preset"))

    def add_file(self, path: Path) -> None:
        """The operator's own file."""
        self._add_toml(path, str(path))

    def _add_toml(self, path: Path, source: str, forbidden: tuple[str, ...] = ()) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = _AT_LINE.search(str(error))
            line = int(place[1]) if place else None
            reason = _AT_LINE.sub("", str(error)).strip()
            self._complain(Origin(source, line), (), f"not valid TOML: {reason}")
            return
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._complain(Origin(source), (), f"cannot be read: {why}")
            return
        lines = lines_of(text)
        for name in forbidden:
            if name in tree:
                origin = Origin(source, lines.get((name,)))
                self._complain(origin, (name,), f'a preset cannot set "{name}"')
        self._add_tree(tree, Settings, (), source, lines)

    def _add_tree(
        self, tree: Mapping[str, Any], kind: Any, above: Key, source: str, lines: dict[Key, int]
    ) -> None:
        for name, value in tree.items():
            key = (*above, name)
            origin = Origin(source, line_of(lines, key))
            child = child_kind(kind, name)
            if child is None:
                self._unknown(origin, key)
            elif is_section(child) and isinstance(value, dict):
                if entries_of(kind) is not None:
                    self.values.setdefault(key, {})
                    self.origins.setdefault(key, origin)
                self._add_tree(value, child, key, source, lines)
            elif is_section(child):
                self._complain(origin, key, f'"{".".join(key)}" must be a table of settings')
            else:
                self._set(key, child, value, origin)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Every KINDRED_* variable; one that means nothing is a mistake, not a comment."""
        for variable in sorted(environ):
            if is_ours(variable):
                names = {key: list(entries) for key, entries in self._entries().items()}
                key = key_of(variable, names)
                origin = Origin(f"environment variable {variable}")
                self._add_text(key, environ[variable], origin, variable)

    def add_flags(self, flags: Mapping[str, object]) -> None:
        """What the command line says."""
        for dotted, value in flags.items():
            self._add_text(tuple(dotted.split(".")), value, Origin(f"command line ({dotted})"))

    def _add_text(self, key: Key, value: object, origin: Origin, variable: str = "") -> None:
        try:
            kind = kind_of(Settings, key)
        except UnknownKey as error:
            known = list(all_keys(Settings, self._entries(key)))
            if variable:
                near = nearest_variable(variable, [variable_of(name) for name in known])
                self._complain(origin, key, "unknown setting", near)
            else:
                self._unknown(origin, key, error)
            return
        if is_section(kind) and isinstance(value, str):
            try:
                value = from_text(value, kind)
            except WrongValue as error:
                self._wrong(origin, key, str(error), value, kind)
                return
        if isinstance(value, Mapping):
            self._add_tree(value, kind, key, origin.source, {})
        else:
            self._set(key, kind, value, origin, as_text=isinstance(value, str))

    def _set(
        self, key: Key, kind: Any, value: object, origin: Origin, *, as_text: bool = False
    ) -> None:
        try:
            found = from_text(str(value), kind) if as_text else typed(value, kind)
        except WrongValue as error:
            self._wrong(origin, key, str(error), value, kind)
            return
        complaint = out_of_bounds(key, found)
        if complaint is not None:
            self._complain(origin, key, f'"{".".join(key)}" {complaint}')
            return
        self.values[key] = found
        self.origins[key] = origin

    def _wrong(self, origin: Origin, key: Key, expected: str, value: object, kind: Any) -> None:
        said = "" if is_secret(key) else f", not {_quoted(value)}"
        near = _nearest_word(str(value), choices_of(kind))
        self._complain(origin, key, f'"{".".join(key)}": {expected}{said}', near)

    def _unknown(self, origin: Origin, key: Key, error: UnknownKey | None = None) -> None:
        wrong = key if error is None else key[: error.depth + 1]
        known = list(all_keys(Settings, self._entries(key)))
        sections = {name[:length] for name in known for length in range(1, len(name))}
        near = nearest_key(wrong, [*known, *sorted(sections)])
        self._complain(origin, key, f'unknown key "{".".join(key)}"', near)

    def _complain(self, origin: Origin, key: Key, message: str, near: str | None = None) -> None:
        self.problems.append(Problem(origin=origin, key=key, message=message, nearest=near))

    def _entries(self, wanted: Key = ()) -> dict[Key, list[str]]:
        """The names used so far, and in `wanted`, inside each table of named entries."""
        found: dict[Key, list[str]] = {}
        for key in [*self.values, wanted]:
            for length in range(1, len(key)):
                if _is_table(key[:length]):
                    names = found.setdefault(key[:length], [])
                    if key[length] not in names:
                        names.append(key[length])
        return found

    def settings(self) -> Settings:
        """Everything built and cross-checked; raises SettingsError."""
        tree: dict[str, Any] = msgspec.to_builtins(Settings())
        for key, value in self.values.items():
            node = tree
            for name in key[:-1]:
                node = node.setdefault(name, {})
            node[key[-1]] = node.get(key[-1], value) if value == {} else value
        self._check_required(tree)
        if not self.problems:
            settings = msgspec.convert(tree, Settings)
            for key, complaint in disagreements(settings):
                self._complain(self._origin_near(key), key, f'"{".".join(key)}" {complaint}')
        if self.problems:
            raise SettingsError(self.problems)
        return settings

    def _check_required(self, tree: Mapping[str, Any]) -> None:
        """An entry of a table that lacks what every such entry needs."""
        for above, names in self._entries().items():
            kind = bare(entries_of(kind_of(Settings, above)))
            if not (isinstance(kind, type) and issubclass(kind, Struct)):
                continue
            for name in names:
                node: Any = tree
                for segment in (*above, name):
                    node = node[segment]
                for field in required_of(kind):
                    if field not in node:
                        key = (*above, name, field)
                        message = f'"{".".join(key)}" is missing'
                        self._complain(self._origin_near(key), key, message)

    def _origin_near(self, key: Key) -> Origin:
        """The origin of a key, or of something near it that was set."""
        for length in range(len(key), 0, -1):
            for known, origin in self.origins.items():
                if known[:length] == key[:length]:
                    return origin
        return DEFAULT


def _is_table(key: Key) -> bool:
    """Whether a key holds entries with names of the operator's choosing."""
    try:
        return entries_of(kind_of(Settings, key)) is not None
    except UnknownKey:
        return False


def _quoted(value: object) -> str:
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return f'"{text}"' if isinstance(value, str) else text


def _nearest_word(word: str, known: "list[str] | tuple[str, ...]") -> str | None:
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return near[0] if near else None
