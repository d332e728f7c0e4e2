"""What every answer has in common, whatever was asked: status, headers, and a typed problem."""

import asyncio
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.live import Client, Live

pytestmark = pytest.mark.stores


async def person(live: Live) -> Client:
    return Client(live, await live.registered())


async def raw(live: Live, request: bytes) -> tuple[int, str]:
    """An answer to bytes that no well-behaved client would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        writer.write(request)
        await writer.drain()
        answer = (await asyncio.wait_for(reader.read(), 10)).decode(errors="replace")
    finally:
        writer.close()
    return int(answer.split(" ")[1]), answer


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"companions": ["mira"],}', "byte 24"),
        (b'{"companions": ["mi\xffra"]}', "byte 19"),
        (b"", "truncated"),
        (b'{"companions": ["mira"]} {}', "byte 26"),
        (b"\xef\xbb\xbf{}", "byte 0"),
    ],
)
async def test_what_is_not_json_is_told_where_it_breaks(
    live: Live, body: bytes, wanted: str
) -> None:
    who = await person(live)
    answer = await who.rest(
        "POST", "/api/v1/rooms", content=body, headers={"content-type": "application/json"}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "malformed_json"), problem
    assert wanted in problem["detail"]


async def test_a_body_is_refused_while_it_streams_not_after(live: Live) -> None:
    """The end of the body never comes; the answer does, once it is longer than allowed."""
    who = await person(live)
    offered, piece = 0, b" " * 4_096
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(
        b"POST /api/v1/rooms HTTP/1.1\r\nhost: kindred\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer " + who.token.encode() + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    answered = asyncio.create_task(reader.readuntil(b"\r\n"))
    try:
        while offered <= 65_536:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            offered += len(piece)
        assert b" 413 " in await asyncio.wait_for(answered, 10)
    finally:
        writer.close()


async def test_a_body_too_long_by_its_own_word_is_not_even_read(live: Live) -> None:
    who = await person(live)
    head = (
        f"POST /api/v1/rooms HTTP/1.1\r\nhost: kindred\r\nauthorization: Bearer {who.token}\r\n"
        "content-type: application/json\r\ncontent-length: 99999999\r\nconnection: close\r\n\r\n"
    )
    status, answer = await raw(live, head.encode())
    assert status == 413
    assert '"too_large"' in answer


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "a" * 500])
async def test_another_content_type_is_refused_by_name(live: Live, kind: str) -> None:
    who = await person(live)
    answer = await who.rest("POST", "/api/v1/rooms", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert kind[:60] in answer.json()["detail"]
    assert "a" * 61 not in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", ""])
async def test_json_by_any_of_its_names_is_taken(live: Live, kind: str) -> None:
    who = await person(live)
    headers = {"content-type": kind} if kind else {}
    answer = await who.rest(
        "POST", "/api/v1/rooms", content=b'{"companions": ["mira"]}', headers=headers
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"companions": "mira"}, "$.companions"),
        ({"companions": [{"a": 1}]}, "$.companions[0]"),
        ({"companions": None}, "$.companions"),
        ({}, "$"),
        ({"companions": ["mira"], "surprise": 1}, "$"),
        ([], "$"),
        ("mira", "$"),
    ],
)
async def test_a_wrong_type_names_the_field(live: Live, body: Any, path: str) -> None:
    who = await person(live)
    answer = await who.rest("POST", "/api/v1/rooms", json=body)
    assert (answer.status_code, answer.json()["path"]) == (422, path), answer.text


async def test_every_path_tells_which_methods_it_takes(live: Live) -> None:
    document = (await live.http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        url = re.sub(r"\{\w+\}", "x", path)
        answer = await live.http.request("QUERY", url)
        allowed = {method.strip() for method in answer.headers.get("allow", "").split(",")}
        assert answer.status_code == 405, url
        assert answer.json()["code"] == "method_not_allowed"
        assert {method.upper() for method in methods} <= allowed, url


async def test_nothing_there_is_a_problem_and_not_a_page(live: Live) -> None:
    for path in ("/api/v1/nothing", "/api/v2/rooms", "/api/v1/users/../../etc/passwd", "/v1/x"):
        answer = await live.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("given", ["abc-123", "0f.9:Z_", "a" * 64])
async def test_a_request_id_that_was_given_comes_back(live: Live, given: str) -> None:
    for path in ("/api/v1/meta", "/api/v1/rooms", "/api/v1/nothing"):
        answer = await live.http.get(path, headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "<script>", "a\u00e9", 'a"b'])
async def test_a_request_id_that_is_none_is_replaced(live: Live, given: str) -> None:
    answer = await live.http.get("/api/v1/meta", headers={"x-request-id": given.encode()})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_an_error_nobody_foresaw_is_logged_under_a_number_and_told_no_further(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await person(live)

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret is 42")

    monkeypatch.setattr(live.house.accounts, "profile", broken)
    with capture_logs() as heard:
        answer = await who.rest("GET", "/api/v1/users/profile")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "42" not in answer.text.replace(answer.json()["detail"], "")
    assert "ZeroDivision" not in answer.text
    incident = re.search(r"\(([0-9a-f]{12})\)", answer.json()["detail"])
    assert incident is not None
    logged = next(entry for entry in heard if entry.get("incident") == incident[1])
    assert logged["request"] == answer.headers["x-request-id"]
    assert logged["log_level"] == "error"


async def test_head_answers_like_get_without_the_body(live: Live) -> None:
    who = await person(live)
    for path in ("/api/v1/meta", "/api/v1/rooms", "/api/v1/users/profile"):
        whole, head = await who.rest("GET", path), await who.rest("HEAD", path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert head.headers["content-length"] == str(len(whole.content))
    assert (await live.http.head("/api/v1/rooms")).status_code == 401


async def test_other_origins_are_not_let_in(live: Live) -> None:
    asked = {
        "origin": "https://elsewhere.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for answer in (
        await live.http.options("/api/v1/rooms", headers=asked),
        await live.http.get("/api/v1/meta", headers={"origin": "https://elsewhere.example"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_every_kind_of_answer_carries_the_security_headers(live: Live) -> None:
    for method, path in [
        ("GET", "/api/v1/meta"),
        ("GET", "/api/v1/rooms"),
        ("GET", "/nothing"),
        ("DELETE", "/api/v1/meta"),
        ("GET", "/openapi.json"),
        ("GET", "/healthz"),
        ("GET", "/"),
    ]:
        headers = (await live.http.request(method, path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "same-origin", path


async def test_what_is_personal_is_never_kept_by_a_cache(live: Live) -> None:
    who = await person(live)
    for path in ("/api/v1/users/profile", "/api/v1/rooms", "/api/v1/wallet/balance"):
        assert (await who.rest("GET", path)).headers["cache-control"] == "no-store"


async def test_each_answer_says_how_many_requests_are_left(live: Live) -> None:
    who = await person(live)
    for answer in (
        await who.rest("GET", "/api/v1/auth/me"),
        await who.rest("POST", "/api/v1/rooms", json={}),
    ):
        headers = answer.headers
        for name in ("limit", "remaining", "reset"):
            assert headers[f"ratelimit-{name}"] == headers[f"x-ratelimit-{name}"]
        assert 0 < int(headers["ratelimit-remaining"]) < int(headers["ratelimit-limit"])
        assert int(headers["ratelimit-reset"]) >= 1


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Basic YTpi", "Bearer a b", "bearer x", "Bearer " + "x" * 8_000],
)
async def test_an_odd_authorization_is_a_stranger_and_not_a_fault(
    live: Live, authorization: str
) -> None:
    answer = await live.http.get("/api/v1/auth/me", headers={"authorization": authorization})
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")
