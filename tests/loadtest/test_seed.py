"""Seeded people can do everything at once, and nobody else can read their file."""

import stat
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from config.load import load
from config.settings import Settings
from loadtest.people import NoPeople, PeopleFile, read_people, write_people
from loadtest.plan import Account
from loadtest.seed import Wanted, forget, seed
from rooms.errors import NotFound
from tests.live import Client, Live

pytestmark = pytest.mark.stores


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(None, {"KINDRED_DATA": str(tmp_path)})


async def seeded(db: asyncpg.Pool, settings: Settings, out: Path, **wanted: Any) -> list[Account]:
    await seed(db, settings, Wanted(**wanted), out)
    return read_people(out, wanted["people"], time.time())


async def test_everyone_seeded_can_sign_in_and_talk_at_once(live: Live, tmp_path: Path) -> None:
    out = tmp_path / "people.json"
    people = await seeded(live.house.db, live.settings, out, people=12)
    assert len({one.token for one in people}) == 12
    for one in people:
        client = Client(live, {"user": {"id": one.person}, "access_token": one.token})
        await client.connect()
        assert client.ready["user"]["id"] == one.person
        ack = await client.say(one.room, "Hello")
        done = await client.done(ack["reply"])
        assert done["status"] == "completed"
        await client.close()


async def test_a_shared_room_reaches_everyone_in_it(live: Live, tmp_path: Path) -> None:
    out = tmp_path / "people.json"
    people = await seeded(live.house.db, live.settings, out, people=3, shared_room=True)
    assert len({one.shared for one in people}) == 1
    clients = []
    for one in people:
        client = Client(live, {"user": {"id": one.person}, "access_token": one.token})
        await client.connect()
        clients.append(client)
    await clients[0].say(people[0].shared, "Hello, everyone")
    for client in clients:
        await client.until("reply.done")
        await client.close()


async def test_nobody_signs_in_to_them_with_a_password(live: Live, tmp_path: Path) -> None:
    people = await seeded(live.house.db, live.settings, tmp_path / "p.json", people=1)
    row = await live.house.db.fetchrow(
        "SELECT username FROM people WHERE person = $1", people[0].person
    )
    for password in ("", "!", "correct horse battery"):
        form = {"email": row["username"], "password": password}
        answer = await live.http.post("/api/v1/users/login", json=form)
        assert answer.status_code in (401, 422), answer.text


async def test_they_have_the_credits_they_were_given(
    database: asyncpg.Pool, settings: Settings, tmp_path: Path
) -> None:
    people = await seeded(database, settings, tmp_path / "p.json", people=2, credits=7.5)
    lots = await database.fetchval("SELECT lots FROM wallets WHERE person = $1", people[0].person)
    assert 7_500_000 in [one["amount"] for one in lots] or "7500000" in str(lots)


async def test_an_unknown_companion_is_said(
    database: asyncpg.Pool, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        await seed(database, settings, Wanted(people=1, companion="nobody"), tmp_path / "p")
    assert not (tmp_path / "p").exists()


async def test_seeded_people_can_be_taken_away_again(live: Live, tmp_path: Path) -> None:
    """All of them and nobody else, with all they said; then their file."""
    mine, others = tmp_path / "mine.json", tmp_path / "others.json"
    db = live.house.db
    [one] = await seeded(db, live.settings, mine, people=1)
    [other] = await seeded(db, live.settings, others, people=1)
    client = Client(live, {"user": {"id": one.person}, "access_token": one.token})
    await client.connect()
    ack = await client.say(one.room, "Remember me")
    await client.done(ack["reply"])
    await client.close()
    said = "SELECT count(*) FROM messages WHERE home = $1"
    assert await db.fetchval(said, one.person) >= 2
    [line] = await forget(db, mine)
    assert line.startswith("1 people erased")
    assert await db.fetchval(said, one.person) == 0
    left = await db.fetch("SELECT person FROM people")
    assert [row["person"] for row in left] == [other.person]
    assert not mine.exists()
    assert others.exists()


def someone(number: int) -> Account:
    return Account(person=f"u_{number}", token="t", room="r")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "people.json"
    for _ in range(2):  # also when it is written over
        write_people(path, PeopleFile(expires_at=2e9, people=[someone(1)]))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(NoPeople, match="chmod 600"):
        read_people(path, 1, 1e9)


def test_a_file_that_does_not_serve_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    with pytest.raises(NoPeople, match="kindred loadtest seed --people 5"):
        read_people(path, 5, 1e9)
    write_people(path, PeopleFile(expires_at=2e9, people=[someone(n) for n in range(3)]))
    assert [one.person for one in read_people(path, 2, 1e9)] == ["u_0", "u_1"]
    with pytest.raises(NoPeople, match="holds 3 people, not 5"):
        read_people(path, 5, 1e9)
    with pytest.raises(NoPeople, match="run out"):
        read_people(path, 2, 3e9)
    path.write_text("{}")
    with pytest.raises(NoPeople, match="cannot be read"):
        read_people(path, 1, 1e9)
