"""Companions over HTTP: found, shown without their secrets, and pictured for good."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2 as httpx
import msgspec
import pytest
from starlette.applications import Starlette

from config.plans import Plan
from media.avatar.portraits import Portraits
from rooms.companions.catalogue import Catalogue
from rooms.errors import Unauthorized
from rooms.ports import Principal
from rooms.shapes import Person
from server.api.companions import KEPT_FOR_AN_HOUR, KEPT_FOR_GOOD, routes

pytestmark = pytest.mark.stores

PLANS = {"free": Plan(), "premium": Plan(price_cents=999)}


class OpenLimits:
    async def admit(self, call: object, operation: object) -> None:
        """Nobody is turned away here."""


class SmallHouse:
    """The services these routes ask for: the real ones, and sign-in by plan name."""

    def __init__(self, catalogue: Catalogue, portraits: Portraits) -> None:
        self.catalogue = catalogue
        self.portraits = portraits
        self.limits = OpenLimits()

    async def authenticate(self, token: str) -> Principal:
        if token not in PLANS:
            raise Unauthorized("This token is not known.")
        person = Person(
            id="p_1",
            username="sam",
            display_name="Sam",
            role="member",
            plan=token,
            language="fr",
            timezone="UTC",
            country="FR",
        )
        return Principal(person=person, sign_in="s_1")


@pytest.fixture
async def client(database: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    catalogue = Catalogue(database, PLANS, lambda: 0)
    await catalogue.load_cast()
    app = Starlette(routes=routes.starlette())
    app.state.house = SmallHouse(catalogue, Portraits(tmp_path))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kindred.test") as found:
        yield found


def signed(plan: str) -> dict[str, str]:
    return {"authorization": f"Bearer {plan}"}


async def test_a_stranger_lists_the_cast_with_facets(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/api/v1/companions?limit=5")).json()
    assert len(answer["items"]) == 5
    assert answer["has_more"]
    assert answer["facets"]["tier"] == {"free": 9, "premium": 2, "exclusive": 1}
    more = (await client.get(f"/api/v1/companions?limit=50&cursor={answer['cursor']}")).json()
    assert len(more["items"]) == 7
    assert not more["has_more"]


async def test_search_and_filters_narrow(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/v1/companions", params={"q": "organ"})).json()["items"]
    assert found[0]["slug"] == "tomas"
    both = (await client.get("/api/v1/companions?tags=calm,dry humour")).json()["items"]
    assert {card["slug"] for card in both} == {"arun", "tomas"}


async def test_bad_queries_name_the_field(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/v1/companions?limit=1000")
    assert refused.status_code == 422
    assert refused.json()["path"] == "$.limit"
    assert (await client.get("/api/v1/companions?cursor=zz")).status_code == 400
    assert (await client.get("/api/v1/companions?gender=robot")).status_code == 422
    hostile = await client.get("/api/v1/companions", params={"q": "admin' OR '1'='1"})
    assert hostile.status_code == 200


async def test_a_profile_keeps_the_prompts_secrets(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/companions/mira")
    profile = answer.json()
    assert profile["id"] == "c_mira"
    assert profile["is_ai"] is True
    assert profile["locked"] is False
    for hidden in ("secret", "examples", "demo_persona", "speaking_style", "appearance"):
        assert hidden not in profile
    assert "seasick" not in answer.text
    assert (await client.get("/api/v1/companions/nobody")).status_code == 404


async def test_what_is_locked_depends_on_the_plan(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/companions/wei")).json()["locked"] is True
    paid = await client.get("/api/v1/companions/wei", headers=signed("premium"))
    assert paid.json()["locked"] is False
    assert (await client.get("/api/v1/companions", headers=signed("x"))).status_code == 401


async def test_recommendations_say_why(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/api/v1/companions/recommended?interests=trains&limit=3", headers=signed("free")
    )
    items = answer.json()["items"]
    assert len(items) == 3
    assert items[0]["companion"]["slug"] == "arun"
    assert items[0]["because"][0] == "You like trains"
    assert any("Speaks your language" in item["because"] for item in items)


async def test_personality_and_appearance_are_documents(client: httpx.AsyncClient) -> None:
    traits = (await client.get("/api/v1/companions/sol/personality")).json()
    assert traits["archetype"] == "maverick"
    assert 0 <= traits["traits"]["openness"] <= 1
    look = (await client.get("/api/v1/companions/sol/appearance")).json()
    assert look["appearance"]["hair"]["texture"] == "curly"
    assert set(look["anchors"]) >= {"eye_left", "eye_right", "mouth", "neck_pivot"}


async def test_a_portrait_may_be_kept_for_good_under_its_version(
    client: httpx.AsyncClient,
) -> None:
    card = (await client.get("/api/v1/companions?q=mira")).json()["items"][0]
    answer = await client.get(f"{card['portrait']}&size=90")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == KEPT_FOR_GOOD
    assert answer.content.startswith(b"\x89PNG")
    again = await client.get(
        f"{card['portrait']}&size=90", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    plain = await client.get("/api/v1/companions/mira/portrait.png?size=96")
    assert plain.headers["cache-control"] == KEPT_FOR_AN_HOUR
    assert plain.content == answer.content


async def test_the_drawing_is_served_as_a_harmless_document(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/companions/mira/portrait.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.text.startswith("<svg")
    assert 'data-layer="front-hair"' in answer.text


async def test_the_routes_are_described(client: httpx.AsyncClient) -> None:
    from server.rest.openapi import openapi

    document = msgspec.json.encode(openapi([routes], "1"))
    assert b"/api/v1/companions/{companion}/portrait.png" in document
