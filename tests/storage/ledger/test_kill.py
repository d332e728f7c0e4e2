"""Thirty real kill -9, of the node that takes the turns and of the database that keeps them.

After each the books must balance, and whatever the dead node was told must be in the database.
"""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.plans import PriceBook
from rooms.credits.wallet import Credits, Outcome
from rooms.shapes import Usage
from storage.database import connect, ensure_database, open_pool
from storage.embedded.child import spawn, wait_ready
from storage.embedded.postgres import Postgres
from storage.ledger.turns import foreign_holds
from storage.migrate import migrate
from storage.rooms import raise_fence
from tests.storage.ledger.acts import rich
from tests.storage.ledger.world import World

if TYPE_CHECKING:
    from storage.database import Pool

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
NODE_KILLS = 24
DATABASE_KILLS = 6
PATIENCE_SECONDS = 20


class Node:
    """A worker process and what it wrote down."""

    def __init__(self, url: str, name: str, fence: int, people: list[str], folder: Path) -> None:
        self.name = name
        self.fence = fence
        self.people = people
        self._notes = folder / f"{name}.txt"
        self._arguments = ["-m", "tests.storage.ledger.worker", url, name, str(fence), *people]

    async def start(self, repository: Path) -> "Node":
        with self._notes.open("wb") as notes:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self._arguments, cwd=repository, stdout=notes
            )
        return self

    async def has_noted(self, word: str, times: int = 1) -> None:
        """Wait until it wrote down that many such lines."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.count(word) < times:
            assert self.process.returncode is None, f"{self.name} ended by itself"
            assert time.monotonic() < deadline, f"{self.name} does nothing"
            await asyncio.sleep(0.005)

    async def kill(self) -> None:
        assert self.process.returncode is None, f"{self.name} ended by itself"
        self.process.kill()
        await self.process.wait()

    def count(self, word: str) -> int:
        return sum(line.startswith(word) for line in self.notes)

    @property
    def notes(self) -> list[str]:
        """Whole lines only: a write is one call, but we may read while it happens."""
        return self._notes.read_text().rpartition("\n")[0].splitlines()

    def figures(self, word: str) -> dict[str, int]:
        """hold -> the last figure noted under `word`."""
        lines = [line.split() for line in self.notes]
        return {line[1]: int(line[2]) for line in lines if line[0] == word}


async def recover(db: "Pool", credits: Credits, dead: Node, fence: int) -> int:
    """As a takeover does: shut the dead node out of its rooms, then settle by its log.

    A statement it sent may still be running: that either won, or finds the new fence.
    """
    logged = dead.figures("log")
    for person in dead.people:
        await raise_fence(db, f"r_{person}", fence)
    holds = [hold for hold in await foreign_holds(db, [], 1_000) if hold.node == dead.name]
    for hold in holds:
        await credits.take_over(hold, _outcome(logged.get(hold.hold, 0)), fence)
    return len(holds)


def _outcome(shown: int) -> Outcome:
    return Outcome(
        status="interrupted",
        code="holder_died",
        continuable=bool(shown),
        text="well" if shown else "",
        logged_microcredits=shown,
        usage=Usage(input_tokens=0, output_tokens=0, source="kindred"),
        provider="",
        model="",
        first_token_ms=None,
        total_ms=0,
    )


async def faults(db: "Pool", dead: list[Node]) -> list[str]:
    """What is wrong, by the audit, by the laws, and by what each dead node was told."""
    world = World(0, [db], 0)
    for node in dead:
        world.logged |= node.figures("log")
        world.told |= node.figures("settled")
    found = await world.faults(db)
    known = {row["hold"] for row in await db.fetch("SELECT hold FROM holds")}
    return found + [f"{h}: opened and lost" for n in dead for h in n.figures("open").keys() - known]


def a_wallet(db: "Pool") -> Credits:
    return Credits(db, {}, PriceBook(), hold_seconds=90, now_ms=lambda: int(time.time() * 1000))


@pytest.mark.timeout(120)
async def test_a_node_killed_anywhere_loses_nothing_it_was_told(
    database: "Pool", database_url: str, repository: Path, tmp_path: Path
) -> None:
    """Three nodes at work; one after the other dies, is cleared up after, and is replaced."""
    people = [f"u{n}" for n in range(12)]
    for person in people:
        await rich(database, person, 10_000)
    chance, credits = random.Random(), a_wallet(database)
    dead: list[Node] = []
    left_open = 0
    async with nodes() as running:
        for number in range(NODE_KILLS + 3):
            if number >= 3:
                victim = running.pop(0)
                await victim.has_noted("settled")
                await victim.has_noted("open", victim.count("open") + chance.randrange(40))
                await victim.kill()
                dead.append(victim)
                left_open += await recover(database, credits, victim, victim.fence + 3)
            if number < NODE_KILLS:
                node = Node(
                    database_url, f"n{number}", number + 1, people[number % 3 :: 3], tmp_path
                )
                running.append(await node.start(repository))
    assert len(dead) == NODE_KILLS
    assert left_open > NODE_KILLS // 2, "the kills hit nothing"
    assert await foreign_holds(database, [], 10) == []
    assert await faults(database, dead) == []
    told = sum(len(node.figures("settled")) for node in dead)
    print(f"{NODE_KILLS} nodes killed, {left_open} holds taken over, {told} turns told settled")


@pytest.mark.timeout(120)
async def test_a_database_killed_in_mid_load_keeps_every_acknowledged_turn(
    repository: Path, tmp_path: Path
) -> None:
    """The node goes on through six deaths of its database, and repeats what was not answered."""
    people = [f"u{n}" for n in range(6)]
    server, chance = Postgres(tmp_path), random.Random()
    async with nodes() as running:
        with started(server):
            await prepare(server, people)
            node = Node(server.url(), "n1", 1, people, tmp_path)
            running.append(await node.start(repository))
            await node.has_noted("settled")
        for _ in range(DATABASE_KILLS):  # leaving the block above, and this one, is kill -9
            with started(server):
                before = node.count("settled")
                await node.has_noted("settled", before + 1 + chance.randrange(200))
        with started(server):
            await node.has_noted("settled", node.count("settled") + 20)
            await node.kill()
            db = await open_pool(server.url(), size=4)
            await recover(db, a_wallet(db), node, 2)
            assert await faults(db, [node]) == []
            told = len(node.figures("settled"))
            db.terminate()
            print(f"{DATABASE_KILLS} databases killed, {told} turns told settled")


async def prepare(server: Postgres, people: list[str]) -> None:
    """A migrated database in which everybody has credits."""
    await ensure_database(server.url("postgres"), "kindred")
    connection = await connect(server.url())
    await migrate(connection)
    await connection.close()
    db = await open_pool(server.url(), size=2)
    for person in people:
        await rich(db, person, 100_000)
    db.terminate()


@contextlib.contextmanager
def started(server: Postgres) -> Iterator[None]:
    """The server runs inside the block, and is killed at its end without a word."""
    server.prepare()
    command = server.command()
    child = spawn(command)
    try:
        wait_ready(child, command, server.ready, server.start_seconds)
        yield
    finally:
        child.kill()
        child.wait()


@contextlib.asynccontextmanager
async def nodes() -> AsyncIterator[list[Node]]:
    """Nodes that are put into the list do not outlive the block."""
    running: list[Node] = []
    try:
        yield running
    finally:
        for node in running:
            with contextlib.suppress(ProcessLookupError):
                node.process.kill()
            await node.process.wait()
