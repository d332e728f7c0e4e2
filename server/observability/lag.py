"""How late the event loop comes round: the first sign that a gateway has too much to do."""

import asyncio

from storage.spread import Spread

EVERY_SECONDS = 0.5
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class LoopLag:
    """`run` it beside; read `spread`."""

    def __init__(self) -> None:
        self.spread = Spread(LAG_SECONDS)

    async def run(self) -> None:
        """Sleep, and see how much longer it took."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self.spread.see(max(0.0, loop.time() - due))
