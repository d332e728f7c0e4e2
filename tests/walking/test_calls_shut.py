"""Who may not go on with a call is out of it at once: suspended, signed out, erased, consent gone.

A connection over WebRTC needs no token to go on, so somebody has to end it.
"""

from typing import Any

import msgspec
import pytest

from storage.ledger import wallets
from tests.live import Client, Live
from tests.server.small import PASSWORD
from tests.soon import until
from tests.walking.caller import SECOND, Caller, caller

pytestmark = [pytest.mark.stores]


async def over(one: Caller, leg: Any, call: str, seconds: int = 5) -> None:
    """It ended because it may not go on, and what was talked is charged once."""
    await until(lambda: leg.closed is not None)
    row = await one.live.house.db.fetchrow("SELECT * FROM calls WHERE call = $1", call)
    assert (row["reason"], row["seconds"], row["cost"]) == (
        "not_allowed", seconds, seconds * SECOND
    )  # fmt: skip
    db = one.live.house.db
    assert await db.fetchval("SELECT count(*) FROM holds WHERE state = 'open'") == 0
    assert await db.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'") == 1
    assert await wallets.audit(db) == {}


async def test_who_is_suspended_is_out_of_their_call(live: Live) -> None:
    one = await caller(live)
    call, leg = await one.live_call()
    await one.pass_time(5)
    person = one.person.user["id"]
    await live.house.accounts.set_standing(person, status="suspended")
    await over(one, leg, call)


async def test_signing_out_everywhere_ends_the_call_too(live: Live) -> None:
    one = await caller(live)
    call, leg = await one.live_call()
    await one.pass_time(5)
    gone = await one.person.rest("DELETE", "/api/v1/auth/sessions")
    assert gone.status_code == 204, gone.text
    await over(one, leg, call)


async def another_device(one: Caller) -> Client:
    login = {"email": one.person.user["username"], "password": PASSWORD}
    answer = await one.live.http.post("/api/v1/users/login", json=login)
    assert answer.status_code == 200, answer.text
    return Client(one.live, answer.json())


async def test_a_call_ends_with_the_sign_in_it_came_by_last_and_with_no_other(live: Live) -> None:
    one = await caller(live)
    call, first = await one.live_call()
    phone = Caller(live, await another_device(one), one.room)
    tablet = await another_device(one)
    again, second = await phone.join(call=call)
    assert again == call
    second.connect()
    await until(lambda: one.call.leg is second and one.call.life.metered)
    await one.pass_time(5)
    assert (await tablet.rest("POST", "/api/v1/auth/logout")).status_code == 204
    assert (await one.person.rest("POST", "/api/v1/auth/logout")).status_code == 204
    assert first.closed == "replaced"
    assert one.call.going_on, "neither of them is in it"
    assert (await phone.person.rest("POST", "/api/v1/auth/logout")).status_code == 204
    await over(one, second, call)


async def test_a_key_that_is_ended_takes_the_call_it_began_along(live: Live) -> None:
    one = await caller(live)
    form = {"name": "bot", "scopes": ["chat"]}
    made = (await one.person.rest("POST", "/api/v1/api-keys", json=form)).json()
    token, one.person.token = one.person.token, made["key"]
    call, leg = await one.live_call()
    await one.pass_time(5)
    one.person.token = token
    gone = await one.person.rest("DELETE", f"/api/v1/api-keys/{made['id']}")
    assert gone.status_code == 204, gone.text
    await over(one, leg, call)


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_account_that_is_closed_in_mid_call_ends_it_and_goes_whole(
    live: Live, at_once: bool
) -> None:
    one = await caller(live)
    call, leg = await one.live_call()
    await one.pass_time(5)
    body = {"password": PASSWORD, "immediate": at_once}
    gone = await one.person.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    if not at_once:
        await over(one, leg, call)
        return
    assert leg.closed is not None
    db, person = live.house.db, one.person.user["id"]
    for query in (
        "SELECT count(*) FROM people WHERE person = $1",
        "SELECT count(*) FROM calls WHERE person = $1 OR payer = $1 OR home = $1",
        "SELECT count(*) FROM holds WHERE person = $1 OR sender = $1 OR state = 'open'",
        "SELECT count(*) FROM rooms WHERE home = $1",
    ):
        assert await db.fetchval(query, *([person] if "$1" in query else [])) == 0, query
    assert await db.fetchval("SELECT -sum(amount) FROM entries WHERE kind = 'capture'") in {
        5 * SECOND, -5 * SECOND
    }  # fmt: skip
    assert await wallets.audit(db) == {}


async def test_a_consent_that_calls_need_ends_the_call_when_it_is_taken_back(live: Live) -> None:
    one = await caller(live)
    one.parts.settings = msgspec.structs.replace(one.parts.settings, consents=["voice"])

    async def agree(purpose: str, *, granted: bool) -> None:
        body = {"purpose": purpose, "granted": granted}
        answer = await one.person.rest("POST", "/api/v1/privacy/consents", json=body)
        assert answer.status_code == 201, answer.text

    await agree("voice", granted=True)
    await agree("marketing", granted=True)
    call, leg = await one.live_call()
    await one.pass_time(5)
    await agree("marketing", granted=False)
    assert one.call.going_on
    await agree("voice", granted=False)
    await over(one, leg, call)
    assert (await one.refused()).code == "consent_needed"
