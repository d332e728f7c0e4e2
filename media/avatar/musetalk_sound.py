"""What a MuseTalk-shaped face hears: Whisper's hidden states around the moment of a frame.

Worked out once for each piece of sound, however many frames look at it.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from media.avatar.musetalk_nets import Nets
from media.sound.formats import HEARING_RATE, PLAYOUT_RATE

Floats = npt.NDArray[np.float32]
STEPS: Final = 10  # of 20 ms around a frame: it hears 100 ms back and as much ahead
STEP_SAMPLES: Final = PLAYOUT_RATE // 50
_MOST_STEPS: Final = 2000  # 40 s of an epoch


class Heard:
    """The features of one epoch, by steps of 20 ms."""

    def __init__(self, nets: Nets) -> None:
        self.epoch = 0
        self._nets = nets
        self._steps: dict[int, Any] = {}

    def listen(self, epoch: int, at_sample: int, pcm: bytes) -> None:
        """A piece of sound. A newer epoch forgets the older one."""
        if epoch != self.epoch:
            self.epoch, self._steps = epoch, {}
        first = at_sample // STEP_SAMPLES
        for place, features in enumerate(_hidden(self._nets, pcm)):
            self._steps[first + place] = features
        while len(self._steps) > _MOST_STEPS:
            del self._steps[min(self._steps)]

    def around(self, epoch: int, position: int) -> Floats | None:
        """(STEPS * layers, width) for a frame at `position`; None where nothing is known."""
        middle = position // STEP_SAMPLES
        if epoch != self.epoch or middle not in self._steps:
            return None
        silence = np.zeros((self._nets.layers, self._nets.width), np.float32)
        wanted = range(middle - STEPS // 2, middle + STEPS // 2)
        return np.concatenate([self._steps.get(step, silence) for step in wanted])


def _hidden(nets: Nets, pcm: bytes) -> list[Floats]:
    """Every layer's state for each 20 ms of the sound."""
    import soxr
    import torch
    from transformers import WhisperFeatureExtractor

    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    if not sound.size:
        return []
    heard = soxr.resample(sound, PLAYOUT_RATE, HEARING_RATE)
    mels = int(nets.whisper.config.num_mel_bins)
    seconds = int(nets.whisper.config.max_source_positions) // 50
    extract = WhisperFeatureExtractor(feature_size=mels, chunk_length=seconds)
    count = -(-len(pcm) // (2 * STEP_SAMPLES))
    steps: list[Floats] = []
    for start in range(0, heard.size, seconds * HEARING_RATE):
        part = heard[start : start + seconds * HEARING_RATE]
        features = extract(part, sampling_rate=HEARING_RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            told = nets.whisper(
                features.to(device=nets.device, dtype=nets.kind), output_hidden_states=True
            )
            states = torch.stack(told.hidden_states, dim=2)[0].float().cpu().numpy()
        steps += list(states)
    return steps[:count]
