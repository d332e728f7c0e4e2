"""What is on a recording, as whoever plays it hears it: two sides, and the tone on each."""

import io

import av
import numpy as np


def channels(data: bytes) -> np.ndarray:
    """Both sides, at 48 kHz."""
    with av.open(io.BytesIO(data)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
    return np.concatenate([f.reshape(-1, 2).T if f.shape[0] == 1 else f for f in frames], axis=1)


def loudest_hz(channel: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
    return float(np.fft.rfftfreq(len(channel), 1 / 48_000)[spectrum.argmax()])
