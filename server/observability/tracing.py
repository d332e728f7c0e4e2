"""Traces of turns by OpenTelemetry, when an endpoint is set; otherwise this file is not imported.

Spans are put into a bounded queue and sent by a thread of its own. A collector that is slow or
away costs spans, never a turn.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.observability import TracingSettings
from rooms.errors import ProductError
from rooms.spans import Fact, Step

QUEUED_MAX = 4_096
BATCH = 512
EXPORT_SECONDS = 5
GOODBYE_SECONDS = 3.0
_W3C = TraceContextTextMapPropagator()


class SpanStep:
    """See rooms/spans.py `Step`."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span

    def tell(self, **facts: Fact) -> None:
        """Attributes of the span."""
        for name, fact in facts.items():
            self.span.set_attribute(f"kindred.{name}", fact)

    def mark(self, name: str) -> None:
        """An event of the span."""
        self.span.add_event(name)

    def end(self, at_ns: int | None = None) -> None:
        """The end of the span."""
        self.span.end(at_ns)


class OpenTelemetryTraces:
    """See rooms/spans.py `Traces`. One per process."""

    def __init__(self, settings: TracingSettings, node: str, exporter: SpanExporter) -> None:
        resource = Resource({"service.name": "kindred", "service.instance.id": node})
        sampler = ParentBased(TraceIdRatioBased(settings.share))
        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._batches = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUED_MAX,
            max_export_batch_size=BATCH,
            export_timeout_millis=EXPORT_SECONDS * 1000,
        )
        self._provider.add_span_processor(self._batches)
        self._tracer = self._provider.get_tracer("kindred")

    @contextmanager
    def step(self, name: str, facts: dict[str, Fact], parent: str) -> Iterator[Step]:
        """See the port. An exception is told by its kind alone."""
        context = _W3C.extract({"traceparent": parent}, Context()) if parent else None
        with self._tracer.start_as_current_span(
            name, context, record_exception=False, set_status_on_exception=False
        ) as span:
            step = SpanStep(span)
            step.tell(**facts)
            try:
                yield step
            except BaseException as error:
                kind = error.code if isinstance(error, ProductError) else type(error).__name__
                span.set_status(Status(StatusCode.ERROR, kind))
                raise

    def begun(self, name: str, facts: dict[str, Fact], since_ns: int | None = None) -> Step:
        """See the port."""
        step = SpanStep(self._tracer.start_span(name, start_time=since_ns))
        step.tell(**facts)
        return step

    def here(self) -> str:
        """See the port."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(trace.get_current_span()))
        return carrier.get("traceparent", "")

    async def close(self) -> None:
        """Send what waits, but do not wait long for a collector that does not answer."""
        closing = asyncio.to_thread(self._provider.shutdown)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await closing
        except TimeoutError:
            logging.getLogger("opentelemetry").warning("the trace collector did not answer")


def to_collector(settings: TracingSettings, node: str) -> OpenTelemetryTraces:
    """Traces that go to the endpoint of the settings."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=EXPORT_SECONDS)
    return OpenTelemetryTraces(settings, node, exporter)
