"""OpenAI's stock client on `/v1/realtime`: what it is told, what it pays, how it is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.live import Live
from tests.walking.openai_caller import Caller, calling, deltas, say, spoken_tokens, until

pytestmark = pytest.mark.stores


@pytest.fixture
async def caller(live: Live) -> AsyncIterator[Caller]:
    async with calling(live) as started:
        yield started


async def test_a_reply_streams_its_text_is_its_deltas_and_the_wallet_agrees(
    live: Live, caller: Caller
) -> None:
    before = await caller.balance()
    async with caller.connect() as connection:
        greeting = await connection.recv()
        assert (greeting.type, greeting.session.model) == ("session.created", "mira")
        assert greeting.session.output_modalities == ["text"]
        await say(connection)
        await connection.response.create(response={"metadata": {"topic": "tea"}})
        events = await until(connection, "response.done")
    done = events[-1].response
    assert (done.status, done.output[0].status) == ("completed", "completed")
    assert done.output[0].content[0].text == "".join(deltas(events))
    assert len(deltas(events)) == live.script.tokens
    after = await caller.balance()
    paid = before["available_microcredits"] - after["available_microcredits"]
    assert after["held_microcredits"] == 0
    assert paid == done.usage.cost_microcredits > 0
    (receipt,) = await caller.receipts()
    assert done.metadata == {
        "topic": "tea",
        "kindred_cost_microcredits": str(paid),
        "kindred_receipt": receipt["id"],
    }
    assert receipt["cost_microcredits"] == paid
    assert spoken_tokens(receipt) == done.usage.output_tokens == live.script.tokens
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


async def test_a_chat_completion_and_a_response_cost_the_same(caller: Caller) -> None:
    hello: Any = [{"role": "user", "content": "Hello"}]
    whole = await caller.client.chat.completions.create(model="mira", messages=hello)
    async with caller.connect() as connection:
        await say(connection)
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1].response
    assert whole.usage is not None
    assert whole.usage.model_extra == {"cost_microcredits": done.usage.cost_microcredits}
    assert whole.usage.total_tokens == done.usage.total_tokens


async def test_the_conversation_goes_on_and_its_items_can_be_asked_for(caller: Caller) -> None:
    async with caller.connect() as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        assert (await until(connection, "session.updated"))[-1].session.instructions == "Be brief."
        for _ in range(2):
            await say(connection)
            await connection.response.create()
            done = (await until(connection, "response.done"))[-1].response
            assert done.status == "completed"
        await connection.conversation.item.retrieve(item_id=done.output[0].id)
        (kept,) = await until(connection, "conversation.item.retrieved")
        assert kept.item.content[0].text == done.output[0].content[0].text
        await connection.conversation.item.delete(item_id=done.output[0].id)
        assert (await until(connection, "conversation.item.deleted"))[-1].item_id == kept.item.id


async def test_cancelling_ends_the_response_and_charges_only_what_was_streamed(
    live: Live, caller: Caller
) -> None:
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    before = await caller.balance()
    async with caller.connect() as connection:
        await say(connection)
        await connection.response.create()
        events = await until(connection, "response.output_text.delta", 5)
        await connection.response.cancel()
        events += await until(connection, "response.done")
        done = events[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        assert done.output[0].content[0].text == "".join(deltas(events))
        assert done.output[0].status == "incomplete"
        await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)
        live.script.tokens = 3
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
    receipt = (await caller.receipts())[1]
    after = await caller.balance()
    paid = before["available_microcredits"] - after["available_microcredits"]
    assert receipt["status"] == "interrupted"
    assert spoken_tokens(receipt) == done.usage.output_tokens == len(deltas(events)) < 100
    assert receipt["cost_microcredits"] == done.usage.cost_microcredits
    assert sum(one["cost_microcredits"] for one in await caller.receipts()) == paid
    assert after["held_microcredits"] == 0


async def test_a_response_cancelled_before_its_first_word_costs_nothing(
    live: Live, caller: Caller
) -> None:
    live.script.first_seconds = 30
    before = await caller.balance()
    async with caller.connect() as connection:
        await say(connection)
        for _ in range(3):
            await connection.response.create()
            await connection.response.cancel()
            done = (await until(connection, "response.done"))[-1].response
            assert (done.status, done.output) == ("cancelled", [])
        await connection.response.create()
        await until(connection, "rate_limits.updated")
        await connection.response.cancel()
        assert (await until(connection, "response.done"))[-1].response.status == "cancelled"
    assert await caller.settled() == before
    assert await caller.receipts() == []


async def test_a_client_that_leaves_in_mid_response_stops_the_model_and_pays_for_what_was_sent(
    live: Live, caller: Caller
) -> None:
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    before = await caller.balance()
    connection = await caller.connect().enter()
    await say(connection)
    await connection.response.create()
    await until(connection, "response.output_text.delta", 5)
    connection._connection.transport.abort()
    await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)
    after = await caller.settled()
    (receipt,) = await caller.receipts()
    paid = before["available_microcredits"] - after["available_microcredits"]
    assert (receipt["status"], receipt["cost_microcredits"]) == ("interrupted", paid)
    assert 5 <= spoken_tokens(receipt) < 100  # what was under way when it left, and no more
    assert live.house.realtime.registry.find(caller.person.user["id"]) is None


async def test_who_has_no_credits_is_told_so_and_may_stay(live: Live, caller: Caller) -> None:
    await caller.balance()
    await live.house.db.execute("UPDATE wallets SET lots = '[]'")
    asked = len(live.script.connections)
    async with caller.connect() as connection:
        await say(connection)
        await connection.response.create(event_id="mine")
        events = await until(connection, "response.done")
        error = next(event.error for event in events if event.type == "error")
        assert (error.type, error.code) == ("insufficient_quota", "out_of_credits")
        assert error.event_id == "mine"
        failed = events[-1].response
        assert (failed.status, failed.status_details.error.type) == ("failed", error.type)
        assert failed.output == []
        assert len(live.script.connections) == asked, "the model was asked for nothing"
        await say(connection, "Never mind")
        await until(connection, "conversation.item.done")


async def test_a_limit_of_tokens_is_kept_and_told_as_the_reason(caller: Caller) -> None:
    async with caller.connect() as connection:
        await say(connection)
        await connection.response.create(response={"max_output_tokens": 3})
        done = (await until(connection, "response.done"))[-1].response
    assert (done.status, done.status_details.reason) == ("incomplete", "max_output_tokens")
    assert done.usage.output_tokens <= 3
    assert len(done.output[0].content[0].text.split()) <= 3


async def test_a_person_in_crisis_is_met_with_care_and_not_charged(caller: Caller) -> None:
    before = await caller.balance()
    async with caller.connect() as connection:
        await say(connection, "I want to kill myself")
        await say(connection, "Tell me about tea")
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1].response
    assert done.status == "completed"
    assert "http" in done.output[0].content[0].text or "tel:" in done.output[0].content[0].text
    assert await caller.settled() == before


async def test_audio_is_refused_in_the_clients_own_words_and_text_goes_on(caller: Caller) -> None:
    async with caller.connect() as connection:
        await connection.recv()
        await connection.input_audio_buffer.append(audio="AAAA", event_id="sound")
        refused = await connection.recv()
        assert (refused.type, refused.error.code) == ("error", "voice_not_enabled")
        assert refused.error.event_id == "sound"
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["audio"]}
        )
        assert (await connection.recv()).error.param == "session.output_modalities"
        await say(connection)
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"


@pytest.mark.parametrize(
    ("scopes", "model", "status", "code"),
    [
        (["wallet"], "mira", 403, "missing_scope"),
        (None, "mira", 401, "token_invalid"),
        (["chat"], "nobody", 404, "companion_not_found"),
        (["chat"], "", 400, "missing_model"),
    ],
)
async def test_who_may_not_enter_is_told_at_the_handshake_in_json(
    caller: Caller, scopes: list[str] | None, model: str, status: int, code: str
) -> None:
    key = await caller.another_key(*scopes) if scopes else "kd_made-up"
    client = caller.client.with_options(api_key=key)
    with pytest.raises(InvalidStatus) as refused:
        await client.realtime.connect(model=model).enter()
    response = refused.value.response
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = orjson.loads(response.body or b"")["error"]
    assert (error["code"], bool(error["message"])) == (code, True)


async def test_a_revoked_key_closes_its_sockets_and_no_other(caller: Caller) -> None:
    mine = await caller.connect().enter()
    await mine.recv()
    async with caller.holding(await caller.another_key("chat")) as other:
        await other.recv()
        await caller.person.rest("DELETE", f"/api/v1/api-keys/{caller.key['id']}")
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(mine.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4504
        await say(other)
        await until(other, "conversation.item.done")


async def test_a_browser_gives_its_key_as_a_subprotocol(live: Live, caller: Caller) -> None:
    url = f"{live.url.replace('http', 'ws')}/v1/realtime?model=mira"
    key = caller.key["key"]
    protocols = [
        websockets.Subprotocol("realtime"),
        websockets.Subprotocol(f"openai-insecure-api-key.{key}"),
    ]
    async with websockets.connect(url, subprotocols=protocols, origin=live.url) as browser:  # type: ignore[arg-type]
        assert browser.subprotocol == "realtime", "and never the key"
        assert orjson.loads(await browser.recv())["type"] == "session.created"
    with pytest.raises(InvalidStatus) as foreign:
        await websockets.connect(url, subprotocols=protocols, origin="https://evil.example")  # type: ignore[arg-type]
    assert foreign.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as stranger:
        await websockets.connect(url, subprotocols=protocols[:1])
    assert stranger.value.response.status_code == 401


async def test_an_access_token_opens_a_session_that_ends_with_it(
    live: Live, caller: Caller
) -> None:
    async with caller.holding(caller.person.token) as connection:
        session = (await connection.recv()).session
    settings = live.settings
    assert settings.accounts.access_seconds < settings.sockets.openai_seconds
    async with caller.connect() as connection:
        longer = (await connection.recv()).session
    gap = longer.expires_at - session.expires_at
    wanted = settings.sockets.openai_seconds - settings.accounts.access_seconds
    assert abs(gap - wanted) < 30


async def test_a_plain_request_is_told_to_open_a_socket(live: Live) -> None:
    answer = await live.http.get("/v1/realtime?model=mira")
    assert answer.status_code == 426
    assert answer.json()["error"]["code"] == "upgrade_required"
