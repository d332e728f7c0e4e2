"""Which channels are wanted, and where each was confirmed: pure, so that no case is forgotten.

A slot that moves takes its subscriptions from us without asking; what is missing here is
subscribed to again until somebody confirms it.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

Place = TypeVar("Place")


class Subscriptions(Generic[Place]):
    """`missing` are the wanted channels that nobody has confirmed."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self._at: dict[str, Place] = {}
        self._torn: set[str] = set()

    def want(self, channel: str) -> None:
        """A channel is wanted from now on."""
        if channel not in self._at:
            self.missing.add(channel)

    def drop(self, channel: str) -> Place | None:
        """It is wanted no more; where it was confirmed."""
        self.missing.discard(channel)
        self._torn.discard(channel)
        return self._at.pop(channel, None)

    def place(self, channel: str) -> Place | None:
        """Where it is confirmed, if it is."""
        return self._at.get(channel)

    def confirmed(self, channel: str, place: Place) -> bool:
        """A place has it now. True: something may have been missed in between."""
        if channel not in self.missing:
            if channel in self._at:
                self._at[channel] = place
            return False
        self.missing.discard(channel)
        self._at[channel] = place
        torn = channel in self._torn
        self._torn.discard(channel)
        return torn

    def ended(self, channel: str, place: Place) -> bool:
        """A place gave it up. True: it was wanted there."""
        if self._at.get(channel) is not place:
            return False
        self._tear(channel)
        return True

    def lost_at(self, place: Place) -> None:
        """A place has forgotten everything."""
        for channel in [one for one, at in self._at.items() if at is place]:
            self._tear(channel)

    def displaced(self, owner: Callable[[str], Place | None]) -> list[tuple[str, Place]]:
        """What is confirmed where it does not belong any more, now missing."""
        wrong = [(one, at) for one, at in self._at.items() if owner(one) is not at]
        for channel, _ in wrong:
            self._tear(channel)
        return wrong

    def _tear(self, channel: str) -> None:
        del self._at[channel]
        self.missing.add(channel)
        self._torn.add(channel)
