"""A leg whose sound can be laid on a tape: everything goes through it as if it were not there.

Who laid no tape keeps nothing: only how much was given is counted, so that a tape that begins in
the middle of a word knows where it stands.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from media.calls.leg import Heard, Leg, LegEvent, Played
from media.sound.formats import SAMPLE_BYTES


class Laid(Protocol):
    """What takes the sound down; see media/recording/tape.py `Tape`."""

    def heard(self, at_sample: int, pcm: bytes, now_ms: int) -> None: ...

    def queued(self, epoch: int, at_sample: int, pcm: bytes) -> None: ...

    def played(self, epoch: int, samples: int, now_ms: int) -> None: ...


class TapedLeg:
    """See media/calls/leg.py `Leg`. `tape` says what sound is laid on now, if anything."""

    def __init__(
        self, leg: Leg, tape: Callable[[], Laid | None], clock_ms: Callable[[], int]
    ) -> None:
        self.address = leg.address
        self._leg = leg
        self._tape = tape
        self._clock_ms = clock_ms
        self._epoch = 0
        self._given = 0

    async def events(self) -> AsyncIterator[LegEvent]:
        """See `Leg`."""
        async for event in self._leg.events():
            tape = self._tape()
            if tape is not None:
                if isinstance(event, Heard):
                    tape.heard(event.at_sample, event.pcm, self._clock_ms())
                elif isinstance(event, Played):
                    tape.played(event.epoch, event.samples, self._clock_ms())
            yield event

    def play(self, epoch: int, pcm: bytes) -> None:
        """See `Leg`."""
        if epoch == self._epoch:
            tape = self._tape()
            if tape is not None:
                tape.queued(epoch, self._given, pcm)
            self._given += len(pcm) // SAMPLE_BYTES
        self._leg.play(epoch, pcm)

    def flush(self, epoch: int) -> None:
        """See `Leg`."""
        if epoch > self._epoch:
            self._epoch, self._given = epoch, 0
        self._leg.flush(epoch)

    def pause(self) -> None:
        """See `Leg`."""
        self._leg.pause()

    def resume(self) -> None:
        """See `Leg`."""
        self._leg.resume()

    def gather(self, below_db: float | None) -> None:
        """See `Leg`."""
        self._leg.gather(below_db)

    def tell(self, data: bytes) -> None:
        """See `Leg`."""
        self._leg.tell(data)

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """See `Leg`. What is seen is on no tape."""
        self._leg.watch(on=on, pixels=pixels, most_bytes=most_bytes)

    def look(self) -> None:
        """See `Leg`."""
        self._leg.look()

    def let_go(self) -> None:
        """See `Leg`."""
        self._leg.let_go()

    async def aclose(self, reason: str) -> None:
        """See `Leg`."""
        await self._leg.aclose(reason)
