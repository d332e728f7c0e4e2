"""Who agrees that a call is recorded: everybody in the room, who called among them, or nobody.

Pure. Asked anew in each call: what somebody agreed to in another one counts for nothing here.
"""

from collections.abc import Iterable
from typing import Literal

State = Literal["off", "asked", "on"]


class Agreement:
    """One call's. `caller` has to want it; everybody else has to let it be."""

    def __init__(self, caller: str) -> None:
        self._caller = caller
        self._agreed: set[str] = set()

    def say(self, person: str, *, on: bool) -> None:
        """This person agrees, or no more."""
        (self._agreed.add if on else self._agreed.discard)(person)

    def agreed(self, people: Iterable[str]) -> list[str]:
        """Those of the room who agree."""
        return sorted(self._agreed & set(people))

    def missing(self, people: Iterable[str]) -> list[str]:
        """Those of the room who do not, or were never asked."""
        return sorted({*people, self._caller} - self._agreed)

    def state(self, people: Iterable[str]) -> State:
        """What follows from it."""
        people = list(people)
        if not self.agreed(people):
            return "off"
        return "asked" if self.missing(people) else "on"
