"""The rules of a call's life, by calling them: time and events in, orders out."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.calls.life import (
    CallLife,
    End,
    Extend,
    Goodbye,
    LifeRules,
    Order,
    Prepare,
)
from rooms.calls.meter import CallPrice

RULES = LifeRules(
    connect_ms=30_000,
    reconnect_ms=30_000,
    hold_ms=30_000,
    goodbye_ms=12_000,
    mark_ms=1_000,
    disclose_ms=10_800_000,
    care_ms=600_000,
    limit_ms=14_400_000,
)
PRICE = CallPrice(1_000)  # one microcredit a millisecond
FREE = CallPrice(0)


def a_life(held: int = 42_000, price: CallPrice = PRICE, **changes: int) -> CallLife:
    return CallLife(LifeRules(**{**as_dict(RULES), **changes}), price, held, 0)


def as_dict(rules: LifeRules) -> dict[str, int]:
    return {name: getattr(rules, name) for name in rules.__struct_fields__}


def run(life: CallLife, start: int, until: int, step: int = 250) -> list[tuple[int, Order]]:
    """Tick along; every order with its time."""
    return [(now, order) for now in range(start, until + 1, step) for order in life.tick(now)]


def kinds(orders: list[Any]) -> list[str]:
    return [type(o[1] if isinstance(o, tuple) else o).__name__ for o in orders]


def test_nothing_is_metered_before_sound_flows() -> None:
    life = a_life()
    assert run(life, 0, 29_750) == []
    assert kinds(life.connected(29_900)) == ["Tell"]
    run(life, 30_000, 31_900)
    assert life.meter.metered_ms == 1_850


def test_nobody_pays_before_the_companion_is_heard() -> None:
    life = CallLife(RULES, PRICE, 42_000, 0, greets=True)
    life.connected(0)
    run(life, 0, 20_000)
    assert life.meter.metered_ms == 0
    life.sounded(20_100)
    run(life, 20_250, 21_100)
    assert life.meter.metered_ms == 900
    mute = CallLife(RULES, PRICE, 42_000, 0, greets=True)
    mute.connected(0)
    assert run(mute, 0, 60_000)[-1] == (60_000, End("failed"))
    assert mute.meter.spent_microcredits == 0


def test_who_never_connects_is_not_waited_for() -> None:
    life = a_life()
    assert run(life, 0, 30_000)[-1] == (30_000, End("never_connected"))
    assert life.meter.spent_microcredits == 0
    assert life.tick(40_000) == life.connected(40_000) == life.hang_up("hung_up", 40_000) == []


def taken_up(now: int = 0, **far: int) -> CallLife:
    """A call that another holder began, as a new holder finds it."""
    life = CallLife(RULES, PRICE, 42_000, now, greets=True)
    life.take_up(now, **{"k": 3, "metered_ms": 20_000, "free_ms": 0, "care_ms": 0, **far})
    return life


def test_a_call_taken_up_goes_on_where_it_was_and_nobody_pays_for_the_gap() -> None:
    life = taken_up(100_000)
    assert run(life, 100_000, 110_000) == []
    assert kinds(life.connected(110_000)) == ["Tell"]
    orders = run(life, 110_250, 112_000)
    assert life.meter.metered_ms == 22_000
    assert extends(orders) == [Extend(3, 20_250)], "as the next extension of the same hold"


def test_what_was_free_stays_free_where_a_call_is_taken_up() -> None:
    life = taken_up(free_ms=5_000, care_ms=2_000)
    assert life.meter.spent_microcredits == 15_000
    assert life.care_ms(500) == 1_500
    life.connected(0)
    run(life, 250, 4_000)
    assert life.meter.spent_microcredits == 17_000


def test_a_call_taken_up_that_nobody_comes_back_to_ends_as_its_holder_did() -> None:
    life = taken_up()
    life.gone("worker_lost", 1_000)  # its leg was not there any more
    assert run(life, 1_250, 30_000)[-1] == (30_000, End("holder_died"))
    assert life.meter.spent_microcredits == 20_000
    back = taken_up()
    back.connected(1_000)
    back.gone("connection_lost", 2_000)
    assert run(back, 2_250, 32_000)[-1] == (32_000, End("connection_lost"))


def test_a_call_taken_up_before_the_companion_was_heard_costs_nothing_until_it_is() -> None:
    life = taken_up(metered_ms=0)
    life.connected(1_000)
    run(life, 1_250, 9_000)
    assert life.meter.metered_ms == 0
    life.sounded(9_100)
    run(life, 9_250, 10_100)
    assert life.meter.metered_ms == 900


def extends(orders: list[tuple[int, Order]]) -> list[Extend]:
    return [order for _, order in orders if isinstance(order, Extend)]


def test_more_is_held_in_time_and_each_extension_has_its_number() -> None:
    life = a_life()
    life.connected(0)
    assert extends(run(life, 0, 15_000)) == [Extend(0, 15_000)]
    assert extends(run(life, 15_250, 18_000)) == []  # one at a time
    life.extended(57_000, 18_000)
    assert extends(run(life, 18_250, 60_000))[0] == Extend(1, 15_000)


def test_when_nothing_more_can_be_held_it_says_goodbye_and_ends_with_what_is_held() -> None:
    life = a_life()
    life.connected(0)
    for _, order in run(life, 0, 17_000):
        if isinstance(order, Extend):
            life.extended(42_000, 17_000)
    orders = run(life, 17_250, 60_000)
    bye = next((now for now, order in orders if isinstance(order, Goodbye)))
    assert bye == 30_000
    assert [o for o in orders if isinstance(o[1], Prepare)] == [(24_000, Prepare("out_of_credits"))]
    assert [order for _, order in orders if isinstance(order, Goodbye)] == [
        Goodbye("out_of_credits")
    ]
    assert orders[-1][1] == End("out_of_credits")
    assert life.meter.spent_microcredits == 42_000


def test_a_goodbye_that_was_said_ends_the_call_before_the_hold_does() -> None:
    life = a_life(held=12_500)
    life.connected(0)
    for _, order in run(life, 0, 250):
        if isinstance(order, Extend):
            life.extended(12_500, 250)
    run(life, 500, 1_000)
    assert life.saying_goodbye
    assert life.said_goodbye(4_000) == [End("out_of_credits")]
    assert life.meter.spent_microcredits == 4_000


def test_credits_bought_during_the_goodbye_let_the_call_go_on() -> None:
    life = a_life(held=13_000)
    life.connected(0)
    asked = [order for _, order in run(life, 0, 250) if isinstance(order, Extend)]
    life.extended(13_000, 250)
    run(life, 500, 4_000)
    assert life.saying_goodbye
    again = [order for _, order in run(life, 4_250, 6_000) if isinstance(order, Extend)]
    assert asked
    assert again
    life.extended(100_000, 6_000)
    assert not life.saying_goodbye
    assert life.said_goodbye(6_500) == []


def test_a_ledger_that_does_not_answer_ends_the_call_as_failed() -> None:
    life = a_life()
    life.connected(0)
    orders = run(life, 0, 42_000)
    assert Goodbye("failed") in [order for _, order in orders]
    assert orders[-1][1] == End("failed")
    assert life.meter.spent_microcredits == 42_000


def test_care_is_free_and_cuts_nobody_off() -> None:
    life = a_life(held=14_000)
    life.connected(0)
    run(life, 0, 1_000)
    life.care(1_000)
    orders = run(life, 1_250, 601_000)
    assert not [o for _, o in orders if isinstance(o, Goodbye | End)]
    assert life.meter.spent_microcredits == 1_000
    run(life, 601_250, 603_000)
    assert life.meter.spent_microcredits == 3_000


def test_a_lost_leg_is_waited_for_and_the_wait_costs_nothing() -> None:
    life = a_life(price=FREE)
    life.connected(0)
    run(life, 0, 5_000)
    assert kinds(life.gone("worker_lost", 5_100)) == ["Tell"]
    assert run(life, 5_250, 35_000) == []
    assert run(life, 35_250, 36_000)[0][1] == End("worker_lost")
    assert life.meter.metered_ms == 5_100


def test_a_leg_that_is_replaced_does_not_end_the_call() -> None:
    life = a_life(price=FREE)
    life.connected(0)
    assert kinds(life.replaced(1_000)) == ["Tell"]
    assert life.gone("replaced", 1_050) == []
    assert kinds(life.connected(1_500)) == ["Tell"]
    life.tick(2_000)
    assert life.meter.metered_ms == 1_500


def test_a_leg_that_was_refused_ends_a_call_that_never_began() -> None:
    for reason in ("at_capacity", "failed"):
        assert a_life().gone(reason, 100) == [End(reason)]  # type: ignore[arg-type]


def test_a_blocked_leg_is_not_metered_and_given_up_after_a_while() -> None:
    life = a_life(price=FREE)
    life.connected(0)
    life.blocked(1_000, on=True)
    assert not [o for _, o in run(life, 1_250, 30_750) if isinstance(o, End | Extend)]
    assert run(life, 31_000, 31_000)[-1][1] == End("connection_lost")
    assert life.meter.metered_ms == 1_000


def test_the_plans_time_ends_a_call_with_a_goodbye() -> None:
    life = a_life(price=FREE, limit_ms=60_000)
    life.connected(0)
    orders = run(life, 0, 70_000)
    assert (42_000, Prepare("time_used_up")) in orders
    assert (48_000, Goodbye("time_used_up")) in orders
    assert orders[-1] == (60_000, End("time_used_up"))


def test_it_is_marked_kept_told_and_disclosed_as_often_as_promised() -> None:
    life = a_life(price=FREE, disclose_ms=60_000)
    life.connected(0)
    found = kinds(run(life, 0, 121_000))
    assert found.count("Mark") == 121
    assert found.count("Keep") == 4
    assert found.count("Tell") == 12
    assert found.count("Disclose") == 2


def test_the_server_that_goes_says_goodbye_first() -> None:
    life = a_life(price=FREE)
    life.connected(0)
    assert life.leave(1_000) == [Goodbye("server_restarting")]
    assert life.leave(1_100) == []
    assert life.said_goodbye(3_000) == [End("server_restarting")]
    assert a_life().leave(10) == [End("server_restarting")]


EVENTS = st.sampled_from(
    [
        "connect",
        "lose",
        "replace",
        "block",
        "unblock",
        "care",
        "grant",
        "refuse",
        "no_answer",
        "wait",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(EVENTS, st.integers(1, 9_000)), max_size=60), st.integers(0, 60_000))
def test_whatever_happens_a_call_is_charged_for_its_live_time_and_no_more(
    events: list[tuple[str, int]], held: int
) -> None:
    """An oracle beside it adds up the time in which it was live, unblocked and not in care."""
    life, now, bank = a_life(held=held), 0, held
    asked: Extend | None = None
    ends: list[End] = []
    due = 0
    for event, wait in events:
        for _ in range(-(-wait // 250)):
            paying = life.metered
            before, now = life.meter.metered_ms, now + 250
            orders = life.tick(now)
            went = life.meter.metered_ms - before
            assert went in ({0, 250} if not ends and life.reason is None else range(251))
            assert paying or went == 0
            due += went
            asked = next((o for o in orders if isinstance(o, Extend)), asked)
            ends += [o for o in orders if isinstance(o, End)]
        orders = []
        match event:
            case "connect":
                orders = life.connected(now)
            case "lose":
                orders = life.gone("connection_lost", now)
            case "replace":
                orders = life.replaced(now)
            case "block" | "unblock":
                orders = life.blocked(now, on=event == "block")
            case "care":
                orders = life.care(now)
            case "grant" | "refuse" if asked is not None:
                assert asked.k == life.k
                bank += asked.more if event == "grant" else 0
                asked, orders = None, life.extended(bank, now)
            case "no_answer" if asked is not None:
                asked, orders = None, life.not_extended(now)
        asked = next((o for o in orders if isinstance(o, Extend)), asked)
        ends += [o for o in orders if isinstance(o, End)]
        assert 0 <= life.meter.spent_microcredits <= bank
        assert life.meter.metered_ms == due
        if life.reason is not None:
            assert orders == [] or isinstance(orders[-1], End) or len(ends) == 1
    assert len(ends) == (life.reason is not None)
    if ends:
        assert ends[0].reason == life.reason
        assert life.tick(now + 10**6) == []


def test_credits_that_are_bought_make_the_foreseen_goodbye_a_later_one() -> None:
    life = a_life()
    life.connected(0)
    for now, order in run(life, 0, 25_000):
        if isinstance(order, Extend):
            life.extended(42_000, now)
    assert life.extended(90_000, 25_000) == []
    later = [order for _, order in run(life, 25_250, 60_000)]
    assert not any(isinstance(order, Goodbye | Prepare) for order in later)
