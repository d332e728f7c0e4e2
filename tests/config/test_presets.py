"""Each shipped preset against the figures it was promised with, written down a second time."""

import pytest

from config.load import load
from config.plans import Plan
from config.settings import Settings

CREDIT = 1_000_000
ALL = "unlimited"

# preset -> currency, plan -> (title, price, a year, trial days)
PRICES = {
    "emotional": ("USD", {"free": ("Free", 0, 0, 0), "premium": ("Premium", 999, 0, 0),
                          "vip": ("VIP", 2999, 0, 0)}),
    "dream": ("EUR", {"free": ("Gratuit", 0, 0, 0), "premium": ("Premium", 999, 0, 0),
                      "elite": ("Elite", 1999, 0, 0)}),
    "bharat": ("INR", {"free": ("Free", 0, 0, 0), "pro": ("Pro", 29_900, 0, 0)}),
    "virtual": ("USD", {"free": ("FREE", 0, 0, 0), "standard": ("STANDARD", 999, 9_990, 7),
                        "premium": ("PREMIUM", 1999, 19_990, 7),
                        "vip": ("VIP", 3999, 39_990, 7)}),
    "studio": ("USD", {"free": ("Free", 0, 0, 0), "creator": ("Creator", 2000, 0, 0),
                       "pro": ("Pro", 4000, 0, 0), "enterprise": ("Enterprise", 9900, 0, 0)}),
}  # fmt: skip

# preset -> field -> its value in each plan, in order
FIGURES: dict[str, dict[str, tuple[object, ...]]] = {
    "emotional": {
        "allowance_microcredits": (10 * CREDIT, 100 * CREDIT, 500 * CREDIT),
        "allowance_period": ("day", "day", "day"),
        "requests_per_minute": (5, 30, 100),
        "discount_percent": (0, 30, 50),
        "context_messages": (10, 0, 0),
        "recall": (0, 5, 5),
        "mature": (False, True, True),
        "voice": (True, True, True),
        "video": (True, True, True),
        "unmetered": (False, False, False),
    },
    "dream": {
        "matches": (1, 3, ALL),
        "messages_per_day": (50, 0, 0),
        "allowance_microcredits": (100 * CREDIT, 500 * CREDIT, 0),
        "allowance_period": ("week", "week", "never"),
        "unmetered": (False, False, True),
        "hd_photos": (False, True, True),
        "ads": (True, False, False),
        "clips": (False, False, True),
        "custom_companions": (0, 0, 5),
    },
    "bharat": {
        "messages_per_day": (50, 0),
        "unmetered": (True, True),
        "rooms": (1, 0),
        "switch_companion": (False, True),
        "custom_avatars": (False, True),
        "random_matcher": (False, True),
    },
    "virtual": {
        "messages_per_day": (10, 0, 0, 0),
        "custom_companions": (0, 3, 10, ALL),
        "voice": (False, True, True, True),
        "video": (False, False, True, True),
        "call_minutes_per_day": (0, 240, 240, 240),
        "companions": ("free", "free", "premium", "exclusive"),
        "history_days": (7, 30, 0, 0),
        "api_access": (False, False, False, True),
        "unmetered": (True, True, True, True),
    },
    "studio": {
        "generations_per_month": (3, 200, 500, ALL),
        "model_slots": (1, 3, 10, ALL),
        "unmetered": (True, True, True, True),
    },
}

# preset -> (price, purchased, bonus), cheapest first
PACKAGES = {
    "emotional": [(99, 10, 0), (899, 100, 10), (3999, 550, 110), (6999, 1200, 360)],
    "dream": [(499, 100, 0), (999, 250, 25), (1999, 600, 100), (3999, 1500, 300)],
    "bharat": [],
    "virtual": [],
    "studio": [],
}
INDIAN = {"hi", "bn", "ta", "te", "mr", "gu", "kn", "ml", "pa", "or", "ur"}


def of(preset: str) -> Settings:
    """The settings of a preset and nothing else."""
    return load(None, {"KINDRED_PRESET": preset, "KINDRED_DATA": "nowhere"})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("preset", PRICES)
def test_a_preset_sells_what_it_promises(preset: str) -> None:
    settings = of(preset)
    currency, plans = PRICES[preset]
    assert settings.business.currency == currency
    assert list(settings.plans) == list(plans)
    for name, figures in plans.items():
        plan = settings.plans[name]
        found = (plan.title, plan.price_cents, plan.price_year_cents, plan.trial_days)
        assert found == figures


@pytest.mark.parametrize(
    ("preset", "field"), [(preset, field) for preset, found in FIGURES.items() for field in found]
)
def test_each_plan_has_its_figure(preset: str, field: str) -> None:
    plans = of(preset).plans.values()
    assert tuple(getattr(plan, field) for plan in plans) == FIGURES[preset][field]


@pytest.mark.parametrize("preset", PACKAGES)
def test_packages_deliver_what_they_cost(preset: str) -> None:
    found = [
        (one.price_cents, one.purchased_microcredits, one.bonus_microcredits)
        for one in of(preset).business.packages.values()
    ]
    assert found == [
        (cents, paid * CREDIT, extra * CREDIT) for cents, paid, extra in PACKAGES[preset]
    ]


def test_a_token_of_the_default_preset_costs_what_the_rate_card_says() -> None:
    prices = of("emotional").prices
    assert prices.input_microcredits_per_1k == CREDIT // 10
    assert prices.output_microcredits_per_1k == CREDIT // 10
    assert prices.minimum_microcredits == CREDIT // 100


@pytest.mark.parametrize("preset", ["dream", "bharat", "virtual", "studio"])
def test_text_is_free_where_the_preset_limits_messages_instead(preset: str) -> None:
    prices = of(preset).prices
    assert prices.input_microcredits_per_1k == prices.output_microcredits_per_1k == 0
    assert prices.minimum_microcredits == 0


@pytest.mark.parametrize("preset", PRICES)
def test_an_unmetered_plan_has_a_ceiling(preset: str) -> None:
    for plan in of(preset).plans.values():
        if plan.unmetered:
            assert plan.messages_per_day or plan.fair_use_messages_per_day


@pytest.mark.parametrize("preset", PRICES)
def test_new_people_get_the_first_plan_that_costs_nothing(preset: str) -> None:
    settings = of(preset)
    free = [name for name, plan in settings.plans.items() if plan.price_cents == 0]
    assert settings.default_plan == free[0] == "free"


@pytest.mark.parametrize("preset", PRICES)
def test_no_preset_switches_explicit_content_on_or_lowers_the_age(preset: str) -> None:
    settings = of(preset)
    assert settings.features.explicit_content is False
    assert settings.accounts.minimum_age_years == 18


def test_the_rest_of_the_figures() -> None:
    assert set(of("bharat").features.languages) == INDIAN | {"en"}
    assert of("dream").features.languages == ["fr", "en"]
    assert of("dream").business.daily_login_microcredits == 10 * CREDIT
    assert of("dream").prices.photo_microcredits == 5 * CREDIT
    assert (of("dream").api.requests, of("dream").api.window_seconds) == (60, 60)
    virtual = of("virtual")
    assert (virtual.api.requests, virtual.api.window_seconds) == (100, 3600)
    assert virtual.api.per_endpoint
    assert virtual.business.further_currencies == ["EUR"]
    assert of("bharat").business.payments == "razorpay"


def test_every_limit_of_a_plan_is_held_to_some_figure_here() -> None:
    told = {field for figures in FIGURES.values() for field in figures}
    told |= {"title", "price_cents", "price_year_cents", "trial_days", "fair_use_messages_per_day"}
    assert set(Plan.__struct_fields__) - told == {"priority"}
