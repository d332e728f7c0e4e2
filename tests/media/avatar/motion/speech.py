"""Made-up speech for the tests of motion: visemes of random lengths and a sound as loud as they."""

import numpy as np

from media.avatar.motion.shapes import OCULUS
from media.sound.formats import PLAYOUT_RATE
from media.speech.ports import Viseme

PER_MS = PLAYOUT_RATE // 1000
VOWELS = ("aa", "E", "I", "O", "U")


def spans(*told: tuple[str, int]) -> tuple[Viseme, ...]:
    """Visemes one after another: (name, milliseconds)."""
    made, at = [], 0
    for shape, ms in told:
        made.append(Viseme(shape, at, ms * PER_MS))
        at += ms * PER_MS
    return tuple(made)


def babble(chance: np.random.Generator, count: int = 40) -> tuple[Viseme, ...]:
    """Visemes by chance, 50 to 220 ms each, consonants and vowels taking turns."""
    others = [name for name in OCULUS if name not in VOWELS]
    names = [str(chance.choice(VOWELS if i % 2 else others)) for i in range(count)]
    return spans(*((name, int(chance.integers(50, 220))) for name in names))


def sound(visemes: tuple[Viseme, ...]) -> bytes:
    """A tone, loud in vowels, soft in consonants, none in silence."""
    parts = []
    for viseme in visemes:
        loud = 9000 if viseme.shape in VOWELS else 0 if viseme.shape in ("sil", "PP") else 2500
        t = np.arange(viseme.samples) / PLAYOUT_RATE
        parts.append(loud * np.sin(2 * np.pi * 170 * t))
    return np.concatenate(parts).astype("<i2").tobytes()


def length(visemes: tuple[Viseme, ...]) -> int:
    """Samples until the last one ends."""
    return visemes[-1].at_sample + visemes[-1].samples
