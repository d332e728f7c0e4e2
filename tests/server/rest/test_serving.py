"""What the typed layer promises of every route, shown on a few routes of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import pytest
from msgspec import Meta, Struct
from starlette.responses import PlainTextResponse, Response

from rooms.errors import PaymentRequired, TooMany
from server.rest import Call, Routes
from server.rest import reading as reading_module
from storage.bus.ports import BusDown
from tests.server.conftest import GENEROUS
from tests.server.small import Small, small_house

pytestmark = pytest.mark.stores
routes = Routes(tag="trial")


class Page(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    deep: bool = False
    word: str = ""


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    tags: list[str] = []
    more: dict[str, Any] = {}


class Kept(Struct, frozen=True):
    n: int
    text: str


@routes.get("/trial/{n}", public=True)
async def read(call: Call, n: int, query: Page) -> Kept:
    """Read one."""
    return Kept(n * query.limit, f"{query.word}{query.deep}")


@routes.put("/trial/{n}", public=True)
async def write(call: Call, n: int, body: Note) -> Kept:
    """Write one."""
    return Kept(n, body.text)


@routes.post("/small", public=True, body_bytes=40, status=201)
async def small_body(call: Call, body: Note) -> None:
    """A small one."""


@routes.get("/plain/{name}", public=True)
async def plain(call: Call, name: str) -> Response:
    """Not JSON."""
    return PlainTextResponse(name, headers={"cache-control": "max-age=5"})


@routes.get("/broken/{how}", public=True)
async def broken(call: Call, how: str) -> None:
    """Fails as it is told to."""
    raise {
        "bug": ZeroDivisionError("a secret of ours"),
        "credits": PaymentRequired("No credits.", details={"unlocked_by": ["starter"]}),
        "busy": TooMany("Slow down.", retry_after_ms=1_500),
        "database": asyncpg.CannotConnectNowError("starting"),
        "socket": ConnectionRefusedError(),
        "bus": BusDown(),
        "column": asyncpg.DataError("value out of int64 range"),
    }[how]


@routes.get("/mine", scope="chat")
async def mine(call: Call) -> str:
    """For a key with `chat`."""
    return call.principal.person.id


@routes.get("/people-only")
async def people_only(call: Call) -> str:
    """For people, not for keys."""
    return call.principal.person.id


@routes.get("/staff", role="moderator", scope="chat")
async def staff(call: Call) -> str:
    """For staff."""
    return call.principal.person.role


@pytest.fixture
async def trial(database: asyncpg.Pool, valkey_url: str, tmp_path: Path) -> AsyncIterator[Small]:
    async with small_house(database, valkey_url, tmp_path, routes, **GENEROUS) as house:
        yield house


async def test_path_query_and_body_arrive_typed(trial: Small) -> None:
    answer = await trial.http.get("/trial/3?limit=7&deep=true&word=a")
    assert answer.json() == {"n": 21, "text": "aTrue"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert (await trial.http.put("/trial/3", json={"text": "x"})).json()["text"] == "x"
    head = await trial.http.head("/trial/3")
    assert (head.status_code, head.content) == (200, b"")
    given = await trial.http.get("/plain/x")
    assert (given.text, given.headers["cache-control"]) == ("x", "max-age=5")


@pytest.mark.parametrize(
    ("path", "status", "path_of_fault"),
    [
        ("/trial/3?limit=0", 422, "$.limit"),
        ("/trial/3?limit=many", 422, "$.limit"),
        ("/trial/3?limit=99999999999999999999", 422, "$.limit"),
        ("/trial/3?wrong=1", 422, "$"),
        ("/trial/3?word=a%00b", 422, "$.word"),
        ("/trial/three", 404, None),
        ("/plain/a%00b", 404, None),
    ],
)
async def test_a_wrong_path_or_query_says_what_is_wrong(
    trial: Small, path: str, status: int, path_of_fault: str | None
) -> None:
    answer = await trial.http.get(path)
    assert (answer.status_code, answer.json().get("path")) == (status, path_of_fault), answer.text


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        (b"", 400, "malformed_json", "truncated"),
        (b'{"text": "a"', 400, "malformed_json", "truncated"),
        (b'{"text": "a"} b', 400, "malformed_json", "trailing characters (byte"),
        (b'{"text": "a\xffb"}', 400, "malformed_json", "byte 11"),
        (b'{"text": "\\ud800"}', 400, "malformed_json", ""),
        (b'{"text": "a", "more": {"a": ' + b"[" * 20_000, 400, "malformed_json", "deep"),
        (b'{"text": "a\\u0000"}', 422, "malformed_text", "U+0000"),
        (b'{"text": 5}', 422, "invalid", "Expected `str`"),
        (b'{"text": "a", "tags": ["b", null]}', 422, "invalid", "Expected `str`"),
        (b'{"text": "a", "other": 1}', 422, "invalid", "unknown field `other`"),
        (b"{}", 422, "invalid", "missing required field `text`"),
    ],
)
async def test_a_wrong_body_says_what_and_where(
    trial: Small, body: bytes, status: int, code: str, said: str
) -> None:
    answer = await trial.http.put(
        "/trial/1", content=body, headers={"content-type": "application/json"}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert said in problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "retryable"} <= set(problem)


async def test_an_escaped_backslash_before_u0000_is_only_text(trial: Small) -> None:
    answer = await trial.http.put(
        "/trial/1",
        content=b'{"text": "\\\\u0000"}',
        headers={"content-type": "application/json"},
    )
    assert answer.json()["text"] == "\\u0000"


async def test_a_body_too_large_is_refused_while_it_arrives(trial: Small) -> None:
    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b'{"text": "' if sent == 1 else b"x" * 16

    sent = 0
    answer = await trial.http.post(
        "/small", content=endless(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert sent < 10
    told = await trial.http.post("/small", json={"text": "x" * 50})
    assert told.status_code == 413
    assert (await trial.http.post("/small", json={"text": "x"})).status_code == 201


async def test_a_body_that_never_comes_is_not_waited_for(
    trial: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "BODY_SECONDS", 0.05)

    async def stuck() -> AsyncIterator[bytes]:
        yield b'{"te'
        await asyncio.Event().wait()

    answer = await trial.http.post(
        "/small", content=stuck(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("bug", 500, "internal"),
        ("credits", 402, "out_of_credits"),
        ("busy", 429, "rate_limited"),
        ("database", 503, "unavailable"),
        ("socket", 503, "unavailable"),
        ("bus", 503, "unavailable"),
        ("column", 422, "invalid"),
    ],
)
async def test_a_failure_becomes_a_problem_and_ours_stay_ours(
    trial: Small, how: str, status: int, code: str
) -> None:
    answer = await trial.http.get(f"/broken/{how}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert "secret" not in answer.text
    if how == "credits":
        assert problem["unlocked_by"] == ["starter"]
    if "retry_after_ms" in problem:
        assert answer.headers["retry-after"] == "2"
    assert problem["retryable"] is (status in {429, 503})


async def test_a_wrong_method_names_the_right_ones(trial: Small) -> None:
    answer = await trial.http.delete("/trial/1")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}
    assert answer.headers["x-request-id"]
    assert (await trial.http.get("/nothing/here")).json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("told", "kept"), [("abc-123", True), ("x" * 65, False), ("a b", False), ("é", False)]
)
async def test_a_request_keeps_its_id_only_if_it_is_a_plain_one(
    trial: Small, told: str, kept: bool
) -> None:
    answer = await trial.http.get("/trial/1", headers={"x-request-id": told.encode()})
    assert (answer.headers["x-request-id"] == told) is kept
    assert len(answer.headers["x-request-id"]) <= 64


async def test_scopes_and_roles_are_asked_for_at_the_door(trial: Small) -> None:
    person = await trial.register()
    chat, wallet, all_ = [(await person.key(one))["key"] for one in ("chat", "wallet", "*")]

    async def status(path: str, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return int((await trial.http.get(path, headers=headers)).status_code)

    assert [await status("/mine", one) for one in (person.token, chat, wallet, all_)] == [
        200, 200, 403, 200,
    ]  # fmt: skip
    assert [await status("/people-only", one) for one in (person.token, chat, all_)] == [
        200, 403, 200,
    ]  # fmt: skip
    assert await status("/staff", person.token) == 403
    await trial.accounts.set_standing(person.id, role="moderator")
    assert await status("/staff", person.token) == 200
    await trial.accounts.set_standing(person.id, role="admin")
    assert await status("/staff", chat) == 200
    assert await status("/mine", "") == 401
    assert (await trial.http.get("/mine", headers={"authorization": "Basic x"})).status_code == 401


async def test_tokens_are_not_guessed_at_leisure(
    database: asyncpg.Pool, valkey_url: str, tmp_path: Path
) -> None:
    few = {**GENEROUS, "KINDRED_API__REQUESTS": "5"}
    async with small_house(database, valkey_url, tmp_path, routes, **few) as house:
        answers = [
            await house.http.get("/mine", headers={"authorization": f"Bearer kd_{n}"})
            for n in range(8)
        ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3


async def test_what_is_left_is_told_in_both_spellings(
    database: asyncpg.Pool, valkey_url: str, tmp_path: Path
) -> None:
    few = {**GENEROUS, "KINDRED_API__REQUESTS": "3", "KINDRED_API__WINDOW_SECONDS": "30"}
    async with small_house(database, valkey_url, tmp_path, routes, **few) as house:
        answers = [await house.http.get("/trial/1") for _ in range(4)]
    for prefix in ("ratelimit", "x-ratelimit"):
        assert [answer.headers[f"{prefix}-limit"] for answer in answers] == ["3"] * 4
        left = [answer.headers[f"{prefix}-remaining"] for answer in answers]
        assert left == ["2", "1", "0", "0"]
        resets = [int(answer.headers[f"{prefix}-reset"]) for answer in answers]
        assert resets[:3] == [10, 20, 30]
        assert 0 < resets[3] <= 10
    assert answers[3].status_code == 429
    assert int(answers[3].headers["retry-after"]) <= 10
    assert answers[3].json()["retry_after_ms"] > 0


async def test_without_the_bus_everything_passes_and_nothing_is_told(
    trial: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis.asyncio import Redis

    from server.rest.limits import RequestLimits
    from storage.limits import RateLimits

    away = Redis.from_url("unix:///nowhere/at/all.sock")
    trial.house.limits = RequestLimits(RateLimits(away), trial.house.settings.api)
    answer = await trial.http.get("/trial/1")
    assert answer.status_code == 200
    assert "ratelimit-limit" not in answer.headers
    person = await trial.register()
    assert (await person.log_in()).status_code == 200
    await away.aclose()


async def test_signing_in_rightly_wipes_the_slate(
    database: asyncpg.Pool, valkey_url: str, tmp_path: Path
) -> None:
    strict = {**GENEROUS, "KINDRED_ACCOUNTS__SIGN_IN_ATTEMPTS": "3"}
    async with small_house(database, valkey_url, tmp_path, **strict) as house:
        person, other = await house.register(), await house.register()
        for _ in range(4):
            assert (await person.log_in("wrong password")).status_code == 401
            assert (await person.log_in("wrong password")).status_code == 401
            assert (await person.log_in()).status_code == 200
        for _ in range(3):
            await person.log_in("wrong password")
        late = await person.log_in()
        assert (late.status_code, late.json()["code"]) == (429, "too_many_attempts")
        assert late.json()["retry_after_ms"] > 0
        upper = {"email": person.form["email"].upper(), "password": person.form["password"]}
        assert (await house.ask("POST", "users/login", body=upper)).status_code == 429
        assert (await other.log_in()).status_code == 200
