"""What the shipped voice costs and how exact it is: CPU, first pieces, several at once, the lips.

    python -m loadtest.bench_speech

The error of the mouth's times is measured on the sound itself: where a word has p, b or m between
two vowels, the treble falls; its lowest point is compared with the middle of the closed lips.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from media.sound.formats import PLAYOUT_RATE
from media.speech.joe import JoeVoice
from media.speech.ports import Spoken, Viseme, VoiceChoice

SHORT: Final = ("Well, hello there, friend.", "I missed you today.", "How was your day?")
LONG: Final = (
    "I have been thinking about what you told me, and I believe you were right to leave early.",
    "Tell me about the garden, the one behind your house, where the old pear tree used to stand.",
    "If it rains tomorrow we could stay at home and cook something that takes all afternoon.",
)
LIPS: Final = (
    "A happy baby, a copper penny, a shabby cabin, and a summer hammer.",
    "Papa opened a paper, Emma aimed a camera, and Abby a ruby ribbon.",
    "The upper cupboard, the lumber room, a number of apple pies, and a simple supper.",
)
VOICES: Final = ("", "bass-velvet", "tenor-sunny", "mezzo-warm", "soprano-soft")
_OPEN: Final = frozenset({"aa", "E", "I", "O", "U", "RR"})
_AROUND: Final = int(0.08 * PLAYOUT_RATE)


def measure(rounds: int) -> dict[str, Any]:
    """All figures of one machine."""
    began = time.process_time()
    joe = JoeVoice()
    loading = time.process_time() - began
    for text in (*SHORT, *LONG):
        list(joe.say(text, VoiceChoice()))
    return {
        "load_cpu_s": round(loading, 2),
        "cpu_s_per_audio_s": {
            voice or "(plain)": round(_cpu(joe, VoiceChoice(voice=voice), rounds), 3)
            for voice in VOICES
        },
        "first_piece_ms_of_4_words": _first_pieces(joe, rounds),
        "real_time_factor": {str(many): round(_at_once(joe, many), 3) for many in (1, 4)},
        "lips_ms": _lips(joe),
    }


def _cpu(joe: JoeVoice, choice: VoiceChoice, rounds: int) -> float:
    spent = spoken = 0.0
    for _ in range(rounds):
        for text in LONG:
            began = time.process_time()
            pieces = list(joe.say(text, choice))
            spent += time.process_time() - began
            spoken += _seconds(pieces)
    return spent / spoken


def _first_pieces(joe: JoeVoice, rounds: int) -> dict[str, float]:
    """Time to the first sound of a short clause, and to all of it."""
    found: dict[str, list[float]] = {"cpu_p50": [], "wall_p50": [], "whole_cpu_p50": []}
    for _ in range(rounds):
        for text in SHORT:
            for voice in VOICES:
                cpu, wall = time.process_time(), time.perf_counter()
                pieces = joe.say(text, VoiceChoice(voice=voice))
                next(pieces)
                found["cpu_p50"].append(time.process_time() - cpu)
                found["wall_p50"].append(time.perf_counter() - wall)
                list(pieces)
                found["whole_cpu_p50"].append(time.process_time() - cpu)
    return {name: round(statistics.median(times) * 1000, 1) for name, times in found.items()}


def _at_once(joe: JoeVoice, many: int) -> float:
    """Wall time for each second of sound, with `many` clauses asked for at the same moment."""
    work: Callable[[str], float] = lambda text: _seconds(list(joe.say(text, VoiceChoice())))  # noqa: E731
    with ThreadPoolExecutor(many) as threads:
        began = time.perf_counter()
        spoken = sum(threads.map(work, [LONG[n % len(LONG)] for n in range(many * 2)]))
        return (time.perf_counter() - began) / spoken


def _seconds(pieces: list[Spoken]) -> float:
    return sum(len(piece.pcm) for piece in pieces) / 2 / PLAYOUT_RATE


def _lips(joe: JoeVoice) -> dict[str, float]:
    """How far closed lips stand from where the sound is weakest, over several voices."""
    errors: list[float] = []
    for text in LIPS:
        for voice in VOICES:
            pieces = list(joe.say(text, VoiceChoice(voice=voice)))
            sound = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2")
            visemes = [viseme for piece in pieces for viseme in piece.visemes]
            errors += closure_errors_ms(sound.astype(np.float32), visemes)
    sizes = sorted(abs(error) for error in errors)
    return {
        "closures": len(errors),
        "bias": round(statistics.mean(errors), 1),
        "p50": round(sizes[len(sizes) // 2], 1),
        "p90": round(sizes[len(sizes) * 9 // 10], 1),
        "within_40": round(sum(size <= 40 for size in sizes) / len(sizes), 3),
    }


def closure_errors_ms(sound: Any, visemes: list[Viseme]) -> list[float]:
    """Weakest moment minus the middle of the closed lips, for each closure between vowels."""
    treble = np.diff(sound, 2, append=0.0, prepend=0.0)  # closed lips let hums through, no treble
    level = np.convolve(treble**2, np.ones(240) / 240, "same")
    errors = []
    for before, lips, after in zip(visemes, visemes[1:], visemes[2:], strict=False):
        if lips.shape != "PP" or before.shape not in _OPEN or after.shape not in _OPEN:
            continue
        middle = lips.at_sample + lips.samples / 2
        first = max(int(middle) - _AROUND, before.at_sample)
        last = min(int(middle) + _AROUND, after.at_sample + after.samples, len(level))
        if last - first > 240:
            errors.append(
                (first + int(np.argmin(level[first:last])) - middle) / PLAYOUT_RATE * 1000
            )
    return errors


def main() -> None:
    """Print the figures, and keep them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--out", type=Path, default=Path("build/bench_speech.json"))
    asked = arguments.parse_args()
    figures = measure(asked.rounds)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(figures, indent=2))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
