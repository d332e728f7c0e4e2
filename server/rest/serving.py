"""One call from request to response: who asks, may they, how often, with what; then the answer."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rooms.errors import ProductError, Unauthorized
from rooms.spans import Traces, beginning
from server.rest.call import Call, request_id_of
from server.rest.problems import guarded
from server.rest.reading import body_of, path_of, query_of

if TYPE_CHECKING:
    from server.rest.routes import Operation

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TRACEPARENT_MAX: Final = 128
_encode = msgspec.json.Encoder().encode


def endpoint(
    methods: "dict[str, Operation]", told: Callable[[ProductError], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """The ASGI end of one path's operations, by method."""
    decoders = {
        method: msgspec.json.Decoder(op.body) if op.body is not None else None
        for method, op in methods.items()
    }

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        request_id = request_id_of(request)
        response = await guarded(
            lambda: _serve(methods[method], decoders[method], request, request_id),
            request_id,
            told,
        )
        response.headers["x-request-id"] = request_id
        response.headers.setdefault("cache-control", "no-store")
        for name, value in getattr(request.state, "rate_headers", {}).items():
            response.headers[name] = value
        return response

    return answer


async def _serve(op: "Operation", decoder: Any, request: Request, request_id: str) -> Response:
    call = await _admitted(op, request, request_id)
    arguments = path_of(request, op.path_kinds)
    if op.query is not None:
        arguments["query"] = query_of(request, op.query)
    if decoder is not None:
        arguments["body"] = await body_of(request, decoder, op.body_bytes)
    with _traced(call):
        result = await op.handler(call, **arguments)
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204 if op.status == 200 else op.status)
    return Response(_encode(result), op.status, media_type="application/json")


def _traced(call: Call) -> contextlib.AbstractContextManager[object]:
    """A trace of what changes something, within the caller's own (W3C `traceparent`) if told.

    Only whoever was admitted gets here: a stranger cannot have traces written.
    """
    request = call.request
    traces: Traces | None = getattr(request.app.state, "traces", None)
    if traces is None or request.method in READING:
        return contextlib.nullcontext()
    parent = request.headers.get("traceparent", "")[:TRACEPARENT_MAX]
    return beginning(traces, "request", parent, path=request.scope["route"].path)


async def _admitted(op: "Operation", request: Request, request_id: str) -> Call:
    """The call, its caller known where the route is not public. Raises for who may not pass."""
    call = Call(request, request_id, None)
    limits = call.house.limits
    if op.public:
        await limits.admit(call, op)
        return call
    try:
        caller = await call.house.authenticate(call.token) if call.token is not None else None
    except Unauthorized:
        await limits.admit(call, op)  # tokens are not to be guessed at leisure
        raise
    call = Call(request, request_id, caller)
    await limits.admit(call, op)
    if op.guard is not None:
        await op.guard(call, op.scope, op.role)
    else:
        call.demand(op.scope, op.role)
    return call
