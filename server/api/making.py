"""Companions of one's own over REST, and their review by staff.

A new one is private. `visibility` `public` or `unlisted` asks for a review; until it is approved
only its maker meets it, and every change asks anew.
"""

from typing import Annotated

from msgspec import Meta, Struct

from rooms.companions.draft import Draft
from rooms.companions.making import Made, Own, Waiting
from rooms.errors import ProductError
from server.api.admin import Why, guard
from server.rest import Call, Routes

BODY_BYTES = 65_536
routes = Routes(tag="companions")
reviews = Routes(tag="watching", guard=guard)


class Reviews(Struct, frozen=True):
    """What waits, the longest waiting first."""

    items: list[Waiting]


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`digest` is that of the document that was read. `why` goes into the audit log, and where it
    is a no to the companion's maker."""

    approved: bool
    digest: Annotated[str, Meta(min_length=64, max_length=64)]
    why: Why


@routes.get("/api/v1/companions/mine")
async def own_companions(call: Call) -> Own:
    """The companions you made, with what you wrote, and how many you may have."""
    return await call.house.making.own(call.principal)


@routes.post("/api/v1/companions", status=201, body_bytes=BODY_BYTES)
async def make_companion(call: Call, body: Draft) -> Made:
    """Make a companion. It is yours alone unless you ask for it to be published."""
    return await call.house.making.make(call.principal, body)


@routes.get("/api/v1/companions/{companion}/draft")
async def companion_draft(call: Call, companion: str) -> Made:
    """What you wrote of a companion you made."""
    return await call.house.making.mine(call.principal, companion)


@routes.put("/api/v1/companions/{companion}", body_bytes=BODY_BYTES)
async def change_companion(call: Call, companion: str, body: Draft) -> Made:
    """Write a companion of yours anew. What others may see is reviewed again."""
    return await call.house.making.change(call.principal, companion, body)


@routes.delete("/api/v1/companions/{companion}", status=204)
async def take_away_companion(call: Call, companion: str) -> None:
    """Take a companion of yours away. Conversations with it stay."""
    await call.house.making.take_away(call.principal, companion)


@reviews.get("/api/v1/admin/companions/reviews", role="admin")
async def companions_to_review(call: Call) -> Reviews:
    """Companions that people want to publish."""
    await call.house.staff.admit(call.principal, "companions.list", rarely=True)
    return Reviews(await call.house.making.waiting())


@reviews.post("/api/v1/admin/companions/{companion}/review", role="admin", status=204)
async def review_companion(call: Call, companion: str, body: Decision) -> None:
    """Approve a companion, or say no to it: then its maker reads why. Audited."""
    act = "companions.approve" if body.approved else "companions.reject"
    staff = call.house.staff
    await staff.admit(call.principal, act, why=body.why, note=companion[:64])
    try:
        await call.house.making.decide(companion, body.digest, body.why, approved=body.approved)
    except ProductError as error:
        await staff.failed(call.principal, act, "", error)
        raise
