"""The engines by name, so that a process imports only the one it runs.

A line here is all that a new engine needs to be reachable from the settings.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from media.avatar.engine import Engine
from media.avatar.painter import AvatarError


def _rig(device: str, folder: Path) -> Engine:
    """The drawn face, by numpy and OpenCV on the CPU."""
    from media.avatar.cpu import CpuPainter
    from media.avatar.rig_engine import RigEngine

    if device != "cpu":
        raise AvatarError("The rig paints on the CPU here.", reason="no_device")
    return RigEngine(CpuPainter(folder))


ENGINES: Final[dict[str, Callable[[str, Path], Engine]]] = {"rig": _rig}


def open_engine(name: str, device: str, folder: Path) -> Engine:
    """An engine on a device; `folder` keeps what it prepares. Raises AvatarError if it cannot."""
    if name not in ENGINES:
        raise AvatarError(f"No engine is called {name!r}.", reason="unknown_engine")
    return ENGINES[name](device, folder)
