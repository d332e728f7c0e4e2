"""A world of people who spend, die and come back at random, to be audited afterwards.

Every choice comes from one seed. What a room's log would hold is kept here, in `logged`; what a
caller was told, in `told`; the database has to agree with both, whatever was cut off where.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import asyncpg

from storage.ledger import wallets
from storage.ledger.turns import (
    HoldRow,
    NoSuchHold,
    NotEnoughCredits,
    OpenedTurn,
    StaleHolder,
    expired_holds,
    extend_hold,
    foreign_holds,
    open_holds,
    renew_holds,
)
from storage.ledger.wallets import NoSuchGrant
from tests.storage.ledger.acts import CREDIT, DAILY, NONE, gives, make_room, opens, settles

if TYPE_CHECKING:
    from storage.database import Pool

REFUSED = (StaleHolder, NotEnoughCredits, NoSuchHold, NoSuchGrant)
CUT = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Crash(Exception):
    """The process that did this is gone; what it had begun may or may not have happened."""


class Room:
    """A room as its holders see it; `fence` is the newest lease."""

    def __init__(self, home: str, name: str) -> None:
        self.home = home
        self.name = name
        self.fence = 1
        self.taken = 0  # takeovers under way: until they are done the new holder begins nothing


class World:
    """People, their rooms, and several nodes (pools) that work for them at once."""

    def __init__(self, seed: int, pools: list["Pool"], people: int) -> None:
        self.chance = random.Random(seed)
        self.pools = pools
        self.people = [f"u{n}" for n in range(people)]
        self.rooms = [Room(p, f"r_{p}_{n}") for p in self.people for n in range(2)]
        self.logged: dict[str, int] = {}
        self.blind: dict[str, set[int]] = {}
        self.told: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        self.done: Counter[str] = Counter()
        self.living = False
        self._next = 0

    def name(self, kind: str) -> str:
        self._next += 1
        return f"{kind}{self._next}"

    def pool(self) -> "Pool":
        return self.chance.choice(self.pools)

    async def settle_in(self) -> None:
        for room in self.rooms:
            await make_room(self.pools[0], room.home, room.name)
        for person in self.people:
            await gives(self.pools[0], person, 5 * CREDIT, f"start:{person}")

    async def live(self, operations: int, workers: int) -> None:
        """Do that many things, several at a time, while connections are torn."""
        self.living = True
        tearing = asyncio.create_task(self._tear())
        each = operations // workers
        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(self._work(each))
        self.living = False
        await tearing

    async def _work(self, operations: int) -> None:
        acts = {
            self.turn: 60, self.look: 8, self.gift: 6, self.chargeback: 3, self.limit: 3,
            self.take_over: 10, self.reap: 3, self.renew: 2, self.late: 5,
        }  # fmt: skip
        for _ in range(operations):
            act = self.chance.choices(list(acts), list(acts.values()))[0]
            try:
                await act()
                self.done[act.__name__] += 1
            except Crash:
                self.done["crashed"] += 1
            except REFUSED as error:
                self.done[type(error).__name__] += 1
            except CUT:
                self.done["cut off"] += 1

    async def _tear(self) -> None:
        """Terminate a backend every now and then, whatever it is doing."""
        while self.living:
            await asyncio.sleep(0.015)
            pid = self.chance.random()
            try:
                await self.pools[0].execute(
                    "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                    "ORDER BY hashtext(pid || $1) LIMIT 1) one",
                    str(pid),
                )
                self.done["torn"] += 1
            except CUT:
                continue

    async def _perhaps_cut(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do it; sometimes die in the middle of the statement."""
        if self.chance.random() > 0.15:
            return await work
        task = asyncio.ensure_future(work)
        await asyncio.wait([task], timeout=self.chance.uniform(0, 0.004))
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        raise Crash

    def _perhaps_die(self) -> None:
        if self.chance.random() < 0.06:
            raise Crash

    # --- what people and nodes do

    async def turn(self) -> None:
        """A whole turn: open (perhaps by four nodes at once), stream, perhaps grow, settle."""
        room = self.chance.choice(self.rooms)
        fence, key = room.fence - bool(room.taken), self.name("k")
        self.keys[key] = room.home
        opened = await self._open_some(room, fence, key)
        if opened is None or opened.answer is None:
            return
        hold = opened.answer["hold"]
        self._perhaps_die()
        amount = opened.granted or CREDIT
        for _ in range(self.chance.randrange(4)):
            if room.fence != fence:
                return  # an append would say stale: nothing more is logged
            self.logged[hold] = min(
                amount, self.logged.get(hold, 0) + self.chance.randrange(200_000)
            )
            self._perhaps_die()
        if self.chance.random() < 0.1:
            more = self.chance.randrange(CREDIT)
            grow = extend_hold(
                self.pool(), room.home, hold, fence, 0, more, self.logged.get(hold, 0), 90
            )
            await self._perhaps_cut(grow)
        await self._settle(room.home, hold, fence, self.chance.choice([1, 1, 1, 4]))

    async def _open_some(self, room: Room, fence: int, key: str) -> OpenedTurn | None:
        """The same command by one node or by four; each has ids of its own, as in life."""
        copies = self.chance.choice([1, 1, 1, 4])
        everyday = self.chance.random() < 0.8
        amount = self.chance.randrange(100_000, 2 * CREDIT)
        tries = []
        for _ in range(copies):
            hold = self.name("h")
            work = opens(
                self.pool(), room.home, hold, room=room.name, fence=fence, key=key, digest=b"same",
                answer={"hold": hold}, amount=amount, node=self.chance.choice("abc"),
                allowance=DAILY if everyday else NONE,
            )  # fmt: skip
            tries.append(self._perhaps_cut(work))
        return await self._first_told(tries)

    async def _first_told(self, tries: list[Coroutine[Any, Any, Any]]) -> Any:
        """What any of them was told; the error of one if none was."""
        told = await asyncio.gather(*tries, return_exceptions=True)
        good = [one for one in told if not isinstance(one, BaseException)]
        if good:
            outcomes = [one.outcome for one in good]
            assert outcomes.count("opened") <= 1, outcomes
            assert outcomes.count("settled") <= 1, outcomes
            return good[0]
        error = told[0]
        assert isinstance(error, BaseException)
        raise error

    async def _settle(self, person: str, hold: str, fence: int, copies: int = 1) -> None:
        metered = self.logged.get(hold, 0)
        tries = [
            self._perhaps_cut(settles(self.pool(), person, hold, metered, fence=fence))
            for _ in range(copies)
        ]
        settled = await self._first_told(tries)
        before = self.told.setdefault(hold, settled.captured)
        assert before == settled.captured, "told two different prices"

    async def take_over(self) -> None:
        """A node takes a room: raise the fence, settle what was left by the log."""
        room = self.chance.choice(self.rooms)
        room.fence += 1
        room.taken += 1
        try:
            await self._take(room, room.fence, self.pool())
        finally:
            room.taken -= 1

    async def _take(self, room: Room, fence: int, pool: "Pool") -> None:
        await pool.execute(
            "UPDATE rooms SET fence = $2 WHERE room = $1 AND fence < $2", room.name, fence
        )
        for hold in await open_holds(pool, room.home, room.name):
            self._perhaps_die()
            await self._settle(hold.person, hold.hold, fence)

    async def reap(self) -> None:
        """Holds whose time is over are settled blind, at what the database knows."""
        for hold in await expired_holds(self.pool(), 0, 5):
            await self._blind(hold)
        for hold in await foreign_holds(self.pool(), ["a", "b", "c"], 5):
            await self._blind(hold)

    async def _blind(self, hold: HoldRow) -> None:
        self.blind.setdefault(hold.hold, set()).add(hold.metered)
        work = settles(
            self.pool(), hold.person, hold.hold, hold.metered, fence=2**62, parts=None,
            receipt=None, receipt_doc=None,
        )  # fmt: skip
        await self._perhaps_cut(work)

    async def late(self) -> None:
        """A zombie settles something long gone, at a price of its own."""
        if not self.told:
            return
        hold = self.chance.choice(list(self.told))
        person = await self.pool().fetchval("SELECT person FROM holds WHERE hold = $1", hold)
        settled = await settles(self.pool(), person, hold, 7 * CREDIT, fence=0)
        assert settled.outcome == "already"
        assert settled.captured == self.told[hold]

    async def renew(self) -> None:
        await self._perhaps_cut(renew_holds(self.pool(), self.chance.choice("abc"), 90))

    async def look(self) -> None:
        person = self.chance.choice(self.people)
        found = await self._perhaps_cut(wallets.balance(self.pool(), person, "UTC", DAILY))
        assert found.available >= 0

    async def gift(self) -> None:
        person, ref = self.chance.choice(self.people), f"order{self.chance.randrange(400)}"
        lot = {"id": ref, "kind": "purchased", "expires": None}
        if self.chance.random() < 0.3:
            lot |= {"kind": "bonus", "priority": 25, "promo": True, "id": f"b{ref}"}
        amount = self.chance.randrange(1, CREDIT)
        await self._perhaps_cut(gives(self.pool(), person, amount, ref, **lot))

    async def chargeback(self) -> None:
        person, ref = self.chance.choice(self.people), f"order{self.chance.randrange(400)}"
        taken, missing = await self._perhaps_cut(wallets.reverse(self.pool(), person, ref))
        assert taken >= 0 <= missing

    async def limit(self) -> None:
        person = self.chance.choice(self.people)
        day = self.chance.choice([None, None, 3 * CREDIT])
        rooms = {f"r_{person}_0": 9 * CREDIT} if self.chance.random() < 0.3 else {}
        await self._perhaps_cut(wallets.set_ceilings(self.pool(), person, "UTC", day, rooms))

    # --- the end, and what must be true then

    async def recover(self, db: "Pool") -> None:
        """As after the death of every node: what stands open is settled by the log."""
        for hold in await foreign_holds(db, [], 100_000):
            settled = await settles(
                db, hold.person, hold.hold, self.logged.get(hold.hold, 0), fence=2**61
            )
            self.told.setdefault(hold.hold, settled.captured)

    async def faults(self, db: "Pool") -> list[str]:
        """Everything that is not as it must be."""
        found = [f"{who}: {what}" for who, what in (await wallets.audit(db)).items()]
        rows = await db.fetch("SELECT hold, amount, captured, state FROM holds")
        for row in rows:
            due = min(self.logged.get(row["hold"], 0), row["amount"])
            fair = {due, *self.blind.get(row["hold"], ())}
            if row["captured"] not in fair:
                found.append(f"{row['hold']}: charged {row['captured']}, due {fair}")
        stored = {row["hold"]: row["captured"] for row in rows if row["state"] != "open"}
        found += [f"{h}: told {c}" for h, c in self.told.items() if stored.get(h) != c]
        for law, query in LAWS.items():
            found += [f"{law}: {dict(row)}" for row in await db.fetch(query)]
        return found


LAWS = {
    "numbers are dense in each room": """
        SELECT r.room, r.n, r.changes, count(m.*), max(m.n), max(m.changed) FROM rooms r
          LEFT JOIN messages m USING (home, room) GROUP BY 1, 2, 3
        HAVING count(m.*) <> r.n OR coalesce(max(m.n), 0) <> r.n
            OR coalesce(max(m.changed), 0) <> r.changes""",
    "a command is carried out once": """
        SELECT c.key, count(*) FROM commands c JOIN messages m ON m.key = c.key
         GROUP BY 1 HAVING count(*) <> 1""",
    "a message has its command and its hold": """
        SELECT m.message FROM messages m WHERE m.sender_kind = 'person'
           AND (NOT EXISTS (SELECT FROM commands c WHERE c.key = m.key)
             OR NOT EXISTS (SELECT FROM holds h WHERE h.message = m.message))""",
    "a hold captures once": """
        SELECT ref, count(*) FROM entries WHERE kind = 'capture' GROUP BY 1 HAVING count(*) > 1""",
    "a reply is stored with its receipt": """
        SELECT m.message FROM messages m WHERE m.sender_kind = 'companion'
           AND (SELECT count(*) FROM receipts r WHERE r.reply = m.message) <> 1""",
    "a room has spent what its holds captured": """
        SELECT r.room, r.spent, sum(m.cost) FROM rooms r JOIN messages m USING (home, room)
         GROUP BY 1, 2 HAVING r.spent <> sum(m.cost)""",
    "nothing is negative": """
        SELECT person FROM wallets WHERE held < 0 OR lots_total(lots) < 0
            OR EXISTS (SELECT FROM jsonb_array_elements(lots) l WHERE (l->>'amount')::bigint <= 0)
        UNION ALL SELECT person FROM entries WHERE balance < 0""",
    "a person's day is minted once": """
        SELECT person, note, ref, count(*) FROM entries WHERE ref LIKE 'allowance:%'
         GROUP BY 1, 2, 3 HAVING count(*) > 1""",
}
