"""What both sides of a bench hear and say in place of models, so that only servers are measured.

It imports nothing of ours: a peer's server runs in an environment of its own. Every sound it makes
begins with the time at which it was made, in the samples themselves: who hears it knows how old
it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import numpy as np

RATE: Final = 24_000
HEARD: Final = "And what did you see at the harbour?"
REPLY: Final = (
    "the rain came in over the harbour and nobody minded because there was tea and somebody "
    "had brought a violin so we sat and listened and said very little until the lamps were lit"
)
SECONDS_A_CHARACTER: Final = 0.03
BURST_SECONDS: Final = 0.5  # so much sound comes at once,
BURST_GAP_SECONDS: Final = 0.1  # and so long afterwards the next
BIT_SAMPLES: Final = 16
PREAMBLE: Final = (1, 0, 1, 1, 0, 0, 1, 0)
_TIME_BITS: Final = 48
_CHECK_BITS: Final = 8
MARK_SAMPLES: Final = BIT_SAMPLES * (len(PREAMBLE) + _TIME_BITS + _CHECK_BITS)
_LOUD: Final = 9_000
_TONE: Final = (5_000 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype("<i2")


def now_us() -> int:
    """The clock that all processes of a machine share."""
    return time.monotonic_ns() // 1000


def _check_of(moment: int) -> int:
    return sum(moment.to_bytes(_TIME_BITS // 8, "big")) % 251


def marked(moment_us: int) -> bytes:
    """Samples that say when they were made."""
    told = moment_us << _CHECK_BITS | _check_of(moment_us)
    count = _TIME_BITS + _CHECK_BITS
    bits = [*PREAMBLE, *(told >> (count - 1 - place) & 1 for place in range(count))]
    levels = np.where(np.array(bits) > 0, _LOUD, -_LOUD)
    return bytes(np.repeat(levels, BIT_SAMPLES).astype("<i2").tobytes())


def read_mark(sound: Any) -> int | None:
    """When samples were made that begin with, or soon come to, a mark; None where none is."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > _LOUD // 2)
    if not len(loud) or len(sound) - loud[0] < MARK_SAMPLES:
        return None
    taken = sound[loud[0] : loud[0] + MARK_SAMPLES].reshape(-1, BIT_SAMPLES)
    bits = (taken[:, 4:-4].astype(np.int32).sum(axis=1) > 0).astype(int).tolist()
    if tuple(bits[: len(PREAMBLE)]) != PREAMBLE:
        return None
    told = int("".join(map(str, bits[len(PREAMBLE) :])), 2)
    moment, check = told >> _CHECK_BITS, told & (1 << _CHECK_BITS) - 1
    return moment if check == _check_of(moment) else None


async def said(text: str) -> AsyncIterator[bytes]:
    """The sound of a text at 24 kHz: the first burst at once, the others soon after each other."""
    left = max(int(len(text) * SECONDS_A_CHARACTER * RATE), MARK_SAMPLES)
    burst = int(BURST_SECONDS * RATE)
    first = True
    while left > 0:
        count = min(burst, left)
        head = marked(now_us()) if first else b""
        tone = np.resize(_TONE, count - len(head) // 2)
        yield head + bytes(tone.tobytes())
        first, left = False, left - count
        if left:
            await asyncio.sleep(BURST_GAP_SECONDS)
