"""Several people and several companions in one room, as they meet it.

Who sees what, who may do what, who speaks, and who pays; on one node and on two.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.live import Client, Live, running

pytestmark = [pytest.mark.stores, pytest.mark.kill]


async def ok(person: Client, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = await person.rest(method, path, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def refused(person: Client, method: str, path: str, code: str, **more: Any) -> None:
    answer = await person.rest(method, path, **more)
    assert answer.status_code >= 400, answer.text
    assert answer.json()["code"] == code, answer.text


async def invited(owner: Client, room: str, **more: Any) -> str:
    made = await ok(owner, "POST", f"/api/v1/rooms/{room}/invitations", 201, json=more)
    return made["code"]


async def enters(person: Client, code: str) -> dict[str, Any]:
    """Come in; the socket follows the room when its first news has come."""
    room = await ok(person, "POST", f"/api/v1/invitations/{code}")
    await person.until(lambda f: f["type"] == "room.updated" and f["room"]["id"] == room["id"])
    return room


async def shared(owner: Client, *guests: Client, companions: tuple[str, ...] = ("mira",)) -> str:
    room = (await ok(owner, "POST", "/api/v1/rooms", 201, json={"companions": list(companions)}))[
        "id"
    ]
    if guests:
        code = await invited(owner, room, uses=len(guests))
        for guest in guests:
            await enters(guest, code)
    return room


def told(person: Client, room: str) -> list[tuple[str, str]]:
    """The durable events of a room in the order they came."""
    return [
        (f["type"], f.get("reply") or f["message"]["id"])
        for f in person.frames
        if f["type"] in {"message.created", "reply.started", "reply.done"} and f["room"] == room
    ]


async def balance(person: Client) -> int:
    found = await ok(person, "GET", "/api/v1/wallet/balance")
    return int(found["available_microcredits"] + found["held_microcredits"])


async def test_two_people_see_the_same_in_the_same_order_and_each_pays_for_their_own(
    live: Live,
) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    before = [await balance(one) for one in (ann, bob)]
    first = await ann.say(room, "Hello from Ann")
    for one in (ann, bob):
        await one.done(first["reply"])
    second = await bob.say(room, "And from Bob")
    costs = [(await one.done(second["reply"]))["cost_microcredits"] for one in (ann, bob)]
    assert costs[0] == costs[1] > 0
    assert told(ann, room) == told(bob, room)
    after = [await balance(one) for one in (ann, bob)]
    assert before[1] - after[1] == costs[1]
    assert before[0] - after[0] == (await ann.done(first["reply"]))["cost_microcredits"]
    assert not any(f["type"] == "wallet.updated" for f in ann.frames if f.get("reply") == "x")


async def test_both_names_stand_in_the_prompt(live: Live) -> None:
    ann, bob = await live.person(display_name="Ann"), await live.person(display_name="Bob")
    room = await shared(ann, bob)
    for one, text in ((ann, "I keep bees"), (bob, "I fear bees")):
        ack = await one.say(room, text)
        await one.done(ack["reply"])
    asked = [c.asked for c in live.script.connections if "I fear bees" in c.asked]
    assert "Ann: I keep bees" in asked[-1]
    assert "Bob: I fear bees" in asked[-1]
    view = await ok(ann, "GET", f"/api/v1/rooms/{room}/prompt")
    assert any("Bob: I fear bees" in part["text"] for part in view["parts"])


async def test_a_late_joiner_sees_nothing_earlier_unless_it_is_shared(live: Live) -> None:
    ann, bob, cat = [await live.person() for _ in range(3)]
    room = await shared(ann)
    ack = await ann.say(room, "A secret about marmalade")
    await ann.done(ack["reply"])
    seen = await enters(bob, await invited(ann, room))
    assert seen["last_message"] is None
    path = f"/api/v1/rooms/{room}/messages"
    assert (await ok(bob, "GET", path))["items"] == []
    assert (await ok(bob, "GET", "/api/v1/search?q=marmalade"))["items"] == []
    assert not any("marmalade" in str(frame) for frame in bob.frames)
    await bob.drop()
    assert (await bob.resume())["type"] == "resumed"
    more = await ann.say(room, "Now all may hear")
    await bob.done(more["reply"])
    assert not any("marmalade" in str(frame) for frame in bob.frames)
    for command in (
        {"type": "reply.create", "message": ack["reply"]},
        {"type": "branch.select", "message": ack["reply"]},
        {"type": "message.react", "message": ack["reply"], "reaction": "x"},
    ):
        assert (await bob.ask({**command, "room": room}))["code"] == "message_not_found"
    react = {"type": "message.react", "room": room, "message": ack["message"], "reaction": "x"}
    assert (await ann.ask(react))["type"] == "ack"
    last = await ann.say(room, "Done?")
    await bob.done(last["reply"])
    assert not any("marmalade" in str(frame) for frame in bob.frames)
    items = (await ok(bob, "GET", path))["items"]
    assert [m["parts"][0]["text"] for m in items if m["sender"]["kind"] == "person"] == [
        "Now all may hear",
        "Done?",
    ]
    await ok(ann, "PUT", f"/api/v1/rooms/{room}/terms", json={"shares_history": True})
    await enters(cat, await invited(ann, room))
    assert any("marmalade" in str(m) for m in (await ok(cat, "GET", path))["items"])


async def test_removed_means_no_more_events_and_not_found(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    await ok(ann, "DELETE", f"/api/v1/rooms/{room}/members/{bob.user['id']}", 204)
    left = await bob.until("room.left")
    assert (left["room"], left["reason"]) == (room, "removed")
    ack = await ann.say(room, "Among ourselves")
    await ann.done(ack["reply"])
    answer = await bob.say(room, "May I?")
    assert answer["code"] == "room_not_found"
    assert not any(f.get("reply") == ack["reply"] for f in bob.frames)
    await refused(bob, "GET", f"/api/v1/rooms/{room}/messages", "room_not_found")
    await bob.drop()
    assert (await bob.resume())["type"] == "resumed"
    assert (await bob.ask({"type": "room.join", "room": room}))["code"] == "room_not_found"


async def test_who_leaves_hands_on_the_room_but_never_the_bill(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    terms = await ok(ann, "PUT", f"/api/v1/rooms/{room}/terms", json={"payer": "owner"})
    assert terms["payer"] == ann.user["id"]
    await ok(
        ann, "PATCH", f"/api/v1/rooms/{room}/members/{bob.user['id']}", 204, json={"muted": True}
    )
    assert (await bob.say(room, "May I?"))["code"] == "muted"
    assert (await ann.ask({"type": "room.leave", "room": room}))["type"] == "ack"
    now = await ok(bob, "GET", f"/api/v1/rooms/{room}")
    assert now["payer"] == "sender"
    assert [(m["id"], m["role"]) for m in now["members"] if m["kind"] == "person"] == [
        (bob.user["id"], "owner")
    ]
    await refused(ann, "GET", f"/api/v1/rooms/{room}", "room_not_found")
    ack = await bob.say(room, "Mine now, and I may speak again")
    assert ack["type"] == "ack", ack
    await ok(bob, "DELETE", f"/api/v1/rooms/{room}/members/me", 204)


async def test_the_owner_pays_for_guests_where_they_said_so(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    await ok(ann, "PUT", f"/api/v1/rooms/{room}/terms", json={"payer": "owner"})
    before = [await balance(one) for one in (ann, bob)]
    ack = await bob.say(room, "On your bill")
    cost = (await bob.done(ack["reply"]))["cost_microcredits"]
    await ann.done(ack["reply"])
    after = [await balance(one) for one in (ann, bob)]
    assert (before[0] - after[0], before[1] - after[1]) == (cost, 0)
    ceilings = {"day_microcredits": 1}
    await ok(ann, "PUT", "/api/v1/wallet/ceilings", json=ceilings)
    answer = await bob.say(room, "Once more")
    assert answer["code"] == "payer_out_of_credits", answer
    assert answer["details"]["payer"] == ann.user["id"]


async def test_invitations_end_when_used_up_withdrawn_or_not_meant_for_one(live: Live) -> None:
    ann, bob, cat = [await live.person() for _ in range(3)]
    room = await shared(ann)
    code = await invited(ann, room)
    await refused(bob, "POST", f"/api/v1/rooms/{room}/invitations", "room_not_found", json={})
    look = await ok(bob, "GET", f"/api/v1/invitations/{code}")
    assert (look["people"], look["payer"], look["shares_history"]) == (1, "sender", False)
    await enters(bob, code)
    await refused(cat, "POST", f"/api/v1/invitations/{code}", "invitation_over")
    await refused(bob, "POST", f"/api/v1/rooms/{room}/invitations", "not_the_owner", json={})
    named = {"username": cat.user["username"]}
    await ok(ann, "POST", f"/api/v1/rooms/{room}/invitations", 201, json=named)
    event = await cat.until("room.invited")
    await refused(bob, "POST", f"/api/v1/invitations/{event['invitation']}", "invitation_not_found")
    mine = (await ok(cat, "GET", "/api/v1/invitations"))["items"]
    assert [one["id"] for one in mine] == [event["invitation"]]
    await enters(cat, event["invitation"])
    again = await invited(ann, room)
    kept = (await ok(ann, "GET", f"/api/v1/rooms/{room}/invitations"))["items"]
    await ok(ann, "DELETE", f"/api/v1/rooms/{room}/invitations/{kept[0]['id']}", 204)
    await refused(cat, "GET", f"/api/v1/invitations/{again}", "invitation_not_found")


async def test_a_blocked_person_is_out_and_cannot_be_asked_in(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    code = await invited(ann, room)
    await ok(ann, "PUT", f"/api/v1/users/{bob.user['username']}/block", 204)
    assert (await bob.until("room.left"))["reason"] == "removed"
    await refused(bob, "POST", f"/api/v1/invitations/{code}", "invitation_not_found")
    named = {"username": bob.user["username"]}
    path = f"/api/v1/rooms/{room}/invitations"
    await refused(ann, "POST", path, "person_not_found", json=named)


async def test_the_muted_read_and_do_not_speak(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob, companions=("mira", "noor"))
    path = f"/api/v1/rooms/{room}/members"
    await ok(ann, "PATCH", f"{path}/{bob.user['id']}", 204, json={"muted": True})
    assert (await bob.say(room, "Hm?"))["code"] == "muted"
    mira = next(m for m in (await ok(ann, "GET", path))["items"] if m["name"] == "Mira")
    await ok(ann, "PATCH", f"{path}/{mira['id']}", 204, json={"muted": True})
    ack = await ann.say(room, "@Mira, say something")
    done = await bob.done(ack["reply"])
    assert done["message"]["sender"]["name"] == "Noor"


async def test_companions_take_turns_by_name_and_stop_after_a_few(live: Live) -> None:
    ann = await live.person()
    room = await shared(ann, companions=("mira", "noor"))
    before = await balance(ann)
    ack = await ann.say(room, "@Noor and @Mira: what do you think?")
    first = await ann.done(ack["reply"])
    started = await ann.until("reply.started")
    second = await ann.done(started["reply"])
    assert [one["message"]["sender"]["name"] for one in (first, second)] == ["Noor", "Mira"]
    assert second["message"]["parent"] == ack["reply"]
    spent = first["cost_microcredits"] + second["cost_microcredits"]
    await ann.until("wallet.updated")
    assert before - await balance(ann) == spent > 0


async def test_a_person_who_writes_ends_what_companions_tell_each_other(live: Live) -> None:
    ann = await live.person()
    room = await shared(ann, companions=("mira", "noor"))
    live.script.tokens, live.script.gap_seconds = 200, 0.02
    ack = await ann.say(room, "@Noor and @Mira: discuss")
    await ann.until(lambda f: f["type"] == "reply.delta" and f["reply"] == ack["reply"])
    live.script.tokens = 3
    more = await ann.say(room, "Stop, both")
    assert (await ann.done(ack["reply"]))["status"] == "interrupted"
    assert (await ann.done(more["reply"]))["status"] == "completed"
    replies = [f["reply"] for f in ann.frames if f["type"] == "reply.started"]
    assert replies == [ack["reply"], more["reply"]]


async def test_typing_is_passed_on_once_in_three_seconds(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    for _ in range(5):
        await ann.send({"type": "typing", "room": room, "on": True})
    await ann.send({"type": "read", "room": room, "n": 1})
    await bob.until("read")
    assert sum(f["type"] == "typing" for f in bob.frames) == 1


async def test_each_member_has_a_read_cursor_of_their_own(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann, bob)
    ack = await ann.say(room, "Read this")
    n = (await bob.done(ack["reply"]))["message"]["n"]
    await bob.ask({"type": "read", "room": room, "n": n})
    shown = await ok(ann, "GET", f"/api/v1/rooms/{room}")
    cursors = {m["id"]: m["read_n"] for m in shown["members"] if m["kind"] == "person"}
    assert cursors[bob.user["id"]] == n
    assert cursors[ann.user["id"]] < n


async def test_membership_holds_on_another_node_too(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        running(database_url, valkey_url, tmp_path, node="gw-one") as one,
        running(database_url, valkey_url, tmp_path, node="gw-two") as two,
    ):
        ann, bob = await one.person(), await two.person()
        room = await shared(ann)
        first = await ann.say(room, "Before anybody came")
        await ann.done(first["reply"])
        await enters(bob, await invited(ann, room))
        ack = await bob.say(room, "Hello from the other node")
        for person in (ann, bob):
            await person.done(ack["reply"])
        assert told(ann, room)[-3:] == told(bob, room)
        assert not any("Before anybody" in str(frame) for frame in bob.frames)
        await ok(ann, "DELETE", f"/api/v1/rooms/{room}/members/{bob.user['id']}", 204)
        assert (await bob.until("room.left"))["reason"] == "removed"
        last = await ann.say(room, "Alone again")
        await ann.done(last["reply"])
        assert (await bob.say(room, "Still?"))["code"] == "room_not_found"
        assert not any("Alone again" in str(frame) for frame in bob.frames)


async def test_a_turn_ends_with_the_seat_of_whoever_asked_for_it(live: Live) -> None:
    ann, bob = await live.person(display_name="Ann"), await live.person(display_name="Bob")
    room = await shared(ann, bob)
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    ack = await bob.say(room, "Tell me everything")
    await ann.until(lambda f: f["type"] == "reply.delta" and f["reply"] == ack["reply"])
    await ok(ann, "DELETE", f"/api/v1/rooms/{room}/members/{bob.user['id']}", 204)
    done = await ann.done(ack["reply"])
    assert done["status"] == "interrupted"
    assert not any(f["type"] == "reply.done" for f in bob.frames)
    history = (await ok(ann, "GET", f"/api/v1/rooms/{room}/messages"))["items"]
    assert [m["sender"]["name"] for m in history if m["sender"]["kind"] == "person"] == ["Bob"]


async def test_an_invitation_ends_with_its_time(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    room = await shared(ann)
    code = await invited(ann, room, hours=1)
    await live.house.db.execute("UPDATE invitations SET expires_at = now()")
    await refused(bob, "GET", f"/api/v1/invitations/{code}", "invitation_over")
    await refused(bob, "POST", f"/api/v1/invitations/{code}", "invitation_over")
    await refused(bob, "GET", f"/api/v1/rooms/{room}", "room_not_found")
