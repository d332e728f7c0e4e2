"""The seconds of a spoken `/v1/realtime` session: counted while sound flows, held ahead.

How much time counts is pure (`SoundTime`); `Seconds` carries it to the ledger
(rooms/credits/by_second.py) by the meter of calls, and stops in time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from media.sound.formats import PLAYOUT_RATE
from rooms.credits.by_second import HeldSeconds, SecondsCredits
from rooms.errors import PaymentRequired, ProductError, Unavailable
from rooms.ports import LogStale, Principal

logger = structlog.get_logger(__name__)
IDLE_MS: Final = 5_000  # so long after the last sound time still counts
TICK_SECONDS: Final = 0.25
SETTLE_SECONDS: Final = 60.0


class SoundTime:
    """Time while sound flows either way, and never less than the sound itself."""

    def __init__(self) -> None:
        self._heard = self._spoken = 0  # samples at 24 kHz
        self._wall_ms = self._counted_ms = 0
        self._at_ms = self._until_ms = 0

    def heard(self, samples: int, now_ms: int) -> None:
        """Sound of the person came."""
        self._flow(now_ms)
        self._heard += samples

    def spoken(self, samples: int, now_ms: int) -> None:
        """Sound of the companion went out."""
        self._flow(now_ms)
        self._spoken += samples

    def due_ms(self, now_ms: int) -> int:
        """How much is to be counted since it was asked last."""
        self._pass(now_ms)
        samples = max(self._heard, self._spoken)
        whole = max(self._wall_ms, -(-samples * 1000 // PLAYOUT_RATE))
        due, self._counted_ms = whole - self._counted_ms, whole
        return due

    def flows(self, now_ms: int) -> bool:
        """Whether time counts now."""
        return now_ms < self._until_ms

    def _flow(self, now_ms: int) -> None:
        self._pass(now_ms)
        self._until_ms = now_ms + IDLE_MS

    def _pass(self, now_ms: int) -> None:
        self._wall_ms += max(0, min(now_ms, self._until_ms) - self._at_ms)
        self._at_ms = max(self._at_ms, now_ms)


class Seconds:
    """One session's. `over` is called, once, when no more of it may be spoken: with the reason."""

    def __init__(
        self,
        credits: SecondsCredits,
        who: Principal,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        over: Callable[[ProductError], None],
    ) -> None:
        self._credits = credits
        self._who = who
        self._now = now
        self._spawn = spawn
        self._over = over
        self._time = SoundTime()
        self._held: HeldSeconds | None = None
        self._opening = asyncio.Lock()
        self._free_until_ms = 0
        self._ended = False
        self._ticking = False
        self._extending = self._telling = False

    async def open(self, companion: str) -> None:
        """From here on sound may flow. Raises ProductError."""
        async with self._opening:
            if self._held is not None or self._over_now():
                return
            held = await self._credits.open(self._who, companion)
            if self._over_now():  # the socket went meanwhile
                await self._settle(held)
            else:
                self._held = held
                self._keep_counting()  # what came meanwhile, though nothing may follow it

    def heard(self, samples: int) -> bool:
        """Sound of the person came; False where it is paid for no more."""
        self._time.heard(samples, self._now_ms())
        return self._count()

    def spoken(self, samples: int) -> bool:
        """Sound of the companion is about to go out; False where it may not."""
        self._time.spoken(samples, self._now_ms())
        return self._count()

    def care(self) -> None:
        """Words were said that call for care: from now on nothing is charged for a while."""
        self._count()
        self._free_until_ms = self._now_ms() + self._credits.care_ms

    def close(self) -> None:
        """The session is over: what had passed is charged."""
        if self._ended:
            return
        held, self._held = self._held, None
        self._ended = True
        if held is not None:
            self._meter(held)
            self._spawn(self._settle(held))

    # --- inside

    def _over_now(self) -> bool:
        return self._ended

    def _now_ms(self) -> int:
        return int(self._now() * 1000)

    def _count(self) -> bool:
        """Count what has passed; while nothing is held yet it waits to be counted."""
        held = self._held
        if held is None:
            return not self._ended
        if not self._meter(held):
            self._run_out(_used_up())
            return False
        self._look_ahead(held)
        self._keep_counting()
        return True

    def _keep_counting(self) -> None:
        if not self._ticking and self._time.flows(self._now_ms()):
            self._ticking = True
            self._spawn(self._tick())

    def _meter(self, held: HeldSeconds) -> bool:
        """What has passed goes on the meter; False where credits for it are used up."""
        now, meter = self._now_ms(), held.meter
        due = self._time.due_ms(now)
        if now < self._free_until_ms:
            return meter.count(due, charged=False) == due
        return meter.count(due) == due and not (held.scarce and not meter.left_ms)

    async def _tick(self) -> None:
        try:
            while self._held is not None and self._time.flows(self._now_ms()):
                await asyncio.sleep(TICK_SECONDS)
                self._count()
        finally:
            self._ticking = False

    def _look_ahead(self, held: HeldSeconds) -> None:
        more = self._credits.wanted(held)
        if more and not self._extending and not held.scarce:
            self._extending = True
            self._spawn(self._extend(held, more))
        if not self._telling and self._credits.to_tell(held):
            self._telling = True
            self._spawn(self._tell(held))

    async def _tell(self, held: HeldSeconds) -> None:
        try:
            await self._credits.tell(held)
        except Unavailable as error:
            logger.warning("the time of a session is told later", why=type(error).__name__)
        except ProductError as refusal:
            if self._held is held:
                self._run_out(refusal)
        finally:
            self._telling = False

    async def _extend(self, held: HeldSeconds, more: int) -> None:
        try:
            await self._credits.extend(held, more)
        except (Unavailable, LogStale) as error:
            logger.warning("the seconds of a session are not extended", why=type(error).__name__)
        finally:
            self._extending = False

    def _run_out(self, why: ProductError) -> None:
        self.close()
        self._over(why)

    async def _settle(self, held: HeldSeconds) -> None:
        deadline, wait_seconds = self._now() + SETTLE_SECONDS, 0.1
        while True:
            try:
                await self._credits.settle(held)
                return
            except LogStale:
                return
            except Unavailable:
                if self._now() > deadline:
                    logger.error("the seconds of a session are not settled yet", hold=held.hold)
                    return
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, 2.0)


def _used_up() -> ProductError:
    return PaymentRequired(
        "Your credits for voice are used up. What is written goes on.",
        details={"unlocked_by": ["buy_credits"]},
    )
