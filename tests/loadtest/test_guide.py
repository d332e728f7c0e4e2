"""The guide's own scenario runs, and what it names exists."""

import re
from pathlib import Path

import pytest

from loadtest.driver import Driver
from loadtest.measure import COUNTERS, FIGURES, MEASURES
from loadtest.outcome import Totals
from loadtest.scenarios import SHIPPED, load
from loadtest.thresholds import parse
from tests.loadtest.small import Small, plan

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "load-testing.md").read_text()


async def test_the_scenario_of_the_guide_runs(tmp_path: Path) -> None:
    [text] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "tea.py"
    file.write_text(text)
    scenario = load(str(file))
    totals = Totals()
    async with Small().serving() as small:
        small.words = ["Some ", "tea?"]
        options = {**scenario.options, "pause": "0"}
        ordered = plan(small.target, people=3, model=scenario.model, options=options)
        await Driver(ordered, scenario, totals.add).run()
    assert totals.counted("about_tea") == totals.counted("visits")
    assert (totals.counted("visits") or 0) >= 3
    assert totals.counted("errors") == 0


def test_thresholds_of_the_guide_can_be_read_and_name_what_there_is() -> None:
    found = re.findall(r"--fail-if '([^']+)'", GUIDE)
    assert len(found) >= 4
    for text in found:
        assert parse(text).of in {*MEASURES, *COUNTERS, *FIGURES}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_guide_tells_each_scenario_with_its_model(name: str) -> None:
    row = re.search(rf"^\| `{name}` \|.*\| (open|closed) \|$", GUIDE, re.MULTILINE)
    assert row is not None
    assert row[1] == load(name).model
