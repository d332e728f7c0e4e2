"""`python -m loadtest.bench_traffic`: how much memory painting with torch moves, and its limit.

A graphics card paints no faster than its memory is read and written. Every operation's inputs and
outputs are counted while faces are painted (on the processor: the operations are the same), and set
against a card's bandwidth; beside it stands what one fused pass would have to move. Needs torch.
"""

import argparse
import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from loadtest.bench_faces import ORIGINS, rows
from media.avatar import pose
from media.avatar.appearance import Appearance
from media.avatar.painter import AvatarError
from media.avatar.state import Rows
from media.avatar.torch_painter import TorchPainter
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast

H200_BYTES_PER_SECOND = 4.8e12
FPS = 25
_ONLY_WRITTEN = frozenset((("copy_", 0),))
_AT_PLACES = frozenset(("grid_sampler", "grid_sampler_2d", "index_select"))


class Traffic(Struct, frozen=True, kw_only=True):
    """Bytes and operations of one frame in a batch of `batch`, and the least a frame can need."""

    size: int
    batch: int
    bytes_per_frame: float
    operations: int
    least_bytes: float
    by_name: dict[str, float]

    def frames_per_second(self, bandwidth: float, *, fused: bool = False) -> float:
        """At most, by memory alone."""
        return bandwidth / (self.least_bytes if fused else self.bytes_per_frame)


def measured(painter: TorchPainter, looks: Sequence[Appearance], size: int, batch: int) -> Traffic:
    """Paint one batch of speaking faces, counting."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Counting(TorchDispatchMode):  # type: ignore[misc,unused-ignore]
        moved = operations = 0

        def __init__(self) -> None:
            super().__init__()
            self.by_name: Counter[str] = Counter()

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            made = func(*args, **(kwargs or {}))
            if not func.is_view:
                name = func.overloadpacket.__name__
                moved = _moved(name, args, kwargs or {}, made, tree_leaves)
                self.moved += moved
                self.by_name[name] += moved
                self.operations += 1
            return made

    assets = [painter.prepare(looks[n % len(looks)], size) for n in range(batch)]
    states: Rows = np.concatenate(rows(8, batch)[-1:])
    with Counting() as counting:
        painter.paint(assets, states)
    textures = sum(_seen(asset) for asset in assets) / batch
    return Traffic(
        size=size,
        batch=batch,
        bytes_per_frame=counting.moved / batch,
        operations=counting.operations,
        least_bytes=textures + size * size * 3 / 2,
        by_name={name: moved / batch for name, moved in counting.by_name.most_common(12)},
    )


def _moved(name: str, args: Any, kwargs: Any, made: Any, leaves: Any) -> int:
    """Bytes one operation reads and writes.

    What is only written (`out=`, the target of a copy) is not read, and of what is read at chosen
    places as many bytes count as are made of it: a place read twice comes from a cache.
    """
    written = sum(_held(one) for one in leaves(made))
    told = [one for place, one in enumerate(args) if (name, place) not in _ONLY_WRITTEN]
    told += [value for key, value in kwargs.items() if key != "out"]
    read = [_held(one) for one in leaves(told)]
    if name == "empty":
        return 0
    if name in _AT_PLACES and read:
        read[0] = written
    return written + sum(read)


def _held(tensor: Any) -> int:
    """Its bytes; what is only expanded is one value read again and again, from a cache."""
    if not hasattr(tensor, "nbytes"):
        return 0
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    return int(math.prod(size for size, stride in sizes if stride) * tensor.itemsize)


def _seen(asset: Any) -> int:
    """Bytes of the layers there are, each read once, and of what lies behind them."""
    layers = sum(name in asset.drawn for name in pose.LAYERS)
    return int((layers * 4 + 3) * asset.size**2)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_traffic", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--bandwidth", type=float, default=H200_BYTES_PER_SECOND)
    parser.add_argument("--folder", type=Path, help="where drawn faces are kept [thrown away]")
    parser.add_argument("--cast", action="store_true", help="the shipped companions in one batch")
    parser.add_argument("--parts", action="store_true", help="also by operation")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            painter = TorchPainter(told.folder or Path(folder))
        except AvatarError as error:
            print(error)
            return 1
        looks = [Appearance(origin=origin) for origin in ORIGINS]  # type: ignore[arg-type]
        if told.cast:
            looks = [one.appearance for one in read_cast(CAST)]
        found = [
            measured(painter, looks, size, batch) for size in told.sizes for batch in told.batches
        ]
    print(f"{'size':>5}{'batch':>6}{'MB a frame':>12}{'operations':>12}{'faces at most':>15}"
          f"{'fused MB':>10}{'faces':>9}")  # fmt: skip
    for one in found:
        now = one.frames_per_second(told.bandwidth) / FPS
        fused = one.frames_per_second(told.bandwidth, fused=True) / FPS
        print(f"{one.size:5}{one.batch:6}{one.bytes_per_frame / 1e6:12.1f}{one.operations:12}"
              f"{now:15,.0f}{one.least_bytes / 1e6:10.2f}{fused:9,.0f}")  # fmt: skip
        for name, moved in one.by_name.items() if told.parts else ():
            print(f"{name:>30}{moved / 1e6:10.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
