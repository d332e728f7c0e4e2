"""The dashboard that ships asks only for metrics that exist, and every metric is documented."""

import json
import re
from pathlib import Path

from server.observability.table import METRICS

ROOT = Path(__file__).parents[3]
OTHERS = {"process_resident_memory_bytes"}


def test_every_metric_a_panel_asks_for_exists() -> None:
    dashboard = json.loads((ROOT / "config/grafana/kindred.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:kindred|process)_\w+", target["expr"])
    }
    shown = {one.shown for one in METRICS if one.kind != "histogram"} | OTHERS
    shown |= {f"{one.name}_bucket" for one in METRICS if one.kind == "histogram"}
    assert asked
    assert asked <= shown


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert [one.shown for one in METRICS if f"`{one.shown}`" not in page] == []
