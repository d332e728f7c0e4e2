"""Routes from typed handlers.

    routes = Routes(tag="rooms")

    @routes.post("/api/v1/rooms", status=201, scope="chat")
    async def create_room(call: Call, body: NewRoom) -> Room:
        \"\"\"The first line is the summary in OpenAPI.\"\"\"

`call` is always first. `body` is a Struct decoded from JSON, `query` a Struct from the query
string, further parameters come from the path. What is returned is encoded, unless it is a
Response. Guards: signed in by default; `public=True`; `scope` for API keys; `role` for staff.
"""

import inspect
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from rooms.errors import BadRequest, Invalid, NotFound, ProductError, TooLarge
from rooms.ports import Principal
from server.rest.call import Call
from server.rest.problems import guarded

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
BODY_BYTES_MAX = 65_536
NO_NUL = "Text may not contain the character NUL."  # PostgreSQL cannot keep it
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode = msgspec.json.Encoder().encode


class UnsupportedMediaType(ProductError):
    http_status = 415
    default_code = "unsupported_media_type"


class Operation(Struct, frozen=True, kw_only=True):
    """One route, with all that OpenAPI and the guard need to know of it."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    name: str
    summary: str
    description: str
    tag: str
    status: int
    public: bool
    scope: str | None
    role: str | None
    body: Any
    query: Any
    result: Any
    path_names: tuple[str, ...]
    body_bytes: int
    limited: str | None


class Routes:
    """The routes of one module; server/app.py mounts and server/rest/openapi.py describes them."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a GET route; see `add` for the options."""
        return self.add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a POST route."""
        return self.add("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PUT route."""
        return self.add("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PATCH route."""
        return self.add("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a DELETE route."""
        return self.add("DELETE", path, **options)

    def add(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        public: bool = False,
        scope: str | None = None,
        role: str | None = None,
        body_bytes: int = BODY_BYTES_MAX,
        limited: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a route. `limited` names a stricter rate-limit class (sign-in, mail)."""

        def declare(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            names = list(inspect.signature(handler).parameters)
            summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    handler=handler,
                    name=handler.__name__,
                    summary=summary,
                    description=description.strip(),
                    tag=self.tag,
                    status=status,
                    public=public,
                    scope=scope,
                    role=role,
                    body=hints.get("body"),
                    query=hints.get("query"),
                    result=hints.get("return"),
                    path_names=tuple(n for n in names if n not in {"call", "body", "query"}),
                    body_bytes=body_bytes,
                    limited=limited,
                )
            )
            return handler

        return declare

    def starlette(self) -> list[Route]:
        """These routes for Starlette. Several methods on one path are several routes."""
        return [
            Route(op.path, _endpoint(op), methods=[op.method], name=op.name)
            for op in self.operations
        ]


def _endpoint(op: Operation) -> Callable[[Request], Awaitable[Response]]:
    decoder = msgspec.json.Decoder(op.body) if op.body is not None else None

    async def endpoint(request: Request) -> Response:
        request_id = request.headers.get("x-request-id", "")[:64] or secrets.token_hex(8)
        response = await guarded(lambda: _serve(op, decoder, request, request_id), request_id)
        response.headers["x-request-id"] = request_id
        for name, value in request.state._state.get("rate_headers", {}).items():
            response.headers[name] = value
        return response

    return endpoint


async def _serve(op: Operation, decoder: Any, request: Request, request_id: str) -> Response:
    call = Call(request, request_id, None)
    caller: Principal | None = None
    if call.token is not None and not op.public:
        caller = await call.house.authenticate(call.token)
    call = Call(request, request_id, caller)
    if not op.public:
        call.demand(op.scope, op.role)
    await call.house.limits.admit(call, op)
    arguments: dict[str, Any] = {name: request.path_params[name] for name in op.path_names}
    if any("\0" in value for value in arguments.values()):
        raise NotFound("There is nothing at this address.")
    if op.query is not None:
        arguments["query"] = _query(request, op.query)
    if decoder is not None:
        arguments["body"] = await _body(request, decoder, op.body_bytes)
    result = await op.handler(call, **arguments)
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status_code=204 if op.status == 200 else op.status)
    return Response(_encode(result), op.status, media_type="application/json")


def _query(request: Request, kind: Any) -> Any:
    if any("\0" in value for value in request.query_params.values()):
        raise Invalid(NO_NUL)
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        message, path = split_path(str(error))
        raise Invalid(f"{message} (in the query string)", path=path) from error


async def _body(request: Request, decoder: Any, most_bytes: int) -> Any:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise UnsupportedMediaType(f"Send application/json, not {kind[:60]}.")
    data = await read_body(request, most_bytes)
    if _NUL.search(data):
        raise Invalid(NO_NUL)
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        message, path = split_path(str(error))
        raise Invalid(message, path=path) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"This is not JSON: {error}.", code="malformed_json") from error


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body, refused while it arrives once it is longer than allowed."""
    data = bytearray()
    try:
        async for piece in request.stream():
            data += piece
            if len(data) > most_bytes:
                raise TooLarge(f"A body may have {most_bytes} bytes here.")
    except ClientDisconnect as error:
        raise BadRequest("The request was cut off.", code="cut_off") from error
    return bytes(data)


def split_path(message: str) -> tuple[str, str | None]:
    """msgspec's "... - at `$.a`" as the message and the path."""
    text, found, path = message.rpartition(" - at `")
    return (text, path.rstrip("`")) if found else (message, "$")
