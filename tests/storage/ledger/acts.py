"""What people do with money, in one line each, for the tests of the ledger.

Each act goes through the same functions that rooms use; names are given, nothing is made up.
"""

import itertools
from typing import TYPE_CHECKING, Any

from storage.ledger import wallets
from storage.ledger.turns import (
    Allowance,
    OpenedTurn,
    OpenTurn,
    SettledTurn,
    SettleTurn,
    open_turn,
    settle_turn,
)

if TYPE_CHECKING:
    from storage.database import Pool

CREDIT = 1_000_000
NONE = Allowance(0, "never")
DAILY = Allowance(10 * CREDIT, "day")
_lots = itertools.count(1)


async def make_room(db: "Pool", home: str, room: str, fence: int = 1) -> None:
    await db.execute(
        "INSERT INTO rooms (home, room, payer, fence) VALUES ($1, $2, 'sender', $3)",
        home,
        room,
        fence,
    )


def opening(person: str, hold: str, **changes: Any) -> OpenTurn:
    """A turn of a person in their room `r_PERSON`, holding one credit."""
    values: dict[str, Any] = {
        "sender": person,
        "key": f"k_{hold}",
        "digest": hold.encode(),
        "answer": {"reply": f"m_{hold}"},
        "payer": person,
        "timezone": "UTC",
        "allowance": NONE,
        "home": person,
        "room": f"r_{person}",
        "fence": 1,
        "node": "a",
        "hold": hold,
        "reply": f"m_{hold}",
        "companion": "mira",
        "amount": CREDIT,
        "least": CREDIT // 10,
        "seconds": 90,
        "message": f"q_{hold}",
        "parts": [{"type": "text", "text": "hello"}],
        "words": "hello",
    }
    return OpenTurn(**{**values, **changes})


def settling(person: str, hold: str, metered: int, **changes: Any) -> SettleTurn:
    """The same turn's end, with a reply and a receipt if anything was delivered."""
    values: dict[str, Any] = {
        "payer": person,
        "hold": hold,
        "fence": 1,
        "metered": metered,
        "status": "completed",
    }
    if metered:
        values |= {
            "parts": [{"type": "text", "text": "well"}],
            "words": "well",
            "receipt": f"rc_{hold}",
            "receipt_doc": {"id": f"rc_{hold}"},
        }
    return SettleTurn(**{**values, **changes})


async def opens(db: "Pool", person: str, hold: str, **changes: Any) -> OpenedTurn:
    return await open_turn(db, opening(person, hold, **changes))


async def settles(db: "Pool", person: str, hold: str, metered: int, **changes: Any) -> SettledTurn:
    return await settle_turn(db, settling(person, hold, metered, **changes))


def lot(amount: int, **changes: Any) -> dict[str, Any]:
    """A lot of purchased credits, unless told otherwise."""
    made = {"id": f"lot{next(_lots)}", "kind": "purchased", "amount": amount}
    return {**made, "expires": None, "priority": 30, "promo": False, **changes}


async def gives(db: "Pool", person: str, amount: int, ref: str = "gift", **changes: Any) -> bool:
    added, _ = await wallets.grant(db, person, "UTC", lot(amount, **changes), ref)
    return added


async def standing(db: "Pool", person: str) -> tuple[int, int]:
    """(available, held), with nothing minted."""
    found = await wallets.balance(db, person, "UTC", NONE)
    return found.available, found.held


async def rich(db: "Pool", person: str, credits: int = 10) -> None:
    """A person with a room and purchased credits."""
    await make_room(db, person, f"r_{person}")
    await gives(db, person, credits * CREDIT, f"start:{person}")


async def at_ms(db: "Pool", seconds: int) -> int:
    """Unix milliseconds, `seconds` from now by the database's clock."""
    return int(
        await db.fetchval(f"SELECT (extract(epoch FROM now()) * 1000)::bigint + {seconds}000")
    )
