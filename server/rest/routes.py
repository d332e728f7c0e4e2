"""Routes from typed handlers.

    routes = Routes(tag="rooms")

    @routes.post("/api/v1/rooms", status=201, scope="chat")
    async def create_room(call: Call, body: NewRoom) -> Room:
        \"\"\"The first line is the summary in OpenAPI.\"\"\"

`call` is always first. `body` is a Struct decoded from JSON, `query` a Struct from the query
string, further parameters come from the path. What is returned is encoded, unless it is a
Response. Guards: signed in by default; `public=True`; `scope` for API keys; `role` for staff.
A route without a scope is for people: of the API keys, only one with `*` may use it.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, get_type_hints

from msgspec import Struct
from starlette.responses import Response
from starlette.routing import Route

from rooms.errors import ProductError
from server.rest.call import Call
from server.rest.problems import problem
from server.rest.serving import endpoint

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
BODY_BYTES_MAX = 65_536
Guard = Callable[[Call, str | None, str | None], Awaitable[None]]
_NOT_FROM_PATH = {"call", "body", "query"}


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
    path_kinds: tuple[tuple[str, Any], ...]
    body_bytes: int
    limited: str | None
    guard: Guard | None = None
    takes: tuple[str, ...] = ()
    form: Any = None
    files: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()

    @property
    def path_names(self) -> tuple[str, ...]:
        """The parameters in the path."""
        return tuple(name for name, _ in self.path_kinds)


class Routes:
    """The routes of one module; server/app.py mounts and server/rest/openapi.py describes them.

    `told` is the answer for a refusal, where clients expect another shape than a problem;
    `guard` asks for scope and role in place of `Call.demand`.
    """

    def __init__(
        self,
        tag: str,
        told: Callable[[ProductError], Response] = problem,
        guard: Guard | None = None,
    ) -> None:
        self.tag = tag
        self._guard = guard
        self.told = told
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
        takes: tuple[str, ...] = (),
        form: Any = None,
        files: tuple[str, ...] = (),
        gives: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Declare a route. `limited` names a stricter rate-limit class (sign-in, mail).

        A body that is not JSON is described: `takes` are the content types of a bare one, `form`
        the fields (a Struct) and `files` the names of files of multipart/form-data. `gives` are the
        content types of an answer that is not JSON.
        """

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
                    path_kinds=tuple((n, hints[n]) for n in names if n not in _NOT_FROM_PATH),
                    body_bytes=body_bytes,
                    limited=limited,
                    takes=takes,
                    form=form,
                    files=files,
                    gives=gives,
                    guard=self._guard,
                )
            )
            return handler

        return declare

    def starlette(self) -> list[Route]:
        """These routes alone; see `mounted`."""
        return mounted([self])


def mounted(groups: "Sequence[Routes]") -> list[Route]:
    """Routes for Starlette: the methods of one path are one route, so that 405 lists them all, and
    `/calls/current` stands before `/calls/{call}`, whichever module each of them is in."""
    by_path: dict[str, dict[str, Operation]] = {}
    told: dict[str, Callable[[ProductError], Response]] = {}
    for group in groups:
        for op in group.operations:
            by_path.setdefault(op.path, {})[op.method] = op
            told.setdefault(op.path, group.told)
    return [
        Route(
            path,
            endpoint(methods, told[path]),
            methods=[*methods],
            name=next(iter(methods.values())).name,
        )
        for path, methods in sorted(by_path.items(), key=lambda one: _openness(one[0]))
    ]


def _openness(path: str) -> list[bool]:
    """What sorts fixed words before parameters, segment by segment."""
    return [segment.startswith("{") for segment in path.split("/")]
