"""Who is here: told when it changes, and shown to every device that comes, on whatever node."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from realtime import presence
from storage.presence import PresenceUnknown
from tests.live import Client, Live, running

pytestmark = pytest.mark.stores


async def together(owner: Client, guest: Client) -> str:
    """A room of both, which the guest's socket follows."""
    room = (await owner.room())["id"]
    made = await owner.rest("POST", f"/api/v1/rooms/{room}/invitations", json={})
    came = await guest.rest("POST", f"/api/v1/invitations/{made.json()['code']}")
    assert came.status_code == 200, came.text
    await guest.until(lambda f: f["type"] == "room.updated" and f["room"]["id"] == room)
    return room


def of(person: Client, status: str) -> Any:
    return lambda f: (
        f["type"] == "presence" and f["person"] == person.user["id"] and f["status"] == status
    )


async def test_whoever_comes_into_company_is_told_who_is_here_and_the_others_of_them(
    live: Live,
) -> None:
    ann, bob = await live.person(), await live.person()
    await together(ann, bob)
    assert "seq" not in await ann.until(of(bob, "online"))
    await bob.until(of(ann, "online"))


async def test_a_new_device_is_shown_who_is_here_and_away_is_told(live: Live) -> None:
    ann, bob = await live.person(), await live.person()
    await together(ann, bob)
    await ann.until(of(bob, "online"))
    await bob.ask({"type": "presence", "status": "away"})
    await ann.until(of(bob, "away"))
    await ann.drop()
    ann.frames.clear()
    assert (await ann.resume())["type"] == "resumed"
    await ann.until(of(bob, "away"))
    phone = Client(live, {"user": bob.user, "access_token": bob.token})
    await phone.connect()
    await ann.until(of(bob, "online"))  # online anywhere is online
    await phone.until(of(ann, "online"))


async def test_the_last_device_that_goes_is_told_after_a_moment_and_not_when_it_is_back(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LEAVE_SECONDS", 2.0)
    ann, bob = await live.person(), await live.person()
    await together(ann, bob)
    await ann.until(of(bob, "online"))
    ann.frames.clear()
    await bob.drop()
    await bob.resume()
    await bob.ask({"type": "presence", "status": "away"})
    await ann.until(of(bob, "away"))
    assert not any(of(bob, "offline")(f) for f in ann.frames)
    await bob.drop()
    with pytest.raises(TimeoutError):  # not yet, for he may be back
        async with asyncio.timeout(presence.LEAVE_SECONDS / 4):
            await ann.until(of(bob, "offline"))
    await ann.until(of(bob, "offline"))


async def test_a_stranger_is_told_of_nobody_and_who_is_removed_of_nobody_any_more(
    live: Live,
) -> None:
    ann, bob, cat = [await live.person() for _ in range(3)]
    room = await together(ann, bob)
    await bob.until(of(ann, "online"))
    path = f"/api/v1/rooms/{room}/members/{bob.user['id']}"
    assert (await ann.rest("DELETE", path)).status_code == 204
    await bob.until("room.left")
    bob.frames.clear()
    for status in ("away", "online"):
        await ann.ask({"type": "presence", "status": status})
    for one in (bob, cat):
        await one.ask({"type": "presence", "status": "online"})
        assert not any(f["type"] == "presence" for f in one.frames)


async def test_on_two_nodes_each_sees_the_other_and_a_dead_node_fades_away(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with (
        running(database_url, valkey_url, tmp_path / "a", "gw-a") as one,
        running(database_url, valkey_url, tmp_path / "b", "gw-b") as two,
    ):
        ann = await one.person()
        bob = Client(two, await one.registered())
        await bob.connect()
        await together(ann, bob)
        await ann.until(of(bob, "online"))
        await bob.until(of(ann, "online"))
        phone = Client(two, {"user": ann.user, "access_token": ann.token})
        await phone.connect()
        await phone.until(of(bob, "online"))
        # What a dead node had said is gone a minute later; here it is taken away at once.
        kept = one.house.realtime.attendance
        await kept._go_round()
        await kept._store._redis.delete(f"presence:{{{bob.user['id']}}}")
        await kept._go_round()
        await ann.until(of(bob, "offline"))
        await two.house.realtime.attendance._go_round()
        await kept._go_round()
        await ann.until(of(bob, "online"))


async def test_what_the_store_did_not_take_is_caught_up_with_at_the_next_round(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await live.person(), await live.person()
    attendance, refused = live.house.realtime.attendance, asyncio.Event()

    async def away(*_: object) -> None:
        refused.set()
        raise PresenceUnknown

    with monkeypatch.context() as broken:
        broken.setattr(attendance._store, "mark", away)
        await together(ann, bob)
        await asyncio.wait_for(refused.wait(), 10)
    await attendance._go_round()
    await ann.until(of(bob, "online"))
    await bob.until(of(ann, "online"))
