"""Staying signed in: families of refresh tokens, keys and their scopes, and every way out."""

import asyncio

import pytest

from rooms.errors import Unauthorized
from server.accounts.sign_ins import Ended
from server.accounts.tokens import Tokens, new_signing_key
from storage import sign_ins
from tests.server.small import Small

pytestmark = pytest.mark.stores


async def refreshed(small: Small, token: str):
    return await small.ask("POST", "auth/refresh", body={"refresh_token": token})


async def test_tabs_that_refresh_in_the_same_moment_all_stay_signed_in(small: Small) -> None:
    person = await small.register()
    answers = await asyncio.gather(*(refreshed(small, person.refresh_token) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    tokens = {answer.json()["refresh_token"] for answer in answers}
    assert len(tokens) == 6
    for token in tokens:
        assert (await refreshed(small, token)).status_code == 200
    assert small.kicks.kicked == []


async def test_a_token_used_again_after_the_grace_ends_its_family_and_no_other(
    small: Small,
) -> None:
    person = await small.register()
    other = (await person.log_in()).json()
    newest = (await refreshed(small, person.refresh_token)).json()
    await small.db.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    stolen = await refreshed(small, person.refresh_token)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_reused")
    assert (await refreshed(small, newest["refresh_token"])).json()["code"] == "refresh_revoked"
    assert (await small.ask("GET", "auth/me", newest["access_token"])).status_code == 401
    assert (await small.ask("GET", "auth/me", other["access_token"])).status_code == 200
    assert (await refreshed(small, other["refresh_token"])).status_code == 200
    assert [code for _, _, code in small.kicks.kicked] == [4504]


async def test_an_unknown_and_an_old_refresh_token_ask_to_sign_in_again(small: Small) -> None:
    person = await small.register()
    assert (await refreshed(small, "rt_made-up")).json()["code"] == "refresh_invalid"
    await small.db.execute("UPDATE refresh_tokens SET expires_at = now() - interval '1 second'")
    assert (await refreshed(small, person.refresh_token)).json()["code"] == "refresh_expired"


async def test_only_hashes_of_secrets_are_kept(small: Small) -> None:
    person = await small.register()
    key = (await person.key("chat"))["key"]
    for table in ("refresh_tokens", "api_keys", "sign_ins", "people"):
        rows = await small.db.fetch(f'SELECT t::text AS row FROM "{table}" t')
        for row in rows:
            for secret in (key, key[3:], person.refresh_token[3:], "correct horse"):
                assert secret not in row["row"]
                assert secret.encode().hex() not in row["row"]


async def test_an_expired_access_token_says_so_and_a_refresh_helps(small: Small) -> None:
    person = await small.register()
    small.clock[0] += 901_000
    late = await person.ask("GET", "auth/me")
    assert (late.json()["code"], late.json()["retryable"]) == ("token_expired", True)
    person.token = (await refreshed(small, person.refresh_token)).json()["access_token"]
    assert (await person.ask("GET", "auth/me")).status_code == 200


async def test_logging_out_ends_this_sign_in_and_closes_its_sockets(small: Small) -> None:
    person = await small.register()
    other = (await person.log_in()).json()["access_token"]
    assert (await person.ask("POST", "auth/logout")).status_code == 204
    assert (await person.ask("GET", "auth/me")).json()["code"] == "revoked"
    assert (await small.ask("GET", "auth/me", other)).status_code == 200
    assert len(small.kicks.kicked) == 1
    assert (await small.ask("DELETE", "auth/sessions", other)).status_code == 204
    assert (await small.ask("GET", "auth/me", other)).status_code == 401


async def test_nobody_ends_the_sign_in_of_somebody_else(small: Small) -> None:
    person, stranger = await small.register(), await small.register()
    mine = (await person.ask("GET", "auth/sessions")).json()["items"][0]["id"]
    foreign = await stranger.ask("DELETE", f"auth/sessions/{mine}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "sign_in_not_found")
    assert (await person.ask("GET", "auth/me")).status_code == 200


async def test_the_least_used_sign_in_gives_way_when_there_are_too_many(
    database, valkey_url, tmp_path
) -> None:
    from tests.server.conftest import GENEROUS
    from tests.server.small import small_house

    limits = {**GENEROUS, "KINDRED_ACCOUNTS__SIGN_INS_MOST": "3"}
    async with small_house(database, valkey_url, tmp_path, **limits) as small:
        person = await small.register()
        tokens = [(await person.log_in()).json()["access_token"] for _ in range(3)]
        assert (await person.ask("GET", "auth/me")).status_code == 401
        for token in tokens:
            assert (await small.ask("GET", "auth/me", token)).status_code == 200
        items = (await small.ask("GET", "auth/sessions", tokens[0])).json()["items"]
        assert len(items) == 3
        assert len(small.kicks.kicked) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "api-keys", {"name": "more", "scopes": ["*"]}),
        ("DELETE", "api-keys/ak_1", None),
        ("POST", "auth/logout", None),
        ("GET", "privacy/export", None),
        ("POST", "users/password", {"password": "x", "new_password": "12345678"}),
        ("POST", "users/email", {"password": "x", "email": "a@example.org"}),
        ("DELETE", "users/account", {"password": "x"}),
        ("GET", "users/profile", None),
        ("GET", "auth/me", None),
        ("POST", "privacy/consents", {"purpose": "marketing", "granted": True}),
    ],
)
async def test_a_key_for_chat_reaches_nothing_of_the_account(
    small: Small, method: str, path: str, body
) -> None:
    person = await small.register()
    key = (await person.key("chat"))["key"]
    answer = await small.ask(method, path, key, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert answer.json()["needed_scope"] in {"*", "account"}


async def test_a_key_is_listed_without_its_secret_and_works_until_it_is_ended(
    small: Small,
) -> None:
    person = await small.register()
    made = await person.key("account", "account")
    assert made["key"].startswith("kd_")
    assert (await small.ask("GET", "auth/me", made["key"])).json()["id"] == person.id
    listed = (await person.ask("GET", "api-keys")).json()["items"]
    assert [(one["id"], one["scopes"]) for one in listed] == [(made["id"], ["account"])]
    assert made["key"] not in str(listed)
    assert listed[0]["used_at"] is not None
    stranger = await small.register()
    assert (await stranger.ask("DELETE", f"api-keys/{made['id']}")).status_code == 404
    assert (await person.ask("DELETE", f"api-keys/{made['id']}")).status_code == 204
    assert (await small.ask("GET", "auth/me", made["key"])).status_code == 401
    assert small.kicks.kicked == [(person.id, made["id"], 4504)]


async def test_using_a_key_writes_at_most_once_a_minute(small: Small) -> None:
    person = await small.register()
    key = (await person.key("account"))["key"]
    await small.ask("GET", "auth/me", key)
    before = await small.db.fetchval("SELECT xmin::text FROM api_keys")
    for _ in range(3):
        await small.ask("GET", "auth/me", key)
    assert await small.db.fetchval("SELECT xmin::text FROM api_keys") == before
    await small.db.execute("UPDATE api_keys SET used_at = now() - interval '2 minutes'")
    await small.ask("GET", "auth/me", key)
    assert await small.db.fetchval("SELECT used_at > now() - interval '1 minute' FROM api_keys")


async def test_the_number_of_keys_has_an_end(small: Small) -> None:
    person = await small.register()
    for _ in range(50):
        await person.key("chat")
    answer = await person.ask("POST", "api-keys", {"name": "one more", "scopes": ["chat"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_keys")


async def test_who_is_suspended_is_out_at_once_and_by_every_door(small: Small) -> None:
    person = await small.register()
    key = (await person.key("*"))["key"]
    await small.accounts.set_standing(person.id, status="suspended")
    assert small.kicks.kicked == [(person.id, None, 4504)]
    for token in (person.token, key):
        answer = await small.ask("GET", "auth/me", token)
        assert (answer.status_code, answer.json()["code"]) == (403, "suspended")
    assert (await refreshed(small, person.refresh_token)).json()["code"] == "suspended"
    assert (await person.log_in()).json()["code"] == "suspended"
    assert (await person.log_in("wrong password")).json()["code"] == "wrong_credentials"


async def test_a_new_role_and_plan_hold_from_the_next_request_on(small: Small) -> None:
    person = await small.register()
    await small.accounts.set_standing(person.id, role="moderator", plan="vip")
    me = (await person.ask("GET", "auth/me")).json()
    assert (me["role"], me["plan"]) == ("moderator", "vip")


async def test_nodes_that_start_together_agree_on_one_signing_key(database) -> None:
    rings = await asyncio.gather(
        *(sign_ins.signing_keys(database, *new_signing_key()) for _ in range(8))
    )
    assert len({ring[0][0] for ring in rings}) == 1
    assert {len(ring) for ring in rings} == {1}


async def test_a_key_made_on_another_node_is_learned_when_its_first_token_comes(
    small: Small,
) -> None:
    person = await small.register()
    sign_in = (await person.ask("GET", "auth/sessions")).json()["items"][0]["id"]
    kid, pem = new_signing_key()
    foreign = Tokens([(kid, pem)], 900, lambda: small.clock[0]).access(person.id, sign_in)
    with pytest.raises(Unauthorized):
        await small.accounts.authenticate(foreign)
    await small.db.execute("INSERT INTO signing_keys (kid, private) VALUES ($1, $2)", kid, pem)
    assert (await small.ask("GET", "auth/me", foreign)).status_code == 401  # asked just now
    small.clock[0] += 10_000
    assert (await small.ask("GET", "auth/me", foreign)).json()["id"] == person.id
    assert (await person.ask("GET", "auth/me")).status_code == 200


def test_what_is_remembered_of_ended_sign_ins_stays_small() -> None:
    now = [0]
    ended = Ended(900, lambda: now[0])
    for n in range(10_000):
        now[0] = n * 1_000
        ended.add(f"si_{n}")
    assert "si_9999" in ended
    assert "si_1" not in ended
    assert len(ended) <= 902


async def test_what_nobody_can_use_any_more_is_forgotten(small: Small) -> None:
    person = await small.register()
    await small.db.execute("UPDATE refresh_tokens SET expires_at = now() - interval '1 second'")
    await small.db.execute("UPDATE sign_ins SET used_at = now() - interval '61 days'")
    signed = (await person.log_in()).json()
    await small.accounts.erase_due()
    assert await small.db.fetchval("SELECT count(*) FROM refresh_tokens") == 1
    assert await small.db.fetchval("SELECT count(*) FROM sign_ins") == 1
    assert (await refreshed(small, signed["refresh_token"])).status_code == 200
