"""Metrics and traces of one process, as the settings want them; what is off is not imported.

With several gateways on one port a scrape there would meet any of them, so it is told to go to
the gateways' own ports instead.
"""

import asyncio
import socket
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.settings import Settings
from server.house import House
from server.observability.listener import MetricsListener, may_scrape

if TYPE_CHECKING:
    from server.observability.collector import Scrape
    from server.observability.tracing import OpenTelemetryTraces
    from server.wiring import Wiring


class Outlook:
    """Made with the app, opened with the house."""

    def __init__(self, settings: Settings, node: str, metrics_fd: int | None) -> None:
        self._settings = settings
        self._node = node
        self._fd = metrics_fd
        self._scrape: Scrape | None = None
        self._traces: OpenTelemetryTraces | None = None

    def open(self, house: House, wiring: "Wiring") -> None:
        """From now on there is something to see."""
        if self._fd is not None or self._settings.metrics.token:
            from server.observability.collector import Scrape
            from server.observability.readings import readings

            self._scrape = Scrape(lambda: readings(house, wiring.bus.tally, wiring.lag))
        if self._settings.tracing.endpoint:
            from server.observability.tracing import to_collector

            self._traces = to_collector(self._settings.tracing, self._node)
            house.realtime.traces = house.realtime.holder.forward.traces = self._traces

    def background(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """The metrics port, if this gateway was given one."""
        if self._fd is None or self._scrape is None:
            return []
        from server.observability.collector import CONTENT_TYPE

        token = self._settings.metrics.token
        listener = MetricsListener(token, self._scrape.text, CONTENT_TYPE)
        listening = socket.socket(fileno=self._fd)
        return [tasks.create_task(listener.serve(listening), name="metrics")]

    def routes(self) -> list[Route]:
        """`/metrics` on the main port, for who shows the token."""
        return [Route("/metrics", self._metrics)] if self._settings.metrics.token else []

    async def _metrics(self, request: Request) -> Response:
        from server.observability.collector import CONTENT_TYPE

        metrics = self._settings.metrics
        if not may_scrape(metrics.token, request.headers.get("authorization", "")):
            return PlainTextResponse("Show the token of metrics.token.\n", 401)
        if self._settings.server.gateways > 1:
            told = "Several gateways share this port: set metrics.port, and scrape each there.\n"
            return PlainTextResponse(told, 409)
        assert self._scrape is not None, "the house is open"
        return Response(self._scrape.text(), media_type=CONTENT_TYPE)

    async def close(self) -> None:
        """Send the traces that wait."""
        if self._traces is not None:
            await self._traces.close()
