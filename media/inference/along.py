"""One call's speech on its way to a recogniser that listens along: only while somebody speaks.

Sound is sent from just before a voice is heard until a little after it was: silence costs nothing
and takes no connection. What comes back lies on the call's own clock; whatever goes wrong, a
question is answered with None, and the whole utterance is transcribed instead.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog

from media.hearing.ports import HearingError, Said, Stream, Transcript
from media.inference.kept import KeptSound
from media.sound.formats import HEARING_RATE, SAMPLE_BYTES

logger = structlog.get_logger(__name__)
VOICED: Final = 0.5
BEFORE: Final = HEARING_RATE * 6 // 10  # sound from before the first voice, as much as a span has
AFTER: Final = HEARING_RATE * 4 // 10  # and after the last
QUIET_SECONDS: Final = 3.0  # nobody spoke for so long: the stream is ended
AGAIN_SECONDS: Final = 5.0  # after a failure utterances go whole for so long
_MOST_PLACES: Final = 2_000

Open = Callable[[], AbstractAsyncContextManager[Stream]]
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Places:
    """Where the samples of a stream lie on the call's clock; between two runs time was left out."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []  # (first sample of the stream, of the call)
        self.sent = 0

    def add(self, at_sample: int, samples: int) -> None:
        """So much of the call was sent, from this sample on."""
        last = self._runs[-1] if self._runs else None
        if last is None or last[1] + self.sent - last[0] != at_sample:
            self._runs.append((self.sent, at_sample))
            del self._runs[:-_MOST_PLACES]
        self.sent += samples

    def of(self, sample: int) -> int:
        """The call's sample at this one of the stream."""
        for begins, at in reversed(self._runs):
            if sample >= begins:
                return at + sample - begins
        return 0

    @property
    def first(self) -> int | None:
        """Where on the call's clock the stream begins."""
        return self._runs[0][1] if self._runs else None


class Along:
    """One call's. `sound` is what the call's ear keeps."""

    def __init__(self, opens: Open, sound: KeptSound, spawn: Spawn, final_seconds: float) -> None:
        self._opens = opens
        self._sound = sound
        self._spawn = spawn
        self._final_seconds = final_seconds
        self._stream: Stream | None = None
        self._places = Places()
        self._at = 0  # the call's sample that is sent next
        self._until = 0  # sound is wanted up to here
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._sent = asyncio.Event()
        self._failed_at = -AGAIN_SECONDS
        self._closed = False

    # --- what the worker tells

    def judged(self, until_sample: int, probability: float) -> None:
        """Somebody speaks in the window that ends there, or not."""
        if probability < VOICED or self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._task is None:
            if loop.time() - self._failed_at < AGAIN_SECONDS:
                return
            self._places = Places()
            self._at = max(0, until_sample - BEFORE)
            self._task = self._spawn(self._run())
        elif until_sample - BEFORE > self._until:
            self._at = max(self._at, until_sample - BEFORE)  # the silence between is left out
        self._until = max(self._until, until_sample + AFTER)
        self._more.set()

    def came(self) -> None:
        """More of the call's sound is kept."""
        if self._task is not None and self._at < self._until:
            self._more.set()

    def close(self) -> None:
        """The call is over."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()

    # --- what is asked

    def so_far(self, from_sample: int, until_sample: int) -> Transcript | None:
        """The words of a span as far as they are known; None where nobody listened to it."""
        if self._stream is None or not self._covers(from_sample):
            return None
        return self._words(self._stream.so_far(), from_sample, until_sample)

    async def words(self, from_sample: int, until_sample: int) -> Transcript | None:
        """The final words of a span; None where the whole of it must be transcribed instead."""
        stream = self._stream
        if self._task is None or not self._covers(from_sample):
            return None
        self._until = max(self._until, until_sample)
        self._more.set()
        try:
            async with asyncio.timeout(self._final_seconds):
                await self._all_sent(min(until_sample, self._sound.end))
                stream = self._stream
                if stream is None:
                    return None
                said = await stream.settle()
        except (TimeoutError, HearingError) as error:
            logger.warning("a stream of words failed", kind=type(error).__name__)
            return None
        return self._words(said, from_sample, until_sample)

    async def _all_sent(self, until_sample: int) -> None:
        while self._task is not None and (self._stream is None or self._at < until_sample):
            self._sent.clear()
            await self._sent.wait()

    def _covers(self, from_sample: int) -> bool:
        """Whether the stream has, or will have, all of a span that begins there."""
        first = self._places.first
        return self._at <= from_sample if first is None else first <= from_sample

    def _words(self, said: Iterable[Said], from_sample: int, until_sample: int) -> Transcript:
        """Those that lie within, by their middle."""
        found = []
        for one in said:
            middle = self._places.of((one.from_sample + one.until_sample) // 2)
            if from_sample <= middle < until_sample:
                found.append(one)
        sure = [one.confidence for one in found if one.confidence is not None]
        return Transcript(
            text=" ".join(one.text for one in found),
            confidence=min(sure) if sure else None,
            speech_probability=1.0 if found else 0.0,
        )

    # --- sending

    async def _run(self) -> None:
        try:
            async with self._opens() as stream:
                self._stream = stream
                self._sent.set()
                while await self._send(stream):
                    pass
        except HearingError as error:
            self._failed_at = asyncio.get_running_loop().time()
            logger.warning("nobody listens along", why=str(error))
        finally:
            self._stream, self._task = None, None
            self._sent.set()

    async def _send(self, stream: Stream) -> bool:
        """What there is; False once nobody has spoken for a while. Raises HearingError."""
        until = min(self._until, self._sound.end)
        if self._at < until:
            at, self._at = self._at, until
            pcm = self._sound.span(at, until)
            self._places.add(at, len(pcm) // SAMPLE_BYTES)
            await stream.hear(pcm)
        self._sent.set()
        if self._at < min(self._until, self._sound.end):
            return True
        self._more.clear()
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._more.wait()
        except TimeoutError:
            return False
        return True
