"""A person with OpenAI's stock client on `/v1/realtime`, for tests against a whole Kindred."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai

from tests.live import Client, Live


class Caller:
    """A person, and the stock client with a key of theirs."""

    def __init__(self, person: Client, client: openai.AsyncOpenAI, key: dict[str, str]) -> None:
        self.person = person
        self.client = client
        self.key = key

    def connect(self, model: str = "mira") -> Any:
        return self.client.realtime.connect(model=model)

    def holding(self, key: str, live: Live | None = None) -> Any:
        """With another key, perhaps on another node."""
        base = f"{live.url}/v1" if live is not None else self.client.base_url
        return self.client.with_options(api_key=key, base_url=base).realtime.connect(model="mira")

    async def balance(self) -> dict[str, int]:
        answer: dict[str, int] = (await self.person.rest("GET", "/api/v1/wallet/balance")).json()
        return answer

    async def settled(self) -> dict[str, int]:
        """The balance, once nothing is held."""
        while (now := await self.balance())["held_microcredits"]:  # noqa: ASYNC110 - asks the server
            await asyncio.sleep(0.01)
        return now

    async def receipts(self) -> list[dict[str, Any]]:
        answer = await self.person.rest("GET", "/api/v1/wallet/receipts")
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def another_key(self, *scopes: str) -> str:
        form = {"name": "other", "scopes": list(scopes)}
        made = await self.person.rest("POST", "/api/v1/api-keys", json=form)
        key: str = made.json()["key"]
        return key


@asynccontextmanager
async def calling(live: Live) -> AsyncIterator[Caller]:
    """A new person with a key for chat."""
    person = Client(live, await live.registered())
    key = await person.rest("POST", "/api/v1/api-keys", json={"name": "app", "scopes": ["chat"]})
    async with openai.AsyncOpenAI(
        base_url=f"{live.url}/v1", api_key=key.json()["key"], max_retries=0
    ) as client:
        yield Caller(person, client, key.json())


async def say(connection: Any, text: str = "Hello") -> None:
    content = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )


async def until(connection: Any, kind: str, count: int = 1) -> list[Any]:
    """The events up to the `count`th of a kind."""
    events: list[Any] = []
    while sum(event.type == kind for event in events) < count:
        events.append(await asyncio.wait_for(connection.recv(), 20))
    return events


async def reply(connection: Any, text: str = "Hello", **response: Any) -> Any:
    """A whole response to this."""
    await say(connection, text)
    await connection.response.create(response=response)
    return (await until(connection, "response.done"))[-1].response


def deltas(events: list[Any]) -> list[str]:
    return [event.delta for event in events if event.type == "response.output_text.delta"]


def spoken_tokens(receipt: dict[str, Any]) -> int:
    line = next(line for line in receipt["lines"] if line["what"] == "output tokens")
    tokens: int = line["quantity"]
    return tokens
