"""The legs that live in this gateway: sockets with sound. The room's holder finds them by address.

A leg waits here under a secret key until the holder dials it, from this process or another.
"""

from collections.abc import Awaitable, Callable

from media.calls.holding import NoLeg, dial_leg
from media.calls.leg import Leg, LegAddress
from rooms.calls.parts import LegLost

Dial = Callable[[LegAddress], Awaitable[Leg]]


async def dial_elsewhere(address: LegAddress) -> Leg:
    """A leg of a media worker. Raises LegLost."""
    if not address.address:
        raise LegLost(address.leg)
    try:
        return await dial_leg(address)
    except NoLeg as error:
        raise LegLost(address.leg) from error


class Legs:
    """This process's legs, and the way to those of others."""

    def __init__(self) -> None:
        self.address = ""  # where holders elsewhere find this process
        self.blocked_seconds = 3.0
        self.elsewhere: Dial = dial_elsewhere
        self._here: dict[str, Leg] = {}

    def wait(self, leg: Leg) -> None:
        """A leg of this process waits for its call."""
        self._here[leg.address.leg] = leg

    def forget(self, leg: str) -> None:
        """It waits no more."""
        self._here.pop(leg, None)

    def take(self, leg: str, key: str) -> Leg:
        """A leg that waits here, once. Raises LegLost."""
        found = self._here.get(leg)
        if found is None or found.address.key != key:
            raise LegLost(leg)
        del self._here[leg]
        return found

    async def dial(self, address: LegAddress) -> Leg:
        """The holder's end of a leg, wherever that is. Raises LegLost."""
        if address.leg in self._here:
            return self.take(address.leg, address.key)
        return await self.elsewhere(address)
