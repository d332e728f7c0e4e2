"""What a settled turn costs the database, beside the barest pair of statements that could do it.

`python -m loadtest.bench_ledger`: its own PostgreSQL with fsync on, fifty people and one hot
wallet, each beside `UPDATE ... RETURNING` + `INSERT` twice a turn. JSON to build/ledger.json.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import uvloop

from storage.database import connect, ensure_database, open_pool
from storage.embedded.child import end, spawn, wait_ready
from storage.embedded.postgres import Postgres
from storage.ledger import wallets
from storage.ledger.turns import Allowance, OpenTurn, SettleTurn, open_turn, settle_turn
from storage.migrate import migrate

if TYPE_CHECKING:
    from storage.database import Pool

PEOPLE = 50
ENOUGH = 10**15
NOTHING = Allowance(0, "never")
BARE_TABLES = """
CREATE TABLE bare_wallets (person text PRIMARY KEY, amount bigint NOT NULL, n bigint NOT NULL);
CREATE TABLE bare_entries (
    person text, n bigint, amount bigint, note jsonb, PRIMARY KEY (person, n));
"""
BARE = """
WITH w AS (UPDATE bare_wallets SET amount = amount - $2, n = n + 1
            WHERE person = $1 AND amount >= $2 RETURNING person, n)
INSERT INTO bare_entries SELECT person, n, $2, '{}' FROM w RETURNING n
"""
Turn = Callable[["Pool", str, int], Awaitable[None]]


@contextmanager
def durable_postgres() -> Iterator[Postgres]:
    """A fresh server, every commit on the disk before it is answered."""
    with tempfile.TemporaryDirectory(prefix="kindred-bench-") as folder:
        server = Postgres(Path(folder), connections=80)
        server.prepare()
        command = server.command()
        child = spawn(command)
        try:
            wait_ready(child, command, server.ready, server.start_seconds)
            yield server
        finally:
            end(child, command.stop, 10.0)


async def prepare(server: Postgres) -> None:
    """The schema, people with credits and rooms, and the bare tables beside."""
    await ensure_database(server.url("postgres"), "kindred")
    connection = await connect(server.url())
    await migrate(connection)
    await connection.execute(BARE_TABLES)
    await connection.close()
    db = await open_pool(server.url(), size=4)
    for n in range(PEOPLE):
        person = f"u{n}"
        lot = {"id": "start", "kind": "purchased", "amount": ENOUGH, "expires": None}
        lot |= {"priority": 30, "promo": False}
        await wallets.grant(db, person, "UTC", lot, "start")
        await db.execute("INSERT INTO bare_wallets VALUES ($1, $2, 0)", person, ENOUGH)
    await db.execute(
        "INSERT INTO rooms (home, room, payer) "
        "SELECT 'u' || p, 'r' || p || '_' || r, 'sender' "
        "FROM generate_series(0, $1::int - 1) p, generate_series(0, $1::int - 1) r",
        PEOPLE,
    )
    await db.close()


async def settled_turn(db: "Pool", person: str, number: int) -> None:
    """A turn's two commits, as a gateway makes them."""
    name = f"{person}_{number}"
    room = f"r{person[1:]}_{number % PEOPLE}"
    parts = [{"type": "text", "text": "A line of talk, about as long as people write."}]
    turn = OpenTurn(
        sender=person, key=name, digest=b"digest", answer={"reply": name}, payer=person,
        timezone="UTC", allowance=NOTHING, home=person, room=room, fence=1, node="bench",
        hold=f"h_{name}", reply=f"m_{name}", companion="mira", amount=100_000, least=20_000,
        seconds=90, message=f"q_{name}", parts=parts, words="",
    )  # fmt: skip
    await open_turn(db, turn)
    ending = SettleTurn(
        payer=person, hold=f"h_{name}", fence=1, metered=50_000, status="completed",
        parts=parts, words="", receipt=f"rc_{name}", receipt_doc={"id": f"rc_{name}"},
    )  # fmt: skip
    await settle_turn(db, ending)


async def bare_turn(db: "Pool", person: str, _: int) -> None:
    """Two commits that move money and write it down, and promise nothing else."""
    await db.fetchval(BARE, person, 100_000)
    await db.fetchval(BARE, person, -50_000)


async def rate(db: "Pool", turn: Turn, people: list[str], seconds: float, start: int) -> float:
    """Turns a second by fifty callers, each taking one after the other."""
    until = time.perf_counter() + seconds
    done = 0

    async def caller(number: int) -> None:
        nonlocal done
        person, turns = people[number % len(people)], start + number
        while time.perf_counter() < until:
            await turn(db, person, turns)
            turns += PEOPLE
            done += 1

    begun = time.perf_counter()
    await asyncio.gather(*(caller(n) for n in range(PEOPLE)))
    return done / (time.perf_counter() - begun)


async def measure(server: Postgres, seconds: float, rounds: int) -> dict[str, float]:
    """Kindred and bare in turn, round after round; the medians, and that the books balance."""
    await prepare(server)
    db = await open_pool(server.url(), size=24)
    crowd, one = [f"u{n}" for n in range(PEOPLE)], ["u0"]
    cases = {
        "spread": (settled_turn, crowd),
        "spread_bare": (bare_turn, crowd),
        "hot": (settled_turn, one),
        "hot_bare": (bare_turn, one),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        for offset, (name, (turn, people)) in enumerate(cases.items()):
            start = (number * len(cases) + offset) * 10_000_000
            found[name].append(await rate(db, turn, people, seconds, start))
    assert await wallets.audit(db) == {}, "the books do not balance"
    await db.close()
    medians = {name: round(statistics.median(rates), 1) for name, rates in found.items()}
    for name in ("spread", "hot"):
        medians[f"{name}_ratio"] = round(medians[name] / medians[f"{name}_bare"], 3)
    return medians


@click.command()
@click.option("--seconds", default=3.0, help="How long each case runs in a round.")
@click.option("--rounds", default=3, help="How often every case runs.")
def main(seconds: float, rounds: int) -> None:
    """Settled turns a second, and the share of what the bare statements reach."""
    with durable_postgres() as server:
        found = uvloop.run(measure(server, seconds, rounds))
    click.echo(f"{'settled turns a second':<28}{'Kindred':>10}{'bare':>10}{'ratio':>8}")
    for name, title in (("spread", f"{PEOPLE} people"), ("hot", "one hot wallet")):
        bare, ratio = found[f"{name}_bare"], found[f"{name}_ratio"]
        click.echo(f"{title:<28}{found[name]:>10.0f}{bare:>10.0f}{ratio:>8.2f}")
    out = Path("build/ledger.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
