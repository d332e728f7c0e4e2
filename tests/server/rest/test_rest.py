"""The layer under every route: bad input gets a typed answer, and nothing gets a 500."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live, running

NOBODY = '"no_hearing"'  # a refusal by name: this house has no inference workers

pytestmark = pytest.mark.stores


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(
        database_url, valkey_url, tmp_path, KINDRED_API__REQUESTS="1000000"
    ) as started:
        yield started


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "path"),
    [
        (b"{", {}, 400, "malformed_json", None),
        (b"\xff\xfe", {}, 400, "malformed_json", None),
        (b'{"companions": "mira"}', {}, 422, "invalid", "$.companions"),
        (b'{"companions": [5]}', {}, 422, "invalid", "$.companions[0]"),
        (b'{"companions": ["mira"], "x": 1}', {}, 422, "invalid", "$"),
        (b"a=1", {"content-type": "text/plain"}, 415, "unsupported_media_type", None),
        (b" " * 70_000, {}, 413, "too_large", None),
        (b'{"companions": ["nobody"]}', {}, 404, "companion_not_found", None),
    ],
)
async def test_bad_input_is_answered_with_a_problem(
    live: Live, body: bytes, headers: dict[str, str], status: int, code: str, path: str | None
) -> None:
    signed = await live.registered()
    head = {"authorization": f"Bearer {signed['access_token']}", "content-type": "application/json"}
    answer = await live.http.post("/api/v1/rooms", content=body, headers={**head, **headers})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem.get("path") == path
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


async def test_unknown_paths_wrong_methods_and_strangers_get_problems_too(live: Live) -> None:
    assert (await live.http.get("/api/v1/nothing")).json()["code"] == "not_found"
    assert (await live.http.delete("/api/v1/meta")).status_code == 405
    stranger = await live.http.get("/api/v1/rooms")
    assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, "Bearer")


async def test_every_answer_carries_security_headers_and_what_is_left(live: Live) -> None:
    answer = await live.http.get("/api/v1/meta")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert int(answer.headers["ratelimit-remaining"]) < 1_000_000
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.long
async def test_no_request_made_of_chance_gets_a_500(live: Live) -> None:
    """Every operation of the OpenAPI document, with values of the wrong and the right kind."""
    document = (await live.http.get("/openapi.json")).json()
    signed = await live.registered()
    head = {"authorization": f"Bearer {signed['access_token']}"}
    rng = random.Random(7)
    odd: list[Any] = [None, 0, -1, 2**70, 1.5, "", "\u0000", "' OR 1=1 --", "\ud7ff", [], {}, True]
    odd += ["x" * 5000, ["a"], {"a": 1}, "../../etc/passwd", "r_1", "2026-01-01"]
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in {"log_out", "revoke_all", "close_account"}:
                continue
            for _ in range(6):
                url = path
                for parameter in operation["parameters"]:
                    value = str(rng.choice(odd)).replace("/", "%2F").replace("\x00", "%00")
                    if parameter["in"] == "path":
                        url = url.replace(f"{{{parameter['name']}}}", value or "x")
                query = {
                    p["name"]: str(rng.choice(odd))[:200]
                    for p in operation["parameters"]
                    if p["in"] == "query" and rng.random() < 0.5
                }
                body = {name: rng.choice(odd) for name in _fields(document, operation)}
                answer = await live.http.request(
                    method.upper(), url, params=query, headers=head, content=json.dumps(body),
                )  # fmt: skip
                asked += 1
                assert answer.status_code < 500 or NOBODY in answer.text, (
                    method,
                    url,
                    query,
                    body,
                    answer.text,
                )
    assert asked > 200


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(document["components"]["schemas"].get(name, {}).get("properties", {}))


async def test_the_openapi_document_describes_every_route(live: Live) -> None:
    document = (await live.http.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    assert f"{{{parameter['name']}}}" in path
    names = [o["operationId"] for m in document["paths"].values() for o in m.values()]
    assert len(names) == len(set(names))
