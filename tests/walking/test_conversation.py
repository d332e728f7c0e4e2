"""One person, one companion: what is said, shown, stopped, settled and kept."""

import asyncio

import pytest

from storage.ledger import wallets
from tests.live import Live

pytestmark = pytest.mark.stores


async def test_a_reply_streams_is_settled_and_stands_in_history(live: Live) -> None:
    mira = await live.person()
    before = mira.ready["wallet"]["available_microcredits"]
    room = await mira.room()
    ack = await mira.say(room["id"], "Hello! How was the reef?")
    assert ack["type"] == "ack", ack
    done = await mira.done(ack["reply"])
    assert done["status"] == "completed"
    assert mira.text_of(ack["reply"]) == done["text"] != ""
    kinds = [frame["type"] for frame in mira.frames]
    assert kinds.count("reply.delta") >= 3
    assert kinds.index("message.created") < kinds.index("reply.started")
    wallet = await mira.until("wallet.updated")
    assert wallet["available_microcredits"] == before - done["cost_microcredits"]
    assert done["cost_microcredits"] >= 10_000
    history = (await mira.rest("GET", f"/api/v1/rooms/{room['id']}/messages")).json()["items"]
    assert [m["sender"]["kind"] for m in history] == ["companion", "person", "companion"]
    assert [m["n"] for m in history] == [1, 2, 3]
    assert history[-1]["parts"][0]["text"] == done["text"]
    receipt = (await mira.rest("GET", f"/api/v1/wallet/receipts/{done['receipt']}")).json()
    assert receipt["cost_microcredits"] == done["cost_microcredits"]
    assert await wallets.audit(live.house.db) == {}


async def test_stop_keeps_what_was_said_and_charges_only_that(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    person = await live.person()
    room = await person.room()
    ack = await person.say(room["id"], "Tell me everything")
    for _ in range(4):
        await person.until("reply.delta")
    stopped = await person.ask({"type": "reply.cancel", "reply": ack["reply"]})
    assert stopped["type"] == "ack"
    done = await person.done(ack["reply"])
    assert done["status"] == "interrupted"
    assert done["continuable"]
    assert person.text_of(ack["reply"]) == done["text"] != ""
    prompt_microcredits = done["usage"]["input_tokens"] * 100
    assert 0 < done["cost_microcredits"] - prompt_microcredits < 100 * 100  # not 400 words
    assert await wallets.audit(live.house.db) == {}
    # The provider's stream is closed, so that it stops working for nobody.
    await asyncio.wait_for(live.script.connections[-1].gone.wait(), 20)


async def test_a_new_message_interrupts_and_the_next_reply_answers_both(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 200, 0.02
    person = await live.person()
    room = await person.room()
    first = await person.say(room["id"], "One")
    await person.until("reply.delta")
    live.script.tokens = 5
    second = await person.say(room["id"], "Two")
    assert (await person.done(first["reply"]))["status"] == "interrupted"
    assert (await person.done(second["reply"]))["status"] == "completed"
    items = (await person.rest("GET", f"/api/v1/rooms/{room['id']}/messages")).json()["items"]
    assert [m["n"] for m in items] == [1, 2, 3, 4, 5]


async def test_repeating_a_key_returns_the_first_answer_and_charges_once(live: Live) -> None:
    person = await live.person()
    room = await person.room()
    first = await person.say(room["id"], "Once", key="k-1")
    done = await person.done(first["reply"])
    again = await person.say(room["id"], "Once", key="k-1")
    assert {k: again[k] for k in ("message", "reply")} == {
        k: first[k] for k in ("message", "reply")
    }
    other = await person.say(room["id"], "Something else", key="k-1")
    assert other["code"] == "key_reused"
    balance = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    assert balance["available_microcredits"] == 10_000_000 - done["cost_microcredits"]


async def test_edit_again_and_continue_make_branches_that_can_be_walked(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    first = await person.say(room, "Hello")
    await person.done(first["reply"])
    again = await person.ask({"type": "reply.create", "room": room, "message": first["reply"]})
    done = await person.done(again["reply"])
    assert done["message"]["alternatives"] == {"index": 2, "ids": [first["reply"], again["reply"]]}
    edited = await person.ask(
        {"type": "message.edit", "room": room, "message": first["message"], "text": "Good evening"}
    )
    await person.done(edited["reply"])
    items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
    assert [m["parts"][0]["text"] for m in items][1] == "Good evening"
    assert len(items) == 3
    walked = await person.ask({"type": "branch.select", "room": room, "message": first["reply"]})
    assert walked["type"] == "ack"
    items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
    assert [m["id"] for m in items][1:] == [first["message"], first["reply"]]


async def test_an_interrupted_reply_is_carried_on(live: Live) -> None:
    live.script.tokens, live.script.gap_seconds = 200, 0.02
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "A long story please")
    await person.until("reply.delta")
    await person.ask({"type": "reply.cancel", "reply": ack["reply"]})
    await person.done(ack["reply"])
    live.script.tokens = 4
    more = await person.ask(
        {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "continue"}
    )
    done = await person.done(more["reply"])
    assert done["message"]["continues"] == ack["reply"]
    assert done["status"] == "completed"


async def test_a_person_in_crisis_is_met_with_care_and_not_charged(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, "I want to die")
    done = await person.done(ack["reply"])
    assert done["cost_microcredits"] == 0
    assert "AI" in done["text"]
    notice = next(f for f in person.frames if f["type"] == "notice" and f["kind"] == "crisis")
    assert any("3114" in link["label"] for link in notice["links"])
    assert await live.house.db.fetchval("SELECT count(*) FROM crises") == 1


async def test_someone_elses_room_does_not_exist(live: Live) -> None:
    owner, stranger = await live.person(), await live.person()
    room = (await owner.room())["id"]
    refused = await stranger.say(room, "Let me in")
    assert refused["code"] == "room_not_found"
    assert (await stranger.rest("GET", f"/api/v1/rooms/{room}")).status_code == 404
    assert (await stranger.rest("GET", f"/api/v1/rooms/{room}/messages")).status_code == 404


async def test_without_credits_a_reply_is_refused_with_what_would_unlock_it(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    await person.rest("PUT", "/api/v1/wallet/ceilings", json={"day_microcredits": 5_000})
    refused = await person.say(room, "Hello")
    assert refused["code"] == "ceiling_reached"
    await person.rest("PUT", "/api/v1/wallet/ceilings", json={})
    await live.house.db.execute("UPDATE wallets SET lots = '[]'")
    refused = await person.say(room, "Hello")
    assert refused["code"] == "out_of_credits"
    assert refused["details"]["unlocked_by"]
