"""A node on the bus that remembers: what the contract and the failure tests look at."""

import asyncio
from collections.abc import Callable
from typing import Any

from storage.bus.ports import Bus, Wanted


class Node:
    """A node on the bus that keeps all it is told, and can wait for it."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus, self.name = bus, name
        self.told: list[tuple[str, str, int, list[Wanted]]] = []
        self.heard: list[tuple[str, bytes]] = []
        self.gaps = 0
        self._news = asyncio.Event()

    async def start(self) -> "Node":
        await self.bus.start(self.name, self._deliver, self._hear, self._gap)
        return self

    def _deliver(self, log: str, generation: str, first: int, entries: Any) -> None:
        self.told.append((log, generation, first, list(entries)))
        self._news.set()

    def _hear(self, log: str, payload: bytes) -> None:
        self.heard.append((log, payload))
        self._news.set()

    def _gap(self) -> None:
        self.gaps += 1

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._news.clear()
            await self._news.wait()

    async def follows(self, log: str, other: "Node") -> None:
        """Follow a log, and know that the subscription stands."""
        self.bus.follow(log)
        while not any(payload == b"there?" for _, payload in self.heard):
            other.bus.whisper(log, b"there?")
            await asyncio.sleep(0.01)
        self.heard.clear()


def wanted(text: str, to: str = "", reply: str = "") -> Wanted:
    """An entry with these words."""
    return Wanted(1_790_000_000_000, to, reply, text.encode())
