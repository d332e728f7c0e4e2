"""OpenAI's stock client against the door made for it: what it reads, pays for and is refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.live import Client, Live, running

pytestmark = pytest.mark.stores
HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def live(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, valkey_url, tmp_path) as started:
        yield started


class Caller:
    """A person, and the stock client with a key of theirs."""

    def __init__(self, person: Client, client: openai.AsyncOpenAI) -> None:
        self.person = person
        self.client = client
        self.say = client.chat.completions.create

    async def balance(self) -> dict[str, int]:
        answer: dict[str, int] = (await self.person.rest("GET", "/api/v1/wallet/balance")).json()
        return answer


@pytest.fixture
async def caller(live: Live) -> AsyncIterator[Caller]:
    person = Client(live, await live.registered())
    key = await person.rest("POST", "/api/v1/api-keys", json={"name": "app", "scopes": ["chat"]})
    async with openai.AsyncOpenAI(
        base_url=f"{live.url}/v1", api_key=key.json()["key"], max_retries=0
    ) as client:
        yield Caller(person, client)


async def test_the_companions_are_listed_and_shown_as_models(live: Live, caller: Caller) -> None:
    names = [model.id async for model in caller.client.models.list()]
    slugs = [
        card["slug"]
        for card in (await caller.person.rest("GET", "/api/v1/companions?limit=100")).json()[
            "items"
        ]
    ]
    assert sorted(names) == sorted(slugs)
    assert (await caller.client.models.retrieve("mira")).id == "mira"
    with pytest.raises(openai.NotFoundError) as unknown:
        await caller.client.models.retrieve("nobody")
    assert unknown.value.code == "companion_not_found"


async def test_a_stream_is_words_then_a_reason_then_the_usage_and_costs_what_it_says(
    live: Live, caller: Caller
) -> None:
    before = await caller.balance()
    stream = await caller.say(
        model="mira", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    words = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert len(words.split()) == live.script.tokens
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    usage = chunks[-1].usage
    assert chunks[-1].choices == []
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    after = await caller.balance()
    paid = before["available_microcredits"] - after["available_microcredits"]
    assert after["held_microcredits"] == 0
    assert paid > 0
    assert usage.model_extra is not None
    assert paid == usage.model_extra["cost_microcredits"]


async def test_whole_and_streamed_replies_cost_the_same(live: Live, caller: Caller) -> None:
    whole = await caller.say(model="mira", messages=HELLO)
    stream = await caller.say(
        model="mira", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    last = [chunk async for chunk in stream][-1]
    assert whole.usage is not None
    assert last.usage is not None
    assert whole.usage.model_dump() == last.usage.model_dump()


async def test_a_model_that_ignores_the_limit_of_tokens_is_cut_and_paid_no_further(
    live: Live, caller: Caller
) -> None:
    short = await caller.say(model="mira", messages=HELLO, max_completion_tokens=3)
    assert len((short.choices[0].message.content or "").split()) <= 3
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    receipt = (await caller.person.rest("GET", "/api/v1/wallet/receipts")).json()["items"][0]
    lines = sum(line["microcredits"] for line in receipt["lines"])
    assert lines == receipt["cost_microcredits"]
    assert short.usage.completion_tokens <= 3
    assert (await caller.balance())["held_microcredits"] == 0


async def test_who_has_no_credits_is_told_so_in_the_clients_own_words(
    live: Live, caller: Caller
) -> None:
    await caller.balance()
    await live.house.db.execute("UPDATE wallets SET lots = '[]'")
    asked = len(live.script.connections)
    with pytest.raises(openai.APIStatusError) as broke:
        await caller.say(model="mira", messages=HELLO, stream=True)
    assert broke.value.status_code == 402
    assert broke.value.type == "insufficient_quota"
    assert isinstance(broke.value.body, dict)
    assert broke.value.body["message"]
    assert len(live.script.connections) == asked, "the model was asked for nothing"


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"messages": []}, 422, "$.messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 422, "$.messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, 422, "$.messages[0].content"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, 422, "$.messages"),
        ({"model": "nobody"}, 404, None),
        ({"model": ""}, 422, "$.model"),
        ({"temperature": 9}, 422, "$.temperature"),
        ({"max_tokens": 0}, 422, "$.max_tokens"),
    ],
)
async def test_every_refusal_is_an_error_object_that_names_the_parameter(
    caller: Caller, change: dict[str, Any], status: int, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await caller.say(**{"model": "mira", "messages": HELLO, **change})
    assert refused.value.status_code == status
    assert refused.value.param == param
    assert refused.value.type in {"invalid_request_error", "not_found_error"}
    assert (await caller.balance())["held_microcredits"] == 0


async def test_strangers_and_keys_without_the_scope_get_the_clients_own_errors(
    live: Live, caller: Caller
) -> None:
    stranger = caller.client.with_options(api_key="kd_made-up")
    with pytest.raises(openai.AuthenticationError) as unknown:
        await stranger.models.list()
    assert unknown.value.code == "token_invalid"
    made = await caller.person.rest(
        "POST", "/api/v1/api-keys", json={"name": "books", "scopes": ["wallet"]}
    )
    with pytest.raises(openai.PermissionDeniedError) as lacking:
        await caller.client.with_options(api_key=made.json()["key"]).models.list()
    assert lacking.value.code == "missing_scope"


async def test_a_revoked_key_stops_working_at_the_next_request(live: Live, caller: Caller) -> None:
    keys = (await caller.person.rest("GET", "/api/v1/api-keys")).json()["items"]
    await caller.person.rest("DELETE", f"/api/v1/api-keys/{keys[0]['id']}")
    with pytest.raises(openai.AuthenticationError):
        await caller.say(model="mira", messages=HELLO)


async def test_fields_that_kindred_decides_itself_do_not_stop_a_client(caller: Caller) -> None:
    reply = await caller.say(
        model="mira", messages=HELLO, top_p=0.5, presence_penalty=1, seed=7, user="x", n=1
    )
    assert reply.choices[0].message.content


async def test_a_client_that_leaves_stops_the_model_and_pays_for_what_it_was_sent(
    live: Live, caller: Caller
) -> None:
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    before = await caller.balance()
    stream = await caller.say(model="mira", messages=HELLO, stream=True)
    heard = ""
    async for chunk in stream:
        heard += chunk.choices[0].delta.content or ""
        if len(heard.split()) >= 5:
            break
    await stream.close()
    await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)
    while (await caller.balance())["held_microcredits"]:  # noqa: ASYNC110 - asks the server
        await asyncio.sleep(0)
    after = await caller.balance()
    paid = before["available_microcredits"] - after["available_microcredits"]
    receipt = (await caller.person.rest("GET", "/api/v1/wallet/receipts")).json()["items"][0]
    spoken = next(line for line in receipt["lines"] if line["what"] == "output tokens")
    assert (receipt["status"], receipt["cost_microcredits"]) == ("interrupted", paid)
    assert 5 <= spoken["quantity"] < 40  # what was under way when the client left, and no more
