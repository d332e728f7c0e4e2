"""What a streamed token costs, by provider: `.venv/bin/python -m tests.rooms.dialogue.measure`.

CPU time of this process alone; the server that speaks the vendor's format is another one.
With `--embedded URL KEY` it measures a running model server instead.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable

import anthropic
import openai

from config.models import ModelProvider, ModelSettings
from rooms.dialogue.ports import LanguageModel, Line, Prompt, Words
from rooms.dialogue.providers.table import make_provider
from rooms.dialogue.router import Router, build_router
from tests.rooms.dialogue.upstream import Answer, Upstream

CHUNKS = 2000
REQUESTS = 200
LINES = (
    Line("system", "You are Mira. " * 150),
    *(Line("user" if n % 2 == 0 else "assistant", "hello my friend " * 6) for n in range(11)),
)
PROMPT = Prompt(lines=LINES, max_output_tokens=500)


def serve(vendor: str, words: int, told: "multiprocessing.Queue[str]") -> None:
    """A vendor's server in a process of its own."""

    async def run() -> None:
        upstream = Upstream(vendor)
        upstream.answers = [Answer(words=(" word",) * words)]
        async with upstream.running():
            told.put(upstream.url)
            await asyncio.Event().wait()

    asyncio.run(run())


async def ours(model: LanguageModel) -> None:
    """One answer through the provider alone."""
    async with model.stream(PROMPT) as stream:
        async for _ in stream:
            pass


async def routed(router: Router) -> None:
    """One answer through the router."""
    async with router.stream(PROMPT) as answer:
        async for _ in answer.words:
            pass


async def stock_openai(client: openai.AsyncOpenAI) -> None:
    """One answer through the vendor's own objects."""
    lines = [{"role": line.role, "content": line.text} for line in LINES]
    stream = await client.chat.completions.create(model="m", messages=lines, stream=True)  # type: ignore[call-overload]
    async for _ in stream:
        pass


async def stock_anthropic(client: anthropic.AsyncAnthropic) -> None:
    """One answer through the vendor's own objects."""
    lines = [{"role": line.role, "content": line.text} for line in LINES[1:]]
    stream = await client.messages.create(model="m", max_tokens=9, messages=lines, stream=True)  # type: ignore[call-overload]
    async for _ in stream:
        pass


async def cpu_us(work: Callable[[], Awaitable[None]], times: int) -> float:
    """CPU microseconds of one call, the median of three rounds."""
    await work()
    rounds = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            await work()
        rounds.append((time.process_time() - began) / times * 1e6)
    return sorted(rounds)[1]


async def compare(vendor: str, many: str, one: str) -> None:
    """A line for each way of reading."""
    for url, times, per, unit in ((many, 1, CHUNKS, "us a chunk"), (one, REQUESTS, 1, "us a turn")):
        settings = ModelProvider(kind=vendor, base_url=url, api_key="k", model="m")  # type: ignore[arg-type]
        model = make_provider(vendor, settings)
        router = Router([model], ModelSettings())
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "provider": lambda model=model: ours(model),  # type: ignore[misc]
            "provider and router": lambda router=router: routed(router),  # type: ignore[misc]
        }
        client: openai.AsyncOpenAI | anthropic.AsyncAnthropic
        if vendor == "openai":
            client = openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0)
            ways["stock objects"] = lambda client=client: stock_openai(client)  # type: ignore[misc]
        else:
            client = anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0)
            ways["stock objects"] = lambda client=client: stock_anthropic(client)  # type: ignore[misc]
        for name, work in ways.items():
            print(f"{vendor:10} {name:20} {await cpu_us(work, times) / per:8.1f} {unit}")
        await model.aclose()
        await client.close()


async def embedded(url: str, key: str) -> None:
    """First token and speed of a running model server, with a prompt of about 120 tokens."""
    router = build_router(ModelSettings(), url, key)
    for number in range(4):
        sheet = (
            f"You are Mira{number}, a florist in Lisbon who loves rain, old films and walks. " * 3
        )
        lines = (
            Line("system", sheet + "Answer in two short sentences."),
            Line("user", "Hello!" * 8),
        )
        for again in ("cold", "cached"):
            began = time.monotonic()
            async with router.stream(Prompt(lines=lines, max_output_tokens=48)) as answer:
                first = time.monotonic() - began
                items = [item async for item in answer.words]
            seconds, words = time.monotonic() - began - first, len(items) - 2
            read = getattr(items[-1], "input_tokens", None)
            assert isinstance(items[0], Words)
            print(
                f"{again:7} {read} tokens read, first word {first:.2f} s, {words / seconds:.0f}/s"
            )
    await router.aclose()


def main() -> None:
    """Compare the vendors, or measure the embedded server."""
    if sys.argv[1:2] == ["--embedded"]:
        asyncio.run(embedded(sys.argv[2], sys.argv[3]))
        return
    for vendor in ("openai", "anthropic"):
        told: multiprocessing.Queue[str] = multiprocessing.Queue()
        addresses, servers = [], []
        for words in (CHUNKS, 1):
            server = multiprocessing.Process(target=serve, args=(vendor, words, told), daemon=True)
            server.start()
            servers.append(server)
            addresses.append(told.get())
        asyncio.run(compare(vendor, *addresses))
        for server in servers:
            server.terminate()


if __name__ == "__main__":
    main()
