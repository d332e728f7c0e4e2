"""A call recorded with everybody's consent, and by nobody without it: from the first word kept to
the last one erased.

Sound is on paper; consent, holds, sealed files, the log and the routes are real.
"""

import asyncio
import base64
import json

import pytest

from tests.live import Live
from tests.media.recording.sides import channels, loudest_hz
from tests.server.small import PASSWORD
from tests.soon import until
from tests.walking.caller import Caller
from tests.walking.recorded import (
    RECORDINGS,
    consent,
    files,
    in_call,
    nothing_kept,
    second_person,
)

pytestmark = [pytest.mark.stores]


async def test_both_sides_are_kept_sealed_listed_and_heard_again(live: Live) -> None:
    one = await in_call(live)
    await one.talk(1_000)  # before anybody agreed: not kept
    assert (await one.agree())["type"] == "ack"
    told = await one.told("on")
    assert (told["agreed"], told["missing"]) == ([one.person.user["id"]], [])
    await until(lambda: "recorded" in one.one.talk.said[-1][0])
    await one.talk(3_000)
    await one.kept(2_000)
    for path in files(live):
        raw = path.read_bytes()
        assert b"OggS" not in raw
        assert b"Opus" not in raw
    ended = await one.hang_up()
    (entry,) = ended["message"]["parts"]
    (listed,) = await one.listed()
    assert entry["recordings"] == [listed["id"]] == [told["recording"]]
    assert (listed["kind"], listed["call"], listed["room"]) == ("call", one.call, one.one.room)
    assert listed["message"] == ended["message"]["id"]
    assert abs(listed["ms"] - 3_000) <= 100
    assert max(listed["waveform"]) > 50
    answer = await one.sound(listed["id"])
    assert answer.headers["content-type"] == "audio/ogg"
    sound = channels(answer.content)
    assert abs(sound.shape[1] / 48_000 - 3.0) < 0.15
    assert abs(loudest_hz(sound[0, 12_000:-12_000]) - 440) < 3
    assert abs(loudest_hz(sound[1, 12_000:-12_000]) - 1_320) < 3
    part = await one.person.rest(
        "GET", f"{RECORDINGS}/{listed['id']}/sound", headers={"range": "bytes=0-3"}
    )
    assert (part.status_code, part.content) == (206, b"OggS")
    of_call = await one.person.rest("GET", f"/api/v1/calls/{one.call}/recordings")
    assert of_call.json()["items"] == [listed]
    assert len(files(live)) == 1  # the parts are gone


async def test_who_was_never_asked_is_never_recorded(live: Live) -> None:
    one = await in_call(live)
    await one.talk(2_000)
    ended = await one.hang_up()
    assert ended["message"]["parts"][0]["recordings"] == []
    assert await one.listed() == []
    assert await nothing_kept(live)
    assert one.person.frames_of("call.recording") == []


async def test_without_the_consent_to_recordings_it_is_refused_and_nothing_is_kept(
    live: Live,
) -> None:
    one = await in_call(live, agrees=False)
    refused = await one.agree()
    assert (refused["code"], refused["details"]["purposes"]) == ("consent_needed", ["recording"])
    answer = await one.person.rest("POST", f"/api/v1/calls/{one.call}/recording", json={"on": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "consent_needed")
    await one.talk(1_500)
    await one.hang_up()
    assert await one.listed() == []
    assert await nothing_kept(live)


async def test_everybody_in_the_room_is_asked_and_one_no_stops_it_at_once(live: Live) -> None:
    one = await in_call(live)
    other = await second_person(live, one)
    await one.agree()
    told = await one.told("asked")
    assert told["missing"] == [other.user["id"]]
    await one.talk(1_500)
    assert await nothing_kept(live)
    assert (await one.agree(person=other))["code"] == "consent_needed"
    await consent(other)
    assert (await one.agree(person=other))["type"] == "ack"
    await one.told("on", other)
    await one.talk(2_000)
    await one.kept(1_000)
    assert (await one.agree(on=False, person=other))["type"] == "ack"
    assert one.taping.tape() is None  # by the time it is acknowledged
    stopped = await one.told("asked")
    assert (stopped["why"], stopped["missing"]) == ("withdrawn", [other.user["id"]])
    await until(lambda: "stopped" in one.one.talk.said[-1][0])
    await one.talk(5_000, (700, 900))
    await one.hang_up()
    (listed,) = await one.listed()
    assert listed["ms"] <= 2_100
    sound = channels((await one.sound(listed["id"])).content)
    assert abs(loudest_hz(sound[0]) - 440) < 5
    assert (await one.sound(listed["id"], other)).status_code == 404
    assert await one.listed(other) == []


async def test_who_comes_in_meanwhile_stops_it_until_they_agree(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_500)
    other = await second_person(live, one)
    told = await one.told("asked")
    assert (told["why"], told["missing"]) == ("withdrawn", [other.user["id"]])
    await one.talk(3_000)
    left = await other.rest("DELETE", f"/api/v1/rooms/{one.one.room}/members/me")
    assert left.status_code in {200, 204}, left.text
    await one.told("on")  # everybody who is there agrees again
    await one.talk(1_000)
    await one.hang_up()
    lengths = sorted(one["ms"] for one in await one.listed())
    assert len(lengths) == 2
    assert sum(lengths) <= 2_700


async def test_a_consent_withdrawn_in_the_settings_stops_it_at_once(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(2_000)
    await one.kept(1_000)
    await consent(one.person, on=False)
    assert one.taping.tape() is None
    told = await one.told("off")
    assert told["why"] == "withdrawn"
    await one.talk(2_000)
    assert (await one.agree())["code"] == "consent_needed"
    await one.hang_up()
    (listed,) = await one.listed()
    assert listed["ms"] <= 2_000


async def test_the_database_keeps_no_part_after_a_consent_is_gone(live: Live) -> None:
    """Though the holder was never told: the consent is written past it, as by another process."""
    one = await in_call(live, call_part_seconds=0.4)
    await one.agree()
    await one.told("on")
    await one.talk(1_500)
    await one.kept(500)
    before = await live.house.db.fetchval("SELECT count(*) FROM tape_parts")
    await live.house.db.execute(
        "INSERT INTO consents (person, purpose, version, granted, address, agent) "
        "VALUES ($1, 'recording', '1', false, '', '')",
        one.person.user["id"],
    )
    await one.talk(3_000)
    told = await one.told("off")
    assert told["why"] == "withdrawn"
    assert await live.house.db.fetchval("SELECT count(*) FROM tape_parts") == before
    assert len(files(live)) == before


async def test_the_second_device_is_told_aloud_and_can_stop_it(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_000)
    call, second = await one.one.join()
    assert call == one.call
    second.connect()
    await until(lambda: len([1 for said, _ in one.one.talk.said if "recorded" in said]) == 2)
    one.leg, one.spoken_ms, one.played = second, 0, 0
    await one.talk(1_000)
    other_device = Caller(live, one.person, one.one.room)
    answer = await other_device.person.rest(
        "POST", f"/api/v1/calls/{one.call}/recording", json={"on": False}
    )
    assert answer.status_code == 204
    assert one.taping.tape() is None
    await one.talk(2_000)
    await one.hang_up()
    (listed,) = await one.listed()
    assert 1_500 <= listed["ms"] <= 2_300


async def test_a_stranger_can_neither_agree_nor_hear_nor_erase(live: Live) -> None:
    one = await in_call(live)
    stranger = await live.person()
    await consent(stranger)
    path = f"/api/v1/calls/{one.call}/recording"
    assert (await stranger.rest("POST", path, json={"on": True})).status_code == 404
    await one.agree()
    await one.talk(1_000)
    await one.hang_up()
    (listed,) = await one.listed()
    assert (await one.sound(listed["id"], stranger)).status_code == 404
    answer = await stranger.rest("DELETE", f"{RECORDINGS}/{listed['id']}")
    assert answer.status_code == 404
    assert (await stranger.rest("GET", f"/api/v1/calls/{one.call}/recordings")).json()[
        "items"
    ] == []


async def test_a_recording_ends_at_its_length_and_says_so(live: Live) -> None:
    one = await in_call(live, call_seconds=2)
    await one.agree()
    await one.told("on")
    await one.talk(4_000)
    told = await one.told("off")
    assert told["why"] == "too_long"
    await one.hang_up()
    (listed,) = await one.listed()
    assert listed["ms"] == 2_000


async def test_a_recording_ends_where_there_is_no_room_for_more(live: Live) -> None:
    one = await in_call(live, kept_bytes=9_000)
    await one.agree()
    await one.told("on")
    await one.talk(2_000)
    await one.kept(1_500)
    await one.talk(20_000)  # more than there is room for, however it is cut and packed
    told = await one.told("off")
    assert told["why"] == "full"
    await one.hang_up()
    (listed,) = await one.listed()
    assert listed["bytes"] <= 9_000
    again, _ = await one.one.live_call()
    assert again != one.call
    tapes = live.house.recordings.tapes
    tapes.settings = type(tapes.settings)(kept_bytes=1_000)
    assert (await one.agree())["code"] == "recordings_full"


async def test_where_calls_are_not_recorded_it_is_said_by_name(live: Live) -> None:
    one = await in_call(live, calls=False)
    assert (await one.agree())["code"] == "recording_not_offered"
    await one.hang_up()
    assert (await one.agree())["code"] == "call_not_found"
    assert (await one.agree(on=False))["type"] == "ack"


async def test_it_is_in_the_export_and_goes_with_the_account(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_000)
    await one.hang_up()
    (listed,) = await one.listed()
    archive = json.loads((await one.person.rest("GET", "/api/v1/privacy/export")).content)
    assert archive["recordings"][0]["call"] == one.call
    sound = base64.b64decode(archive["sound_of_recordings"][listed["id"]])
    assert sound == (await one.sound(listed["id"])).content
    body = {"password": PASSWORD, "immediate": True}
    gone = await one.person.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    assert await nothing_kept(live)


async def test_an_account_that_goes_in_mid_recording_takes_its_parts_along(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_500)
    await one.kept(500)
    house = live.house
    found = await house.recordings.addresses_of(one.person.user["id"])
    assert found
    assert set(found) == {path.name for path in files(live)}
    await house.recordings.sweep()  # parts are named, so they stay
    assert len(files(live)) == len(found)
    body = {"password": PASSWORD, "immediate": True}
    gone = await one.person.rest("DELETE", "/api/v1/users/account", json=body)
    assert gone.status_code == 204, gone.text
    assert one.leg.closed is not None
    assert await nothing_kept(live)


async def test_after_its_days_a_recording_is_erased_and_voice_notes_stay(live: Live) -> None:
    one = await in_call(live)
    await one.agree()
    await one.told("on")
    await one.talk(1_000)
    await one.hang_up()
    await one.listed()
    db, recordings = live.house.db, live.house.recordings
    await recordings.sweep()
    assert len(await one.listed()) == 1
    await db.execute("UPDATE recordings SET created_at = now() - interval '91 days'")
    await recordings.sweep()
    assert await nothing_kept(live)


async def test_while_the_folder_takes_nothing_it_is_kept_later_or_said_to_have_failed(
    live: Live,
) -> None:
    one = await in_call(live)
    blobs = live.house.recordings.tapes._blobs
    put, refusals = blobs.put, []

    def full(owner: str, data: bytes) -> str:
        refusals.append(len(data))
        raise OSError("no space left")

    blobs.put = full
    await one.agree()
    await one.told("on")
    await one.talk(1_500)
    await until(lambda: len(refusals) >= 2)
    blobs.put = put
    await one.talk(500)
    await one.hang_up()
    (listed,) = await one.listed()
    assert abs(listed["ms"] - 2_000) <= 100
    one.call, one.leg = await one.one.live_call()
    one.spoken_ms = one.played = 0
    blobs.put = full
    await one.agree()
    await one.told("on")
    talked_ms = 0
    while talked_ms < 18_000:
        await one.talk(300)
        talked_ms += 300
        await asyncio.sleep(0.05)
    assert (await one.told("off"))["why"] == "failed"
    blobs.put = put
    await one.hang_up()
