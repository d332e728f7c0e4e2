"""What lies outside the database and belongs to somebody: found before their rows go, erased after.

Each keeper knows its own folder; an address means nothing to another's.
"""

from typing import Protocol


class Keeper(Protocol):
    """One who keeps files of people."""

    async def addresses_of(self, person: str) -> list[str]: ...

    async def forget(self, addresses: list[str]) -> None: ...


class KeptFiles:
    """All keepers as one."""

    def __init__(self, *keepers: Keeper) -> None:
        self._keepers = keepers

    async def addresses_of(self, person: str) -> list[str]:
        """Where all files of a person lie."""
        return [one for keeper in self._keepers for one in await keeper.addresses_of(person)]

    async def forget(self, addresses: list[str]) -> None:
        """Erase those that nothing names any more."""
        for keeper in self._keepers:
            await keeper.forget(addresses)
