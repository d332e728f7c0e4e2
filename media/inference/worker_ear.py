"""One call's ear in a worker: its sound of late, its windows, and who listens along, if anybody."""

from collections.abc import Callable

from media.inference.along import Along, Spawn
from media.inference.engines import Engines
from media.inference.judging import Stream
from media.inference.kept import KeptSound


class WorkerEar:
    """See media/inference/service.py `Caller`."""

    def __init__(
        self, language: str, tell: Callable[[int, float], None], engines: Engines, spawn: Spawn
    ) -> None:
        """`tell` takes the end of a window and its probability."""
        self.language = language
        self.sound = KeptSound()
        self.along: Along | None = None
        self._tell = tell
        self.stream = Stream(self._judged)
        listener = engines.transcriber.streaming(language or None)
        if listener is not None:
            seconds = engines.hearing.final_seconds
            self.along = Along(
                lambda: listener.stream(language or None), self.sound, spawn, seconds
            )

    def keep(self, at_sample: int, pcm: bytes) -> None:
        """More of its sound."""
        self.sound.keep(at_sample, pcm)
        if self.along is not None:
            self.along.came()

    def close(self) -> None:
        """The call is over."""
        if self.along is not None:
            self.along.close()

    def _judged(self, until_sample: int, probability: float) -> None:
        self._tell(until_sample, probability)
        if self.along is not None:
            self.along.judged(until_sample, probability)
