"""Credits over REST: balance, transactions, receipts, ceilings, and what is for sale."""

from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from rooms.credits.wallet import allowance_of
from rooms.shapes import Receipt, Wallet
from server.rest import Call, Routes
from storage.ledger import wallets

routes = Routes(tag="wallet")
Microcredits = Annotated[int, Meta(ge=0, le=10**15)]


class PageQuery(Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0
    cursor: int | None = None


class Transaction(Struct, frozen=True, kw_only=True):
    """One line of the account. What is spent or lapses is negative."""

    id: str
    kind: str
    amount_microcredits: int
    balance_microcredits: int
    at: int
    reference: str
    details: dict[str, Any]


class Transactions(Struct, frozen=True):
    items: list[Transaction]
    has_more: bool
    cursor: str | None = None


class Receipts(Struct, frozen=True):
    items: list[dict[str, Any]]
    has_more: bool


class Ceilings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most you want to spend a day, and in single rooms; null and absent lift a ceiling."""

    day_microcredits: Microcredits | None = None
    rooms: dict[str, Microcredits] = {}


class Products(Struct, frozen=True):
    """Plans, packages and prices of this installation."""

    currency: str
    plans: dict[str, Any]
    packages: dict[str, Any]
    prices: dict[str, Any]


@routes.get("/api/v1/wallet/balance", scope="wallet")
async def balance(call: Call) -> Wallet:
    """What you can spend now; the day's allowance is there from your midnight on."""
    return await call.house.credits.balance(call.principal)


@routes.get("/api/v1/wallet/transactions", scope="wallet")
async def transactions(call: Call, query: PageQuery) -> Transactions:
    """Your account, the newest line first."""
    before = query.cursor if query.cursor is not None else 2**62
    found = await wallets.transactions(
        call.house.db, call.principal.person.id, query.limit + 1, before
    )
    shown = found[: query.limit]
    more = len(found) > query.limit
    return Transactions(
        [
            Transaction(
                id=str(entry.n),
                kind=entry.kind,
                amount_microcredits=entry.amount if entry.kind == "grant" else -entry.amount,
                balance_microcredits=entry.balance,
                at=entry.at,
                reference=entry.ref,
                details=entry.note,
            )
            for entry in shown
        ],
        more,
        str(shown[-1].n) if more else None,
    )


@routes.get("/api/v1/wallet/receipts", scope="wallet")
async def receipts(call: Call, query: PageQuery) -> Receipts:
    """Your receipts, the newest first."""
    found = await wallets.receipts(
        call.house.db, call.principal.person.id, query.limit + 1, query.offset
    )
    return Receipts(found[: query.limit], len(found) > query.limit)


@routes.get("/api/v1/wallet/receipts/{receipt}", scope="wallet")
async def receipt(call: Call, receipt: str) -> Receipt:
    """What one reply cost, and why."""
    return await call.house.credits.receipt(call.principal, receipt)


@routes.get("/api/v1/wallet/ceilings", scope="wallet")
async def ceilings(call: Call) -> Ceilings:
    """The ceilings you set."""
    day, rooms = await wallets.ceilings(call.house.db, call.principal.person.id)
    return Ceilings(day_microcredits=day, rooms=rooms)


@routes.put("/api/v1/wallet/ceilings", scope="wallet")
async def set_ceilings(call: Call, body: Ceilings) -> Ceilings:
    """Set both; a reply that would go beyond is refused before it starts."""
    person = call.principal.person
    await wallets.set_ceilings(
        call.house.db, person.id, person.timezone, body.day_microcredits, body.rooms
    )
    return body


@routes.get("/api/v1/market/products", public=True)
async def products(call: Call) -> Products:
    """Plans, packages and prices."""
    settings = call.house.settings
    return Products(
        currency=settings.business.currency,
        plans=to_builtins(settings.plans),
        packages=to_builtins(settings.business.packages),
        prices=to_builtins(settings.prices),
    )


@routes.get("/api/v1/wallet/allowance", scope="wallet")
async def allowance(call: Call) -> dict[str, Any]:
    """What your plan mints, and how often."""
    plan = call.house.settings.plans[call.principal.person.plan]
    minted = allowance_of(plan)
    return {"microcredits": minted.microcredits, "period": minted.period}
