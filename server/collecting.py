"""When Python's collector of cycles runs in a process of many sessions: little and often.

By itself it counts what was made less what was freed. Where old objects go as fast as new ones
come, as with 7,000 people who ping, the young grew to 100,000 before it looked: a pause of 50 to
180 ms, which everybody there felt. Looking every second takes 2 to 5.
"""

import gc
from typing import Final

YOUNG_SECONDS: Final = 1.0
LEAST_GROWN: Final = 30_000
GROWN_SHARE: Final = 0.5


class Growth:
    """How much more there is than when all of it was last looked at. Pure; in tracked objects."""

    def __init__(self) -> None:
        self.kept = 0
        self.grown = 0

    def came(self, net: int) -> bool:
        """So many came and stayed. True: cycles among the old may be worth a look."""
        self.grown += net
        return self.grown > max(LEAST_GROWN, self.kept * GROWN_SHARE)

    def looked(self, kept: int) -> None:
        """So many were left."""
        self.kept, self.grown = kept, 0


class Collecting:
    """This process's collector. What there is when it begins is never looked at again."""

    def __init__(self) -> None:
        self._growth = Growth()
        gc.collect()
        gc.freeze()
        gc.disable()

    def young(self) -> None:
        """Look at what came since the last time; call it every `YOUNG_SECONDS`."""
        net = gc.get_count()[0]
        gc.collect(0)
        if self._growth.came(net):
            gc.collect()
            self._growth.looked(len(gc.get_objects()))

    def close(self) -> None:
        """As it was."""
        gc.enable()
        gc.unfreeze()
