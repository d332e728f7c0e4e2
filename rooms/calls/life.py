"""The life of a call as a pure state machine: what happens and the time in, orders out.

No await, no clock, no money store: when it waits, when its seconds are metered, when more must be
held, when it says goodbye and when it ends is decided here and tested by calling it.
rooms/calls/call.py carries the orders out. Time is the holder's monotonic clock in milliseconds.
"""

from typing import Final, Literal

from msgspec import Struct

from media.calls.leg import GoneReason
from rooms.calls.meter import CallMeter, CallPrice
from rooms.shapes import CallEndReason, CallState

GREETING_MS: Final = 60_000  # models may have to be loaded for the first call
TELL_MS: Final = 10_000
KEEP_MS: Final = 30_000
ASK_AGAIN_MS: Final = 5_000
PREPARE_MS: Final = 6_000  # before the goodbye
AT_MOST_MS: Final = 500  # between two looks at the time
Why = Literal["out_of_credits", "time_used_up", "failed", "server_restarting"]


class LifeRules(Struct, frozen=True, kw_only=True):
    """From the settings, the plan and the price book. `limit_ms`: of connected time."""

    connect_ms: int
    reconnect_ms: int
    hold_ms: int
    goodbye_ms: int
    mark_ms: int
    disclose_ms: int
    care_ms: int
    limit_ms: int


class Extend(Struct, frozen=True):
    """Hold `more`, as the `k`-th extension; then `extended` or `not_extended`."""

    k: int
    more: int


class Mark(Struct, frozen=True):
    """Log how far the meter has come."""


class Keep(Struct, frozen=True):
    """Write down how far the call has come, where a crash of all logs leaves it."""


class Tell(Struct, frozen=True):
    """Show how the call stands."""


class Disclose(Struct, frozen=True):
    """Say again that this is an AI."""


class Prepare(Struct, frozen=True):
    """A goodbye is near: look for its words now; the reserve is for saying them."""

    why: Why


class Goodbye(Struct, frozen=True):
    """Say goodbye; then `said_goodbye`."""

    why: Why


class End(Struct, frozen=True):
    """The call is over. Nothing comes after this."""

    reason: CallEndReason


Order = Extend | Mark | Keep | Tell | Disclose | Prepare | Goodbye | End
HOPELESS: Final = ("at_capacity", "failed")
_ENDS: Final[dict[GoneReason, CallEndReason]] = {
    "hung_up": "hung_up",
    "connection_lost": "connection_lost",
    "worker_lost": "worker_lost",
    "at_capacity": "at_capacity",
    "failed": "failed",
}


class CallLife:
    """Every method returns what is to be done, in order; `state` and `meter` may be read."""

    __slots__ = (
        "_asked_at",
        "_asked_more",
        "_blocked_at",
        "_care_until",
        "_counted_at",
        "_disclosed_ms",
        "_kept_at",
        "_leaving",
        "_lost",
        "_marked_at",
        "_marked_ms",
        "_prepared",
        "_price",
        "_rules",
        "_scarce",
        "_silent",
        "_since",
        "_told_at",
        "extending",
        "k",
        "meter",
        "reason",
        "state",
    )

    def __init__(
        self, rules: LifeRules, price: CallPrice, held: int, now: int, *, greets: bool = False
    ) -> None:
        """`greets`: nobody pays before the companion's first sound (`sounded`)."""
        self.state: CallState = "connecting"
        self.reason: CallEndReason | None = None
        self.meter = CallMeter(price, held)
        self.k = 0
        self._price = price
        self._rules = rules
        self._since = now  # of the state
        self._silent = greets
        self._counted_at = now
        self._told_at = self._kept_at = self._marked_at = now
        self._marked_ms = 0
        self._disclosed_ms = 0
        self._blocked_at: int | None = None
        self._care_until: int | None = None
        self.extending = False
        self._asked_at: int | None = None
        self._asked_more = 0
        self._scarce = False  # the last extension gave less than was asked
        self._leaving: Why | None = None
        self._prepared = False
        self._lost: CallEndReason = "connection_lost"

    @property
    def seconds(self) -> int:
        """Metered seconds, begun ones included."""
        return -(-self.meter.metered_ms // 1000)

    def care_ms(self, now: int) -> int:
        """For how long nothing is charged from now on."""
        return max(0, (self._care_until or now) - now)

    def take_up(self, now: int, *, k: int, metered_ms: int, free_ms: int, care_ms: int) -> None:
        """It was another holder's so far: nobody pays before a leg is connected again."""
        meter, rules = self.meter, self._rules
        meter.metered_ms, meter.free_ms, self.k = metered_ms, free_ms, k
        self.state, self._lost = "reconnecting", "holder_died"
        self._silent = self._silent and not metered_ms
        self._marked_ms = metered_ms
        self._disclosed_ms = metered_ms - metered_ms % max(1, rules.disclose_ms)
        self._care_until = now + care_ms if care_ms else None

    @property
    def saying_goodbye(self) -> bool:
        """The end has been announced."""
        return self._leaving is not None

    @property
    def flowing(self) -> bool:
        """Sound can go both ways."""
        return self.state == "live" and self._blocked_at is None

    @property
    def metered(self) -> bool:
        """Time counts now."""
        return self.flowing and not self._silent

    # --- what happens

    def connected(self, now: int) -> list[Order]:
        """Sound flows, at last or again."""
        if self.state in {"live", "ended"}:
            return []
        self._lost = "connection_lost"
        return self._to("live", now)

    def sounded(self, now: int) -> list[Order]:
        """The companion was heard: from its first sound on time is paid for."""
        orders = self._count(now)
        self._silent = False
        return orders

    def gone(self, reason: GoneReason, now: int) -> list[Order]:
        """The leg in use is no more."""
        if self.state == "ended" or reason == "replaced":
            return []
        orders = self._count(now)
        if self.reason is not None:
            return orders
        if reason == "hung_up" or (self.state == "connecting" and reason in HOPELESS):
            return orders + self._end(_ENDS[reason])
        if self._lost != "holder_died":  # else that is still why it is looked for
            self._lost = _ENDS[reason]
        self._blocked_at = None
        if self._leaving is not None:
            return orders + self._end(self._leaving)
        return orders if self.state != "live" else orders + self._to("reconnecting", now)

    def replaced(self, now: int) -> list[Order]:
        """Another leg takes the place of the one in use; until it is connected nothing counts."""
        orders = self._count(now)
        self._blocked_at = None
        return orders if self.state != "live" else orders + self._to("reconnecting", now)

    def blocked(self, now: int, *, on: bool) -> list[Order]:
        """The person's end takes nothing, or takes again."""
        orders = self._count(now)
        if self.state == "live":
            self._blocked_at = (self._blocked_at or now) if on else None
        return orders

    def care(self, now: int) -> list[Order]:
        """Words were said that call for care: from now on nothing is charged for a while."""
        orders = self._count(now)
        self._care_until = now + self._rules.care_ms
        return orders

    def hang_up(self, reason: CallEndReason, now: int) -> list[Order]:
        """End it now. A call that has ended stays as it is."""
        if self.state == "ended":
            return []
        orders = self._count(now)
        return orders if self.reason is not None else orders + self._end(reason)

    def leave(self, now: int) -> list[Order]:
        """The server goes: say goodbye, then end."""
        if self.state != "live":
            return self.hang_up("server_restarting", now)
        return self._bid(now, "server_restarting")

    def said_goodbye(self, now: int) -> list[Order]:
        """The goodbye was said, or could not be."""
        if self.state == "ended" or self._leaving is None:
            return []
        orders = self._count(now)
        return orders if self.reason is not None else orders + self._end(self._leaving)

    # --- what became of a hold

    def extended(self, amount: int, now: int) -> list[Order]:
        """So much is held in all."""
        self.k += 1
        self.extending = False
        wanted = self.meter.held_microcredits + self._asked_more
        self._scarce = amount < wanted
        self.meter.held_microcredits = max(self.meter.held_microcredits, amount)
        self._prepared = self._prepared and self._scarce
        if not self._scarce and self._leaving in {"out_of_credits", "failed"}:
            self._leaving = None  # somebody bought credits during the goodbye
        return self.tick(now)

    def not_extended(self, now: int) -> list[Order]:
        """The ledger did not answer."""
        self.extending = False
        return self.tick(now)

    # --- what time brings

    def tick(self, now: int) -> list[Order]:
        """Count, and see what is due."""
        if self.state == "ended":
            return []
        waited, rules = now - self._since, self._rules
        if self.state == "connecting" and waited >= rules.connect_ms:
            return self._end("never_connected")
        if self.state == "reconnecting" and waited >= rules.reconnect_ms:
            return self._end(self._leaving or self._lost)
        orders = self._count(now)
        if self.reason is not None or self.state != "live":
            return orders
        if self._silent and waited >= GREETING_MS:
            return orders + self._end("failed")
        if self._blocked_at is not None and now - self._blocked_at >= rules.reconnect_ms:
            return orders + self._end("connection_lost")
        orders += self._hold_ahead(now) + self._last_words(now)
        return orders + self._tellings(now)

    def next_tick(self) -> int:
        """In how many milliseconds `tick` is next worth calling, whatever happens meanwhile."""
        rules = self._rules
        due = min(rules.mark_ms, AT_MOST_MS) if self.metered else AT_MOST_MS
        return max(1, min(due, self.meter.left_ms))

    # --- inside

    def _count(self, now: int) -> list[Order]:
        """Meter what went by since the last look; the call ends where its credits or time do."""
        went, self._counted_at = max(0, now - self._counted_at), now
        if not self.metered or not went:
            return []
        meter, care = self.meter, self._care_until
        if care is not None:
            free = max(0, min(went, care - (now - went)))
            meter.count(free, charged=False)
            went -= free
            if now >= care:
                self._care_until = None
        counted = meter.count(went)
        if counted < went or (went and not meter.left_ms):
            return self._end(self._leaving or "out_of_credits")
        if meter.metered_ms >= self._rules.limit_ms:
            return self._end("time_used_up")
        return []

    def _hold_ahead(self, now: int) -> list[Order]:
        rules = self._rules
        enough_ms = rules.goodbye_ms + rules.hold_ms // 2
        if self._price.free or self.extending or self.meter.left_ms > enough_ms:
            return []
        if self._asked_at is not None and now - self._asked_at < ASK_AGAIN_MS:
            return []
        more = self.meter.wanted(rules.hold_ms + rules.goodbye_ms)
        if not more:
            return []
        self.extending, self._asked_at, self._asked_more = True, now, more
        return [Extend(self.k, more)]

    def _last_words(self, now: int) -> list[Order]:
        rules = self._rules
        if self._leaving is not None:
            return []
        if rules.limit_ms - self.meter.metered_ms <= rules.goodbye_ms:
            return self._bid(now, "time_used_up")
        if self.meter.left_ms > rules.goodbye_ms or self._care_until is not None:
            return self._prepare()
        return self._bid(now, "out_of_credits" if self._scarce else "failed")

    def _prepare(self) -> list[Order]:
        """Once, a little before the goodbye that is foreseen now."""
        soon = self._rules.goodbye_ms + PREPARE_MS
        timed = self._rules.limit_ms - self.meter.metered_ms <= soon
        if self._prepared or not (timed or (self._scarce and self.meter.left_ms <= soon)):
            return []
        self._prepared = True
        return [Prepare("time_used_up" if timed else "out_of_credits")]

    def _bid(self, now: int, why: Why) -> list[Order]:
        orders = self._count(now)
        if self.reason is not None or self._leaving is not None:
            return orders
        self._leaving = why
        return [*orders, Goodbye(why)]

    def _tellings(self, now: int) -> list[Order]:
        orders: list[Order] = []
        metered = self.meter.metered_ms
        if now - self._marked_at >= self._rules.mark_ms and metered != self._marked_ms:
            self._marked_at, self._marked_ms = now, metered
            orders.append(Mark())
        if now - self._kept_at >= KEEP_MS:
            self._kept_at = now
            orders.append(Keep())
        if now - self._told_at >= TELL_MS:
            self._told_at = now
            orders.append(Tell())
        if metered - self._disclosed_ms >= self._rules.disclose_ms and self._leaving is None:
            self._disclosed_ms = metered
            orders.append(Disclose())
        return orders

    def _to(self, state: CallState, now: int) -> list[Order]:
        orders = self._count(now)
        if self.reason is not None:
            return orders
        self.state, self._since, self._told_at = state, now, now
        return [*orders, Tell()]

    def _end(self, reason: CallEndReason) -> list[Order]:
        self.state, self.reason = "ended", reason
        return [End(reason)]
