"""What rooms run on, the same for every room of a node; tests hand in their own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from config.oversight import OversightSettings
from config.plans import Plan
from config.sockets import RoomSettings
from rooms.calls.parts import CallParts
from rooms.credits.entitlements import TurnsLeft
from rooms.dialogue.prompt import Persona
from rooms.ports import Principal, Recall
from rooms.turn import TurnParts


class Personas(Protocol):
    """Companions as turns need them."""

    async def persona(self, companion: str) -> Persona: ...

    def count_reply(self, companion: str) -> None: ...


class Entitled(Protocol):
    """What a plan allows; raises TooMany or PaymentRequired with what would unlock it."""

    async def turn(self, who: Principal, plan: Plan) -> TurnsLeft | None: ...


@dataclass(frozen=True, slots=True)
class RoomParts:
    """What rooms run on; the same for every room of a node."""

    db: asyncpg.Pool
    turn: TurnParts
    settings: RoomSettings
    plans: dict[str, Plan]
    personas: Personas
    recall: Recall
    entitled: Entitled
    now_ms: Callable[[], int]
    oversight: OversightSettings
    calls: CallParts | None = None
