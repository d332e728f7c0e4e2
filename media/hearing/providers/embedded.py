"""The shipped recogniser behind the port: a queue before a few threads, one Whisper for all.

Work that is cancelled leaves the queue; what has begun ends at its next step.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from config.hearing import TranscriptionProvider
from media.hearing.onnx import ModelBroken
from media.hearing.ports import HearingError, Transcript
from media.hearing.whisper import Cancelled, Whisper

_ENGLISH_ONLY = frozenset({"en"})


class EmbeddedTranscriber:
    """See media/hearing/ports.py. Loaded at the first utterance, or by `warm_up`."""

    def __init__(
        self,
        name: str,
        settings: TranscriptionProvider,
        *,
        device: str = "auto",
        parallel: int = 1,
    ) -> None:
        self.name = name
        self.languages = frozenset() if settings.model else _ENGLISH_ONLY
        self._settings = settings
        self._device = device
        self._parallel = parallel
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="whisper")
        self._loading = threading.Lock()
        self._whisper: Whisper | None = None

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        """See the port."""
        spoken = self._settings.language or language or "en"
        gone = threading.Event()
        work = self._threads.submit(self._work, pcm, spoken.partition("-")[0], gone)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            gone.set()
            raise
        except ModelBroken as error:
            raise HearingError(str(error), retryable=False) from error
        except (RuntimeError, ValueError) as error:
            raise HearingError(f"the recogniser failed: {type(error).__name__}") from error

    def warm_up(self) -> None:
        """Load the model; blocks. Raises ModelBroken."""
        self._loaded()

    async def aclose(self) -> None:
        """What waits is dropped; what runs may end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, pcm: bytes, language: str, gone: threading.Event) -> Transcript:
        try:
            return self._loaded().words(pcm, language, lambda: not gone.is_set())
        except Cancelled:
            return Transcript(text="", language=language, speech_probability=0.0)

    def _loaded(self) -> Whisper:
        with self._loading:
            if self._whisper is None:
                folder = Path(self._settings.model) if self._settings.model else None
                self._whisper = Whisper(folder, self._device, self._parallel)
            return self._whisper
