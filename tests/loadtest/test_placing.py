"""Known speech is found where it was heard: after a hole, through an offset, and not where cut."""

import numpy as np
import pytest

from loadtest.placing import Decoded, Said, placed
from tests.media.avatar.motion.speech import babble, sound

RATE = 24_000


def test_speech_after_a_hole_is_placed_later_by_the_hole() -> None:
    visemes = babble(np.random.default_rng(4), 90)
    pcm = sound(visemes)
    hole, cut = round(0.137 * RATE) * 2, 5 * RATE * 2
    heard = bytes(RATE * 2) + pcm[:cut] + bytes(hole) + pcm[cut:] + bytes(RATE * 2)
    spans = placed([Said(10.9, pcm, visemes)], Decoded(10.0, heard, RATE))
    early = [
        one.at_seconds for one in spans if one.visemes and one.visemes[-1].at_sample < 3 * RATE
    ]
    late = [one.at_seconds for one in spans if one.visemes and one.visemes[0].at_sample > 7 * RATE]
    assert early
    assert late
    assert early == pytest.approx([11.0] * len(early), abs=0.004)
    assert late == pytest.approx([11.137] * len(late), abs=0.004)


def test_what_was_interrupted_ends_there_and_strange_sound_is_not_placed() -> None:
    visemes = babble(np.random.default_rng(5), 60)
    pcm, end = sound(visemes), 4 * RATE
    heard = pcm[: end * 2] + bytes(3 * RATE * 2)
    spans = placed([Said(0.1, pcm, visemes, end)], Decoded(0.0, heard, RATE))
    told = [viseme for one in spans for viseme in one.visemes]
    assert told
    assert max(viseme.at_sample + viseme.samples for viseme in told) <= end
    other = sound(babble(np.random.default_rng(6), 60))
    assert placed([Said(0.5, pcm, visemes)], Decoded(0.0, other, RATE)) == []
