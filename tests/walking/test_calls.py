"""A call from its first leg to its entry in the room, through the whole house.

Sound is on paper (tests/rooms/calls/doubles.py); holds, logs, events and receipts are real.
"""

import msgspec
import pytest

from media.calls.leg import Blocked, GoneReason
from storage.ledger import wallets
from tests.live import Live
from tests.rooms.calls.doubles import PaperLeg
from tests.soon import until
from tests.walking.caller import ALL, SECOND, Caller, caller

pytestmark = [pytest.mark.stores]


async def test_a_call_is_held_greeted_metered_and_leaves_an_entry(live: Live) -> None:
    one = await caller(live)
    call, leg = await one.live_call()
    await until(lambda: bool(one.talk.said))
    assert "AI" in one.talk.said[0][0]
    await one.pass_time(61)
    await one.hang_up()
    ended = await one.ended()
    assert (ended["reason"], ended["call"]) == ("hung_up", call)
    assert ended["seconds"] == 61
    assert ended["cost_microcredits"] == 61 * SECOND == await one.paid()
    assert leg.closed == "hung_up"
    entry = ended["message"]
    assert entry["sender"]["kind"] == "system"
    assert entry["parts"][0] | {"type": "call"} == entry["parts"][0]
    items = (await one.person.rest("GET", f"/api/v1/rooms/{one.room}/messages")).json()["items"]
    assert items[-1] == entry | {"key": None}
    receipt = await one.person.rest("GET", f"/api/v1/wallet/receipts/{ended['receipt']}")
    assert receipt.json()["cost_microcredits"] == ended["cost_microcredits"]
    assert receipt.json()["lines"][0]["quantity"] == 61
    assert await wallets.audit(live.house.db) == {}


async def test_the_conversation_goes_on_after_the_entry(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    await one.hang_up()
    entry = (await one.ended())["message"]
    ack = await one.person.say(one.room, "That was nice")
    done = await one.person.done(ack["reply"])
    assert done["status"] == "completed"
    items = (await one.person.rest("GET", f"/api/v1/rooms/{one.room}/messages")).json()["items"]
    assert [m["id"] for m in items[-3:]] == [entry["id"], ack["message"], ack["reply"]]
    assert items[-2]["parent"] == entry["id"]
    again = await one.person.ask({"type": "reply.create", "room": one.room, "message": entry["id"]})
    assert again["code"] == "no_question"


async def test_when_credits_run_out_it_says_goodbye_within_what_is_held(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    await one.pass_time(ALL / SECOND - 13)
    assert one.call.going_on
    assert not one.call.life.saying_goodbye
    one.talk.saying_seconds = 0.05
    await one.pass_time(2)
    ended = await one.ended()
    assert ended["reason"] == "out_of_credits"
    text, interruptible = one.talk.said[-1]
    assert not interruptible
    assert text
    assert one.talk.hushed == 1
    assert ALL - 13 * SECOND <= ended["cost_microcredits"] <= ALL
    assert ended["cost_microcredits"] == await one.paid()
    assert await wallets.audit(live.house.db) == {}


async def test_the_words_of_a_goodbye_are_found_before_the_reserve_for_saying_them(
    live: Live,
) -> None:
    one = await caller(live)
    await one.live_call()
    await one.pass_time(ALL / SECOND - 17)  # some seconds before the goodbye
    await until(lambda: one.call._last_words is not None)
    assert not one.call.life.saying_goodbye
    why, found = one.call._last_words
    live.script.away = True  # a model that is gone now changes nothing
    await one.pass_time(6)
    assert (await one.ended())["reason"] == why == "out_of_credits"
    assert one.talk.said[-1] == (found, False)


async def test_a_call_is_cut_when_the_goodbye_outlasts_what_is_held(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    one.talk.saying_seconds = 30
    await one.pass_time(ALL / SECOND + 5)
    ended = await one.ended()
    assert ended["reason"] == "out_of_credits"
    assert ALL - SECOND < ended["cost_microcredits"] <= ALL
    assert await one.paid() == ended["cost_microcredits"]


async def test_without_credits_a_call_is_refused_with_what_unlocks_it(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    await one.pass_time(ALL / SECOND - 15)
    await one.hang_up()
    await one.ended()
    refused = await one.refused(leg := PaperLeg())
    assert (refused.code, refused.http_status) == ("out_of_credits", 402)
    assert "buy_credits" in refused.details["unlocked_by"]
    assert leg.closed == "refused"
    items = (await one.person.rest("GET", f"/api/v1/rooms/{one.room}/messages")).json()["items"]
    assert items[-1]["parts"][0]["type"] == "call"


async def test_a_ceiling_ends_a_call_as_an_empty_wallet_does(live: Live) -> None:
    one = await caller(live)
    await one.person.rest("PUT", "/api/v1/wallet/ceilings", json={"rooms": {one.room: 60 * SECOND}})
    await one.live_call()
    one.talk.saying_seconds = 60
    await one.pass_time(70)
    ended = await one.ended()
    assert (ended["reason"], ended["seconds"]) == ("out_of_credits", 60)
    assert (await one.refused()).code == "ceiling_reached"


@pytest.mark.parametrize("why", ["worker_lost", "replaced"])
async def test_a_lost_connection_is_waited_for_unmetered_and_taken_up(
    live: Live, why: GoneReason
) -> None:
    """Whoever let it go, and also where it gave way to nobody: no leg is no call to pay for."""
    one = await caller(live)
    call, leg = await one.live_call()
    await one.pass_time(10)
    leg.lose(why)
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    await one.pass_time(20)
    again, second = await one.join(call=call)
    assert again == call
    second.connect()
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await one.pass_time(5)
    await one.hang_up()
    ended = await one.ended()
    assert (ended["seconds"], ended["reason"]) == (15, "hung_up")
    assert len([said for said, _ in one.talk.said if "AI" in said]) == 1
    record = (await one.person.rest("GET", f"/api/v1/calls/{call}")).json()
    assert (record["quality"]["gaps"], record["quality"]["gap_ms"]) == (1, 20_000)


async def test_a_connection_that_stays_lost_ends_the_call(live: Live) -> None:
    one = await caller(live)
    call, leg = await one.live_call()
    await one.pass_time(10)
    leg.lose()
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "reconnecting")
    await one.pass_time(31)
    ended = await one.ended()
    assert (ended["reason"], ended["seconds"]) == ("connection_lost", 10)
    late = await one.refused(call=call)
    assert (late.code, late.http_status) == ("call_not_found", 404)


async def test_a_leg_that_never_connects_costs_nothing(live: Live) -> None:
    one = await caller(live)
    await one.join()
    await one.pass_time(31)
    ended = await one.ended()
    assert (ended["reason"], ended["cost_microcredits"]) == ("never_connected", 0)
    assert ended["receipt"] is None
    assert await one.paid() == 0


async def test_a_second_device_takes_the_call_over(live: Live) -> None:
    one = await caller(live)
    call, first = await one.live_call()
    await one.pass_time(5)
    again, second = await one.join()
    assert again == call
    await until(lambda: first.closed == "replaced")
    second.connect()
    await one.person.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await one.pass_time(5)
    await one.hang_up()
    assert (await one.ended())["seconds"] == 10
    assert second.closed == "hung_up"


async def test_a_blocked_connection_is_not_metered(live: Live) -> None:
    one = await caller(live)
    _, leg = await one.live_call()
    await one.pass_time(5)
    leg.happens(Blocked(on=True))
    await until(lambda: not one.call.life.metered)
    await one.pass_time(20)
    leg.happens(Blocked(on=False))
    await until(lambda: one.call.life.metered)
    await one.pass_time(5)
    await one.hang_up()
    assert (await one.ended())["seconds"] == 10


async def test_another_persons_call_meets_the_one_in_progress(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    invited = await live.person()
    made = await one.person.rest("POST", f"/api/v1/rooms/{one.room}/invitations", json={})
    assert made.status_code == 201, made.text
    code = made.json()["code"]
    joined = await invited.rest("POST", f"/api/v1/invitations/{code}")
    assert joined.status_code in {200, 201}, joined.text
    two = Caller(live, invited, one.room)
    refused = await two.refused()
    assert (refused.code, refused.http_status) == ("call_in_progress", 409)
    await one.hang_up()


async def test_one_person_has_one_voice(live: Live) -> None:
    one = await caller(live)
    call, _ = await one.live_call()
    elsewhere = Caller(live, one.person, (await one.person.room("kwame"))["id"])
    refused = await elsewhere.refused()
    assert refused.code == "in_another_call"
    assert refused.details == {"call": call, "room": one.room}
    await one.hang_up()
    await one.ended()
    await elsewhere.live_call()
    await elsewhere.hang_up()


async def test_who_is_under_age_or_has_not_agreed_is_told_what_is_missing(live: Live) -> None:
    one = await caller(live)
    settings = one.parts.settings
    one.parts.settings = msgspec.structs.replace(settings, consents=["voice"])
    refused = await one.refused()
    assert (refused.code, refused.details["purposes"]) == ("consent_needed", ["voice"])
    given = await one.person.rest(
        "POST", "/api/v1/privacy/consents", json={"purpose": "voice", "granted": True}
    )
    assert given.status_code == 201, given.text
    one.parts.settings = msgspec.structs.replace(settings, consents=["voice"], age_level="document")
    refused = await one.refused()
    assert (refused.code, refused.http_status) == ("verification_needed", 403)
    one.parts.settings = msgspec.structs.replace(settings, closed_countries=["FR"])
    assert (await one.refused()).http_status == 451
    one.parts.settings = msgspec.structs.replace(settings, consents=["voice"])
    await one.live_call()
    await one.hang_up()


async def test_what_is_said_in_a_call_costs_nothing_beside_its_seconds(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    for _ in range(8):  # more than the free plan's five replies a minute
        ack = await one.person.say(one.room, "Tell me more")
        done = await one.person.done(ack["reply"])
        assert (done["status"], done["cost_microcredits"]) == ("completed", 0)
    await one.pass_time(3)
    await one.hang_up()
    assert (await one.ended())["cost_microcredits"] == 3 * SECOND == await one.paid()


async def test_where_seconds_do_not_include_replies_both_are_paid_for(live: Live) -> None:
    one = await caller(live)
    credits = live.house.credits
    credits.book = msgspec.structs.replace(credits.book, calls_include_replies=False)
    await one.live_call()
    ack = await one.person.say(one.room, "Tell me more")
    done = await one.person.done(ack["reply"])
    assert done["status"] == "completed"
    assert done["cost_microcredits"] >= credits.book.minimum_microcredits > 0
    receipt = await one.person.rest("GET", f"/api/v1/wallet/receipts/{done['receipt']}")
    assert {line["what"] for line in receipt.json()["lines"]} >= {"output tokens"}
    await one.pass_time(3)
    await one.hang_up()
    ended = await one.ended()
    assert ended["cost_microcredits"] == 3 * SECOND
    assert await one.paid() == 3 * SECOND + done["cost_microcredits"]
    assert await wallets.audit(live.house.db) == {}


async def test_a_crisis_is_met_with_care_and_the_next_minutes_are_free(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    await one.pass_time(10)
    ack = await one.person.say(one.room, "I want to kill myself")
    done = await one.person.done(ack["reply"])
    assert "AI" in done["text"]
    await one.pass_time(600)
    await one.pass_time(5)
    await one.hang_up()
    ended = await one.ended()
    assert (ended["seconds"], ended["cost_microcredits"]) == (615, 15 * SECOND)


async def test_it_is_said_again_that_it_is_an_ai(live: Live) -> None:
    one = await caller(live)
    one.parts.disclosure_seconds = 60
    await one.live_call()
    await one.pass_time(125)
    await until(lambda: len([1 for said, _ in one.talk.said if "AI" in said]) == 3)
    await one.hang_up()


async def test_who_loses_their_seat_loses_their_call(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    left = await one.person.rest("DELETE", f"/api/v1/rooms/{one.room}/members/me")
    assert left.status_code in {200, 204}, left.text
    await until(lambda: one.call is None)
    assert (await one.paid()) == 0
