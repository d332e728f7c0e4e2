"""The seconds of a spoken `/v1/realtime` session: held ahead, charged as a call's, stopped in time.

The ear and the speaker are on paper; holds, meter, receipts and the ledger are real.
"""

import asyncio
import base64
from typing import Any

import msgspec
import pytest

from storage.ledger import wallets
from tests.soon import until as soon
from tests.walking.caller import ALL, SECOND
from tests.walking.openai_caller import calling, until
from tests.walking.test_openai_realtime_voice import (
    House,
    PaperEar,
    house,
    speak,
    spoken_session,
    tone,
)

pytestmark = [pytest.mark.stores]
__all__ = ["house"]  # a fixture
WHAT = "seconds of the call"


async def after(caller: Any) -> tuple[int, list[dict[str, Any]]]:
    """What was paid in all once nothing is held, and the receipts of seconds."""
    async with asyncio.timeout(20):
        balance = await caller.settled()
        receipts = await caller.receipts()
    spoken = [one for one in receipts if any(line["what"] == WHAT for line in one["lines"])]
    return ALL - balance["available_microcredits"], spoken


async def left_with(house: House, caller: Any, microcredits: int) -> None:
    """Take the rest away, as if it had been spent."""
    person = caller.person.user["id"]
    await house.live.house.credits.balance(await house.live.house.authenticate(caller.key["key"]))
    await house.live.house.db.execute(
        "UPDATE wallets SET lots = jsonb_set(lots, '{0,amount}', to_jsonb($2::bigint)) "
        "WHERE person = $1", person, microcredits,
    )  # fmt: skip


async def test_the_seconds_are_held_while_sound_flows_and_paid_when_it_is_over(
    house: House,
) -> None:
    house.live.script.tokens = 50  # five seconds of speech
    async with spoken_session(house) as connection:
        caller = connection.caller
        assert (await caller.balance())["held_microcredits"] == 0
        await speak(connection)
        await until(connection, "response.done")
        assert (await caller.balance())["held_microcredits"] >= 20 * SECOND
    paid, (receipt,) = await after(caller)
    assert receipt["cost_microcredits"] == paid  # what was said in it costs nothing more
    assert 5 * SECOND <= paid <= 25 * SECOND
    assert receipt["lines"][0]["quantity"] == -(-paid // SECOND)
    assert await wallets.audit(house.live.house.db) == {}


async def test_a_session_that_only_writes_pays_for_its_words_and_no_second(house: House) -> None:
    async with calling(house.live) as caller, caller.connect() as connection:
        await until(connection, "session.created")
        content = [{"type": "input_text", "text": "Hello"}]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        await until(connection, "response.done")
    paid, spoken = await after(caller)
    assert spoken == []
    assert paid > 0


async def test_where_seconds_do_not_include_replies_both_are_paid_for(house: House) -> None:
    book = house.live.house.credits.book
    house.live.house.credits.book = type(book)(calls_include_replies=False)
    async with spoken_session(house) as connection:
        await speak(connection)
        done = (await until(connection, "response.done"))[-1].response
        words = int(done.metadata["kindred_cost_microcredits"])
        assert words > 0
        caller = connection.caller
    paid, (receipt,) = await after(caller)
    assert paid == receipt["cost_microcredits"] + words


async def test_when_credits_run_out_sound_stops_in_time_and_writing_goes_on(house: House) -> None:
    house.live.script.tokens, house.live.script.gap_seconds = 400, 0.001  # 40 s of speech
    async with spoken_session(house) as connection:
        caller = connection.caller
        await left_with(house, caller, 20 * SECOND)
        await speak(connection)
        events = await until(connection, "error")
        assert events[-1].error.code == "out_of_credits"
        done = (await until(connection, "response.done"))[-1].response
        assert done.status in {"cancelled", "incomplete", "failed"}
        sound = sum(len(e.delta) for e in events if e.type == "response.output_audio.delta")
        assert 0 < sound * 3 / 4 / 48_000 <= 20
        await connection.input_audio_buffer.append(audio="AAAA")
        assert (await until(connection, "error"))[-1].error.code == "out_of_credits"
    _, (receipt,) = await after(caller)
    assert 18 * SECOND <= receipt["cost_microcredits"] <= 20 * SECOND


async def test_a_crisis_is_met_with_care_and_from_then_on_nothing_is_charged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PaperEar, "born_saying", "I want to kill myself")
    async with spoken_session(house) as connection:
        caller = connection.caller
        await speak(connection)  # 1.6 s of sound
        done = (await until(connection, "response.done"))[-1].response
        words = done.output[0].content[0].transcript
        assert len(words.split()) > 30, "three seconds of it at least"
        house.ears[0].says = "Thank you"
        await speak(connection)
        await until(connection, "response.done")
    paid, (receipt,) = await after(caller)
    assert 0 < paid <= 3 * SECOND
    assert receipt["lines"][0]["microcredits"] == paid
    assert await wallets.audit(house.live.house.db) == {}


async def test_without_credits_nobody_listens_and_nothing_is_charged(house: House) -> None:
    async with spoken_session(house) as connection:
        caller = connection.caller
        await left_with(house, caller, 3 * SECOND)
        await speak(connection, 300)
        assert (await until(connection, "error"))[-1].error.code == "out_of_credits"
        assert house.ears == []
    _, spoken = await after(caller)
    assert spoken == []


async def test_minutes_of_sound_sent_at_once_cost_minutes(house: House) -> None:
    async with spoken_session(house) as connection:
        caller = connection.caller
        await heard(house, connection, 25)
    paid, (receipt,) = await after(caller)
    assert 25 * SECOND <= paid == receipt["cost_microcredits"] <= 40 * SECOND


def a_minute_a_day(house: House) -> None:
    """Every plan has one minute of calls a day."""
    plans: Any = house.live.settings.plans
    for name, plan in plans.items():
        plans[name] = msgspec.structs.replace(plan, call_minutes_per_day=1)


async def heard(house: House, connection: Any, seconds: int) -> None:
    """So much silence more is sent at once, and has been listened to."""
    before = len(house.ears[-1]._sound) if house.ears else 0
    second = base64.b64encode(tone(1_000, 0)).decode()
    for _ in range(seconds):
        await connection.input_audio_buffer.append(audio=second)
    enough = before + (seconds - 1) * 32_000
    await soon(lambda: house.ears and len(house.ears[-1]._sound) >= enough)


async def told(house: House, seconds: int) -> None:
    """Until the database knows of so many."""
    query = "SELECT coalesce(sum(seconds), 0) FROM spoken_time"
    async with asyncio.timeout(10):
        while await house.live.house.db.fetchval(query) < seconds:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_minutes_of_a_day_end_it_and_the_next_and_a_call(house: House) -> None:
    a_minute_a_day(house)
    async with spoken_session(house) as connection:
        caller = connection.caller
        for quarter in range(1, 5):
            await heard(house, connection, 15)
            await told(house, 15 * quarter)
        error = (await until(connection, "error"))[-1].error
        assert error.code == "call_minutes_used_up"
    paid, (receipt,) = await after(caller)
    assert 60 * SECOND <= paid == receipt["cost_microcredits"] <= 75 * SECOND
    async with caller.connect() as again:
        await again.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
        await again.input_audio_buffer.append(audio=base64.b64encode(tone(1_000, 0)).decode())
        assert (await until(again, "error"))[-1].error.code == "call_minutes_used_up"


async def agrees(caller: Any, granted: bool) -> None:
    """To being listened to, or no more."""
    said = {"purpose": "voice", "granted": granted}
    answer = await caller.person.rest("POST", "/api/v1/privacy/consents", json=said)
    assert answer.status_code in {200, 201}, answer.text


async def test_a_consent_taken_back_ends_the_sound_of_a_session(house: House) -> None:
    async with spoken_session(house) as connection:
        house.live.settings.calls.consents.append("voice")
        await agrees(connection.caller, True)
        await heard(house, connection, 20)
        await told(house, 15)  # it is asked again every fifteen seconds of sound
        await agrees(connection.caller, False)
        await heard(house, connection, 20)
        assert (await until(connection, "error"))[-1].error.code == "consent_needed"


async def test_a_node_that_dies_leaves_a_hold_that_is_brought_home(house: House) -> None:
    from server import housekeeping

    live = house.live.house
    async with spoken_session(house) as connection:
        caller = connection.caller
        await speak(connection)
        await until(connection, "response.done")
        await live.db.execute("UPDATE holds SET node = 'gone' WHERE state = 'open'")
        await housekeeping.one_pass(live, set())
        assert (await caller.balance())["held_microcredits"] == 0
    assert await wallets.audit(live.db) == {}
