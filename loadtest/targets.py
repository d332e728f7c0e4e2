"""Whom a run may load: this machine, or a host that was named on purpose.

Somebody else's server must not be flooded by a slip in a URL, so every address a name stands for
is looked at, and the connection then goes to an address that was looked at.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

Resolve = Callable[[str, int], list[str]]
_PORTS: Final = {"http": 80, "https": 443}
_SPREAD_FIRST: Final = int(ipaddress.IPv4Address("127.1.0.1"))
_SPREAD_LAST: Final = int(ipaddress.IPv4Address("127.254.255.254"))


class TargetRefused(ValueError):
    """This target is not loaded; the message says why and what would allow it."""


class Target(Struct, frozen=True, kw_only=True):
    """A server: what it is called, and the checked address that is connected to."""

    host: str
    port: int
    address: str
    tls: bool = False

    @property
    def authority(self) -> str:
        """Host and port as they stand in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def url(self, path: str, scheme: str = "ws") -> str:
        """An address under this server."""
        return f"{scheme}{'s' if self.tls else ''}://{self.authority}{path}"


def resolve(host: str, port: int) -> list[str]:
    """The addresses a name stands for. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def check(url: str, may_load: Sequence[str] = (), lookup: Resolve = resolve) -> Target:
    """The target of `url`, if it may be loaded. Raises TargetRefused."""
    host, port, tls = _parts(url)
    try:
        addresses = lookup(host, port)
    except (OSError, UnicodeError) as error:
        raise TargetRefused(f"{host} stands for no address ({error}): nothing is loaded.") from None
    if not addresses:
        raise TargetRefused(f"{host} stands for no address: nothing is loaded.")
    named = {one.strip().lower().strip("[]") for one in may_load}
    strange = [one for one in addresses if not ipaddress.ip_address(one.split("%")[0]).is_loopback]
    if strange and host.lower() not in named:
        raise TargetRefused(
            f"{host} ({', '.join(strange)}) is not this machine. A load test of somebody else's "
            f"server is an attack; if it is yours, say so: --i-may-load {host}"
        )
    return Target(host=host, port=port, address=addresses[0], tls=tls)


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TargetRefused(f"{url!r} is no address of a server: {error}.") from None
    if scheme not in _PORTS or not host:
        raise TargetRefused(f"{url!r} is no address of a server; such is http://127.0.0.1:8000.")
    return host, port or _PORTS[scheme], scheme == "https"


def source_of(target: Target, number: int, sources: int) -> str | None:
    """The address the person `number` comes from; None leaves it to the system.

    All of 127.0.0.0/8 is this machine, so on it a crowd can come from as many addresses.
    """
    if sources <= 1 or not ipaddress.ip_address(target.address.split("%")[0]).is_loopback:
        return None
    if ":" in target.address:
        return None
    room = _SPREAD_LAST - _SPREAD_FIRST + 1
    return str(ipaddress.IPv4Address(_SPREAD_FIRST + number % sources % room))
