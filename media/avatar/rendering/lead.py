"""How far ahead a frame is aimed: as long as frames have lately taken to be made and delivered.

Pure. A frame shows the mouth as it will be when it is seen. On a machine that is slow today it is
seen later, so it is made for later; aimed too near, it would be late for its sound and be dropped
on the way, and everything that builds on it too.
"""

import math
from typing import Final

LEAST_US: Final = 20_000  # painting, encoding and the way on a machine with little to do
MOST_US: Final = 160_000  # after an interruption, so long a mouth may go on
SPARE_US: Final = 5_000
_FORGETS_SECONDS: Final = 2.0


class Lead:
    """`us` is the lead of frames begun now."""

    def __init__(self) -> None:
        self.us = LEAST_US
        self._at_us: int | None = None

    def took(self, us: int) -> None:
        """A frame was delivered so long after it was due."""
        self.us = min(MOST_US, max(self.us, us + SPARE_US))

    def passed(self, now_us: int) -> None:
        """Time passes: a moment's slowness is forgotten, slowly, so that frames stay in order."""
        if self._at_us is not None and self.us > LEAST_US:
            share = math.exp(-(now_us - self._at_us) / 1e6 / _FORGETS_SECONDS)
            self.us = LEAST_US + int((self.us - LEAST_US) * share)
        self._at_us = now_us
