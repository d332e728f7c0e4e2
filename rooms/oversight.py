"""What staff may do in a room, and what follows from it; pure.

A room is halted or not, and its companion has a direction or not: a value, changed by the rules
here, stored by rooms/overseer.py. Whether somebody may look at all is asked here too.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from rooms.commands import Oversee
from rooms.errors import Conflict, Forbidden, Invalid, ProductError, TooLarge, TooMany

Halted = Literal["", "paused", "ended"]
PAUSED: Final = "This conversation was paused by the service. You can read, but nobody answers."
RESUMED: Final = "This conversation goes on."
ENDED: Final = "This conversation was ended by the service. You can still read it."
TOLD: Final = "Somebody of the service is looking at this conversation."


class Oversight(Struct, frozen=True, kw_only=True):
    """How a room stands under staff's hand. `once`: the direction is for the next reply only."""

    halted: Halted = ""
    direction: str = ""
    once: bool = True

    def check_running(self) -> None:
        """Raises Conflict where no new turn may begin."""
        if self.halted == "paused":
            raise Conflict(PAUSED, code="room_paused")
        if self.halted == "ended":
            raise Conflict(ENDED, code="room_ended")

    def replied(self) -> "Oversight":
        """After a reply that carried the direction."""
        return replace(self, direction="") if self.once else self


class Glance(Struct, frozen=True, kw_only=True):
    """A live room as a list shows it. Money is microcredits: the turn's so far, and the room's."""

    room: str
    people: list[tuple[str, str]] = []
    companions: list[str] = []
    state: Literal["idle", "thinking", "speaking"] = "idle"
    reply: str | None = None
    turn_microcredits: int = 0
    spent_microcredits: int = 0
    n: int = 0
    halted: Halted = ""
    directed: bool = False
    at: int = 0


def after(now: Oversight, command: Oversee, characters: int) -> tuple[Oversight, str]:
    """How the room stands after a command, and what its members are told ("" for nothing)."""
    match command.act:
        case "pause":
            if now.halted == "ended":
                raise Conflict("This conversation has ended already.", code="room_ended")
            return replace(now, halted="paused"), "" if now.halted else PAUSED
        case "resume":
            return replace(now, halted=""), RESUMED if now.halted else ""
        case "end":
            return replace(now, halted="ended"), "" if now.halted == "ended" else ENDED
        case "whisper":
            check_words(command.text, characters)
            return replace(now, direction=command.text.strip(), once=command.once), ""
        case "withdraw":
            return replace(now, direction=""), ""
        case "told":
            return now, TOLD
        case "say" | "stop":
            return now, ""


def check_words(text: str, characters: int) -> None:
    """Raises for words that are none, or too many."""
    if not any(mark.isprintable() and mark != " " for mark in text):
        raise Invalid("Words are needed.", code="empty_message", path="$.text")
    if len(text) > characters:
        raise TooLarge(f"At most {characters} characters; here are {len(text)}.", path="$.text")


def refusal_of(role: str, scopes: frozenset[str], *, enabled: bool) -> ProductError | None:
    """Why somebody may not look, or None."""
    if role != "admin":
        return Forbidden("This needs more rights than your account has.", code="missing_role")
    if "*" not in scopes:
        return Forbidden("This API key lacks the scope '*'.", code="missing_scope")
    if not enabled:
        return Forbidden("Watching is switched off on this server.", code="oversight_off")
    return None


def check_watches(watching: int, most: int) -> None:
    """Raises TooMany for one who watches as many rooms as they may."""
    if watching >= most:
        raise TooMany(f"You watch {most} rooms; stop one first.", code="too_many_watches")
