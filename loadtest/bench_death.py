"""A node dies with thousands on it: how soon they are back, and what became of their events.

`python -m loadtest.bench_death [--people 30600] [--gateways 3] [--jitter 3]`; a house of its own.
One person in 300 is being answered when one of its gateways is killed (-9). Everybody it
had comes back after a random wait; of each event's numbers none may be missing or come twice.
"""

import asyncio
import contextlib
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import psutil
import uvloop

from loadtest.bench_resume import Person, all_of, seeded
from loadtest.clients.talk import message_send
from loadtest.plan import Account
from loadtest.scripted_house import scripted_house

AT_ONCE: Final = 400
TRIES: Final = 20
TALKING: Final = 300  # one in so many is being answered
REPLY_TOKENS: Final = 150
GAP_MS: Final = 200
HEARD_SECONDS: Final = 5.0  # of the replies, before the node dies
REST_SECONDS: Final = 90.0  # at most, until the last reply has ended
ANSWER_SECONDS: Final = 30.0  # at most, for one try to come back
NOTICED_SECONDS: Final = 5.0  # by then whoever was on that node knows it
TOGETHER_SECONDS: Final = 240.0  # at most, until all drivers have come to the same step
SHARES: Final = {"p50": 0.5, "p95": 0.95, "all": 1.0}


class Share(NamedTuple):
    """One driver's people; the number of its first one gives addresses that nobody else has."""

    accounts: Sequence[Account]
    first: int
    port: int
    jitter: float


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


async def survive(
    people: Sequence[Person], port: int, jitter: float, chance: random.Random
) -> dict[str, Any]:
    """Whoever is cut off comes back; when each was (by the clock all processes share), and how."""
    backs: list[float] = []
    before = sum(person.lost.is_set() for person in people)

    async def one(person: Person) -> str | None:
        try:
            async with asyncio.timeout(NOTICED_SECONDS):
                await person.lost.wait()
        except TimeoutError:
            return None  # was elsewhere
        said = await come_back(person, port, jitter, chance)
        backs.append(time.perf_counter())
        return said

    found = Counter(await asyncio.gather(*(one(person) for person in people)))
    stayed = found.pop(None, 0)
    return {"lost_before": before, "stayed": stayed, "back": found, "at": backs}


async def take_part(share: Share, step: Callable[[], Any]) -> dict[str, Any]:
    """One driver's people sign in, some are answered, a node dies, all are back."""
    people = [Person(one.token, share.first + n) for n, one in enumerate(share.accounts)]
    beating = asyncio.create_task(beat(people))
    signed_in = await all_of([partial(one.sign_in, share.port) for one in people], AT_ONCE)
    await asyncio.to_thread(step)  # all drivers are here
    some = list(zip(people, share.accounts, strict=True))[::TALKING]
    talkers = [Talker(person, account) for person, account in some]
    for talker in talkers:
        talker.speak()
    await asyncio.sleep(HEARD_SECONDS)
    await asyncio.to_thread(step)  # and the node dies
    found = await survive(people, share.port, share.jitter, random.Random(share.first))
    with contextlib.suppress(TimeoutError):  # who was not answered then is told below
        async with asyncio.timeout(REST_SECONDS):
            await asyncio.gather(*(talker.ended.wait() for talker in talkers))
    beating.cancel()
    return {
        "people": len(people),
        "signed_in": signed_in,
        **found,
        "events": sum(person.events for person in people),
        "missed": sum(person.missed for person in people),
        "repeated": sum(person.repeated for person in people),
        "replies": Counter(talker.status or "not ended" for talker in talkers),
        "ended_twice": sum(talker.dones > 1 for talker in talkers),
    }


def drive(share: Share, steps: Any, told: Any) -> None:
    """A driver of its own, since a process has 20,000 files and one core."""
    told.send(uvloop.run(take_part(share, partial(steps.wait, TOGETHER_SECONDS))))


def measure(shares: Sequence[Share], top: psutil.Process) -> dict[str, Any]:
    """All drivers at once; between their steps the node is killed here."""
    apart = multiprocessing.get_context("spawn")
    steps = apart.Barrier(len(shares) + 1)
    pipes = [apart.Pipe(duplex=False) for _ in shares]
    drivers = [
        apart.Process(target=drive, args=(share, steps, tell), daemon=True)
        for share, (_, tell) in zip(shares, pipes, strict=True)
    ]
    for driver in drivers:
        driver.start()
    steps.wait(TOGETHER_SECONDS)
    steps.wait(TOGETHER_SECONDS)
    children = top.children(recursive=True)
    node = next(one for one in children if "server.gateway" in " ".join(one.cmdline()))
    node.kill()
    began = time.perf_counter()
    parts = []
    for hear, _ in pipes:
        if not hear.poll(TOGETHER_SECONDS):
            raise click.ClickException("A driver tells nothing: it died, or nobody answers it.")
        parts.append(hear.recv())
    return together(parts, began)


def together(parts: Sequence[dict[str, Any]], began: float) -> dict[str, Any]:
    """What the drivers found, as one; `seconds`: how long after `began` people were back."""
    backs = sorted(at - began for part in parts for at in part.pop("at"))
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            whole[name] = whole[name] + value if name in whole else value
    if backs:
        whole["seconds"] = {name: backs[int(s * (len(backs) - 1))] for name, s in SHARES.items()}
    return whole


async def beat(people: Sequence[Person]) -> None:
    """Heartbeats of everybody, spread over the time in which each has to give one."""
    while True:
        for tick in range(20):
            for person in people[tick::20]:
                if person.session and not person.lost.is_set():
                    person.beat()
            await asyncio.sleep(1.0)


@click.command()
@click.option("--people", default=30_600, show_default=True, help="Spread over the gateways.")
@click.option("--gateways", default=3, show_default=True, help="One of them dies.")
@click.option("--drivers", default=2, show_default=True, help="Processes that are people.")
@click.option("--jitter", default=3.0, show_default=True, help="Seconds a client waits at most.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench-death.json"))
def main(people: int, gateways: int, drivers: int, jitter: float, out: Path) -> None:
    """Measure in a house of its own, and print what was found."""
    with scripted_house(gateways=gateways, tokens=REPLY_TOKENS, gap_ms=GAP_MS) as house:
        accounts = seeded(house.folder, people)
        size = -(-len(accounts) // drivers)
        firsts = range(0, len(accounts), size)
        shares = [Share(accounts[at : at + size], at, house.port, jitter) for at in firsts]
        found = measure(shares, house.top)
    click.echo(json.dumps(found, indent=2))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
