"""The engines by name, so that a process imports only the one it runs.

A line here is all that a new engine needs to be reachable from the settings.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from media.avatar.engine import Engine
from media.avatar.painter import AvatarError, Painter

Open = Callable[[str, Path, Path | None], Engine]


class KnownEngine(Struct, frozen=True):
    """How to open an engine, and the libraries it needs, which may be loaded ahead."""

    open: Open
    loads: tuple[str, ...]


def _rig(device: str, folder: Path, _weights: Path | None) -> Engine:
    """The drawn face: by numpy and OpenCV on the CPU, by torch on any other device."""
    from media.avatar.rig_engine import RigEngine

    if device != "cpu":
        from media.avatar.torch_painter import TorchPainter

        return RigEngine(cast("Painter", TorchPainter(folder, device)))
    from media.avatar.cpu import CpuPainter

    return RigEngine(cast("Painter", CpuPainter(folder)))


def _musetalk(device: str, folder: Path, weights: Path | None) -> Engine:
    """A neural face from the operator's weights; needs the `gpu` extra."""
    from media.avatar.musetalk import open_musetalk

    return open_musetalk(device, folder, weights)


ENGINES: Final[dict[str, KnownEngine]] = {
    "rig": KnownEngine(_rig, ("media.avatar.cpu",)),
    "musetalk": KnownEngine(_musetalk, ("media.avatar.musetalk", "media.avatar.cpu")),
}


def load_engine(name: str) -> None:
    """Import what the engine needs, without touching a device."""
    for module in ENGINES[name].loads:
        importlib.import_module(module)


def open_engine(name: str, device: str, folder: Path, weights: Path | None = None) -> Engine:
    """An engine on a device; `folder` keeps what it prepares. Raises AvatarError if it cannot."""
    if name not in ENGINES:
        raise AvatarError(f"No engine is called {name!r}.", reason="unknown_engine")
    return ENGINES[name].open(device, folder, weights)
