"""A companion's figure: given with a statement, one's own or the house's, gone with its file."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from config.figures import FigureSettings
from config.plans import Plan
from rooms.companions.catalogue import Catalogue
from rooms.companions.figures import Figures
from rooms.errors import Forbidden, Unauthorized
from rooms.ports import Principal
from rooms.shapes import Person
from server.api.figures import routes
from storage.blobs import FileBlobs
from storage.erase import erase
from storage.people import consents
from tests.figures.maker import head

pytestmark = pytest.mark.stores
PATH = "/api/v1/companions/mira/figure"
ALL = "/api/v1/admin/companions/mira/figure"
SAID = "owns=true&adults=true&depicts=nobody"


class OpenLimits:
    async def admit(self, call: object, operation: object) -> None:
        """Nobody is turned away here."""


class Staff:
    async def admit(self, who: Principal, act: str, **more: str) -> None:
        """The audit log is tested where it is kept."""
        assert act.startswith("figure.")
        if who.person.role != "admin":
            raise Forbidden("Not you.")


class Settings:
    figures = FigureSettings(file_bytes=200_000, kept_count=2, kept_bytes=150_000)


class SmallHouse:
    """What these routes ask for; the token is the person's id, `m_` a minor, `a_` staff."""

    settings = Settings()

    def __init__(self, db: asyncpg.Pool, folder: Path) -> None:
        self.catalogue = Catalogue(db, {"free": Plan()}, lambda: 0)
        self.blobs = FileBlobs(folder, bytes(32))
        self.figures = Figures(db, self.blobs, self.settings.figures, self.catalogue)
        self.limits = OpenLimits()
        self.staff = Staff()

    async def authenticate(self, token: str) -> Principal:
        if token not in ("p_1", "p_2", "m_1", "a_1"):
            raise Unauthorized("This token is not known.")
        person = Person(
            id=token, username="sam", display_name="Sam",
            role="admin" if token == "a_1" else "member", plan="free",
            language="en", timezone="UTC", country="FR",
        )  # fmt: skip
        return Principal(person=person, sign_in="s_1", minor=token == "m_1")


@pytest.fixture
async def house(database: asyncpg.Pool, tmp_path: Path) -> SmallHouse:
    made = SmallHouse(database, tmp_path)
    await made.catalogue.load_cast()
    return made


@pytest.fixture
async def client(house: SmallHouse) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes.starlette())
    app.state.house = house
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kindred.test") as found:
        yield found


def by(person: str) -> dict[str, str]:
    return {"authorization": f"Bearer {person}"}


async def give(
    client: httpx.AsyncClient,
    data: bytes,
    person: str = "p_1",
    *,
    said: str = SAID,
    path: str = PATH,
) -> httpx.Response:
    return await client.post(f"{path}?{said}", content=data, headers=by(person))


def files(folder: Path) -> int:
    return sum(1 for path in folder.glob("??/*") if path.is_file())


async def test_a_figure_is_given_seen_by_its_owner_alone_and_taken_back(
    client: httpx.AsyncClient, database: asyncpg.Pool, tmp_path: Path
) -> None:
    given = await give(client, head("vrm1"))
    assert given.status_code == 201, given.text
    told = given.json()
    assert (told["companion"], told["everybody"]) == ("c_mira", False)
    assert (told["about"]["kind"], told["about"]["mouth"]) == ("vrm1", "vowels")
    file = await client.get(PATH + ".glb", headers=by("p_1"))
    assert file.content == head("vrm1")
    assert file.headers["content-type"] == "model/gltf-binary"
    assert "sandbox" in file.headers["content-security-policy"]
    again = await client.get(
        PATH + ".glb", headers=by("p_1") | {"if-none-match": file.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get(PATH + ".glb", headers=by("p_2"))
    assert (other.status_code, other.json()["code"]) == (404, "figure_not_found")
    assert files(tmp_path) == 1
    assert all(b"glTF" not in path.read_bytes() for path in tmp_path.glob("??/*"))
    assert (await client.delete(PATH, headers=by("p_1"))).status_code == 204
    assert (await client.delete(PATH, headers=by("p_1"))).status_code == 404
    assert files(tmp_path) == 0
    said = [(one["purpose"], one["version"], one["granted"])
            for one in await consents(database, "p_1")]  # fmt: skip
    assert said == [("companion_figure", "1/nobody", True), ("companion_figure", "1/nobody", False)]


async def test_the_houses_figure_is_everybodys_until_one_gives_another(
    client: httpx.AsyncClient,
) -> None:
    assert (await give(client, head(), "p_1", path=ALL)).status_code == 403
    given = await give(client, head(), "a_1", path=ALL)
    assert given.json()["everybody"] is True
    assert (await client.get(PATH, headers=by("p_2"))).json()["everybody"] is True
    await give(client, head("arkit"), "p_2")
    own = (await client.get(PATH, headers=by("p_2"))).json()
    assert (own["everybody"], own["about"]["mouth"]) == (False, "arkit")
    assert (await client.get(PATH, headers=by("p_1"))).json()["about"]["mouth"] == "visemes"
    assert (await client.delete(PATH, headers=by("p_1"))).status_code == 404
    assert (await client.delete(ALL, headers=by("a_1"))).status_code == 204
    assert (await client.get(PATH, headers=by("p_1"))).status_code == 404
    assert (await client.get(PATH + ".glb", headers=by("p_2"))).content == head("arkit")


async def test_another_figure_takes_the_place_and_the_room_of_the_last(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    for kind in ("visemes", "arkit", "vrm1"):
        assert (await give(client, head(kind))).status_code == 201
    assert files(tmp_path) == 1
    full = []
    for slug in ("noor", "leila"):
        path = f"/api/v1/companions/{slug}/figure"
        full.append((await give(client, head("jaw"), path=path)).status_code)
    refused = await give(client, head("jaw"), path="/api/v1/companions/wei/figure")
    assert (full, refused.json()["code"]) == ([201, 409], "figure_limit")
    assert files(tmp_path) == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("adults=true", "figure_not_yours"),
        ("owns=true", "figure_not_adult"),
        ("owns=false&adults=true", "figure_not_yours"),
    ],
)
async def test_without_the_statement_nothing_is_read(
    client: httpx.AsyncClient, database: asyncpg.Pool, tmp_path: Path, said: str, code: str
) -> None:
    answer = await give(client, b"anything", said=said)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert files(tmp_path) == 0
    assert await consents(database, "p_1") == []


async def test_what_will_not_do_is_told_by_its_code_and_the_house_lives_on(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    for data, status, code in (
        (b"no figure at all", 422, "figure_unreadable"),
        (head()[:-8], 422, "figure_damaged"),
        (bytes(300_000), 413, "too_large"),
    ):
        answer = await give(client, data)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    minor = await give(client, head(), "m_1")
    assert (minor.status_code, minor.json()["code"]) == (403, "adults_only")
    unknown = await give(client, head(), path="/api/v1/companions/nobody/figure")
    assert unknown.json()["code"] == "companion_not_found"
    assert files(tmp_path) == 0
    assert (await give(client, head())).status_code == 201


async def test_a_person_who_goes_takes_their_figures_along(
    client: httpx.AsyncClient, house: SmallHouse, database: asyncpg.Pool, tmp_path: Path
) -> None:
    await give(client, head())
    await give(client, head("arkit"), "a_1", path=ALL)
    kept = await house.figures.addresses_of("p_1")
    assert len(kept) == 1
    assert await erase(database, "p_1")
    await house.figures.forget(kept)
    assert files(tmp_path) == 1
    assert (await client.get(PATH, headers=by("p_2"))).json()["everybody"] is True
