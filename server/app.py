"""The application: routes, middleware, and a lifespan that builds the house and takes it down."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from config.settings import Settings
from media.inference.client import Inference
from realtime.transports.websocket import SocketDoor
from rooms.dialogue.router import build_router
from server.api import (
    admin,
    api_keys,
    auth,
    call_records,
    calls,
    companions,
    faces,
    figures,
    making,
    members,
    meta,
    openai,
    openai_audio,
    pictures,
    privacy,
    recordings,
    rooms,
    users,
    vr,
    wallet,
)
from server.headers import SecurityHeaders
from server.house import House
from server.housekeeping import keep_house
from server.observability.logs import set_up_logging
from server.observability.outlook import Outlook
from server.rest.openapi import openapi as openapi_document
from server.rest.problems import http_problem
from server.rest.routes import mounted
from server.web import serve as web
from server.wiring import Wiring
from storage.bus.ports import BusDown
from storage.clients import client_of
from storage.database import DATABASE_AWAY, open_pool

HOUSEKEEPING_SECONDS = 2.0  # who was mid-reply on a gateway that died waits no longer
REST = [
    users.routes,
    auth.routes,
    api_keys.routes,
    privacy.routes,
    recordings.routes,
    making.routes,
    companions.routes,
    pictures.routes,
    faces.routes,
    figures.routes,
    rooms.routes,
    members.routes,
    wallet.routes,
    call_records.routes,
    calls.routes,
    vr.routes,
    meta.routes,
    admin.routes,
    making.reviews,
]


class Application(Starlette):
    """Sockets go straight to their door: in a storm of them each layer between is a share of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        straight = self.state.sockets.get(scope.get("path"))
        if scope["type"] != "websocket" or straight is None:
            await super().__call__(scope, receive, send)
        else:
            await straight(scope, receive, send)

    def door(self, path: str) -> SocketDoor | None:
        """Where plain handshakes are met without ASGI (realtime/transports/straight.py)."""
        found: SocketDoor | None = self.state.sockets.get(path)
        return found


def product_version() -> str:
    """The installed version; a checkout without an install is named so."""
    try:
        return installed_version("kindred")
    except PackageNotFoundError:
        return "0.0.0+checkout"


def create_app(
    settings: Settings,
    *,
    database_url: str,
    bus_url: str,
    node: str,
    model_url: str | None,
    model_key: str | None,
    metrics_fd: int | None = None,
    inference_addresses: Sequence[str] = (),
    inference_key: str = "",
) -> Starlette:
    """The ASGI application of one gateway."""
    set_up_logging()
    version = product_version()
    door = RealtimeDoor()
    outlook = Outlook(settings, node, metrics_fd)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        db = await open_pool(
            database_url,
            size=settings.database.pool_size,
            statement_timeout_seconds=settings.database.statement_timeout_seconds,
            name=node,
        )
        open_db = settings.hearing.open_db
        inference = Inference(inference_addresses, inference_key, open_db=open_db)
        wiring = Wiring(settings, db, bus_url, node, await client_of(bus_url), inference)
        router = build_router(settings.models, model_url, model_key)
        house = await wiring.build(router, model_url, version)
        app.state.house = house
        door.open(house)
        app.state.sockets = {"/v1/socket": SocketDoor(house.realtime)}
        outlook.open(house, wiring)
        app.state.traces = house.realtime.traces
        await house.realtime.start()
        inference.start()
        async with asyncio.TaskGroup() as tasks:
            beside = wiring.background(tasks, house)
            beside.append(tasks.create_task(keep_house(house, HOUSEKEEPING_SECONDS)))
            beside += outlook.background(tasks)
            app.state.drain = _drain_once(house)
            try:
                yield
            finally:
                await app.state.drain()
                for task in beside:
                    task.cancel()
        await outlook.close()
        await house.ahead.aclose()
        await house.sheets.aclose()
        await inference.aclose()
        await router.aclose()
        await wiring.close()
        await db.close()

    app = Application(
        routes=[*door.routes(), *_routes(version), *outlook.routes(), *web.routes],
        lifespan=lifespan,
        exception_handlers={HTTPException: http_problem},
    )
    app.state.sockets = {}
    app.add_middleware(SecurityHeaders)
    return app


def _routes(version: str) -> list[BaseRoute]:
    """What is asked by requests. Sockets stand before it: they come in storms, and order counts."""
    groups = [*REST, openai.routes, openai_audio.routes]
    document = openapi_document(groups, version)
    return [
        *mounted(groups),
        Route("/openapi.json", lambda _: JSONResponse(document)),
        Route("/healthz", _alive),
        Route("/readyz", _ready),
    ]


class RealtimeDoor:
    """Routes of the real-time side, which exists only once the lifespan has built it."""

    def __init__(self) -> None:
        self._inner: list[BaseRoute] = []

    def open(self, house: House) -> None:
        """From now on the doors lead somewhere."""
        self._inner[:] = house.realtime.routes()

    def routes(self) -> list[BaseRoute]:
        """A group whose routes are filled in by `open`; it matches nothing before."""
        return [LateRoutes(self._inner)]


class LateRoutes(BaseRoute):
    """Asks a list of routes that may still be empty."""

    def __init__(self, inner: list[BaseRoute]) -> None:
        self._inner = inner

    def matches(self, scope: Any) -> Any:
        """The first full match among the inner routes."""
        from starlette.routing import Match

        for route in self._inner:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, "late_route": route}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Nothing here is looked up by name."""
        from starlette.routing import NoMatchFound

        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand over to the route that matched."""
        await scope["late_route"].handle(scope, receive, send)


def _drain_once(house: House) -> Any:
    drained = False

    async def drain(*, leave_at_once: bool = False) -> None:
        nonlocal drained
        if not drained:
            drained = True
            house.draining = True
            await house.realtime.drain(house.settings.server.drain_seconds, leave_at_once)

    return drain


async def _alive(request: Request) -> Response:  # noqa: ARG001 - Starlette's shape
    return JSONResponse({"status": "alive"})


async def _ready(request: Request) -> Response:
    """Ready when both stores answer; the model may still be loading, and says so."""
    house: House = request.app.state.house
    parts: dict[str, str] = {}
    try:
        async with asyncio.timeout(2):
            await house.db.fetchval("SELECT 1")
        parts["database"] = "ready"
    except (*DATABASE_AWAY, asyncpg.PostgresError):
        parts["database"] = "away"
    try:
        async with asyncio.timeout(2):
            await house.realtime.bus.living()
        parts["bus"] = "ready"
    except (BusDown, TimeoutError):
        parts["bus"] = "away"
    ready = not house.draining and all(state == "ready" for state in parts.values())
    status = "draining" if house.draining else "ready" if ready else "waiting"
    return JSONResponse({"status": status, **parts}, 200 if ready else 503)
