"""What a client should know before anybody signs in: versions, plans, what the model is."""

from typing import Any

from msgspec import Struct, to_builtins

from config.plans import Quota
from server.rest import Call, Routes

routes = Routes(tag="meta")


class PlanView(Struct, frozen=True, kw_only=True):
    """A plan in short. `custom_companions`: how many one may make oneself; null is no limit."""

    title: str
    price_cents: int
    allowance_microcredits: int
    allowance_period: str
    discount_percent: int
    requests_per_minute: int
    unmetered: bool
    voice: bool
    video: bool
    custom_companions: int | None


class Meta(Struct, frozen=True, kw_only=True):
    """This installation. `camera`: people may show theirs in a video call, to a model that sees;
    `camera_checked`: a service of the operator's judges each picture first."""

    name: str
    version: str
    demo_model: bool
    model: str
    preset: str
    currency: str
    default_plan: str
    plans: dict[str, PlanView]
    prices: dict[str, Any]
    languages: list[str]
    terms_version: str
    privacy_version: str
    minimum_age_years: int
    message_characters: int
    reply_tokens: int
    calls: bool
    recorded_calls: bool
    camera: bool
    camera_checked: bool
    voice_notes: bool
    voice_note_seconds: int


@routes.get("/api/v1/meta", public=True)
async def meta(call: Call) -> Meta:
    """Versions, plans, prices, and whether a demonstration model answers."""
    house = call.house
    settings = house.settings
    return Meta(
        name="Kindred",
        version=house.version,
        demo_model=house.router.is_demo,
        model=house.router.model,
        preset=settings.preset,
        currency=settings.business.currency,
        default_plan=settings.default_plan,
        plans={
            name: PlanView(
                title=plan.title,
                price_cents=plan.price_cents,
                allowance_microcredits=plan.allowance_microcredits,
                allowance_period=plan.allowance_period,
                discount_percent=plan.discount_percent,
                requests_per_minute=plan.requests_per_minute,
                unmetered=plan.unmetered,
                voice=plan.voice,
                video=plan.video,
                custom_companions=_limit(plan.custom_companions),
            )
            for name, plan in settings.plans.items()
        },
        prices=to_builtins(settings.prices),
        languages=settings.features.languages,
        terms_version=settings.accounts.terms_version,
        privacy_version=settings.accounts.privacy_version,
        minimum_age_years=settings.accounts.minimum_age_years,
        message_characters=settings.rooms.message_characters,
        calls=settings.calls.enabled,
        recorded_calls=settings.calls.enabled and settings.recordings.calls,
        camera=house.call_door.camera,
        camera_checked=bool(settings.calls.camera_check_url),
        voice_notes=house.recordings.notes_offered,
        voice_note_seconds=settings.recordings.note_seconds,
        reply_tokens=min(settings.rooms.reply_tokens, house.router.max_output_tokens),
    )


def _limit(quota: Quota) -> int | None:
    return None if quota == "unlimited" else int(quota)
