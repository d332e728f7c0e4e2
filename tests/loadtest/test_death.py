"""What the drivers of a node's death found is told as one: nothing counted twice, nothing dropped.

The bench itself runs for minutes and on its own; here is only how it adds up.
"""

from collections import Counter
from typing import Any

from loadtest.bench_death import together


def part(*at: float, **more: Any) -> dict[str, Any]:
    return {"people": 3, "back": Counter(resumed=len(at)), "missed": 0, "at": list(at)} | more


def test_people_and_what_went_wrong_are_added_and_times_counted_from_the_death() -> None:
    found = together([part(10.5, 11.0), part(12.0, missed=2, back=Counter(resync=1))], began=10.0)
    assert found == {
        "people": 6,
        "back": Counter(resumed=2, resync=1),
        "missed": 2,
        "seconds": {"p50": 1.0, "p95": 1.0, "all": 2.0},
    }


def test_a_death_that_cut_nobody_off_has_no_times() -> None:
    assert "seconds" not in together([part()], began=10.0)
