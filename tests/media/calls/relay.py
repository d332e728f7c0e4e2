"""A bad network of the tests' own: a UDP relay between two peers, seeded, that loses and delays.

It is put between them by rewriting the candidates of an answer: the person then sends here, and
the worker sees the relay's address as the person's.
"""

import asyncio
import random
import re
from dataclasses import dataclass

Address = tuple[str, int]
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 (?:udp|UDP) \d+ (\S+) (\d+) typ host.*\r\n")


@dataclass
class Weather:
    """What the network does to packets of both directions."""

    loss: float = 0.0
    jitter_seconds: float = 0.0
    delay_seconds: float = 0.0
    down: bool = False


class Relay:
    """One way to one worker's socket. `weather` may be changed at any time."""

    def __init__(self, target: Address, weather: Weather, seed: int = 1) -> None:
        self.weather = weather
        self.passed = self.lost = 0
        self._target = target
        self._chance = random.Random(seed)
        self._person: Address | None = None
        self._front: asyncio.DatagramTransport | None = None
        self._back: asyncio.DatagramTransport | None = None

    async def start(self) -> "Relay":
        self._front = await self._open(self._from_person)
        self._back = await self._open(self._from_worker)
        return self

    async def move(self) -> None:
        """The person's address, as the worker sees it, changes."""
        assert self._back is not None
        self._back.close()
        self._back = await self._open(self._from_worker)

    @property
    def port(self) -> int:
        assert self._front is not None
        return int(self._front.get_extra_info("sockname")[1])

    async def _open(self, take: "object") -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _End(take), local_addr=(self._target[0], 0)
        )
        return transport

    def _from_person(self, data: bytes, address: Address) -> None:
        self._person = address
        self._carry(self._back, data, self._target)

    def _from_worker(self, data: bytes, _: Address) -> None:
        if self._person is not None:
            self._carry(self._front, data, self._person)

    def _carry(self, by: "asyncio.DatagramTransport | None", data: bytes, to: Address) -> None:
        weather = self.weather
        # Handshakes are let through: what is tested is a call, not how long it takes to begin.
        media = 128 <= data[0] < 192
        if weather.down or (media and self._chance.random() < weather.loss):
            self.lost += 1
            return
        self.passed += 1
        delay = weather.delay_seconds
        if media:
            delay += self._chance.uniform(0, weather.jitter_seconds)
        loop = asyncio.get_running_loop()
        loop.call_later(
            delay, lambda: None if by is None or by.is_closing() else by.sendto(data, to)
        )

    def close(self) -> None:
        for end in (self._front, self._back):
            if end is not None:
                end.close()


class _End(asyncio.DatagramProtocol):
    def __init__(self, take: "object") -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)  # type: ignore[operator]


async def through_relay(answer: str, weather: Weather, seed: int = 1) -> tuple[str, Relay]:
    """The answer with one candidate, the relay's, in place of the worker's own."""
    found = _CANDIDATE.search(answer)
    assert found is not None
    relay = await Relay((found[1], int(found[2])), weather, seed).start()
    line = f"a=candidate:1 1 udp 2130706431 {found[1]} {relay.port} typ host\r\n"
    first = True

    def once(_: "re.Match[str]") -> str:
        nonlocal first
        kept, first = (line if first else ""), False
        return kept

    return _CANDIDATE.sub(once, answer), relay
