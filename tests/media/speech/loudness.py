"""Measures of sound that the tests of speech share: levels and pitch."""

import numpy as np


def samples(pcm: bytes) -> np.ndarray:
    """s16le as floats of full scale one."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768


def level(sound: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0


def pitch_hz(pcm: bytes, rate: int = 24_000) -> float:
    """The median pitch of the louder parts, by autocorrelation."""
    sound, size, found = samples(pcm), rate // 16, []
    loud = level(sound)
    for at in range(0, len(sound) - size, size // 2):
        part = sound[at : at + size] - sound[at : at + size].mean()
        if level(part) < loud / 2:
            continue
        alike = np.correlate(part, part, "full")[size - 1 :]
        lag = rate // 400 + int(np.argmax(alike[rate // 400 : rate // 60]))
        if alike[lag] > 0.5 * alike[0]:
            found.append(rate / lag)
    return float(np.median(found)) if found else 0.0
