"""When Python's collector of cycles runs in a process of many sessions: little and often.

By itself it counts what was made less what was freed. Where old objects go as fast as new ones
come, as with 7,000 people who ping, the young grew to 100,000 before it looked: a pause of 50 to
180 ms, which everybody there felt. Looking as often as keeps a look short takes 5 to 10.
"""

import gc
import time
from typing import Final

YOUNG_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.005  # what a look may take
LONGEST_SECONDS: Final = 10
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


def next_look(last: int, took_seconds: float) -> int:
    """In how many seconds to look, when it was done after `last` and took so long. Pure."""
    wanted = last * LOOK_SECONDS / max(took_seconds, 1e-6)
    return max(1, min(LONGEST_SECONDS, int(wanted)))


class Collecting:
    """This process's collector. What there is when it begins is never looked at again."""

    def __init__(self) -> None:
        self._growth = Growth()
        self._every = 1
        self._waited = 0
        gc.collect()
        gc.freeze()
        gc.disable()

    def young(self) -> None:
        """Look at what came since the last time, if it is time; call it every `YOUNG_SECONDS`."""
        self._waited += 1
        if self._waited < self._every:
            return
        began, net = time.perf_counter(), gc.get_count()[0]
        gc.collect(0)
        self._every = next_look(self._waited, time.perf_counter() - began)
        self._waited = 0
        if self._growth.came(net):
            gc.collect()
            self._growth.looked(len(gc.get_objects()))

    def close(self) -> None:
        """As it was."""
        gc.enable()
        gc.unfreeze()
