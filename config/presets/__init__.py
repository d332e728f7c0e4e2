"""The five businesses that ship with Kindred, one TOML file each, all for the same engine.

This module only finds them; config/load.py reads them.
"""

from pathlib import Path

_HERE = Path(__file__).parent


def preset_names() -> tuple[str, ...]:
    """The shipped presets, by name."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


def preset_file(name: str) -> Path | None:
    """The file of a shipped preset, or the operator's own when `name` is a path."""
    if name.endswith(".toml"):
        return Path(name)
    return _HERE / f"{name}.toml" if name in preset_names() else None
