"""Another pitch at the same times, the same however the sound is cut into pieces."""

import numpy as np
import pytest

from media.speech.tone import Retone, Shade

RATE = 22_050


def voice(hz: float, seconds: float = 1.0) -> np.ndarray:
    """Pulses through one resonance: enough of a voice to have a pitch and a formant."""
    sound = np.zeros(int(RATE * seconds), np.float32)
    sound[(np.arange(0, seconds, 1 / hz) * RATE).astype(int)] = 1.0
    turn = np.arange(200) / RATE
    ring = np.exp(-turn * 600) * np.cos(2 * np.pi * 700 * turn)
    return (0.3 * np.convolve(sound, ring)[: len(sound)]).astype(np.float32)


def retoned(sound: np.ndarray, ratio: float, size: int) -> np.ndarray:
    retone = Retone(ratio, RATE)
    pieces = [retone.push(sound[at : at + size]) for at in range(0, len(sound), size)]
    return np.concatenate([*pieces, retone.flush()])


def pitch(sound: np.ndarray) -> float:
    middle = sound[len(sound) // 3 :][:8_192]
    alike = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    return RATE / (60 + int(np.argmax(alike[60:400])))


@pytest.mark.parametrize("ratio", [0.85, 1.0, 1.3, 1.6, 1.9])
def test_pitch_changes_by_the_ratio_and_nothing_gets_longer(ratio: float) -> None:
    sound = voice(100)
    changed = retoned(sound, ratio, 4_000)
    assert len(changed) == len(sound)
    assert pitch(changed) == pytest.approx(100 * ratio, rel=0.04)


@pytest.mark.parametrize("size", [256, 1_000, 7_777])
def test_pieces_make_no_difference(size: int) -> None:
    sound = voice(120, 0.8)
    assert np.allclose(retoned(sound, 1.5, size), retoned(sound, 1.5, len(sound)), atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 100, 5_000])
def test_short_and_silent_sound_keeps_its_length(length: int) -> None:
    changed = retoned(np.zeros(length, np.float32), 1.5, 1_024)
    assert len(changed) == length
    assert not changed.any()


def test_noise_passes_at_its_level() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1
    changed = retoned(noise, 1.5, 3_000)
    assert np.std(changed[2_000:-2_000]) == pytest.approx(0.1, rel=0.3)


def test_shade_darkens_and_brightens_across_pieces() -> None:
    noise = np.random.default_rng(1).standard_normal(8_000).astype(np.float32)

    def treble(amount: float) -> float:
        shade = Shade(amount)
        sound = np.concatenate([shade.push(noise[:3_001]), shade.push(noise[3_001:])])
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float(power[2_000:].sum() / power.sum())

    assert treble(0.4) < treble(0.0) < treble(-0.4)
