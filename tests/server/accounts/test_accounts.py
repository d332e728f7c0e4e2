"""Accounts through the real application: who gets in, who is put out, and what is kept."""

import asyncio
import re
from email import message_from_bytes
from pathlib import Path
from typing import Any

import jwt
import openai
import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.accounts.tokens import Tokens, UnknownKey, new_signing_key
from tests.live import Client, Live

pytestmark = pytest.mark.stores


async def post(live: Live, path: str, body: dict[str, Any], token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await live.http.post(f"/api/v1/{path}", json=body, headers=headers)


async def closed_with(ws: Any) -> int:
    try:
        while True:
            await asyncio.wait_for(ws.recv(), 10)
    except websockets.ConnectionClosed:
        return int(ws.protocol.close_code)


async def test_registering_answers_in_the_shape_clients_rely_on(live: Live) -> None:
    signed = await live.registered(display_name="<script>alert(1)</script>")
    assert set(signed) >= {"user", "access_token", "refresh_token", "expires_in"}
    assert signed["expires_in"] == 900
    assert signed["user"]["display_name"] == "<script>alert(1)</script>"
    rows = await live.house.db.fetch("SELECT purpose, version FROM consents ORDER BY purpose")
    assert [tuple(row) for row in rows] == [("privacy", "2026-11"), ("terms", "2026-11")]
    kept = await live.house.db.fetchval("SELECT password FROM people")
    assert kept.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"birth_date": "2015-01-01"}, 403, "too_young"),
        ({"birth_date": "2999-01-01"}, 422, "invalid"),
        ({"country": "CN"}, 451, "unavailable_for_legal_reasons"),
        ({"consents": ["terms"]}, 422, "invalid"),
        ({"timezone": "Mars/Olympus"}, 422, "invalid"),
        ({"email": "nobody"}, 422, "invalid"),
        ({"password": "short"}, 422, "invalid"),
        ({"username": "a b"}, 422, "invalid"),
        ({"shoe_size": 44}, 422, "invalid"),
    ],
)
async def test_a_bad_registration_says_what_is_wrong(
    live: Live, change: dict[str, Any], status: int, code: str
) -> None:
    form = {
        "email": "new@example.org",
        "password": "correct horse battery",
        "username": "newcomer",
        "birth_date": "1990-05-17",
        "country": "FR",
        "consents": ["terms", "privacy"],
        **change,
    }
    answer = await post(live, "users/register", form)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await live.house.db.fetchval("SELECT count(*) FROM people") == 0


async def test_names_and_addresses_are_taken_once_whatever_their_case(live: Live) -> None:
    first = await live.registered(email="Sam@Example.org", username="Samuel")
    form = {
        "email": "sam@example.ORG",
        "password": "correct horse battery",
        "username": "other",
        "birth_date": "1990-05-17",
        "country": "FR",
        "consents": ["terms", "privacy"],
    }
    assert (await post(live, "users/register", form)).json()["code"] == "email_taken"
    form |= {"email": "other@example.org", "username": "SAMUEL"}
    assert (await post(live, "users/register", form)).json()["code"] == "username_taken"
    for login in ("sam@example.org", "samuel"):
        answer = await post(
            live, "users/login", {"email": login, "password": "correct horse battery"}
        )
        assert answer.json()["user"]["id"] == first["user"]["id"]


@pytest.mark.parametrize("login", ["admin' OR '1'='1", "nobody@example.org", "samuel"])
async def test_a_wrong_sign_in_says_the_same_whoever_it_was(live: Live, login: str) -> None:
    await live.registered(username="samuel")
    answer = await post(live, "users/login", {"email": login, "password": "x' OR '1'='1"})
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")


async def test_too_many_wrong_sign_ins_have_to_wait(live: Live) -> None:
    await live.registered(username="samuel")
    wrong = {"email": "samuel", "password": "not this"}
    answers = [await post(live, "users/login", wrong) for _ in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert answers[-1].json()["retry_after_ms"] > 0
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_refresh_token_is_rotated_and_its_reuse_ends_the_sign_in(live: Live) -> None:
    person = await live.person()
    first = person.refresh_token
    second = (await post(live, "auth/refresh", {"refresh_token": first})).json()
    sibling = await post(live, "auth/refresh", {"refresh_token": first})  # a parallel tab
    assert sibling.status_code == 200
    await live.house.db.execute("UPDATE refresh_tokens SET used_at = used_at - interval '1 minute'")
    reused = await post(live, "auth/refresh", {"refresh_token": first})
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh_reused")
    assert await closed_with(person.ws) == 4504
    dead = await post(live, "auth/refresh", {"refresh_token": second["refresh_token"]})
    assert dead.json()["code"] == "refresh_revoked"
    assert (await person.rest("GET", "/api/v1/auth/me")).json()["code"] == "revoked"


async def test_sign_ins_are_listed_and_revoked_one_by_one(live: Live) -> None:
    person = await live.person()
    other = await post(
        live, "users/login", {"email": person.user["username"], "password": "correct horse battery"}
    )
    items = (await person.rest("GET", "/api/v1/auth/sessions")).json()["items"]
    assert len(items) == 2
    assert sum(item["current"] for item in items) == 1
    foreign = next(item["id"] for item in items if not item["current"])
    assert (await person.rest("DELETE", f"/api/v1/auth/sessions/{foreign}")).status_code == 204
    token = other.json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await live.http.get("/api/v1/auth/me", headers=headers)).status_code == 401
    assert (await person.rest("GET", "/api/v1/auth/me")).status_code == 200


async def test_forged_foreign_and_expired_tokens_are_refused(live: Live) -> None:
    signed = await live.registered()
    claims = jwt.decode(signed["access_token"], options={"verify_signature": False})
    kid = jwt.get_unverified_header(signed["access_token"])["kid"]
    forged = [
        jwt.encode(claims, "", "none", headers={"kid": kid}),
        jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": kid}),
        jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "other"}),
        signed["access_token"][:-4] + "AAAA",
        "x" * 300,
    ]
    for token in forged:
        answer = await live.http.get(
            "/api/v1/auth/me", headers={"authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_a_token_expires_by_the_clock_it_was_given() -> None:
    now = [1_790_000_000_000]
    tokens = Tokens([new_signing_key()], 900, lambda: now[0])
    token = tokens.access("u_1", "si_1")
    assert tokens.claims(token).person == "u_1"
    now[0] += 901_000
    with pytest.raises(Exception, match="expired"):
        tokens.claims(token)


def test_a_checked_token_counts_only_as_long_as_its_key() -> None:
    now = [1_790_000_000_000]
    old, new = new_signing_key(), new_signing_key()
    tokens = Tokens([old], 900, lambda: now[0])
    token = tokens.access("u_1", "si_1")
    assert tokens.claims(token) == tokens.claims(token)
    tokens.take([new, old])
    assert tokens.claims(token).person == "u_1"
    tokens.take([new])
    with pytest.raises(UnknownKey):
        tokens.claims(token)


def test_of_tokens_that_were_checked_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.accounts.tokens.PROVED_MAX", 3)
    tokens = Tokens([new_signing_key()], 900, lambda: 1_790_000_000_000)
    made = [tokens.access(f"u_{n}", "si_1") for n in range(5)]
    assert [tokens.claims(one).person for one in made] == [f"u_{n}" for n in range(5)]
    assert list(tokens._proved) == made[2:]


def mailed(live: Live) -> list[Any]:
    folder = Path(live.settings.data) / "outbox"
    return [message_from_bytes(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]


async def test_a_password_is_reset_with_a_mailed_code_and_every_sign_in_ends(live: Live) -> None:
    person = await live.person(email="sam@example.org")
    for email in ("sam@example.org", "nobody@example.org"):
        answer = await post(live, "users/password/forgot", {"email": email})
        assert (answer.status_code, answer.content) == (202, b"")
    while not mailed(live):  # noqa: ASYNC110 - a folder has no event
        await asyncio.sleep(0.01)
    assert len(mailed(live)) == 1
    code = re.search(r"\b\d{8}\b", mailed(live)[0].get_payload())[0]
    wrong = {"email": "sam@example.org", "code": "00000000", "new_password": "another password"}
    assert (await post(live, "users/password/reset", wrong)).json()["code"] == "code_wrong"
    right = await post(live, "users/password/reset", {**wrong, "code": code})
    assert right.status_code == 204
    assert await closed_with(person.ws) == 4504
    again = await post(live, "users/password/reset", {**wrong, "code": code})
    assert again.json()["code"] == "code_wrong"
    signed = await post(
        live, "users/login", {"email": "sam@example.org", "password": "another password"}
    )
    assert signed.status_code == 200


async def test_a_code_is_dead_after_five_wrong_tries(live: Live) -> None:
    await live.registered(email="sam@example.org")
    await post(live, "users/password/forgot", {"email": "sam@example.org"})
    while not mailed(live):  # noqa: ASYNC110 - a folder has no event
        await asyncio.sleep(0.01)
    code = re.search(r"\b\d{8}\b", mailed(live)[0].get_payload())[0]
    wrong = {"email": "sam@example.org", "code": "00000000", "new_password": "another password"}
    for _ in range(5):
        await post(live, "users/password/reset", wrong)
    late = await post(live, "users/password/reset", {**wrong, "code": code})
    assert late.json()["code"] == "code_wrong"


async def test_preferences_are_kept_and_explicit_content_needs_a_verified_age(live: Live) -> None:
    person = await live.person()
    assert (await person.rest("GET", "/api/v1/users/preferences")).json() == {
        "content_level": "moderate",
        "explicit": False,
        "voice": True,
        "video": False,
        "notifications": True,
        "preferred_genders": [],
        "preferred_personalities": [],
    }
    refused = await person.rest("PUT", "/api/v1/users/preferences", json={"explicit": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "verification_needed")
    kept = await person.rest("PUT", "/api/v1/users/preferences", json={"video": True})
    assert kept.json()["video"] is True
    changed = await person.rest("PATCH", "/api/v1/users/profile", json={"display_name": "Sam"})
    assert changed.json()["user"]["display_name"] == "Sam"


async def test_an_api_key_has_only_its_scopes_and_its_revocation_closes_sockets(live: Live) -> None:
    person = await live.person()
    made = (
        await person.rest("POST", "/api/v1/api-keys", json={"name": "bot", "scopes": ["chat"]})
    ).json()
    bot = Client(live, {"user": person.user, "access_token": made["key"]})
    await bot.connect()
    assert (await bot.rest("GET", "/api/v1/wallet/balance")).json()["code"] == "missing_scope"
    assert (await bot.rest("GET", "/api/v1/rooms")).status_code == 200
    assert (await person.rest("DELETE", f"/api/v1/api-keys/{made['id']}")).status_code == 204
    assert await closed_with(bot.ws) == 4504
    assert (await bot.rest("GET", "/api/v1/rooms")).status_code == 401
    secrets = await live.house.db.fetch("SELECT secret FROM api_keys")
    assert made["key"].encode() not in secrets[0]["secret"]


async def test_a_closed_account_is_called_back_by_signing_in_or_erased_at_once(live: Live) -> None:
    person = await live.person(username="samuel")
    room = (await person.room())["id"]
    ack = await person.say(room, "Remember the blue canary")
    await person.done(ack["reply"])
    body = {"password": "correct horse battery"}
    closed = await person.rest("DELETE", "/api/v1/users/account", json=body)
    assert closed.status_code == 204
    assert await closed_with(person.ws) == 4504
    login = {"email": "samuel", **body}
    back = Client(live, (await post(live, "users/login", login)).json())
    assert (await back.rest("GET", "/api/v1/auth/me")).status_code == 200
    exported = (await back.rest("GET", "/api/v1/privacy/export")).text
    assert "blue canary" in exported
    assert "argon2" not in exported
    gone = await back.rest("DELETE", "/api/v1/users/account", json={**body, "immediate": True})
    assert gone.status_code == 204
    await no_trace_of(live, back.user["id"], "blue canary")


async def no_trace_of(live: Live, person: str, words: str) -> None:
    """No table names the person or holds the words, but the bare money entries."""
    db = live.house.db
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        rows = await db.fetch(f'SELECT to_jsonb(t)::text AS row FROM "{table}" t')
        text = "\n".join(row["row"] for row in rows)
        assert words not in text, table
        if table not in {"entries", "wallets", "holds", "receipts"}:
            assert person not in text, table


async def test_the_stock_openai_client_talks_with_a_companion_and_is_metered(live: Live) -> None:
    person = await live.person()
    made = (
        await person.rest("POST", "/api/v1/api-keys", json={"name": "app", "scopes": ["chat"]})
    ).json()
    client = openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key=made["key"], max_retries=0)
    assert "mira" in [model.id async for model in client.models.list()]
    words, usage = "", None
    stream = await client.chat.completions.create(
        model="mira",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        words += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert len(words.split()) == live.script.tokens
    assert usage is not None
    assert usage.completion_tokens > 0
    balance = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    assert balance["available_microcredits"] < 10_000_000
    assert balance["held_microcredits"] == 0
    whole = await client.chat.completions.create(
        model="mira", messages=[{"role": "user", "content": "Hello"}]
    )
    assert whole.choices[0].message.content
    await live.house.db.execute("UPDATE wallets SET lots = '[]'")
    with pytest.raises(openai.APIStatusError) as broke:
        await client.chat.completions.create(
            model="mira", messages=[{"role": "user", "content": "Hello"}]
        )
    assert broke.value.status_code == 402
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(
            model="nobody", messages=[{"role": "user", "content": "Hello"}]
        )
    await client.close()


async def test_a_completion_whose_caller_leaves_is_stopped_and_charged_as_sent(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    person = await live.person()
    client = openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key=person.token, max_retries=0)
    stream = await client.chat.completions.create(
        model="mira", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == 5:
            break
    await stream.close()
    await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)
    while await live.house.db.fetchval("SELECT held FROM wallets"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    charged = await live.house.db.fetchval("SELECT captured FROM holds")
    assert 0 < charged < await live.house.db.fetchval("SELECT amount FROM holds")
    await client.close()
