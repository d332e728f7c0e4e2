"""What an operator can see from outside: metrics, and traces of turns. Both are off at first."""

from msgspec import Struct


class MetricsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics for Prometheus.

    port: where the first gateway tells its metrics; the next takes the next port. 0 is off.
    host: the address of those ports. The default is reachable from this machine only.
    token: what a scraper shows as Bearer token; with one, `/metrics` is also on the main port.
    """

    port: int = 0
    host: str = "127.0.0.1"
    token: str = ""


class TracingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Traces of turns, by OpenTelemetry.

    endpoint: the OTLP/HTTP address traces go to (http://127.0.0.1:4318/v1/traces). Empty is off.
    share: which part of all turns is traced, from 0 to 1.
    """

    endpoint: str = ""
    share: float = 1.0
