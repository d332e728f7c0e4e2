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
        self._renew: Step | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None

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
        loop.add_signal_handler(signal.SIGUSR1, self.request_renewal)

    def renew_by(self, step: "Step") -> None:
        """What a rolling restart is."""
        self._renew = step

    def request_renewal(self) -> None:
        """Begin a rolling restart; one at a time, and none while stopping."""
        going = self._renewing is not None and not self._renewing.done()
        if self._renew is None or self._tasks is None or going or self._stop.is_set():
            self._say("No rolling restart now: one is under way, or nothing runs yet.")
            return
        work = self._unless_stopped(self._renew(self, self._tasks))
        self._renewing = self._tasks.create_task(work, name="rolling restart")

    async def run(self, steps: "Sequence[Step]") -> int:
        """Take the steps, then serve until told to stop. Returns the exit status."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
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

    def forget(self, keeper: Keeper) -> None:
        """A child that has ended for good."""
        for wave in self._waves:
            if keeper in wave:
                wave.remove(keeper)

    async def ready(self, keepers: Sequence[Keeper]) -> None:
        """Wait until each of them has served for the first time."""
        await asyncio.gather(*(keeper.first_ready.wait() for keeper in keepers))

    async def _keep(self, keeper: Keeper) -> None:
        try:
            await keeper.run()
        except ChildFailed as error:
            if keeper.on_trial:
                keeper.give_up(str(error))
            else:
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
