"""Staff watches and steps in: across nodes, audited before anything is shown, never for members."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.people import set_standing
from tests.live import Client, Live, running

pytestmark = [pytest.mark.stores, pytest.mark.timeout(120)]
WHY = {"why": "a report came in"}


async def admin(live: Live) -> Client:
    """A new administrator, signed in after they became one."""
    signed = await live.registered()
    await set_standing(live.house.db, signed["user"]["id"], role="admin")
    client = Client(live, signed)
    await client.connect()
    return client


async def lines(staff: Client, /, **wanted: str) -> list[dict[str, Any]]:
    """The audit log, oldest first, as it is shown to an administrator."""
    page = (await staff.rest("GET", "/api/v1/admin/audit?limit=200")).json()["items"]
    return [
        one for one in reversed(page) if all(one[name] == value for name, value in wanted.items())
    ]


async def watch(who: Client, room: str) -> dict[str, Any]:
    return await who.ask({"type": "watch.start", "room": room, **WHY})


async def watched(who: Client, kind: str) -> dict[str, Any]:
    """The next thing of this kind that the watched room is told."""
    frame = await who.until(lambda f: f["type"] == "watch.entry" and f["event"]["type"] == kind)
    event: dict[str, Any] = frame["event"]
    return event


@asynccontextmanager
async def two_nodes(
    database_url: str, valkey_url: str, folder: Path, **more: str
) -> AsyncIterator[tuple[Live, Live]]:
    async with (
        running(database_url, valkey_url, folder / "a", "gw-a", **more) as a,
        running(database_url, valkey_url, folder / "b", "gw-b", **more) as b,
    ):
        yield a, b


async def test_an_administrator_on_one_node_watches_a_reply_on_another(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with two_nodes(database_url, valkey_url, tmp_path) as (a, b):
        person, staff = await a.person(), await admin(b)
        a.script.tokens, a.script.gap_seconds = 60, 0.03
        room = (await person.room())["id"]
        ack = await person.say(room, "Tell me about the sea")
        await person.until("reply.delta")
        await person.until("reply.delta")
        listed = (await staff.rest("GET", "/api/v1/admin/rooms")).json()
        row = next(one for one in listed["items"] if one["room"] == room)
        assert (row["node"], row["state"], row["reply"]) == ("gw-a", "speaking", ack["reply"])
        assert row["turn_microcredits"] > 0
        assert [one["id"] for one in row["people"]] == [person.user["id"]]
        assert [one["name"] for one in row["companions"]] == ["Mira"]
        assert listed["silent"] == []
        assert (await watch(staff, room))["type"] == "ack"
        assert room not in b.house.realtime.holder.live, "watching does not take the room over"
        done = await watched(staff, "reply.done")
        told = [f["event"] for f in staff.frames if f["type"] == "watch.entry"]
        text = ""
        for event in told:
            if event["type"] == "reply.delta":
                assert event["offset"] == len(text), "from its beginning, without a gap"
                text += event["text"]
        assert told[0]["type"] == "reply.started"
        assert text == done["text"] == (await person.done(ack["reply"]))["text"]
        nodes = (await staff.rest("GET", "/api/v1/admin/nodes")).json()["items"]
        assert {one["node"]: one["watches"] for one in nodes} == {"gw-a": 0, "gw-b": 1}
        assert (await staff.ask({"type": "watch.stop", "room": room}))["type"] == "ack"
        mine = [one["act"] for one in await lines(staff, room=room)]
        assert mine == ["watch.start", "watch.stop"]


async def test_a_watcher_is_no_member_and_members_see_nothing(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    room = (await person.room())["id"]
    assert (await watch(staff, room))["type"] == "ack"
    ack = await person.say(room, "Hello")
    await person.done(ack["reply"])
    done = await watched(staff, "reply.done")
    assert done["reply"] == ack["reply"]
    assert all(f["event"]["type"] != "wallet.updated" for f in staff.frames if "event" in f)
    shown = (await person.rest("GET", f"/api/v1/rooms/{room}")).json()
    assert staff.user["id"] not in {one["id"] for one in shown["members"]}
    assert (await staff.rest("GET", f"/api/v1/rooms/{room}")).status_code == 404
    said = await staff.say(room, "I am not in here")
    assert said["code"] == "room_not_found"
    assert not [f for f in person.frames if f["type"] in {"presence", "read"}]
    assert not [f for f in person.frames if f.get("kind") == "oversight"]
    assert (await staff.ask({"type": "watch.stop", "room": room}))["type"] == "ack"
    staff.frames.clear()
    await person.done((await person.say(room, "And now?"))["reply"])
    await staff.ask({"type": "presence", "status": "online"})
    assert not [f for f in staff.frames if f["type"] == "watch.entry"]


async def test_a_member_is_refused_everywhere_and_each_attempt_is_written(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    room = (await person.room())["id"]
    refused = await watch(person, room)
    assert (refused["type"], refused["code"]) == ("error", "missing_role")
    for who in (person, staff):  # staff's hand has its own door, where it is written down
        await who.send({"type": "oversee", "id": "o", "room": room, "act": "pause"})
        assert (await who.until("error"))["code"] == "unknown_type"
    body = {"json": {**WHY, "text": "x"}}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "rooms", {}), ("GET", "nodes", {}), ("GET", "audit", {}),
        ("GET", f"rooms/{room}/watch?why=x", {}),
        *(("POST", f"rooms/{room}/{act}", body)
          for act in ("whisper", "pause", "resume", "say", "end")),
    ]  # fmt: skip
    for method, path, more in calls:
        answer = await person.rest(method, f"/api/v1/admin/{path}", **more)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_role"), path
    key = await staff.rest("POST", "/api/v1/api-keys", json={"name": "k", "scopes": ["chat"]})
    bearer = {"authorization": f"Bearer {key.json()['key']}"}
    answer = await live.http.get("/api/v1/admin/rooms", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    tried = await lines(staff, outcome="refused")
    assert [one["act"] for one in tried if one["who"] == person.user["id"]] == [
        "watch.start", "GET rooms", "GET nodes", "GET audit", "GET rooms/watch",
        "POST rooms/whisper", "POST rooms/pause", "POST rooms/resume", "POST rooms/say",
        "POST rooms/end",
    ]  # fmt: skip
    assert [one["note"] for one in tried if one["who"] == staff.user["id"]] == ["missing_scope"]
    assert not await lines(staff, who=person.user["id"], outcome="allowed")


async def test_one_who_is_no_administrator_any_more_is_shown_nothing_more(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    room = (await person.room())["id"]
    await watch(staff, room)
    await set_standing(live.house.db, staff.user["id"], role="member")
    assert (await watch(staff, room))["code"] == "missing_role"
    live.house.realtime.watching.look_again()
    assert (await staff.until("watch.ended"))["reason"] == "missing_role"
    staff.frames.clear()
    await person.done((await person.say(room, "Hello"))["reply"])
    await staff.ask({"type": "presence", "status": "online"})
    assert not [f for f in staff.frames if f["type"] == "watch.entry"]


async def test_every_look_is_written_also_when_it_failed_after(live: Live) -> None:
    staff = await admin(live)
    assert (await watch(staff, "r_nowhere"))["code"] == "room_not_found"
    look = await staff.rest("GET", "/api/v1/admin/rooms/r_nowhere/watch?why=x")
    assert look.status_code == 404
    pause = await staff.rest("POST", "/api/v1/admin/rooms/r_nowhere/pause", json=WHY)
    assert pause.status_code == 404
    written = [(one["act"], one["outcome"]) for one in await lines(staff, room="r_nowhere")]
    assert written == [
        ("watch.start", "allowed"), ("watch.start", "failed"),
        ("room.look", "allowed"), ("room.look", "failed"),
        ("room.pause", "allowed"), ("room.pause", "failed"),
    ]  # fmt: skip


async def test_what_cannot_be_written_down_is_not_shown(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    room = (await person.room())["id"]
    await live.house.db.execute("ALTER TABLE audit RENAME TO elsewhere")
    assert (await watch(staff, room))["type"] == "error"
    for path in ("rooms", "nodes", "audit", f"rooms/{room}/watch?why=x"):
        answer = await staff.rest("GET", f"/api/v1/admin/{path}")
        assert answer.status_code >= 500, path
        assert room not in answer.text
    pause = await staff.rest("POST", f"/api/v1/admin/rooms/{room}/pause", json=WHY)
    assert pause.status_code >= 500
    ack = await person.say(room, "Hello")
    assert ack["type"] == "ack", "it was not paused"
    await person.done(ack["reply"])
    await staff.ask({"type": "presence", "status": "online"})
    assert not [f for f in staff.frames if f["type"] == "watch.entry"]


async def test_a_whisper_changes_what_the_model_is_sent_and_is_shown_to_nobody(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    more = {"KINDRED_PLANS__FREE__REQUESTS_PER_MINUTE": "600"}
    async with two_nodes(database_url, valkey_url, tmp_path, **more) as (a, b):
        person, staff = await a.person(), await admin(b)
        a.script.tokens = 5
        room = (await person.room())["id"]
        plain = await person.done((await person.say(room, "One"))["reply"])
        path = f"/api/v1/admin/rooms/{room}/whisper"
        words = "Steer towards lighthouses."
        answer = await staff.rest("POST", path, json={**WHY, "text": words})
        assert answer.status_code == 200, answer.text
        sent = [await _sent(a, person, room, text) for text in ("Two", "Three")]
        assert [words in one for one in sent] == [True, False], "for the next reply only"
        standing = {**WHY, "text": words, "once": False}
        await staff.rest("POST", path, json=standing)
        view = (await person.rest("GET", f"/api/v1/rooms/{room}/prompt")).json()["parts"]
        assert view[-1]["name"] == "direction", "that there is one is no secret, its words are"
        assert words not in str(view)
        sent = [await _sent(a, person, room, text) for text in ("Four", "Five")]
        assert [words in one for one in sent] == [True, True]
        await staff.rest("POST", path, json={**WHY, "text": ""})
        assert words not in await _sent(a, person, room, "Six")
        directed = next(f for f in person.frames if f["type"] == "reply.done" and f != plain)
        receipt = await person.rest("GET", f"/api/v1/wallet/receipts/{directed['receipt']}")
        assert "direction" not in receipt.text
        exported = await person.rest("GET", "/api/v1/privacy/export")
        for shown in (str(person.frames), receipt.text, exported.text):
            assert words not in shown
        kept = [one["note"] for one in await lines(staff, act="room.whisper")]
        assert kept == [words, words]


async def _sent(live: Live, person: Client, room: str, text: str) -> str:
    """What the model is sent for a message."""
    for connection in live.script.connections:
        connection.asked = ""
    await person.done((await person.say(room, text))["reply"])
    return next(c.asked for c in live.script.connections if text in c.asked)


async def test_a_direction_obeys_the_rules_and_the_limit(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    path = f"/api/v1/admin/rooms/{(await person.room())['id']}/whisper"
    long = await staff.rest("POST", path, json={**WHY, "text": "x" * 1_001})
    assert (long.status_code, long.json()["code"]) == (413, "too_large")
    unreasoned = await staff.rest("POST", path, json={"text": "Be kind."})
    assert unreasoned.status_code == 422


async def test_a_pause_refuses_turns_on_every_node_and_outlives_the_room_in_memory(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with two_nodes(database_url, valkey_url, tmp_path) as (a, b):
        person, staff = await a.person(), await admin(b)
        a.script.tokens = 5
        room = (await person.room())["id"]
        first = {"key": "first"}
        ack = await person.say(room, "One", **first)
        await person.done(ack["reply"])
        act = f"/api/v1/admin/rooms/{room}"
        assert (await staff.rest("POST", f"{act}/pause", json=WHY)).status_code == 200
        notice = await person.until("notice")
        assert notice["kind"] == "oversight"
        refused = await person.say(room, "Two")
        assert (refused["type"], refused["code"]) == ("error", "room_paused")
        repeated = await person.say(room, "One", **first)
        assert repeated["reply"] == ack["reply"], "what was accepted before stays accepted"
        again = await person.ask(
            {"type": "reply.create", "room": room, "message": ack["reply"], "mode": "again"}
        )
        assert again["code"] == "room_paused"
        assert (await person.ask({"type": "read", "room": room, "n": 2}))["type"] == "ack"
        history = await person.rest("GET", f"/api/v1/rooms/{room}/messages")
        assert len(history.json()["items"]) == 3
        held = a.house.realtime.holder._rooms.pop(room)
        await a.house.realtime.bus.release(room, held.pen.fence)
        assert (await person.say(room, "Three"))["code"] == "room_paused"
        assert (await staff.rest("POST", f"{act}/resume", json=WHY)).status_code == 200
        ack = await person.say(room, "Four")
        assert (await person.done(ack["reply"]))["status"] == "completed"


async def test_taking_over_speaks_as_the_companion_free_and_marked(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    live.script.tokens, live.script.gap_seconds = 200, 0.02
    room = (await person.room())["id"]
    await watch(staff, room)
    ack = await person.say(room, "Talk to me")
    await person.until("reply.delta")
    say = {**WHY, "text": "This is a person of the service. How can we help?"}
    path, key = f"/api/v1/admin/rooms/{room}/say", {"idempotency-key": "say-1"}
    answer = await staff.rest("POST", path, json=say, headers=key)
    assert answer.status_code == 200, answer.text
    done = await person.done(ack["reply"])
    assert done["status"] == "interrupted"
    before = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    again = await staff.rest("POST", path, json=say, headers=key)
    assert again.json() == answer.json(), "said once"
    created = await person.until(
        lambda f: f["type"] == "message.created" and f["message"]["id"] == answer.json()["message"]
    )
    said = created["message"]
    assert said["by_staff"] is True
    assert (said["sender"]["kind"], said["sender"]["name"]) == ("companion", "Mira")
    assert (said["cost_microcredits"], said["receipt"]) == (0, None)
    seen = await watched(staff, "message.created")
    while seen["message"]["id"] != said["id"]:
        seen = await watched(staff, "message.created")
    stored = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
    assert [(m["id"], m["by_staff"]) for m in stored][-1] == (said["id"], True)
    assert [m["by_staff"] for m in stored].count(True) == 1
    after = (await person.rest("GET", "/api/v1/wallet/balance")).json()
    assert after == before
    live.script.tokens = 5
    sent = await _sent(live, person, room, "Thank you")
    assert "This is a person of the service" in sent, "the companion goes on from there"
    kept = [(one["act"], one["outcome"], one["note"]) for one in await lines(staff, act="room.say")]
    assert ("room.say", "done", said["id"]) in kept


async def test_ending_a_turn_and_a_room(live: Live) -> None:
    person, staff = await live.person(), await admin(live)
    live.script.tokens, live.script.gap_seconds = 400, 0.02
    room = (await person.room())["id"]
    ack = await person.say(room, "Talk")
    await person.until("reply.delta")
    path = f"/api/v1/admin/rooms/{room}/end"
    assert (await staff.rest("POST", path, json=WHY)).status_code == 200
    assert (await person.done(ack["reply"]))["status"] == "interrupted"
    ack = await person.say(room, "Talk again")
    assert ack["type"] == "ack", "only the turn was ended"
    await person.until("reply.delta")
    assert (await staff.rest("POST", path, json={**WHY, "what": "room"})).status_code == 200
    assert (await person.done(ack["reply"]))["status"] == "interrupted"
    updated = await person.until(lambda f: f["type"] == "room.updated" and f["room"]["id"] == room)
    assert updated["room"]["status"] == "ended"
    assert (await person.say(room, "Hello?"))["code"] == "room_ended"
    resume = await staff.rest("POST", f"/api/v1/admin/rooms/{room}/resume", json=WHY)
    assert resume.status_code == 200
    assert (await person.rest("GET", f"/api/v1/rooms/{room}")).json()["status"] == "active"
    live.script.tokens = 3
    assert (await person.say(room, "Hello!"))["type"] == "ack"


async def test_members_are_told_where_the_settings_say_so_and_watches_have_a_limit(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    wanted = {
        "KINDRED_OVERSIGHT__MEMBERS_ARE_TOLD": "true",
        "KINDRED_OVERSIGHT__WATCHES_PER_ADMIN": "1",
    }
    async with running(database_url, valkey_url, tmp_path, **wanted) as live:
        person, staff = await live.person(), await admin(live)
        first, second = (await person.room())["id"], (await person.room("noor"))["id"]
        assert (await watch(staff, first))["type"] == "ack"
        notice = await person.until("notice")
        assert (notice["kind"], notice["room"]) == ("oversight", first)
        look = await staff.rest("GET", f"/api/v1/admin/rooms/{first}/watch?why=x")
        assert look.json()["room"]["id"] == first
        await person.done((await person.say(first, "Who is there?"))["reply"])
        told = [f for f in person.frames if f.get("kind") == "oversight"]
        assert len(told) == 1, "one look is told once"
        assert (await watch(staff, second))["code"] == "too_many_watches"
        await staff.drop()
        await staff.connect()
        tries = [await watch(staff, second) for _ in range(2)]
        while tries[-1]["type"] != "ack" and len(tries) < 20:  # until the lost socket is noticed
            tries.append(await watch(staff, second))
        assert tries[-1]["type"] == "ack"


async def test_it_can_be_switched_off(database_url: str, valkey_url: str, tmp_path: Path) -> None:
    off = {"KINDRED_OVERSIGHT__ENABLED": "false"}
    async with running(database_url, valkey_url, tmp_path, **off) as live:
        person, staff = await live.person(), await admin(live)
        room = (await person.room())["id"]
        assert (await watch(staff, room))["code"] == "oversight_off"
        answer = await staff.rest("GET", "/api/v1/admin/rooms")
        assert (answer.status_code, answer.json()["code"]) == (403, "oversight_off")
