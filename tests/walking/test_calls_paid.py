"""What a call costs where its leg, its hold or its beginning goes wrong: what was talked, once."""

import asyncio

import pytest

from media.calls.leg import Blocked
from rooms.calls.call import Call
from rooms.errors import ProductError
from rooms.ports import LogStalled
from storage.ledger import wallets
from tests.live import Live
from tests.rooms.calls.doubles import PaperLeg
from tests.soon import until
from tests.walking.caller import SECOND, caller

pytestmark = [pytest.mark.stores]


async def test_what_is_written_while_no_second_is_paid_for_is_paid_like_anything_written(
    live: Live,
) -> None:
    """Or a call that nobody ever picks up would be a free way to talk."""
    one = await caller(live)

    async def costs() -> int:
        ack = await one.person.say(one.room, "Tell me more")
        return int((await one.person.done(ack["reply"]))["cost_microcredits"])

    call, leg = await one.join()
    never = await costs()
    leg.connect()
    await until(lambda: one.call.life.metered)
    assert await costs() == 0
    leg.happens(Blocked(on=True))
    await until(lambda: not one.call.life.metered)
    blocked = await costs()
    leg.lose()
    await until(lambda: one.call.life.state == "reconnecting")
    lost = await costs()
    assert min(never, blocked, lost) >= live.house.credits.book.minimum_microcredits > 0
    await one.hang_up()
    assert (await one.ended())["call"] == call
    assert await one.paid() == never + blocked + lost


async def test_hanging_up_while_more_is_being_held_charges_what_was_talked(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    extend, asked, answered = one.parts.credits.extend, asyncio.Event(), asyncio.Event()

    async def slow(*what: object) -> int:
        held: int = await extend(*what)  # the ledger has done it, and its answer is on its way
        asked.set()
        await answered.wait()
        return held

    one.parts.credits.extend = slow
    for _ in range(30):
        one.clock.ms += 1_000
        one.call.look()
        if one.call.life.extending:
            break
    await asked.wait()
    seconds = one.call.life.seconds
    await one.hang_up()
    one.parts.credits.extend = extend
    ended = await one.ended()
    assert (ended["seconds"], ended["cost_microcredits"]) == (seconds, seconds * SECOND)
    assert await one.paid() == seconds * SECOND
    assert await wallets.audit(live.house.db) == {}


@pytest.mark.parametrize("failure", [asyncio.CancelledError, RuntimeError, LogStalled])
async def test_a_call_whose_beginning_cannot_be_told_holds_nothing(
    live: Live, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]
) -> None:
    one = await caller(live)

    async def begin(self: Call) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(Call, "begin", begin)
        with pytest.raises((failure, ProductError)):
            await one.join(leg := PaperLeg())
    assert leg.closed == "refused"
    assert await one.paid() == 0
    call, _ = await one.live_call()
    await one.hang_up()
    assert (await one.ended())["call"] == call


async def test_the_call_one_is_in_is_shown_at_the_price_that_was_agreed(live: Live) -> None:
    one = await caller(live)
    call, _ = await one.live_call()
    await one.pass_time(10)
    ack = await one.person.say(one.room, "I want to kill myself")
    await one.person.done(ack["reply"])
    await one.pass_time(25)  # free; and it is written down twice a minute
    person, db = one.person.user["id"], live.house.db
    await live.house.accounts.set_standing(person, plan="vip")
    cost, asked = 0, "SELECT cost FROM calls WHERE call = $1"
    async with asyncio.timeout(10):
        while not cost:
            await asyncio.sleep(0.01)
            cost = await db.fetchval(asked, call)
    now = (await one.person.rest("GET", "/api/v1/calls/current")).json()["call"]
    assert (now["call"], now["microcredits_per_minute"]) == (call, 60 * SECOND)
    assert now["seconds"] >= 30
    assert now["cost_microcredits"] == 10 * SECOND
    await one.hang_up()
    assert (await one.ended())["cost_microcredits"] == 10 * SECOND
    assert (await one.person.rest("GET", "/api/v1/calls/current")).json()["call"] is None
