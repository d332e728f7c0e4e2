"""People make companions: theirs alone at first, others' after a review, nobody's to write over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2 as httpx
import msgspec
import pytest
from starlette.applications import Starlette

from config.plans import Plan
from media.avatar.portraits import Portraits
from media.avatar.sheet_form import SHEET_VERSION
from media.avatar.sheets import Sheets
from rooms.companions.catalogue import Catalogue
from rooms.companions.companion import companion_from_table
from rooms.companions.draft import Draft, companion_of, draft_of
from rooms.companions.making import Making
from rooms.errors import Unauthorized
from rooms.moderation.rules import RuleScreen, shipped_rules
from rooms.ports import Principal
from rooms.shapes import Person
from server.api import companions, faces, making
from storage.companions import find_companion

pytestmark = pytest.mark.stores
PLANS = {
    "free": Plan(custom_companions=2),
    "none": Plan(),
    "vip": Plan(custom_companions="unlimited"),
}
FACE = {"version": 1, "origin": "pacific", "hair": {"style": "bob"}}
DRAFT = {"name": "Tāne Ruru", "age": 37, "gender": "man", "origin": "pacific", "appearance": FACE}


class OpenLimits:
    async def admit(self, call: object, operation: object) -> None:
        """Nobody is turned away here."""


class OpenStaff:
    """Writes no audit line: that is tried where staff is."""

    async def admit(self, who: object, act: str, **more: object) -> None:
        """Everybody this test lets sign in as an administrator."""

    async def refused(self, who: object, act: str, room: str, error: object) -> None:
        """Nor of who is turned away."""

    async def failed(self, who: object, act: str, room: str, error: object) -> None:
        """Nor of what did not come about."""


class SmallHouse:
    """What these routes ask for; tokens are `id/plan`, `m_` are minors, `a_` administrators."""

    def __init__(self, db: asyncpg.Pool, folder: Path) -> None:
        self.catalogue = Catalogue(db, PLANS, lambda: 0)
        screen = RuleScreen(shipped_rules())
        self.making = Making(db, self.catalogue, PLANS, screen)
        self.portraits = Portraits(folder / "portraits")
        self.sheets = Sheets(folder / "sheets")
        self.limits = OpenLimits()
        self.staff = OpenStaff()

    async def authenticate(self, token: str) -> Principal:
        who, _, plan = token.partition("/")
        if plan not in PLANS:
            raise Unauthorized("This token is not known.")
        person = Person(
            id=who, username="sam", display_name="Sam", role="admin" if who[0] == "a" else "member",
            plan=plan, language="en", timezone="UTC", country="FR",
        )  # fmt: skip
        return Principal(person=person, sign_in="s_1", minor=who[0] == "m")


@pytest.fixture
async def client(database: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    house = SmallHouse(database, tmp_path)
    await house.catalogue.load_cast()
    groups = (making.routes, making.reviews, companions.routes, faces.routes)
    app = Starlette(routes=[route for group in groups for route in group.starlette()])
    app.state.house = house
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kindred.test") as found:
        yield found


def by(who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {who if '/' in who else who + '/free'}"}


async def make(client: httpx.AsyncClient, who: str = "p_1", **changes: Any) -> httpx.Response:
    return await client.post("/api/v1/companions", json=DRAFT | changes, headers=by(who))


async def listed(client: httpx.AsyncClient, who: str) -> list[str]:
    page = await client.get("/api/v1/companions?sort=newest&limit=50", headers=by(who))
    return [card["name"] for card in page.json()["items"]]


async def test_a_new_companion_is_its_makers_alone(client: httpx.AsyncClient) -> None:
    answer = await make(client)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["slug"].startswith("tane-ruru-")
    assert made["review"] == "approved"
    assert "Tāne Ruru" in await listed(client, "p_1")
    assert "Tāne Ruru" not in await listed(client, "p_2")
    path = f"/api/v1/companions/{made['companion']}"
    assert (await client.get(path, headers=by("p_1"))).status_code == 200
    assert (await client.get(path, headers=by("p_2"))).status_code == 404
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/draft", headers=by("p_2"))).status_code == 404
    own = (await client.get("/api/v1/companions/mine", headers=by("p_1"))).json()
    assert [one["companion"] for one in own["items"]] == [made["companion"]]
    assert own["most"] == 2


async def test_a_private_face_is_shown_to_whoever_knows_its_version_and_to_nobody_else(
    client: httpx.AsyncClient,
) -> None:
    card = (await make(client)).json()["card"]
    bare, version = card["portrait"].split("?v=")
    assert (await client.get(f"{bare}?size=96")).status_code == 404
    assert (await client.get(f"{bare}?size=96&v=000000000000")).status_code == 404
    seen = await client.get(f"{card['portrait']}&size=96")
    assert seen.status_code == 200
    assert seen.headers["cache-control"].startswith("private")
    face = bare.replace("portrait.png", "face.webp")
    assert (await client.get(face)).status_code == 404
    living = await client.get(f"{face}?v={version}&s={SHEET_VERSION}&size=200")
    assert living.content[8:12] == b"WEBP"
    assert living.headers["cache-control"] == "private, max-age=31536000, immutable"


async def test_publishing_waits_for_a_review_and_so_does_each_change(
    client: httpx.AsyncClient,
) -> None:
    made = (await make(client, visibility="public")).json()
    assert made["review"] == "pending"
    assert "Tāne Ruru" not in await listed(client, "p_2")
    assert "Tāne Ruru" in await listed(client, "p_1")
    (waiting,) = await reviews(client)
    assert waiting["draft"]["name"] == "Tāne Ruru"
    assert (await decide(client, waiting, approved=True)).status_code == 204
    assert "Tāne Ruru" in await listed(client, "p_2")
    assert await reviews(client) == []
    changed = await client.put(
        f"/api/v1/companions/{made['companion']}", headers=by("p_1"),
        json=DRAFT | {"visibility": "public", "backstory": "Something else entirely."},
    )  # fmt: skip
    assert changed.json()["review"] == "pending"
    assert "Tāne Ruru" not in await listed(client, "p_2")
    assert (await decide(client, waiting, approved=True)).json()["code"] == "review_stale"
    (again,) = await reviews(client)
    assert (await decide(client, again, approved=False)).status_code == 204
    assert "Tāne Ruru" not in await listed(client, "p_2")


async def test_whoever_is_refused_reads_why_and_nobody_else_does(
    client: httpx.AsyncClient,
) -> None:
    made = (await make(client, visibility="public")).json()
    assert made["why"] == ""
    (waiting,) = await reviews(client)
    assert waiting["since"] > 1_700_000_000_000
    answer = await decide(client, waiting, approved=False, why="The story names a real person.")
    assert answer.status_code == 204
    path = f"/api/v1/companions/{made['companion']}"
    told = (await client.get(f"{path}/draft", headers=by("p_1"))).json()
    assert (told["review"], told["why"]) == ("rejected", "The story names a real person.")
    (own,) = (await client.get("/api/v1/companions/mine", headers=by("p_1"))).json()["items"]
    assert own["why"] == "The story names a real person."
    assert "why" not in (await client.get(path, headers=by("p_1"))).json()
    again = DRAFT | {"visibility": "public", "backstory": "A story of nobody."}
    changed = (await client.put(path, json=again, headers=by("p_1"))).json()
    assert (changed["review"], changed["why"]) == ("pending", "")
    (waiting,) = await reviews(client)
    await decide(client, waiting, approved=True, why="Nothing against it.")
    told = (await client.get(f"{path}/draft", headers=by("p_1"))).json()
    assert (told["review"], told["why"]) == ("approved", "")


@pytest.mark.parametrize("why", ["", "x" * 501, "a\0b"])
async def test_a_decision_needs_a_reason(client: httpx.AsyncClient, why: str) -> None:
    await make(client, visibility="public")
    (waiting,) = await reviews(client)
    assert (await decide(client, waiting, approved=False, why=why)).status_code == 422
    assert len(await reviews(client)) == 1


async def reviews(client: httpx.AsyncClient) -> list[Any]:
    answer = await client.get("/api/v1/admin/companions/reviews", headers=by("a_1"))
    items: list[Any] = answer.json()["items"]
    return items


async def decide(
    client: httpx.AsyncClient, one: Any, *, approved: bool, why: str = "read"
) -> httpx.Response:
    body = {"approved": approved, "digest": one["digest"], "why": why}
    path = f"/api/v1/admin/companions/{one['companion']}/review"
    return await client.post(path, json=body, headers=by("a_1"))


async def test_only_its_maker_changes_it_or_takes_it_away(
    client: httpx.AsyncClient, database: asyncpg.Pool
) -> None:
    made = (await make(client)).json()
    path = f"/api/v1/companions/{made['companion']}"
    assert (await client.put(path, json=DRAFT, headers=by("p_2"))).status_code == 404
    assert (await client.delete(path, headers=by("p_2"))).status_code == 404
    assert (await client.put("/api/v1/companions/c_mira", json=DRAFT, headers=by("p_1"))
            ).status_code == 404  # fmt: skip
    renamed = await client.put(path, json=DRAFT | {"name": "Kiri"}, headers=by("p_1"))
    assert (renamed.json()["slug"], renamed.json()["draft"]["name"]) == (made["slug"], "Kiri")
    assert (await client.get(path, headers=by("p_1"))).json()["name"] == "Kiri"
    assert (await client.delete(path, headers=by("p_1"))).status_code == 204
    assert "Kiri" not in await listed(client, "p_1")
    assert (await client.delete(path, headers=by("p_1"))).status_code == 404
    row = await find_companion(database, made["companion"])
    assert row is not None
    assert row.review == "retired"


async def test_plans_bound_how_many_also_when_all_are_made_at_once(
    client: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(*(make(client) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [201, 201, 409, 409, 409]
    refused = await make(client, "p_3/none")
    assert (refused.status_code, refused.json()["code"]) == (402, "plan_required")
    assert refused.json()["plans"] == ["free", "vip"]
    assert (await make(client, "p_4/vip")).status_code == 201
    mine = (await client.get("/api/v1/companions/mine", headers=by("p_4/vip"))).json()
    assert mine["most"] is None


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        ({"age": 17}, 422, "$.age"),
        ({"name": ""}, 422, "$.name"),
        ({"name": "a\0b"}, 422, None),
        ({"origin": "martian"}, 422, "$.origin"),
        ({"appearance": FACE | {"skin": {"tone": 4}}}, 422, "$.appearance.skin.tone"),
        ({"appearance": FACE | {"wings": 2}}, 422, "$.appearance"),
        ({"voice": "nobody"}, 422, None),
        ({"personality": {"charm": 1}}, 422, None),
        ({"rating": "explicit"}, 422, "$.rating"),
        ({"backstory": "x" * 4001}, 422, "$.backstory"),
    ],
)
async def test_what_is_no_adult_companion_is_refused(
    client: httpx.AsyncClient, changes: dict[str, Any], status: int, path: str | None
) -> None:
    answer = await make(client, **changes)
    assert (answer.status_code, answer.json().get("path")) == (status, path), answer.text
    assert (await client.get("/api/v1/companions/mine", headers=by("p_1"))).json()["items"] == []


async def test_minors_make_none_and_strangers_neither(client: httpx.AsyncClient) -> None:
    refused = await make(client, "m_1")
    assert (refused.status_code, refused.json()["code"]) == (403, "adults_only")
    assert (await client.post("/api/v1/companions", json=DRAFT)).status_code == 401
    assert (await client.get("/api/v1/admin/companions/reviews", headers=by("p_1"))
            ).status_code == 403  # fmt: skip


async def test_a_preview_is_drawn_for_whoever_is_signed_in(client: httpx.AsyncClient) -> None:
    body = {"appearance": FACE}
    assert (await client.post("/api/v1/faces/preview", json=body)).status_code == 401
    seen = await client.post("/api/v1/faces/preview", json=body, headers=by("p_1"))
    assert seen.headers["content-type"] == "image/webp"
    assert seen.headers["x-content-generator"] == "Kindred; ai=true"
    assert seen.content[8:12] == b"WEBP"


async def test_a_face_may_be_kept_for_good_under_its_version(client: httpx.AsyncClient) -> None:
    card = (await client.get("/api/v1/companions?q=mira")).json()["items"][0]
    face = card["portrait"].replace("portrait.png", "face.webp")
    known = await client.get(f"{face}&s={SHEET_VERSION}")
    assert known.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in (await client.get(f"{face}&s=999")).headers["cache-control"]
    again = await client.get(
        f"{face}&s={SHEET_VERSION}", headers={"if-none-match": known.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_draft_becomes_a_whole_document_and_comes_back() -> None:
    draft = msgspec.convert(DRAFT | {"interests": ["tides"], "tags": ["Sea"]}, Draft)
    companion = companion_of(draft, "tane-1")
    assert companion.tags == ["sea"]
    assert companion.pronouns == "he/him"
    assert len(companion.demo_persona) <= 260
    again = companion_of(draft_of(companion), "tane-1")
    assert again == companion
    assert companion_from_table(msgspec.to_builtins(companion), "kept") == companion
