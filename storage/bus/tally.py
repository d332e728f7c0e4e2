"""What the bus is counted by: how long appends take, and how often a connection was made anew."""

from storage.spread import CALL_SECONDS, Spread


class BusTally:
    """One per bus; the bus writes, server/observability/ reads."""

    __slots__ = ("append_seconds", "reconnects", "refused", "stale")

    def __init__(self) -> None:
        self.append_seconds = Spread(CALL_SECONDS)
        self.reconnects = 0
        self.stale = 0  # appends by a holder that had lost its lease
        self.refused = 0  # appends the bus did not take
