"""The order of things: stores, then the schema, then model and gateways; and back again.

Ctrl-C or SIGTERM ends them in the opposite order, a second Ctrl-C ends them at once.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence

from server.supervisor.keeper import ChildFailed, Keeper


class Supervisor:
    """Takes steps, each of which may start a wave of children; then watches over them all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waves: list[list[Keeper]] = []
        self._stop = asyncio.Event()
        self._forced = False
        self.failure: str | None = None

    def request_stop(self) -> None:
        """Begin to stop; called again, end everything at once."""
        if self._stop.is_set():
            self._forced = True
            self._say("Ending everything at once.")
            for keeper in self._everyone():
                keeper.kill()
            return
        self._stop.set()

    def listen_to_signals(self) -> None:
        """Ctrl-C and SIGTERM stop us in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.request_stop)

    async def run(self, steps: "Sequence[Step]") -> int:
        """Take the steps, then serve until told to stop. Returns the exit status."""
        async with asyncio.TaskGroup() as tasks:
            try:
                for step in steps:
                    await self._unless_stopped(step(self, tasks))
                    if self._stop.is_set():
                        break
                await self._stop.wait()
            except ChildFailed as error:
                self._fail(error)
            finally:
                await self._stop_all()
        return 1 if self.failure else 0

    def start(self, tasks: asyncio.TaskGroup, keepers: Sequence[Keeper]) -> None:
        """Start a wave; it ends before the waves that were started earlier."""
        self._waves.append(list(keepers))
        for keeper in keepers:
            tasks.create_task(self._keep(keeper), name=f"keep-{keeper.part.name}")

    async def ready(self, keepers: Sequence[Keeper]) -> None:
        """Wait until each of them has served for the first time."""
        await asyncio.gather(*(keeper.first_ready.wait() for keeper in keepers))

    async def _keep(self, keeper: Keeper) -> None:
        try:
            await keeper.run()
        except ChildFailed as error:
            self._fail(error)

    def _fail(self, error: ChildFailed) -> None:
        if self.failure is None and not self._stop.is_set():
            self.failure = str(error)
        self._stop.set()

    async def _unless_stopped(self, work: Awaitable[None]) -> None:
        """Do `work`, but leave it when we are told to stop meanwhile."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def _stop_all(self) -> None:
        for wave in reversed(self._waves):
            if self._forced:
                for keeper in wave:
                    keeper.kill()
            await asyncio.gather(*(keeper.stop() for keeper in wave))

    def _everyone(self) -> list[Keeper]:
        return [keeper for wave in self._waves for keeper in wave]


Step = Callable[[Supervisor, asyncio.TaskGroup], Awaitable[None]]
