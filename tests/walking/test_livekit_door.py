"""Calls in LiveKit's rooms through the whole house: tokens, rooms, webhooks, and their forgers.

LiveKit's own SDK is on both ends; the server between them is a stand-in (not LiveKit).
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

pytest.importorskip("livekit.rtc")
from livekit import api, rtc

from media.calls.livekit import livekit_rooms
from tests.live import Client, Live, running
from tests.media.calls.livekit_standin import StandIn
from tests.media.calls.test_livekit import KEY, SECRET, Guest
from tests.soon import until
from tests.walking.test_call_door import Voices, Workers

pytestmark = [pytest.mark.stores, pytest.mark.long]
ROOM = "/v1/calls/livekit"
WEBHOOK = "/v1/calls/livekit/webhook"


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    made = await StandIn(KEY, SECRET).start()
    yield made
    await made.close()


@pytest.fixture
async def live(
    database_url: str, valkey_url: str, tmp_path: Path, standin: StandIn
) -> AsyncIterator[Live]:
    settings = {
        "KINDRED_MEDIA__LIVEKIT__URL": standin.url,
        "KINDRED_MEDIA__LIVEKIT__KEY": KEY,
        "KINDRED_MEDIA__LIVEKIT__SECRET": SECRET,
    }
    async with running(database_url, valkey_url, tmp_path, **settings) as started:
        started.house.room_parts.calls.voices = Voices()
        yield started


async def begun(client: Client, room: str, query: str = "") -> dict[str, Any]:
    answer = await client.rest("POST", f"{ROOM}?room={room}{query}")
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_a_call_in_a_room_of_its_own_is_joined_talked_in_and_hung_up(
    live: Live, workers: Workers, standin: StandIn
) -> None:
    worker = await workers.add("one", rooms=livekit_rooms())
    client = await live.person()
    room = (await client.room())["id"]
    told = await begun(client, room)
    assert told["url"] == standin.url
    claims = api.TokenVerifier(KEY, SECRET).verify(told["token"])
    assert claims.video is not None
    assert (claims.video.room, claims.video.room_join) == (told["room"], True)
    assert not any((claims.video.room_admin, claims.video.room_create, claims.video.room_list))
    assert client.user["id"] not in told["token"] + claims.identity, "LiveKit learns no names"
    guest = Guest()
    await guest.join(told["url"], told["token"])
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    await until(lambda: any(piece.any() for piece in guest.heard))
    ended = await client.ask({"type": "call.end", "room": room, "call": told["call"]})
    assert ended["type"] == "ack"
    record = (await client.rest("GET", f"/api/v1/calls/{told['call']}")).json()
    assert (record["transport"], record["reason"]) == ("livekit", "hung_up")
    await until(lambda: not worker.legs)
    await guest.leave()


async def test_a_person_who_lost_their_room_goes_on_in_another_with_the_same_call(
    live: Live, workers: Workers
) -> None:
    worker = await workers.add("one", rooms=livekit_rooms())
    client = await live.person()
    room = (await client.room())["id"]
    first = await begun(client, room)
    again = await begun(client, room, f"&call={first['call']}")
    assert again["call"] == first["call"]
    assert again["room"] != first["room"]
    await until(lambda: len(worker.legs) == 1)
    wrong = await client.rest("POST", f"{ROOM}?room={room}&call=call_of_nobody")
    assert (wrong.status_code, wrong.json()["code"]) == (404, "call_not_found")
    await until(lambda: len(worker.legs) == 1)
    stranger = await live.person()
    other = await stranger.rest("POST", f"{ROOM}?room={room}&call={first['call']}")
    assert other.status_code == 404


async def test_a_token_that_is_forged_expired_or_for_another_room_opens_nothing(
    standin: StandIn, live: Live, workers: Workers
) -> None:
    await workers.add("one", rooms=livekit_rooms())
    client = await live.person()
    told = await begun(client, (await client.room())["id"])
    grants = api.VideoGrants(room_join=True, room=told["room"])

    def token(key: str = KEY, secret: str = SECRET, life: int = 60) -> str:
        made = api.AccessToken(key, secret).with_identity("p-thief").with_grants(grants)
        return made.with_ttl(timedelta(seconds=life)).to_jwt()

    claims = jwt.decode(told["token"], options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")
    for wrong in (token(secret=SECRET[::-1]), token(key="other"), token(life=-3600), unsigned):
        before, guest = standin.refused, Guest()
        with pytest.raises(rtc.ConnectError):
            await guest.join(told["url"], wrong)
        assert standin.refused > before
    assert [one.identity for one in standin.people] == ["companion"]


def signed(body: str, secret: str = SECRET, key: str = KEY, life: int = 60) -> str:
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    made = api.AccessToken(key, secret).with_sha256(digest)
    return made.with_ttl(timedelta(seconds=life)).to_jwt()


async def reports(live: Live, body: str, token: str) -> Any:
    return await live.http.post(WEBHOOK, content=body, headers={"authorization": token})


async def test_a_webhook_is_believed_only_when_fresh_whole_and_signed(live: Live) -> None:
    body = '{"event": "participant_left", "room": {"name": "call-x"}}'
    assert (await reports(live, body, signed(body))).status_code == 204
    assert (await reports(live, body, f"Bearer {signed(body)}")).status_code == 204
    joining = live.house.livekit.token("p-1", "call-x")  # ours, but not for this
    for wrong_body, token in (
        (body.replace("left", "join"), signed(body)),
        (body, signed(body, secret=SECRET[::-1])),
        (body, signed(body, key="somebody else")),
        (body, signed(body, life=-3600)),
        (body, joining),
        (body, jwt.encode({"iss": KEY}, "", algorithm="none")),
        (body, ""),
        ("", ""),
        ("not json", signed("not json")),
    ):
        answer = await reports(live, wrong_body, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    large = await reports(live, "x" * 100_000, signed(body))
    assert large.status_code == 413


async def test_a_webhook_told_again_and_again_ends_nothing(live: Live, workers: Workers) -> None:
    """LiveKit repeats itself, and so may a thief: calls never depend on what is reported."""
    worker = await workers.add("one", rooms=livekit_rooms())
    client = await live.person()
    told = await begun(client, (await client.room())["id"])
    guest = Guest()
    await guest.join(told["url"], told["token"])
    await client.until(lambda f: f["type"] == "call.updated" and f["state"] == "live")
    for event in ("participant_left", "room_finished"):
        body = f'{{"event": "{event}", "id": "EV_1", "room": {{"name": "{told["room"]}"}}}}'
        token = signed(body)
        answers = await asyncio.gather(*(reports(live, body, token) for _ in range(5)))
        assert {one.status_code for one in answers} == {204}
    assert len(worker.legs) == 1
    assert (await client.rest("GET", f"/api/v1/calls/{told['call']}")).json()["reason"] is None
    await guest.leave()
    await client.until("call.ended")


async def test_where_livekit_is_not_set_up_or_not_there_it_is_said(
    live: Live, workers: Workers, standin: StandIn
) -> None:
    client = await live.person()
    room = (await client.room())["id"]
    nobody = await client.rest("POST", f"{ROOM}?room={room}")
    assert (nobody.status_code, nobody.json()["code"]) == (503, "no_media_worker")
    await workers.add("one", rooms=livekit_rooms())
    await standin.close()
    async with asyncio.timeout(20):
        away = await client.rest("POST", f"{ROOM}?room={room}")
        while away.json()["code"] == "no_media_worker":  # the board is read anew
            away = await client.rest("POST", f"{ROOM}?room={room}")
    assert (away.status_code, away.json()["code"]) == (503, "livekit_away")
    anonymous = await live.http.post(f"{ROOM}?room={room}")
    assert anonymous.status_code == 401
