"""Bodies made of chance: whatever comes, accounts answer, and never with a 500."""

import random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import strategies as st

from tests.server.small import Small

pytestmark = [pytest.mark.stores, pytest.mark.long]
EXAMPLES = 600

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(["admin' OR '1'='1", "<script>", "\0", "../..", "u_1", "1990-05-17", "FR"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)


def fields_of(kind: Any) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def body_for(draw: Any, kind: Any, rng: random.Random, right: dict[str, Any]) -> Any:
    """Nearly right: each field is right, strange, or missing."""
    body: dict[str, Any] = {}
    for name in fields_of(kind):
        chance = rng.random()
        if chance < 0.5 and name in right:
            body[name] = right[name]
        elif chance < 0.9:
            body[name] = draw()
    if rng.random() < 0.1:
        body[str(draw())] = draw()
    return body if rng.random() < 0.95 else draw()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
async def test_no_body_made_of_chance_gets_a_500(small: Small) -> None:
    person = await small.register()
    rng = random.Random(11)
    pool = [VALUES.example() for _ in range(60)]
    operations = [op for group in small.house.groups for op in group.operations]
    asked: dict[int, int] = {}
    for n in range(EXAMPLES):
        op = operations[n % len(operations)]
        path = op.path
        for name in op.path_names:
            path = path.replace(f"{{{name}}}", rng.choice(["x", "%00", "%F0%9F", "a%2Fb", "'"]))
        right = {**small.form(), "password": person.form["password"], "name": "a", "scopes": ["*"]}
        headers = {"authorization": f"Bearer {person.token}", "content-type": "application/json"}
        content = b""
        if op.body is not None:
            body = body_for(lambda: rng.choice(pool), op.body, rng, right)
            content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
            if rng.random() < 0.1:
                at = rng.randrange(len(content) + 1)
                content = content[:at] + bytes([rng.randrange(256)]) + content[at:]
        answer = await small.http.request(op.method, path, content=content, headers=headers)
        assert answer.status_code < 500, (op.name, path, content, answer.text)
        asked[answer.status_code] = asked.get(answer.status_code, 0) + 1
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]
        if (await person.ask("GET", "auth/me")).status_code != 200:
            person = await small.register()
    assert {200, 401, 422} & set(asked) == {200, 422} | ({401} & set(asked))
    assert asked[422] > EXAMPLES // 10


@pytest.mark.parametrize(
    "token",
    [
        "", " ", ".", "..", "a.b.c", "e30.e30.", "W10.W10.x", "kd_", "kd_" + "x" * 5000, "é",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1XzEifQ.", "eyJraWQiOlsxXX0.e30.x", "' OR 1=1 --",
    ],
)  # fmt: skip
async def test_no_token_made_up_gets_a_500_or_in(small: Small, token: str) -> None:
    headers = {"authorization": f"Bearer {token}".encode()}
    answer = await small.http.get("/api/v1/auth/me", headers=headers)
    assert answer.status_code == 401
