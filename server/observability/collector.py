"""The house's numbers in Prometheus' format: one collector that reads when it is asked.

Imported only where metrics are served.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from server.observability.readings import Reading
from server.observability.table import METRICS, Metric
from storage.spread import Spread

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HouseCollector(Collector):
    """Told by `read` what the numbers are."""

    def __init__(self, read: Callable[[], dict[str, Reading]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """One family for each line of the table."""
        now = self._read()
        for metric in METRICS:
            yield _family(metric, now[metric.name])

    def describe(self) -> Iterator[Family]:
        """Nothing to check against: the registry is ours alone."""
        return iter(())


class Scrape:
    """Everything of this process, as text."""

    def __init__(self, read: Callable[[], dict[str, Reading]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(HouseCollector(read))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """The scrape's answer."""
        return generate_latest(self._registry)


def _family(metric: Metric, reading: Reading) -> Family:
    if isinstance(reading, Spread):
        family = HistogramMetricFamily(metric.name, metric.help)
        bounds = [*map(str, reading.bounds), "+Inf"]
        family.add_metric([], list(zip(bounds, accumulate(reading.counts), strict=True)),
                          sum_value=reading.total)  # fmt: skip
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    plain = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in reading.items():
        plain.add_metric(list(labels), value)
    return plain
