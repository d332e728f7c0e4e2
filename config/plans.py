"""Plans, packages and prices: the business side of a preset, as data.

A preset (config/presets/NAME.toml) fills these; an operator's file overrides single keys.
Counts that may sensibly be nought take the word "unlimited"; where nought would make no
sense, 0 stands for no limit, and the field says so.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Quota = Annotated[int, Meta(ge=0)] | Literal["unlimited"]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person gets.

    title: the name people see.
    price_cents: monthly price in the smallest unit of the preset's currency.
    price_year_cents: price of a whole year; 0 where none is offered.
    trial_days: days before the first charge.
    allowance_microcredits: credits minted anew each period.
    allowance_period: when they are minted: each day, each week, each month, or never.
    unmetered: an answer never stops for lack of credits; the fair use below bounds it instead.
    fair_use_messages_per_day: a ceiling where messages are not limited; 0 is none.
    requests_per_minute: turns a minute; 0 is no limit.
    messages_per_day: messages a day; 0 is no limit.
    discount_percent: off the metered cost.
    context_messages: the sliding window of a prompt; 0 is as many as the budget takes.
    recall: how many memories a reply may use; 0 is none.
    rooms: rooms a person may have; 0 is no limit.
    matches: companions a person may be matched with at a time, or "unlimited".
    custom_companions: companions a person may create, or "unlimited".
    companions: the highest tier of companions that may be talked to.
    history_days: days of history a person can read back; 0 is all.
    mature: whether mature companions may be chosen, where law, operator and person agree.
    voice: whether voice calls are included.
    video: whether video calls are included.
    call_minutes_per_day: minutes of calls a day; 0 is no limit.
    clips: whether short video clips may be made.
    hd_photos: whether photos come in high definition.
    generations_per_month: images of personal models per billing month, or "unlimited".
    model_slots: personal photo models kept at a time, or "unlimited".
    switch_companion: whether a room's companion may be changed with its history kept.
    custom_avatars: whether a companion may be given another picture.
    random_matcher: whether a companion may be drawn by chance.
    api_access: whether API keys may be made.
    ads: whether advertisements may be shown.
    priority: 0 waits in turn; a higher number is served first when the server is busy.
    """

    title: str = ""
    price_cents: int = 0
    price_year_cents: int = 0
    trial_days: int = 0
    allowance_microcredits: int = 0
    allowance_period: Literal["day", "week", "month", "never"] = "day"
    unmetered: bool = False
    fair_use_messages_per_day: int = 0
    requests_per_minute: int = 60
    messages_per_day: int = 0
    discount_percent: int = 0
    context_messages: int = 10
    recall: int = 0
    rooms: int = 0
    matches: Quota = "unlimited"
    custom_companions: Quota = 0
    companions: Literal["free", "premium", "exclusive"] = "free"
    history_days: int = 0
    mature: bool = False
    voice: bool = False
    video: bool = False
    call_minutes_per_day: int = 0
    clips: bool = False
    hd_photos: bool = False
    generations_per_month: Quota = 0
    model_slots: Quota = 0
    switch_companion: bool = False
    custom_avatars: bool = False
    random_matcher: bool = False
    api_access: bool = True
    ads: bool = False
    priority: int = 0


class PriceBook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What things cost, versioned: each receipt names the version it was reckoned by.

    version: names this set of prices; change it with any price.
    input_microcredits_per_1k: 1,000 tokens read.
    output_microcredits_per_1k: 1,000 tokens written.
    minimum_microcredits: the least a delivered reply costs.
    voice_microcredits_per_second: a second of a voice call, connected, or of sound on /v1/realtime.
    video_microcredits_per_second: a second of a video call, connected.
    calls_include_replies: whether a second's price includes what is said in it.
    camera_microcredits: a picture of one's camera that a companion is shown in a call, where calls
        include replies; where they do not, its tokens are charged instead.
    speech_microcredits_per_1k: 1,000 characters made into a file of speech.
    transcription_microcredits_per_1k: 1,000 seconds of a sound file made into words.
    photo_microcredits: one photo of a companion.
    scenario_microcredits: what unlocking a scenario costs, by its difficulty.
    """

    version: str = "1"
    input_microcredits_per_1k: int = 100_000
    output_microcredits_per_1k: int = 100_000
    minimum_microcredits: int = 10_000
    voice_microcredits_per_second: int = 15_000
    video_microcredits_per_second: int = 40_000
    calls_include_replies: bool = True
    camera_microcredits: int = 25_000
    speech_microcredits_per_1k: int = 500_000
    transcription_microcredits_per_1k: int = 4_000_000
    photo_microcredits: int = 5_000_000
    scenario_microcredits: dict[str, int] = field(default_factory=dict)


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credits for money: `purchased` plus a `bonus` lot.

    title: the name people see.
    price_cents: its price in the smallest unit of the preset's currency.
    purchased_microcredits: credits that were paid for; they never expire.
    bonus_microcredits: credits given on top, as a lot of their own.
    """

    title: str
    price_cents: int
    purchased_microcredits: int
    bonus_microcredits: int = 0


class Business(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Currency and packages of a preset.

    currency: ISO 4217 code of all prices.
    further_currencies: codes in which the same figures may be charged.
    payments: who takes the money once its keys are set; until then the offline sandbox stands in.
    packages: credits for sale, by a name that never changes.
    daily_login_microcredits: bonus credits for the first sign-in of a day.
    """

    currency: str = "USD"
    further_currencies: list[str] = field(default_factory=list)
    payments: Literal["sandbox", "stripe", "razorpay"] = "sandbox"
    packages: dict[str, Package] = field(default_factory=dict)
    daily_login_microcredits: int = 0
