"""Plans, packages and prices: the business side of a preset, as data.

A preset (config/presets/NAME.toml) fills these; an operator's file overrides single keys.
"""

from typing import Literal

from msgspec import Struct, field


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person gets.

    title: the name people see.
    price_cents: monthly price in the smallest unit of the preset's currency.
    allowance_microcredits: credits minted anew each period.
    allowance_period: when they are minted: each day, each week, each month, or never.
    requests_per_minute: turns a minute; 0 is no limit.
    messages_per_day: messages a day; 0 is no limit.
    discount_percent: off the metered cost.
    context_messages: the sliding window of a prompt; 0 is as many as the budget takes.
    recall: how many memories a reply may use; 0 is none.
    rooms: rooms a person may have; 0 is no limit.
    """

    title: str = ""
    price_cents: int = 0
    allowance_microcredits: int = 0
    allowance_period: Literal["day", "week", "month", "never"] = "day"
    requests_per_minute: int = 60
    messages_per_day: int = 0
    discount_percent: int = 0
    context_messages: int = 10
    recall: int = 0
    rooms: int = 0


class PriceBook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What things cost, versioned: each receipt names the version it was reckoned by.

    version: names this set of prices; change it with any price.
    input_microcredits_per_1k: 1,000 tokens read.
    output_microcredits_per_1k: 1,000 tokens written.
    minimum_microcredits: the least a delivered reply costs.
    """

    version: str = "1"
    input_microcredits_per_1k: int = 100_000
    output_microcredits_per_1k: int = 100_000
    minimum_microcredits: int = 10_000


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits for money: `purchased` plus a `bonus` lot."""

    title: str
    price_cents: int
    purchased_microcredits: int
    bonus_microcredits: int = 0


class Business(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Currency and packages of a preset."""

    currency: str = "USD"
    packages: dict[str, Package] = field(default_factory=dict)
