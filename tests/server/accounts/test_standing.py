"""Who guesses learns nothing, and who is put out is gone at once, sockets and all."""

import asyncio
from typing import Any

import jwt
import pytest
import websockets
from structlog.testing import capture_logs

from tests.live import Client, Live

pytestmark = pytest.mark.stores
PASSWORD = "correct horse battery"


async def post(live: Live, path: str, body: dict[str, Any], token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await live.http.post(f"/api/v1/{path}", json=body, headers=headers)


async def me(live: Live, token: str) -> Any:
    return await live.http.get("/api/v1/auth/me", headers={"authorization": f"Bearer {token}"})


async def closed_with(client: Client) -> tuple[int, str]:
    """The close code and reason of a socket that is expected to be closed by the server."""
    try:
        while True:
            await asyncio.wait_for(client.ws.recv(), 10)
    except websockets.ConnectionClosed:
        return int(client.ws.protocol.close_code), str(client.ws.protocol.close_reason)


async def signed_in(live: Live, login: str, password: str = PASSWORD) -> Client:
    """Another device of somebody, with a socket."""
    answer = await post(live, "users/login", {"email": login, "password": password})
    assert answer.status_code == 200, answer.text
    device = Client(live, answer.json())
    await device.connect()
    return device


class Counting:
    """The real hasher, which tells what it was asked to check."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.checked: list[str] = []

    def verify(self, kept: str, password: str) -> bool:
        self.checked.append(kept)
        return bool(self._inner.verify(kept, password))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def parameters(kept: str) -> list[str]:
    """What makes an argon2 hash expensive: variant, version, memory, time and lanes."""
    return kept.split("$")[1:4]


async def test_an_unknown_account_costs_the_same_hashing_as_a_known_one(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.registered(username="samuel")
    passwords = live.house.accounts.sign_ins._passwords
    counting = Counting(passwords._hasher)
    monkeypatch.setattr(passwords, "_hasher", counting)
    for login in ("samuel", "nobody"):
        await post(live, "users/login", {"email": login, "password": "not this"})
    known, unknown = counting.checked
    assert parameters(known) == parameters(unknown)
    assert known != unknown


async def test_every_wrong_sign_in_is_the_same_answer_word_for_word(live: Live) -> None:
    await live.registered(username="samuel", email="sam@example.org")
    bodies = []
    for login in ("samuel", "sam@example.org", "nobody", "no@example.org", "admin' OR '1'='1"):
        answer = await post(live, "users/login", {"email": login, "password": "not this"})
        assert answer.status_code == 401
        bodies.append(answer.content)
    assert len(set(bodies)) == 1


async def test_waiting_for_one_account_does_not_lock_out_another(live: Live) -> None:
    await live.registered(username="samuel")
    await live.registered(username="deborah")
    wrong = {"email": "samuel", "password": "not this"}
    answers = [await post(live, "users/login", wrong) for _ in range(11)]
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "too_many_attempts")
    right = await post(live, "users/login", {"email": "samuel", "password": PASSWORD})
    assert right.status_code == 429, "a right guess among too many is refused like the others"
    assert (
        await post(live, "users/login", {"email": "deborah", "password": PASSWORD})
    ).status_code == 200


async def test_a_right_sign_in_forgives_the_wrong_ones_before_it(live: Live) -> None:
    await live.registered(username="samuel")
    for _ in range(2):
        for _ in range(5):
            await post(live, "users/login", {"email": "samuel", "password": "not this"})
        right = await post(live, "users/login", {"email": "samuel", "password": PASSWORD})
        assert right.status_code == 200


async def test_logging_out_closes_this_device_and_leaves_the_others(live: Live) -> None:
    first = await live.person(username="samuel")
    other = await signed_in(live, "samuel")
    assert (await first.rest("POST", "/api/v1/auth/logout")).status_code == 204
    assert (await closed_with(first))[0] == 4504
    assert (await me(live, first.token)).json()["code"] == "revoked"
    spent = await post(live, "auth/refresh", {"refresh_token": first.refresh_token})
    assert (spent.status_code, spent.json()["code"]) == (401, "refresh_revoked")
    await other.send({"type": "ping"})
    assert (await other.until("pong"))["type"] == "pong"
    assert (await me(live, other.token)).status_code == 200


async def test_revoking_all_ends_every_device_and_only_ones_own(live: Live) -> None:
    devices = [await live.person(username="samuel")]
    devices += [await signed_in(live, "samuel") for _ in range(2)]
    stranger = await live.person()
    assert (await devices[0].rest("DELETE", "/api/v1/auth/sessions")).status_code == 204
    for device in devices:
        assert (await closed_with(device))[0] == 4504
        assert (await me(live, device.token)).status_code == 401
    assert (await me(live, stranger.token)).status_code == 200


async def test_a_token_with_a_claim_missing_or_of_another_kind_is_refused(live: Live) -> None:
    signed = await live.registered()
    tokens = live.house.accounts.sign_ins._tokens
    claims = jwt.decode(signed["access_token"], options={"verify_signature": False})
    bad: list[dict[str, Any]] = [{k: v for k, v in claims.items() if k != gone} for gone in claims]
    bad.remove({k: v for k, v in claims.items() if k != "iat"})
    bad += [claims | {"sub": 5}, claims | {"sid": ["a"]}, claims | {"exp": "tomorrow"}]
    bad += [claims | {"sid": None}, claims | {"sub": "u_\x00"}, claims | {"exp": 1e400}]
    for one in bad:
        token = jwt.encode(one, tokens._signing, "EdDSA", headers={"kid": tokens._kid})
        answer = await me(live, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid"), one


async def test_a_suspended_person_is_put_out_and_cannot_come_back(live: Live) -> None:
    person = await live.person(username="samuel")
    await live.house.accounts.set_standing(person.user["id"], status="suspended")
    assert (await closed_with(person))[0] == 4504
    assert (await me(live, person.token)).json()["code"] == "suspended"
    again = await post(live, "users/login", {"email": "samuel", "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (403, "suspended")
    spent = await post(live, "auth/refresh", {"refresh_token": person.refresh_token})
    assert spent.json()["code"] == "suspended"


async def test_a_request_of_somebody_signed_in_asks_the_database_once(live: Live) -> None:
    person = await live.person()
    await me(live, person.token)
    asked: list[str] = []
    watched = [holder._con for holder in live.house.db._holders if holder._con is not None]
    for connection in watched:
        connection.add_query_logger(lambda record: asked.append(record.query))
    assert (await me(live, person.token)).status_code == 200
    for connection in watched:
        connection._query_loggers.clear()
    assert len([query for query in asked if " people " in query]) == 1, asked


async def test_neither_passwords_nor_tokens_nor_addresses_reach_the_log(live: Live) -> None:
    with capture_logs() as heard:
        person = await live.person(email="sam@example.org")
        await post(live, "users/login", {"email": "sam@example.org", "password": "not this"})
        await post(live, "users/password/forgot", {"email": "sam@example.org"})
        await post(live, "auth/refresh", {"refresh_token": person.refresh_token})
        await live.house.db.execute(
            "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute'"
        )
        await post(live, "auth/refresh", {"refresh_token": person.refresh_token})
        await live.house.accounts._mailer.settled()
    assert "a refresh token was used twice" in [entry["event"] for entry in heard]
    for secret in ("sam@example.org", PASSWORD, person.token, person.refresh_token):
        assert secret not in str(heard)
