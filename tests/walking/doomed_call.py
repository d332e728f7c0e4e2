"""A real gateway, as tests/walking/doomed.py, whose calls listen and speak on paper.

`python -m tests.walking.doomed_call EVENT` dies just before an event of that class is logged.
"""

import sys
from collections import deque

import server.wiring
from realtime.logs import RoomPen
from server import gateway
from tests.rooms.calls.doubles import PaperVoices
from tests.walking.doomed import _append_or_die


class Voices(PaperVoices):
    """In the place of the house's own."""

    parts = None

    def __init__(self, *_: object) -> None:
        super().__init__()
        self.talks = deque(maxlen=4)  # type: ignore[assignment]  # a thousand calls pass here


if __name__ == "__main__":
    server.wiring.HouseVoices = Voices  # type: ignore[assignment,misc]
    RoomPen.append = _append_or_die  # type: ignore[method-assign]
    sys.exit(gateway.main())
