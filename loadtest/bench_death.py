"""A node dies with thousands on it: how soon they are back, and what became of their events.

`python -m loadtest.bench_death [--people 19600] [--jitter 3]`. A house of its own has two gateways;
one person in a hundred is being answered when one of them is killed (-9). Everybody it had comes
back after a random wait, and each event's number is checked: none may be missing, none come twice.
"""

import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import psutil
import uvloop

from loadtest.bench import free_port, process
from loadtest.bench_resume import Person, all_of, seeded, until_ready_once
from loadtest.clients.talk import message_send
from loadtest.plan import Account

AT_ONCE: Final = 400
TRIES: Final = 20
TALKING: Final = 100  # one in so many is being answered
REPLY_TOKENS: Final = 150
GAP_MS: Final = 200
HEARD_SECONDS: Final = 5.0  # of the replies, before the node dies
REST_SECONDS: Final = 90.0  # at most, until the last reply has ended
ANSWER_SECONDS: Final = 30.0  # at most, for one try to come back
SHARES: Final = {"p50": 0.5, "p95": 0.95, "all": 1.0}


class Talker:
    """One who is being answered: has the reply ended, and once only?"""

    def __init__(self, person: Person, account: Account) -> None:
        self.dones = 0
        self.ended = asyncio.Event()
        self.status = ""
        self._person = person
        self._account = account
        person.on_frame = self._see

    def _see(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "reply.done":
            self.dones += 1
            self.ended.set()
            self.status = frame["status"]

    def speak(self) -> None:
        """Ask for something long."""
        key = f"{self._person.session}-1"
        self._person.say(message_send("2", self._account.room, "Tell me everything.", key))


async def come_back(person: Person, port: int, jitter: float, chance: random.Random) -> str:
    """As a client does: after a random wait, and again after another."""
    wait, said = jitter, ""
    for _ in range(TRIES):
        await asyncio.sleep(chance.uniform(0, wait))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = await person.resume(port)
        except OSError as error:
            said = type(error).__name__
        if said in {"resumed", "resync"}:
            return said
        wait = 2.0
    return f"gave up: {said}"


async def death(
    port: int, people: Sequence[Person], top: psutil.Process, jitter: float
) -> dict[str, Any]:
    """Kill a gateway; what those who were on it went through."""
    chance, backs = random.Random(1), []
    children = top.children(recursive=True)
    node = next(one for one in children if "server.gateway" in " ".join(one.cmdline()))
    node.kill()
    began = time.perf_counter()

    async def one(person: Person) -> str | None:
        try:
            async with asyncio.timeout(5.0):
                await person.lost.wait()
        except TimeoutError:
            return None  # was elsewhere
        said = await come_back(person, port, jitter, chance)
        backs.append(time.perf_counter() - began)
        return said

    found = Counter(await asyncio.gather(*(one(person) for person in people)))
    stayed = found.pop(None, 0)
    backs.sort()
    at = {name: backs[int(share * (len(backs) - 1))] for name, share in SHARES.items()}
    return {"stayed": stayed, "back": dict(found), "seconds": at}


async def measure(
    port: int, accounts: Sequence[Account], top: psutil.Process, jitter: float
) -> dict[str, Any]:
    """Everybody signs in, some are answered, a node dies, everybody is back."""
    people = [Person(account.token, number) for number, account in enumerate(accounts)]
    signed_in = await all_of([partial(one.sign_in, port) for one in people], AT_ONCE)
    some = list(zip(people, accounts, strict=True))[::TALKING]
    talkers = [Talker(person, account) for person, account in some]
    for talker in talkers:
        talker.speak()
    await asyncio.sleep(HEARD_SECONDS)
    beating = asyncio.create_task(beat(people))
    found = await death(port, people, top, jitter)
    with contextlib.suppress(TimeoutError):  # who was not answered then is told below
        async with asyncio.timeout(REST_SECONDS):
            await asyncio.gather(*(talker.ended.wait() for talker in talkers))
    beating.cancel()
    return {
        "people": len(people),
        "signed_in": dict(signed_in),
        **found,
        "events": sum(person.events for person in people),
        "missed": sum(person.missed for person in people),
        "repeated": sum(person.repeated for person in people),
        "replies": dict(Counter(talker.status or "not ended" for talker in talkers)),
        "ended_twice": sum(talker.dones > 1 for talker in talkers),
    }


async def beat(people: Sequence[Person]) -> None:
    """Heartbeats of everybody, spread over the time in which each has to give one."""
    while True:
        for tick in range(20):
            for person in people[tick::20]:
                if not person.lost.is_set():
                    person.beat()
            await asyncio.sleep(1.0)


@click.command()
@click.option("--people", default=19_600, show_default=True, help="Half on each gateway.")
@click.option("--jitter", default=3.0, show_default=True, help="Seconds a client waits at most.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-death.json"))
def main(people: int, jitter: float, out: Path) -> None:
    """Measure in a house of its own, and print what was found."""
    with tempfile.TemporaryDirectory(prefix="kindred-death-") as folder:
        port, upstream = free_port(), free_port()
        environment = {
            "KINDRED_DATA": folder,
            "KINDRED_MODELS__USE": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__MODEL": "script",
            "KINDRED_MODELS__PROVIDERS__SCRIPT__BASE_URL": f"http://127.0.0.1:{upstream}/v1",
            "KINDRED_SERVER__PORTRAITS_AHEAD": "false",
        }
        pace = ["--tokens", str(REPLY_TOKENS), "--gap-ms", str(GAP_MS)]
        model = ["loadtest.upstream", "--port", str(upstream), *pace]
        up = ["server.cli", "up", "--port", str(port), "--gateways", "2"]
        with process(model), process(up, environment) as house:
            uvloop.run(until_ready_once(f"http://127.0.0.1:{port}"))
            accounts = seeded(folder, people)
            top = psutil.Process(house.pid)
            found = uvloop.run(measure(port, accounts, top, jitter))
    click.echo(json.dumps(found, indent=2))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
