"""A node to be killed: it takes turns for its people without pause and writes down what it does.

`python -m tests.storage.ledger.worker URL NODE FENCE PERSON...`. Each line on standard output is
there before the next step begins, as an append to a room's log would be:
`open HOLD GRANTED`, `log HOLD MICROCREDITS`, `settled HOLD CAPTURED`.
"""

import asyncio
import itertools
import os
import random
import sys
from typing import TYPE_CHECKING, Any

import asyncpg

from storage.database import open_pool
from storage.ledger.turns import NotEnoughCredits, OpenedTurn, SettledTurn
from tests.storage.ledger.acts import CREDIT, opens, settles

if TYPE_CHECKING:
    from storage.database import Pool

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def note(*words: object) -> None:
    """One line, handed to the kernel: kill -9 cannot take it back."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def persist(attempt: Any) -> Any:
    """The same again until the database answers, as a gateway does."""
    while (answer := await _answered(attempt)) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return answer


async def _answered(attempt: Any) -> Any:
    """What the database answers; nothing while it is away."""
    try:
        return await attempt()
    except AWAY:
        return None


async def live(db: "Pool", node: str, fence: int, person: str, chance: random.Random) -> None:
    """One person's turns, one after the other, for ever."""
    for number in itertools.count():
        key = f"{node}:{person}:{number}"
        tries = itertools.count()

        async def begin(key: str = key, tries: Any = tries) -> OpenedTurn:
            """A retry is a new request: its ids are new, its key is the same."""
            hold = f"{key}:{next(tries)}"
            amount = chance.randrange(50_000, CREDIT)
            return await opens(
                db, person, hold, key=key, digest=b"same", node=node, fence=fence,
                amount=amount, least=20_000, answer={"hold": hold, "amount": amount},
            )  # fmt: skip

        try:
            opened = await persist(begin)
        except NotEnoughCredits:
            note("broke", person)
            return
        assert opened.answer is not None
        hold, most = opened.answer["hold"], opened.granted or opened.answer["amount"]
        note("open", hold, most)
        spent = 0
        for _ in range(chance.randrange(5)):
            spent = min(most, spent + chance.randrange(1, 100_000))
            note("log", hold, spent)
            await asyncio.sleep(0)

        async def finish(hold: str = hold, spent: int = spent) -> SettledTurn:
            return await settles(db, person, hold, spent, fence=fence)

        settled = await persist(finish)
        note("settled", hold, settled.captured)


async def main(url: str, node: str, fence: int, people: list[str]) -> None:
    db = await open_pool(url, size=len(people), name=node)
    chance = random.Random(node)
    note("ready")
    async with asyncio.TaskGroup() as tasks:
        for person in people:
            tasks.create_task(live(db, node, fence, person, chance))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
