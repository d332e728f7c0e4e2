"""The run's own Prometheus endpoint, so that what people got stands beside what the server did."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from loadtest.measure import seconds_at
from loadtest.outcome import PERCENTILES, Totals


class Collected(Collector):
    """Reads the totals when it is asked."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        """Everything measured so far."""
        totals = self._totals
        counts = CounterMetricFamily(
            "kindred_loadtest", "Counted since the run began", labels=["what", "code"]
        )
        for name, n in sorted(totals.whole.counts.items()):
            what, _, code = name.partition(".")
            counts.add_metric([what, code], n)
        yield counts
        times = SummaryMetricFamily(
            "kindred_loadtest_seconds", "Times from the intended start", labels=["measure"]
        )
        at = GaugeMetricFamily(
            "kindred_loadtest_percentile_seconds",
            "Percentiles of those times",
            labels=["measure", "percentile"],
        )
        for name, one in sorted(totals.whole.times.items()):
            total = one.total_count
            times.add_metric([name], total, float(one.get_mean_value()) * total / 1e6)
            for percent in PERCENTILES:
                at.add_metric([name, f"{percent:g}"], seconds_at(one, percent))
        yield times
        yield at
        yield GaugeMetricFamily("kindred_loadtest_people", "Visits under way", totals.people)
        yield GaugeMetricFamily("kindred_loadtest_connected", "Signed in", totals.connected)
        yield from self._drivers()

    def _drivers(self) -> Iterator[Metric]:
        share = GaugeMetricFamily(
            "kindred_loadtest_driver_cpu_share", "Of one core", labels=["driver"]
        )
        lag = GaugeMetricFamily(
            "kindred_loadtest_driver_lag_seconds", "How late its loop is, p99", labels=["driver"]
        )
        for driver, loops in self._totals.loops.items():
            if loops:
                share.add_metric([str(driver)], loops[-1].cpu_share)
                lag.add_metric([str(driver)], loops[-1].lag_p99_seconds)
        yield share
        yield lag


@contextmanager
def serve_metrics(port: int | None, totals: Totals) -> Iterator[str]:
    """Serve on this port of 127.0.0.1 (0 picks one) for the block; gives the address."""
    if port is None:
        yield ""
        return
    registry = CollectorRegistry()
    registry.register(Collected(totals))
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
