"""A real gateway that kills itself (kill -9) at an exact point: just before an event is logged.

`python -m tests.walking.doomed EVENT` is the gateway as the supervisor starts it; EVENT is the
name of an event's class, such as `ReplyDone`, or `never`.
"""

import os
import signal
import sys
from collections.abc import Sequence

from realtime.logs import RoomPen
from rooms.ports import Telling
from server import gateway

_append = RoomPen.append


async def _append_or_die(self: RoomPen, tellings: Sequence[Telling]) -> None:
    if any(type(telling.event).__name__ == sys.argv[1] for telling in tellings):
        os.kill(os.getpid(), signal.SIGKILL)
    await _append(self, tellings)


if __name__ == "__main__":
    RoomPen.append = _append_or_die  # type: ignore[method-assign]
    sys.exit(gateway.main())
