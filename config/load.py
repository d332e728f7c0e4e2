"""Reads the settings: defaults < preset < kindred.toml < KINDRED_* < command line.

Each source becomes a layer of typed values that remember where they came from, so that a
mistake is answered with its file and line and `kindred doctor` can say who set what.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from config.environment import CONFIG
from config.keys import child_kind, is_section
from config.layers import Layers
from config.problems import DEFAULT, Key, Origin, SettingsError
from config.settings import Settings
from config.values import shown

__all__ = ["FILE", "Loaded", "SettingsError", "describe", "load", "read"]

FILE = "kindred.toml"


class Loaded(Struct, frozen=True):
    """Settings, and where each value that is not a default came from."""

    settings: Settings
    origins: dict[Key, Origin]
    file: Path | None


def load(
    config_file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of this start; raises SettingsError with everything that is wrong.

    `overrides` come from command-line flags: dotted keys, values as text or typed; None is
    a flag that was not given.
    """
    return read(config_file, environ, overrides).settings


def read(
    config_file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """As `load`, with the origin of every value."""
    flags = {name: value for name, value in (overrides or {}).items() if value is not None}
    glance = Layers()
    glance.add_environment(environ)
    glance.add_flags(flags)
    file = _file(config_file, environ, str(glance.value(("data",))))
    glance = Layers()
    _add_all(glance, file, environ, flags)
    preset = str(glance.value(("preset",)))
    layers = Layers()
    layers.add_preset(preset, glance.origins.get(("preset",), DEFAULT))
    _add_all(layers, file, environ, flags)
    return Loaded(layers.settings(), layers.origins, file)


def describe(loaded: Loaded) -> list[tuple[str, str, str]]:
    """(key, value, source) of every setting in written order, secrets masked."""
    tree = msgspec.to_builtins(loaded.settings)
    return [
        (".".join(key), shown(key, value), str(loaded.origins.get(key, DEFAULT)))
        for key, value in _leaves(Settings, tree, ())
    ]


def _add_all(
    layers: Layers, file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]
) -> None:
    if file is not None:
        layers.add_file(file)
    layers.add_environment(environ)
    layers.add_flags(flags)


def _file(given: Path | None, environ: Mapping[str, str], data: str) -> Path | None:
    """The one settings file: the named one, else the data folder's, else the one here."""
    named = given or (Path(environ[CONFIG]) if environ.get(CONFIG) else None)
    if named is not None:
        return named
    for folder in (Path(data), Path()):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def _leaves(kind: Any, value: Any, above: Key) -> Iterator[tuple[Key, object]]:
    """Every key with its value, in written order."""
    if is_section(kind):
        for name, child in value.items():
            yield from _leaves(child_kind(kind, name), child, (*above, name))
    else:
        yield above, value
