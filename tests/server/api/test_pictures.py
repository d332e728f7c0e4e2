"""A face of one's own for a companion: only with a statement, seen by its owner, then gone."""

import base64
import functools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from config.plans import Plan
from media.avatar.picture.claims import PictureRefused
from media.avatar.picture.portrait import PortraitMaker
from media.avatar.raster import rasterise
from media.avatar.still import draw
from rooms.companions.catalogue import CAST, Catalogue
from rooms.companions.companion import read_companion
from rooms.companions.pictures import Pictures, worn
from rooms.errors import Unauthorized
from rooms.ports import Principal
from rooms.shapes import Person
from server.api.pictures import routes
from storage.people import consents

pytestmark = pytest.mark.stores
SAID = {"owns": True, "adults": True, "depicts": "nobody"}
PATH = "/api/v1/companions/mira/picture"


class OpenLimits:
    async def admit(self, call: object, operation: object) -> None:
        """Nobody is turned away here."""


class SmallHouse:
    """What these routes ask for; the token is the person's id, `m_` ones are minors."""

    def __init__(self, db: asyncpg.Pool) -> None:
        self.catalogue = Catalogue(db, {"free": Plan()}, lambda: 0)
        self.pictures = Pictures(db, PortraitMaker(), self.catalogue)
        self.limits = OpenLimits()

    async def authenticate(self, token: str) -> Principal:
        if token not in ("p_1", "p_2", "m_1"):
            raise Unauthorized("This token is not known.")
        person = Person(
            id=token, username="sam", display_name="Sam", role="member", plan="free",
            language="en", timezone="UTC", country="FR",
        )  # fmt: skip
        return Principal(person=person, sign_in="s_1", minor=token == "m_1")


@pytest.fixture
async def client(database: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    house = SmallHouse(database)
    await house.catalogue.load_cast()
    app = Starlette(routes=routes.starlette())
    app.state.house = house
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kindred.test") as found:
        yield found


@functools.cache
def drawn(slug: str) -> str:
    """A drawn portrait as base64."""
    svg = draw(read_companion(CAST / f"{slug}.toml").appearance).svg
    return base64.b64encode(rasterise(svg, 512)).decode()


def by(person: str) -> dict[str, str]:
    return {"authorization": f"Bearer {person}"}


async def give(
    client: httpx.AsyncClient, person: str = "p_1", picture: str = "", **said: Any
) -> httpx.Response:
    body = {"picture": picture or drawn("tomas"), "statement": SAID | said}
    return await client.post(PATH, json=body, headers=by(person))


async def test_a_picture_is_given_shown_to_its_owner_alone_and_taken_back(
    client: httpx.AsyncClient, database: asyncpg.Pool
) -> None:
    given = await give(client)
    assert given.status_code == 201, given.text
    assert given.json()["depicts"] == "nobody"
    assert given.json()["companion"] == "c_mira"
    jpeg = await client.get(PATH + ".jpg", headers=by("p_1"))
    assert jpeg.content.startswith(b"\xff\xd8\xff")
    assert jpeg.headers["cache-control"] == "private, no-store"
    assert await worn(database, "p_1", "c_mira") == jpeg.content
    assert await worn(database, "p_2", "c_mira") == b""
    other = await client.get(PATH, headers=by("p_2"))
    assert (other.status_code, other.json()["code"]) == (404, "picture_not_found")
    assert (await client.delete(PATH, headers=by("p_1"))).status_code == 204
    assert (await client.get(PATH, headers=by("p_1"))).status_code == 404
    assert await worn(database, "p_1", "c_mira") == b""


async def test_what_was_agreed_to_is_recorded_and_so_is_its_end(
    client: httpx.AsyncClient, database: asyncpg.Pool
) -> None:
    await give(client, depicts="somebody_who_agreed")
    await client.delete(PATH, headers=by("p_1"))
    told = [(one["purpose"], one["version"], one["granted"])
            for one in await consents(database, "p_1")]  # fmt: skip
    assert told == [
        ("companion_picture", "1/somebody_who_agreed", True),
        ("companion_picture", "1/somebody_who_agreed", False),
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [({"owns": False}, "picture_not_yours"), ({"adults": False}, "picture_not_adult")],
)
async def test_without_the_statement_nothing_is_looked_at(
    client: httpx.AsyncClient, database: asyncpg.Pool, said: dict[str, Any], code: str
) -> None:
    answer = await give(client, **said)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await worn(database, "p_1", "c_mira") == b""
    assert await consents(database, "p_1") == []


async def test_minors_are_refused(client: httpx.AsyncClient) -> None:
    answer = await give(client, "m_1")
    assert (answer.status_code, answer.json()["code"]) == (403, "adults_only")


async def test_a_bad_picture_is_answered_by_its_code_and_the_service_lives_on(
    client: httpx.AsyncClient,
) -> None:
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    for data, code in (
        (b"no picture at all", "picture_unreadable"),
        (bomb, "picture_too_many_pixels"),
        (b"GIF89a" + bytes(60), "picture_animated"),
    ):
        answer = await give(client, picture=base64.b64encode(data).decode())
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["path"] == "$.picture"
    assert (await give(client)).status_code == 201


async def test_an_unknown_companion_gets_no_picture(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/companions/nobody/picture",
        json={"picture": drawn("tomas"), "statement": SAID},
        headers=by("p_1"),
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "companion_not_found")


class Judge:
    """An operator's judge of ages, who has made up their mind."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.seen: list[bytes] = []

    async def admit(self, portrait: bytes) -> None:
        self.seen.append(portrait)
        if self.reason:
            raise PictureRefused("No single adult face was found.", reason=self.reason)


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("", 201, None),
        ("not_adult", 422, "picture_no_adult_face"),
        ("no_check", 503, "pictures_unavailable"),
    ],
)
async def test_the_operators_judge_decides_and_what_it_refuses_is_not_kept(
    database: asyncpg.Pool, reason: str, status: int, code: str | None
) -> None:
    judge, catalogue = Judge(reason), Catalogue(database, {"free": Plan()}, lambda: 0)
    await catalogue.load_cast()
    house = SmallHouse(database)
    house.catalogue = catalogue
    house.pictures = Pictures(database, PortraitMaker(), catalogue, judge)
    app = Starlette(routes=routes.starlette())
    app.state.house = house
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kindred.test") as client:
        answer = await give(client)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert judge.seen[0].startswith(b"\xff\xd8\xff")
    kept = await worn(database, "p_1", "c_mira")
    assert kept == (judge.seen[0] if not reason else b"")
    assert bool(await consents(database, "p_1")) == (not reason)
