"""Where a key lives in a cluster, and what the cluster says when it lives elsewhere by now.

Pure: the slot of a key, the map of slots, and the reading of MOVED and ASK.
"""

import binascii
from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct

SLOTS: Final = 16_384


class Address(Struct, frozen=True):
    """A primary's address, as the cluster tells it."""

    host: str
    port: int


class Elsewhere(Struct, frozen=True):
    """A slot's keys are at `address`: from now on (`moved`), or for this one call (`ask`)."""

    kind: Literal["moved", "ask"]
    slot: int
    address: Address


def slot_of(key: str) -> int:
    """The slot of a key: of its first non-empty `{tag}`, or else of all of it."""
    begin = key.find("{")
    if begin >= 0:
        end = key.find("}", begin + 1)
        if end > begin + 1:
            key = key[begin + 1 : end]
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


class SlotMap:
    """Who has which slot; None where nobody has."""

    __slots__ = ("_owners", "addresses")

    def __init__(self, owners: Sequence[Address | None]) -> None:
        self._owners = list(owners)
        self.addresses = frozenset(owner for owner in owners if owner is not None)

    def owner(self, slot: int) -> Address | None:
        """Who has this slot."""
        return self._owners[slot]

    def moved(self, slot: int, address: Address) -> "SlotMap":
        """The same map, with one slot at another address."""
        owners = list(self._owners)
        owners[slot] = address
        return SlotMap(owners)


NOWHERE: Final = SlotMap([None] * SLOTS)


def slot_map(ranges: Sequence[Any], asked: str) -> SlotMap:
    """The answer to CLUSTER SLOTS; `asked` is the host that stands where none is named."""
    owners: list[Address | None] = [None] * SLOTS
    for first, last, primary, *_ in ranges:
        address = Address(_host(primary[0], asked), int(primary[1]))
        owners[int(first) : int(last) + 1] = [address] * (int(last) - int(first) + 1)
    return SlotMap(owners)


def elsewhere(error: str, asked: str) -> Elsewhere | None:
    """What `MOVED slot host:port` or `ASK slot host:port` says; None for another error."""
    words = error.split(" ")
    if len(words) < 3 or words[0] not in {"MOVED", "ASK"}:
        return None
    host, _, port = words[2].rpartition(":")
    if not (words[1].isdigit() and port.isdigit() and int(words[1]) < SLOTS):
        return None
    address = Address(_host(host, asked), int(port))
    return Elsewhere("moved" if words[0] == "MOVED" else "ask", int(words[1]), address)


def _host(told: Any, asked: str) -> str:
    host = told.decode() if isinstance(told, bytes) else (told or "")
    return host if host not in {"", "?"} else asked
