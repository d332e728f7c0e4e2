"""What is measured of what a caller sees: freezes as a person notices them, lips against sound."""

import numpy as np
import pytest

from loadtest.clients.mouths import Openings
from loadtest.clients.seeing import Level, Mouth, Pace, Seeing
from loadtest.clients.stamps import _nearest
from loadtest.insync import HERTZ
from loadtest.measure import Measures, figures

ANSWERED = 100.0


def test_a_gap_is_a_freeze_when_it_is_three_usual_ones_and_150_ms_more() -> None:
    pace, frozen = Pace(), []
    for at in [0.0, 0.04, 0.08, 0.12, 0.24, 0.28, 0.60, 0.64]:
        gap = pace.picture(at)
        if gap is not None and pace.froze(gap):
            frozen.append(round(gap, 3))
    assert frozen == [0.32]  # 120 ms more is a stutter, 280 ms is a freeze


def test_pictures_that_come_slowly_all_the_time_are_no_freezes() -> None:
    pace = Pace()
    gaps = [pace.picture(n * 0.12) for n in range(50)]
    assert not any(pace.froze(gap) for gap in gaps if gap is not None)


def seen(*, late_ms: float = 0.0, seconds: float = 24.0, fps: int = 25) -> Measures:
    """A call in which somebody speaks all the time, and is seen `late_ms` too late."""
    measures = Measures()
    seeing = Seeing(measures, ANSWERED)
    loud = np.repeat(np.random.default_rng(3).choice([0.0, 0.3, 1.0], 400), 14)
    events: list[tuple[float, int]] = [(n / fps, 1) for n in range(round(seconds * fps))]
    events += [(n / 50, 0) for n in range(round(seconds * 50))]
    for at, is_picture in sorted(events):
        if is_picture:
            opening = float(loud[max(0, int((at - late_ms / 1000) * HERTZ))])
            seeing.picture(ANSWERED + 0.3 + at, Mouth(at, opening))
        else:
            first = round(at * HERTZ)
            seeing.sound(
                [Level(at + n / HERTZ, -60 + 50 * float(loud[first + n])) for n in range(2)]
            )
    return measures


@pytest.mark.parametrize("late_ms", [-90, 0, 60])
def test_the_skew_is_found_while_the_call_lasts(late_ms: int) -> None:
    measures = seen(late_ms=late_ms)
    skew = measures.times["skew"]
    assert 4 <= skew.total_count <= 8
    assert skew.get_mean_value() / 1000 == pytest.approx(abs(late_ms), abs=22)  # half a picture
    assert measures.counts["late_lips"] > 0 or late_ms <= 0
    assert measures.counts["early_lips"] > 0 or late_ms >= 0
    assert measures.counts["slow_windows"] == 0


def test_figures_follow_from_what_was_counted() -> None:
    measures = seen(seconds=12, fps=15)
    told = figures(measures.counts)
    assert told["frame_rate"] == pytest.approx(15, abs=0.3)
    assert told["frozen_share"] == 0
    assert measures.counts["slow_windows"] >= 1
    assert measures.times["first_picture"].get_max_value() / 1e6 == pytest.approx(0.3, abs=0.01)
    assert figures({}) == {}


def test_a_picture_is_late_beside_the_soonest_of_its_call() -> None:
    measures = Measures()
    seeing = Seeing(measures, ANSWERED)
    for n in range(200):
        seeing.picture(ANSWERED + 0.5 + n / 25 + (0.08 if n % 10 == 9 else 0.0), Mouth(n / 25, 0.0))
    late = measures.times["picture_late"]
    assert late.get_value_at_percentile(50) / 1e6 < 0.001
    assert late.get_value_at_percentile(95) / 1e6 == pytest.approx(0.08, abs=0.002)


def test_in_silence_nothing_is_said_of_lips() -> None:
    measures = Measures()
    seeing = Seeing(measures, ANSWERED)
    for n in range(400):
        seeing.sound([Level(n / 25 + k / HERTZ, -96.0) for k in range(4)])
        seeing.picture(ANSWERED + n / 25, Mouth(n / 25, 0.0))
    assert "skew" not in measures.times


@pytest.mark.parametrize("skin", [70, 200])
def test_an_opening_mouth_is_seen_on_dark_and_light_skin(skin: int) -> None:
    openings, told = Openings(), []
    for high in [2, 4, 8, 16, 24]:
        face = np.full((256, 256), skin, np.uint8)
        face[152 : 152 + high, 112:144] = 20
        told.append(openings.of(face))
    assert told == sorted(told)
    assert told[-1] > 4 * told[0]


def test_stamps_that_wrap_around_go_on() -> None:
    assert _nearest(5, 2**32 - 3) == 2**32 + 5
    assert _nearest(2**32 - 3 - 10, 0) == -13
    assert _nearest(900, 100) == 900
