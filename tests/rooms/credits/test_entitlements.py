"""What a plan allows: replies a minute, messages a day, and a refusal that says what to do."""

import pytest
from msgspec import Struct

from config.plans import Plan
from rooms.credits.entitlements import DAY_SECONDS, MINUTE_SECONDS, Entitlements, TurnsLeft
from rooms.errors import PaymentRequired, TooMany
from rooms.ports import Principal
from rooms.shapes import Person

PLANS = {
    "free": Plan(requests_per_minute=2, messages_per_day=3),
    "plus": Plan(requests_per_minute=10, messages_per_day=100),
    "all": Plan(requests_per_minute=0, fair_use_messages_per_day=0),
    "fair": Plan(requests_per_minute=0, fair_use_messages_per_day=4),
}


class Answer(Struct):
    yes: bool
    wait_ms: int
    remaining: int
    full_ms: int = 0


class Counter:
    """Fixed windows that never end: enough to count by."""

    def __init__(self) -> None:
        self.asked: dict[str, list[float]] = {}

    async def take(self, key: str, count: int, seconds: float) -> Answer:
        taken = self.asked.setdefault(key, [])
        taken.append(seconds)
        return Answer(len(taken) <= count, 1_500, max(0, count - len(taken)))


def who(name: str = "u_1", plan: str = "free") -> Principal:
    person = Person(
        id=name,
        username=name,
        display_name=name,
        role="user",
        plan=plan,
        language="en",
        timezone="UTC",
        country="FR",
    )
    return Principal(person=person, sign_in="s_1")


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_what_is_left_of_the_minute_is_told_where_it_is_counted(counter: Counter) -> None:
    entitlements = Entitlements(PLANS, counter.take)
    assert await entitlements.turn(who(), PLANS["free"]) == TurnsLeft(2, 1, 0)
    assert await entitlements.turn(who("u_2", "all"), PLANS["all"]) is None


async def turns(counter: Counter, plan: str, times: int, name: str = "u_1") -> None:
    entitlements = Entitlements(PLANS, counter.take)
    for _ in range(times):
        await entitlements.turn(who(name, plan), PLANS[plan])


async def test_one_reply_more_than_the_plan_allows_a_minute_is_refused(counter: Counter) -> None:
    await turns(counter, "free", 2)
    with pytest.raises(TooMany) as refused:
        await turns(counter, "free", 1)
    assert refused.value.code == "turns_per_minute"
    assert refused.value.retry_after_ms == 1_500
    assert refused.value.details["unlocked_by"] == ["plus", "all", "fair"]


async def test_one_message_more_than_the_plan_allows_a_day_asks_for_a_larger_plan(
    counter: Counter,
) -> None:
    plans = {**PLANS, "free": Plan(requests_per_minute=0, messages_per_day=3)}
    entitlements = Entitlements(plans, counter.take)
    for _ in range(3):
        await entitlements.turn(who(), plans["free"])
    with pytest.raises(PaymentRequired) as refused:
        await entitlements.turn(who(), plans["free"])
    assert refused.value.code == "messages_per_day"
    assert "plus" in refused.value.details["unlocked_by"]
    assert "free" not in refused.value.details["unlocked_by"]


async def test_a_refused_minute_does_not_use_up_the_day(counter: Counter) -> None:
    await turns(counter, "free", 2)
    with pytest.raises(TooMany):
        await turns(counter, "free", 1)
    assert len(counter.asked["messages:u_1"]) == 2


async def test_nought_is_no_limit(counter: Counter) -> None:
    await turns(counter, "all", 500)
    assert counter.asked == {}


async def test_fair_use_bounds_a_plan_without_a_message_limit(counter: Counter) -> None:
    await turns(counter, "fair", 4)
    with pytest.raises(PaymentRequired) as refused:
        await turns(counter, "fair", 1)
    assert refused.value.details["unlocked_by"] == ["plus", "all"]  # not the plan they have


async def test_people_are_counted_apart_and_the_windows_are_a_minute_and_a_day(
    counter: Counter,
) -> None:
    await turns(counter, "free", 2, "u_1")
    await turns(counter, "free", 2, "u_2")
    assert set(counter.asked) == {"turns:u_1", "messages:u_1", "turns:u_2", "messages:u_2"}
    assert counter.asked["turns:u_1"] == [MINUTE_SECONDS] * 2
    assert counter.asked["messages:u_1"] == [DAY_SECONDS] * 2
