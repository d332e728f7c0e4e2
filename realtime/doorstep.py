"""Who may come in: how many sockets, from how many addresses, how many that have not signed in.

What is turned away here has cost a handshake at most; what has said who it is, is bounded by
person (realtime/registry.py) and by how often a session may be taken up again.
"""

from collections import Counter, OrderedDict
from ipaddress import IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Final

from realtime.session import Bucket
from rooms.errors import ProductError, TooMany, Unavailable

if TYPE_CHECKING:
    from realtime.service import Realtime

FULL_MS: Final = 5_000
GOING_MS: Final = 500
PEOPLE_MAX: Final = 20_000


class Addresses:
    """How many sockets each address has here; the sum of all is not added up for each who comes."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, address: str) -> int:
        return self._of[address]

    def total(self) -> int:
        """All of them."""
        return self._total

    def came(self, address: str) -> None:
        """One more."""
        self._of[address] += 1
        self._total += 1

    def left(self, address: str) -> None:
        """One less."""
        self._total -= 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]


class Strangers:
    """Sockets that have not said who they are, each under the address it came from."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._from: dict[object, str] = {}
        self._addresses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._from)

    def crowded(self, address: str) -> bool:
        """Whether one more from there would be too many."""
        return len(self._from) >= self._most or self._addresses[address] >= self._per_address

    def came(self, socket: object, address: str) -> None:
        """A socket was opened."""
        self._from[socket] = address
        self._addresses[address] += 1

    def left(self, socket: object) -> None:
        """It has said who it is, or is gone; safe to repeat."""
        address = self._from.pop(socket, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]


class Resumes:
    """How often each person may take up a session: it reads logs, which others wait for too."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second, self._burst = per_second, burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def check(self, person: str, now: float) -> None:
        """Count one. Raises TooMany."""
        bucket = self._buckets.pop(person, None) or Bucket(self._per_second, self._burst, now)
        self._buckets[person] = bucket
        if len(self._buckets) > PEOPLE_MAX:
            self._buckets.popitem(last=False)
        wait_seconds = bucket.take(now)
        if wait_seconds > 0:
            raise TooMany(
                "Sessions are taken up again too often; wait a little.",
                retry_after_ms=int(wait_seconds * 1000) + 1,
            )


def crowded(node: "Realtime", address: str, *, signed_in: bool = False) -> ProductError | None:
    """Why one more socket from this address is turned away; `signed_in`: it shows its token now."""
    settings = node.settings
    if node.holder.draining:
        return Unavailable("This server is going away; reconnect.", retry_after_ms=GOING_MS)
    if node.addresses.total() >= settings.sockets_max:
        return Unavailable(
            "This server holds as many sockets as it may; try again.",
            code="server_full",
            retry_after_ms=FULL_MS,
        )
    if node.addresses[address] >= settings.sockets_per_address:
        return TooMany("Too many sockets from this address.", code="too_many_sockets")
    if not signed_in and node.strangers.crowded(address):
        return Unavailable(
            "Too many sockets here have not signed in yet; try again.",
            code="server_full",
            retry_after_ms=FULL_MS,
        )
    return None


def counted_as(address: str) -> str:
    """What an address is counted as: one line of IPv6 has a whole /64 of them."""
    if ":" not in address:
        return address[:64]
    try:
        found = IPv6Address(address)
    except ValueError:
        return address[:64]
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found) >> 64 << 64, 64)))
