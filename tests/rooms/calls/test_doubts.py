"""What a judge's words make of a camera, call by call."""

import pytest

from media.calls.picture_check import Verdict
from rooms.calls.doubts import MOST_REFUSED, MOST_UNANSWERED, Doubts, passes

YES = Verdict(allowed=True)
NO = Verdict(allowed=False, because="other")
MINOR = Verdict(allowed=False, because="minor")


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [(YES, True), (NO, False), (MINOR, False), (Verdict(allowed=False), False), (None, False),
     (Verdict(allowed=True, because="minor"), False)],
)  # fmt: skip
def test_only_a_plain_yes_passes(verdict: Verdict | None, shown: bool) -> None:
    assert passes(verdict) is shown


def test_one_minor_is_the_last_of_the_call() -> None:
    doubts = Doubts()
    assert doubts.read(YES) is None
    assert not doubts.closed
    assert doubts.read(Verdict(allowed=True, because="minor")) == "minor"
    assert doubts.closed


def test_refusals_stop_it_and_a_few_close_it() -> None:
    doubts = Doubts()
    for left in range(MOST_REFUSED, 0, -1):
        assert doubts.closed is (left == 0)
        assert doubts.read(NO) == "refused"
    assert doubts.closed


def test_silences_count_in_a_row_and_never_close_it() -> None:
    doubts = Doubts()
    for _ in range(3):
        told = [doubts.read(None) for _ in range(MOST_UNANSWERED)]
        assert told == [None] * (MOST_UNANSWERED - 1) + ["unjudged"]
    assert doubts.read(None) is None
    assert doubts.read(YES) is None
    assert doubts.read(None) is None
    assert not doubts.closed
