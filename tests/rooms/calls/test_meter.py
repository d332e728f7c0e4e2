"""What connected time costs: exact, within the hold, rounded up once."""

from hypothesis import given
from hypothesis import strategies as st

from config.plans import Plan, PriceBook
from rooms.calls.meter import CallMeter, CallPrice, call_price, picture_lines

BOOK = PriceBook(voice_microcredits_per_second=15_000, video_microcredits_per_second=40_000)


def test_a_plan_takes_its_discount_off_and_an_unmetered_one_pays_nothing() -> None:
    assert call_price(BOOK, Plan(discount_percent=30), "voice").of(60_000) == 630_000
    assert call_price(BOOK, Plan(), "video").microcredits_per_minute == 2_400_000
    assert call_price(BOOK, Plan(unmetered=True), "voice").free
    assert call_price(BOOK, Plan(discount_percent=100), "voice").of(10**9) == 0
    assert not call_price(BOOK, Plan(), "voice").free


def test_a_part_of_a_microcredit_is_rounded_up_once() -> None:
    price = CallPrice(1, 33)
    assert price.of(0) == 0
    assert price.of(1) == 1
    assert price.of(3_000) == 3  # 2.01
    assert sum(price.of(1) for _ in range(3_000)) == 3_000 > price.of(3_000)


def test_a_receipt_names_the_seconds_begun() -> None:
    (line,) = CallPrice(15_000).lines(61_001)
    assert (line.quantity, line.unit_microcredits_per_1k, line.microcredits) == (
        62, 15_000_000, 915_015,
    )  # fmt: skip


PRICES = st.builds(CallPrice, st.integers(1, 10**6), st.integers(0, 99))


@given(PRICES, st.integers(0, 10**10), st.lists(st.tuples(st.integers(0, 10**7), st.booleans())))
def test_no_call_costs_more_than_is_held_nor_less_than_its_time(
    price: CallPrice, held: int, spans: list[tuple[int, bool]]
) -> None:
    meter, charged = CallMeter(price, held), 0
    for span, pays in spans:
        before = meter.left_ms
        counted = meter.count(span, charged=pays)
        charged += counted if pays else 0
        assert counted == (min(span, before) if pays else span)
        assert meter.left_ms == before - (counted if pays else 0)
        assert meter.spent_microcredits == price.of(charged) <= held
    assert meter.metered_ms - meter.free_ms == charged


@given(PRICES, st.integers(0, 10**10), st.integers(0, 10**8), st.integers(1, 10**6))
def test_what_is_wanted_lasts_as_long_as_it_was_wanted_for(
    price: CallPrice, held: int, went: int, ahead: int
) -> None:
    meter = CallMeter(price, held)
    meter.count(went)
    meter.held_microcredits += meter.wanted(ahead)
    assert meter.left_ms >= ahead
    if meter.held_microcredits > held:
        assert price.milliseconds_for(meter.held_microcredits - 1) < meter.metered_ms + ahead


@given(
    PRICES, st.integers(0, 10**9), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
)
def test_what_is_charged_beside_the_time_never_goes_beyond_what_is_held(
    price: CallPrice, held: int, events: list[tuple[int, int]]
) -> None:
    meter, beside = CallMeter(price, held), 0
    for span, picture in events:
        meter.count(span)
        before = meter.spent_microcredits
        added = meter.add(picture)
        beside += added
        assert 0 <= added <= picture
        assert meter.spent_microcredits == before + added <= held
        assert meter.spent_microcredits >= beside
        more = meter.wanted(10_000)
        assert price.of(meter.metered_ms + 10_000) + beside <= held + more


def test_a_picture_leaves_less_time_and_stands_on_the_receipt() -> None:
    meter = CallMeter(CallPrice(40_000), 400_000)
    assert meter.left_ms == 10_000
    assert meter.add(100_000) == 100_000
    assert meter.left_ms == 7_500
    assert CallMeter(CallPrice(0), 0).add(100_000) == 0
    (line,) = picture_lines(BOOK, 3)
    assert (line.what, line.quantity, line.microcredits) == ("pictures of the camera", 3, 75_000)
    assert picture_lines(BOOK, 0) == ()
