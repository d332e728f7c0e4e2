"""Calls over WebRTC, begun as WHIP has it (RFC 9725): an offer in, an answer out, one exchange.

The browser is the only one who offers. A connection is never mended: a new offer with `?call=`
goes on with the same call, on the same meter.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from rooms.calls.meter import call_price
from rooms.credits.calls import CallTerms
from rooms.errors import BadRequest
from server.api.call_records import own_call
from server.calls import links
from server.livekit import LiveKitCall
from server.rest import Call, Routes
from server.rest.reading import UnsupportedMediaType, read_body
from storage.calls import find_call, open_call_of

routes = Routes(tag="calls")
OFFER_BYTES = 64_000
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class CallQuery(Struct, frozen=True, kw_only=True):
    """`call`: a call whose connection was lost, which this one goes on with."""

    room: Name
    kind: Literal["voice", "video"] = "voice"
    call: Name | None = None


class IceServers(Struct, frozen=True, kw_only=True):
    """As a browser's RTCPeerConnection takes them. `seconds`: how long the credentials are good."""

    ice_servers: "list[IceServerView]"
    seconds: int


class IceServerView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    urls: list[str]
    username: str = ""
    credential: str = ""


@routes.post(
    "/v1/calls",
    status=201,
    scope="chat",
    body_bytes=OFFER_BYTES,
    takes=("application/sdp",),
    gives=("application/sdp",),
)
async def begin_call(call: Call, query: CallQuery) -> Response:
    """Call a room's companion: the body is an SDP offer, the answer's body is an SDP answer.

    `Location` is the call, `ETag` this connection (for further candidates), `Link` names ICE
    servers. Refused with 503 `at_capacity` while all media workers are full.
    """
    offer = await _text(call, "application/sdp")
    who, door = call.principal, call.house.call_door
    answered = await door.answer(
        who,
        offer,
        room=query.room,
        kind=query.kind,
        call=query.call,
        key=call.idempotency_key or call.request_id,
    )
    response = Response(
        answered.answer,
        201,
        {
            "location": f"/v1/calls/{answered.call}",
            "etag": f'"{answered.leg}"',
            "accept-patch": "application/trickle-ice-sdpfrag",
        },
        media_type="application/sdp",
    )
    for link in links(door.ice_servers(who.person.id)):
        response.headers.append("link", link)
    return response


@routes.post("/v1/calls/livekit", status=201, scope="chat")
async def begin_livekit_call(call: Call, query: CallQuery) -> LiveKitCall:
    """Call in a LiveKit room, where the operator has one: join with LiveKit's client."""
    return await call.house.livekit.begin(
        call.principal,
        room=query.room,
        kind=query.kind,
        call=query.call,
        key=call.idempotency_key or call.request_id,
    )


@routes.post(
    "/v1/calls/livekit/webhook",
    status=204,
    public=True,
    body_bytes=OFFER_BYTES,
    takes=("application/webhook+json",),
)
async def livekit_reports(call: Call) -> None:
    """LiveKit's webhook; its signature is checked."""
    data = await read_body(call.request, OFFER_BYTES)
    told = call.request.headers.get("authorization", "").removeprefix("Bearer ")
    call.house.livekit.reported(data.decode(errors="replace"), told)


@routes.patch(
    "/v1/calls/{call_id}",
    status=204,
    scope="chat",
    body_bytes=OFFER_BYTES,
    takes=("application/trickle-ice-sdpfrag",),
)
async def add_candidates(call: Call, call_id: str) -> None:
    """Further ICE candidates of the connection named by `If-Match`.

    An ICE restart is answered with 409 `ice_restart`: make a new offer with `?call=` instead.
    """
    fragment = await _text(call, "application/trickle-ice-sdpfrag")
    await own_call(call, call_id)
    leg = call.request.headers.get("if-match", "").strip().strip('"')
    if not leg or leg == "*":
        raise BadRequest("Name the connection in If-Match: its ETag.", code="if_match_needed")
    await call.house.call_door.trickle(leg, fragment)


@routes.delete("/v1/calls/{call_id}", status=204, scope="chat")
async def end_call(call: Call, call_id: str) -> None:
    """Hang up."""
    row = await own_call(call, call_id)
    await call.house.call_door.hang_up(call.principal, row.room, call_id, call.request_id)


class CurrentCall(Struct, frozen=True, kw_only=True):
    """A call one is in, at the price that was agreed; its seconds and cost are a little behind."""

    room: str
    call: str
    kind: Literal["voice", "video"]
    person: str
    companion: str
    microcredits_per_minute: int
    state: str
    seconds: int
    cost_microcredits: int


class Current(Struct, frozen=True):
    call: CurrentCall | None


@routes.get("/api/v1/calls/current", scope="chat")
async def current_call(call: Call) -> Current:
    """The call you are in, on whichever device: go on with it by an offer with `?call=`."""
    person, house = call.principal.person, call.house
    found = await open_call_of(house.db, person.id)
    row = await find_call(house.db, found[0]) if found is not None else None
    if row is None:
        return Current(None)
    kind: Literal["voice", "video"] = "video" if row.kind == "video" else "voice"
    agreed = msgspec.convert(row.terms, CallTerms).price if row.terms else None
    settings = house.settings
    price = agreed or call_price(settings.prices, settings.plans[person.plan], kind)
    return Current(
        CurrentCall(
            room=row.room,
            call=row.call,
            kind=kind,
            person=row.person,
            companion=row.companion,
            microcredits_per_minute=price.microcredits_per_minute,
            state="live",
            seconds=row.seconds,
            cost_microcredits=row.cost,
        )
    )


@routes.get("/api/v1/ice-servers", scope="chat")
async def ice_servers(call: Call) -> IceServers:
    """STUN and TURN servers with credentials of a few hours, for a connection's configuration.

    Who asks is about to call: whoever listens and speaks gets ready meanwhile.
    """
    call.house.inference.warm()
    door = call.house.call_door
    servers = door.ice_servers(call.principal.person.id)
    return IceServers(
        ice_servers=[
            IceServerView(urls=one.urls, username=one.username, credential=one.credential)
            for one in servers
        ],
        seconds=door.settings.turn_seconds,
    )


async def _text(call: Call, kind: str) -> str:
    """The body, of this type and in UTF-8."""
    told = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told != kind:
        raise UnsupportedMediaType(f"Send {kind}, not {told[:60]!r}.")
    data = await read_body(call.request, OFFER_BYTES)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("This is not UTF-8.", code="sdp_invalid") from error
