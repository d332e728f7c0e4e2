"""Has who spoke finished, or only paused? The smart-turn network, which listens to how it sounds.

It is not a package of its own: config/turn_model.py takes it out of a pinned wheel at
installation. Without it nothing is guessed; punctuation and silence decide, and the doctor says so.
"""

import sys
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from config.turn_model import installed_path, is_installed
from media.hearing.mel import mel_picture
from media.hearing.onnx import ModelBroken, open_model
from media.sound.formats import HEARING_RATE
from media.sound.levels import Floats, floats_of

SECONDS: Final = 8
_SAMPLES: Final = SECONDS * HEARING_RATE
_LEAST_VARIANCE: Final = 1e-7


class TurnJudge(Protocol):
    """Judges the sound of what was said last."""

    def finished(self, pcm: bytes) -> float:
        """Probability 0..1 that the turn is over; the last 8 s of 16 kHz sound count."""
        ...


class SmartTurn:
    """smart-turn v3.2: 23 languages, about 0.1 s of a core a decision."""

    def __init__(self, path: Path, device: str = "auto") -> None:
        """Raises ModelBroken."""
        self._session = open_model(path, device)

    def finished(self, pcm: bytes) -> float:
        """See TurnJudge."""
        picture = mel_picture(as_it_listens(floats_of(pcm)))
        found = self._session.run(None, {"input_features": picture[None]})
        return min(1.0, max(0.0, float(np.asarray(found[0]).reshape(-1)[0])))


def as_it_listens(sound: Floats) -> Floats:
    """The last eight seconds, silence before them, and all of it evenly loud."""
    late = sound[-_SAMPLES:]
    whole = np.concatenate([np.zeros(_SAMPLES - late.size, dtype=np.float32), late])
    spread = np.sqrt(whole.var() + _LEAST_VARIANCE)
    even: Floats = ((whole - whole.mean()) / spread).astype(np.float32)
    return even


def find_turn_model(own: str = "") -> Path | None:
    """The operator's own file, or the one that was installed; None where there is none.

    Raises ModelBroken where the own one is missing or the installed one is not what was pinned.
    """
    if own:
        path = Path(own).expanduser()
        if not path.is_file():
            raise ModelBroken(f"There is no end-of-turn model at {path}.")
        return path
    environment = Path(sys.prefix)
    path = installed_path(environment)
    if not path.exists():
        return None
    if not is_installed(environment):
        raise ModelBroken(f"{path} is damaged; `python -m config.turn_model` fetches it anew.")
    return path
