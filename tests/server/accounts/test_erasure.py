"""The end of an account: grace, erasure without a trace, money that adds up, the archive."""

import asyncio
import json
from typing import Any

import pytest

from storage.ids import new_id
from storage.ledger.wallets import audit
from tests.live import Live
from tests.server.small import PASSWORD, Small

pytestmark = pytest.mark.stores
CANARY = "the blue canary sings at noon"


async def everything(db: Any) -> dict[str, str]:
    """Each table's rows as text."""
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {}
    for (table,) in tables:
        rows = await db.fetch(f'SELECT to_jsonb(t)::text AS row FROM "{table}" t')
        found[table] = "\n".join(row["row"] for row in rows)
    return found


async def close(person: Any, *, immediate: bool, password: str = PASSWORD) -> Any:
    return await person.ask(
        "DELETE", "users/account", {"password": password, "immediate": immediate}
    )


async def test_no_table_names_an_erased_person_and_the_books_still_add_up(live: Live) -> None:
    person = await live.person(username="samuel", email="canary@example.org")
    made = await person.rest("POST", "/api/v1/api-keys", json={"name": CANARY, "scopes": ["chat"]})
    assert made.status_code == 201
    room = (await person.room())["id"]
    ack = await person.say(room, CANARY)
    await person.done(ack["reply"])
    bystander = await live.person()
    other = (await bystander.room())["id"]
    await bystander.done((await bystander.say(other, "hello"))["reply"])
    await live.house.db.execute(
        "INSERT INTO messages (home, room, message, n, changed, sender_kind, sender, parts, words, "
        "reactions) SELECT home, room, 'm_guest', n + 1, changes + 1, 'person', $1, "
        "jsonb_build_array(jsonb_build_object('type', 'text', 'text', $2::text)), $2, "
        "jsonb_build_object($1::text, 'heart') FROM rooms WHERE room = $3",
        person.user["id"], CANARY, other,
    )  # fmt: skip
    await live.house.db.execute(
        "INSERT INTO members (home, room, kind, member) "
        "SELECT home, room, 'person', $1 FROM rooms WHERE room = $2", person.user["id"], other,
    )  # fmt: skip
    body = {"password": PASSWORD, "immediate": True}
    gone = await person.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    for table, text in (await everything(live.house.db)).items():
        for trace in (person.user["id"], room, CANARY, "canary@example.org", "samuel"):
            assert trace not in text, (table, trace)
    assert await audit(live.house.db) == {}
    kept = await live.house.db.fetch("SELECT person, kind FROM entries WHERE person LIKE 'x_%'")
    assert {row["kind"] for row in kept} >= {"grant", "capture"}
    assert len({row["person"] for row in kept}) == 1
    history = await bystander.rest("GET", f"/api/v1/rooms/{other}/messages")
    assert history.status_code == 200, history.text
    assert "hello" in history.text
    left = await live.house.db.fetchrow(
        "SELECT words, parts FROM messages WHERE message = 'm_guest'"
    )
    assert tuple(left) == ("", [])


async def test_entries_and_consents_cannot_be_changed_by_anything_else(live: Live) -> None:
    person = await live.person()
    await person.rest("GET", "/api/v1/wallet/balance")
    db = live.house.db
    for change in (
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "UPDATE consents SET granted = false",
    ):
        with pytest.raises(Exception, match="append-only"):
            await db.execute(change)


async def test_a_reply_that_is_still_paid_for_is_let_finish_and_then_all_is_erased(
    live: Live,
) -> None:
    live.script.tokens, live.script.gap_seconds = 60, 0.02
    person = await live.person()
    room = (await person.room())["id"]
    ack = await person.say(room, CANARY)
    await person.until("reply.delta")
    body = {"password": PASSWORD, "immediate": True}
    gone = await person.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    back = await live.http.post(
        "/api/v1/users/login", json={"email": person.user["username"], "password": PASSWORD}
    )
    assert back.json()["code"] == "wrong_credentials"
    await settled(live)
    assert ack["reply"] in (await everything(live.house.db))["holds"]
    assert await live.house.accounts.erase_due() == 1
    for table, text in (await everything(live.house.db)).items():
        assert person.user["id"] not in text, table
        assert CANARY not in text, table


async def settled(live: Live) -> None:
    while await live.house.db.fetchval("SELECT count(*) FROM holds WHERE state = 'open'"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_closing_asks_for_the_password_and_can_be_undone_within_the_grace(
    small: Small,
) -> None:
    person = await small.register()
    key = (await person.key("account"))["key"]
    wrong = await close(person, immediate=False, password="not mine at all")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_credentials")
    assert (await close(person, immediate=False)).status_code == 204
    assert small.kicks.kicked == [(person.id, None, 4504)]
    assert (await person.ask("GET", "auth/me")).status_code == 401
    assert (await small.ask("GET", "auth/me", key)).status_code == 401
    assert "within 30 days" in (await small.letters())[-1].get_content()
    assert await small.accounts.erase_due() == 0
    await small.db.execute("UPDATE people SET deleted_at = now() - interval '29 days'")
    assert (await person.log_in()).status_code == 200
    assert await small.db.fetchval("SELECT status FROM people") == "active"


async def test_after_the_grace_nothing_calls_an_account_back(small: Small) -> None:
    person, other = await small.register(), await small.register()
    await close(person, immediate=False)
    await small.db.execute(
        "UPDATE people SET deleted_at = now() - interval '31 days' WHERE person = $1", person.id
    )
    assert (await person.log_in()).json()["code"] == "wrong_credentials"
    assert await small.accounts.erase_due() == 1
    assert await small.db.fetch("SELECT person FROM people") == [(other.id,)]
    again = await small.ask("POST", "users/register", body=small.form(email=person.form["email"]))
    assert again.status_code == 201


async def test_the_last_letter_leaves_before_the_address_is_forgotten(small: Small) -> None:
    person = await small.register()
    assert (await close(person, immediate=True)).status_code == 204
    last = (await small.letters())[-1]
    assert (last["To"], last["Subject"]) == (person.form["email"], "Your Kindred account is erased")
    for table, text in (await everything(small.db)).items():
        assert person.id not in text, table


async def test_the_archive_holds_everything_of_one_person_and_no_secret(live: Live) -> None:
    person, stranger = await live.person(email="mine@example.org"), await live.person()
    for who, words in ((person, CANARY), (stranger, "not for other eyes")):
        room = (await who.room())["id"]
        await who.done((await who.say(room, words))["reply"])
    made = await person.rest("POST", "/api/v1/api-keys", json={"name": "bot", "scopes": ["chat"]})
    answer = await person.rest("GET", "/api/v1/privacy/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    archive = json.loads(answer.content)
    assert archive["people"][0]["email"] == "mine@example.org"
    assert len(archive["people"]) == 1
    assert len(archive["messages"]) == 3  # the greeting, the words, the reply
    assert len(archive["members"]) == 2
    assert {row["purpose"] for row in archive["consents"]} == {"terms", "privacy"}
    assert archive["entries"]
    assert archive["receipts"]
    assert CANARY in answer.text
    for secret in ("argon2", made.json()["key"], "not for other eyes", stranger.user["id"]):
        assert secret not in answer.text


async def test_a_long_life_is_exported_whole(small: Small) -> None:
    person = await small.register()
    room = new_id("r")
    await small.db.execute(
        "INSERT INTO messages (home, room, message, n, changed, sender_kind, sender, parts, words) "
        "SELECT $1, $2, 'm_' || n, n, n, 'person', $1, '[]', repeat('x', 1000) "
        "FROM generate_series(1, 6000) n", person.id, room,
    )  # fmt: skip
    archive = (await person.ask("GET", "privacy/export")).json()
    assert len(archive["messages"]) == 6000
    assert len({row["message"] for row in archive["messages"]}) == 6000


async def test_consents_are_only_ever_added_and_saying_the_same_again_adds_nothing(
    small: Small,
) -> None:
    person = await small.register()

    async def say(purpose: str, *, granted: bool) -> Any:
        body = {"purpose": purpose, "granted": granted}
        return await person.ask("POST", "privacy/consents", body)

    for granted in (True, True, False, False, True):
        assert (await say("marketing", granted=granted)).status_code == 201
    items = (await person.ask("GET", "privacy/consents")).json()["items"]
    assert [(one["purpose"], one["granted"]) for one in items] == [
        ("terms", True), ("privacy", True), ("marketing", True), ("marketing", False),
        ("marketing", True),
    ]  # fmt: skip
    assert items[0]["version"] == "2026-11"
    refused = await say("terms", granted=False)
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_needed")
    row = await small.db.fetchrow("SELECT address, agent FROM consents WHERE purpose = 'terms'")
    assert row["address"] == "203.0.113.7"
    assert row["agent"].startswith("python-httpx")


async def _together(owner: Any, *guests: Any) -> str:
    room = (await owner.room())["id"]
    body = {"uses": len(guests)}
    made = await owner.rest("POST", f"/api/v1/rooms/{room}/invitations", json=body)
    for guest in guests:
        came = await guest.rest("POST", f"/api/v1/invitations/{made.json()['code']}")
        assert came.status_code == 200, came.text
        await guest.until(lambda f: f["type"] == "room.updated" and f["room"]["id"] == room)
    return str(room)


async def test_a_room_with_others_in_it_outlives_who_made_it(live: Live) -> None:
    maker, first, second = [await live.person() for _ in range(3)]
    room = await _together(maker, first, second)
    for who, words in ((maker, CANARY), (first, "what the first said")):
        ack = await who.say(room, words)
        await who.done(ack["reply"])
    body = {"password": PASSWORD, "immediate": True}
    gone = await maker.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    for table, text in (await everything(live.house.db)).items():
        assert maker.user["id"] not in text, table
        assert CANARY not in text, table
    shown = (await second.rest("GET", f"/api/v1/rooms/{room}")).json()
    assert {m["id"]: m["role"] for m in shown["members"] if m["kind"] == "person"} == {
        first.user["id"]: "owner",
        second.user["id"]: "member",
    }
    history = await second.rest("GET", f"/api/v1/rooms/{room}/messages")
    assert "what the first said" in history.text
    ack = await second.say(room, "we go on")
    assert ack["type"] == "ack", ack
    assert (await first.done(ack["reply"]))["status"] == "completed"
    assert await audit(live.house.db) == {}


async def test_the_archive_ends_where_ones_seat_did_and_says_not_who_blocked_one(
    live: Live,
) -> None:
    maker, guest = await live.person(), await live.person()
    room = await _together(maker, guest)
    for who, words in ((guest, "while both were there"),):
        await who.done((await who.say(room, words))["reply"])
    await maker.rest("DELETE", f"/api/v1/rooms/{room}/members/me")
    ack = await guest.say(room, "once the maker had gone")
    await guest.done(ack["reply"])
    await guest.rest("PUT", f"/api/v1/users/{maker.user['username']}/block")
    text = (await maker.rest("GET", "/api/v1/privacy/export")).text
    assert "while both were there" in text
    assert "once the maker had gone" not in text
    assert json.loads(text)["person_blocks"] == []
    own = (await guest.rest("GET", "/api/v1/privacy/export")).text
    assert "once the maker had gone" in own
    assert len(json.loads(own)["person_blocks"]) == 1
