"""Every operation of the OpenAPI document asked with nearly right and wholly wrong values."""

import re
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.reference.rest import openapi_document
from tests.live import Client, Live

pytestmark = [pytest.mark.stores, pytest.mark.timeout(240), pytest.mark.long]
DOCUMENT: Final = openapi_document()
OPERATIONS: Final = [
    (method.upper(), path, operation)
    for path, methods in sorted(DOCUMENT["paths"].items())
    for method, operation in sorted(methods.items())
]
EXAMPLES: Final = 6 * len(OPERATIONS)
ROOM = "{a room of mine}"
# Refusals by name: this house has no inference workers.
NOBODY = {"no_hearing", "speech_unavailable"}

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["mira", ROOM, "\0", "' OR 1=1 --", "../../etc/passwd", "%s%n", "٣", "x" * 9_000]
    ),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def fitting(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema's kind; bounds and patterns are kept to only by chance."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return fitting(DOCUMENT["components"]["schemas"][name], depth)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return st.one_of([fitting(one, depth) for one in schema[several]])
    match schema.get("type"):
        case "object":
            return whole(schema, depth)
        case "array" if depth < 4:
            return st.lists(fitting(schema.get("items", {}), depth + 1), max_size=3)
        case "string" if schema.get("format") == "date":
            return st.dates().map(str)
        case "string":
            return st.sampled_from(["mira", ROOM, "hello", "FR", "en"]) | st.text(max_size=40)
        case "integer":
            return st.integers(-1, 100) | st.integers()
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
    return JUNK


def whole(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    """An object with most of its fields, one of which may be junk."""
    fields = {
        name: st.integers(0, 9).flatmap(
            lambda luck, one=one: JUNK if luck == 0 else fitting(one, depth + 1)
        )
        for name, one in schema.get("properties", {}).items()
    }
    needed = {name: fields.pop(name) for name in schema.get("required", []) if name in fields}
    return st.fixed_dictionaries(needed, optional=fields)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], Any]:
    """A method, a path, a query, a body."""
    method, path, operation = draw(st.sampled_from(OPERATIONS))
    query: dict[str, str] = {}
    for parameter in operation["parameters"]:
        value = str(draw(fitting(parameter["schema"]) | JUNK))[:200]
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", value or "x")
        elif draw(st.booleans()):
            query[parameter["name"]] = value
    body = None
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        json = content.get("application/json")  # where a file is wanted, JSON is junk
        body = draw(fitting(json["schema"]) if json and draw(st.integers(0, 9)) else JUNK)
    return method, path, query, body


class Asker:
    """Somebody with a room; a new one where an answer ended the last one's sign-in."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._client: Client | None = None
        self._room = ""
        self.seen: Counter[int] = Counter()

    async def ask(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if self._client is None:
            self._client = Client(self._live, await self._live.registered())
            self._room = (await self._client.room())["id"]
        put = {name: value.replace(ROOM, self._room) for name, value in query.items()}
        url = quote(path.replace(ROOM, self._room), safe="/", errors="replace")
        answer = await self._client.rest(method, url, params=put, json=self._with_room(body))
        self.seen[answer.status_code] += 1
        if (await self._client.rest("GET", "/api/v1/auth/me")).status_code != 200:
            self._client = None
        return answer

    def _with_room(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(ROOM, self._room)
        if isinstance(value, list):
            return [self._with_room(one) for one in value]
        if isinstance(value, dict):
            return {name: self._with_room(one) for name, one in value.items()}
        return value


@pytest.fixture
def asker(live: Live) -> Asker:
    live.script.tokens, live.script.gap_seconds, live.script.first_seconds = 3, 0, 0
    return Asker(live)


async def test_no_operation_answers_a_made_up_request_with_a_5xx(asker: Asker) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(requests())
    def made_up(request: tuple[str, str, dict[str, str], Any]) -> None:
        asked.append(request)

    asked: list[tuple[str, str, dict[str, str], Any]] = []
    made_up()
    for method, path, query, body in asked:
        answer = await asker.ask(method, path, query, body)
        told = (method, path, query, body, answer.status_code, answer.text[:300])
        if answer.status_code >= 500:
            assert answer.status_code == 503, told
            assert (answer.json().get("error") or answer.json())["code"] in NOBODY, told
        if answer.status_code >= 400:
            kind = answer.headers["content-type"]
            assert re.match(r"application/(problem\+)?json", kind), told
            problem = answer.json()
            assert (problem.get("error") or problem).get("code"), told
    assert asker.seen[200] + asker.seen[201] + asker.seen[204] > len(asked) / 10, asker.seen
    assert asker.seen[422] > len(asked) / 20, asker.seen
