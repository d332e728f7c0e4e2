"""What a call tells: events, captions, mouth shapes, figures; and how a server goes with one."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from media.calls.leg import LegQuality, Played, Typed
from media.speech.ports import Spoken, Viseme
from rooms.calls.around import Caption, TurnTimes
from rooms.errors import Unavailable
from tests.live import Live, running
from tests.soon import until
from tests.walking.caller import ALL, SECOND, caller

pytestmark = [pytest.mark.stores]


async def test_the_data_channel_carries_the_rooms_events_and_the_persons_commands(
    live: Live,
) -> None:
    one = await caller(live)
    _, leg = await one.live_call()

    def told(kind: str) -> list[dict[str, Any]]:
        return [frame for raw in leg.told if (frame := orjson.loads(raw))["type"] == kind]

    async def typed(**command: Any) -> None:
        leg.happens(Typed(data=orjson.dumps(command)))

    await typed(type="message.send", id="7", room=one.room, text="By hand")
    await until(lambda: bool(told("reply.done")))
    (ack,) = told("ack")
    assert ack["id"] == "7"
    assert told("message.created")[-1]["message"]["parts"][0]["text"] == "By hand"
    assert "".join(d["text"] for d in told("reply.delta")) == told("reply.done")[0]["text"]
    await typed(type="message.send", id="8", room="r_other", text="Elsewhere")
    await typed(type="auth", id="9", token="x")
    leg.happens(Typed(data=b"\xff"))
    await until(lambda: len(told("error")) == 3)
    assert [error["code"] for error in told("error")] == ["other_room", "malformed", "malformed"]
    assert not told("wallet.updated") or told("wallet.updated")[0]["available_microcredits"] <= ALL
    await typed(type="call.end", id="10", room=one.room)
    assert (await one.ended())["reason"] == "hung_up"


async def test_a_database_that_is_away_refuses_what_is_typed_and_the_call_goes_on(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await caller(live)
    _, leg = await one.live_call()
    room = live.house.realtime.holder.live[one.room]

    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr(type(room), "command", away)
        leg.happens(Typed(data=orjson.dumps({"type": "read", "id": "3", "room": one.room, "n": 1})))
        await until(lambda: any(b'"unavailable"' in told for told in leg.told))
    assert one.call.going_on
    leg.happens(Typed(data=orjson.dumps({"type": "read", "id": "4", "room": one.room, "n": 1})))
    await until(lambda: any(b'"ack"' in told for told in leg.told))
    await one.hang_up()
    assert (await one.ended())["reason"] == "hung_up"


async def test_a_flood_over_the_data_channel_leaves_the_call_and_what_is_said_later(
    live: Live,
) -> None:
    one = await caller(live)
    _, leg = await one.live_call()
    for number in range(10_000):
        command = {"type": "read", "id": f"f{number}", "room": one.room, "n": 1}
        leg.happens(Typed(data=orjson.dumps(command)))
    await until(lambda: leg._events.empty())
    assert one.call.typed.qsize() <= one.call.typed.maxsize == 16
    await until(lambda: one.call.typed.empty())
    leg.happens(Typed(data=orjson.dumps({"type": "read", "id": "z", "room": one.room, "n": 1})))
    await until(lambda: any(orjson.loads(told).get("id") == "z" for told in leg.told))
    assert one.call.life.metered
    await one.hang_up()
    assert (await one.ended())["reason"] == "hung_up"


async def test_captions_replace_each_other_and_end_with_what_was_heard(live: Live) -> None:
    one = await caller(live)
    call, _ = await one.live_call()
    for text in ("Hel", "Hello", "Hello there"):
        one.talk.around.caption(Caption(id="u1", who="person", text=text))
    one.talk.around.caption(Caption(id="u1", who="person", text="Hello there.", final=True))
    one.talk.around.caption(Caption(id="m1", who="companion", text="Hi"))
    one.talk.around.caption(Caption(id="u2", who="person", text="", withdrawn=True))
    last = await one.person.until(lambda f: f["type"] == "call.caption" and f["withdrawn"])
    shown = one.person.frames_of("call.caption")
    assert [(one_["utterance"], one_["text"]) for one_ in shown] == [
        ("u1", "Hello there."), ("m1", "Hi"), ("u2", ""),
    ]  # fmt: skip
    assert shown[0]["of"] == one.person.user["id"]
    assert shown[1]["of"].startswith("c_")
    assert last["call"] == call
    await one.hang_up()


async def test_mouth_shapes_are_shown_and_never_numbered(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    piece = Spoken(pcm=b"", visemes=(Viseme("PP", 0, 900), Viseme("aa", 900, 1200)))
    one.talk.around.sounding(2, 4_800, piece)
    shown = await one.person.until("call.viseme")
    assert "seq" not in shown
    assert (shown["epoch"], shown["at_sample"]) == (2, 4_800)
    assert shown["visemes"] == [["PP", 0, 900], ["aa", 900, 1200]]
    await one.hang_up()


async def test_where_the_sound_stands_is_told_to_whoever_draws_a_mouth(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    one.talk.around.happened(Played(epoch=3, samples=480, clock_us=0))
    one.talk.around.happened(Played(epoch=3, samples=2_880, clock_us=100_000))
    one.talk.around.happened(Played(epoch=3, samples=4_000, clock_us=150_000, still=True))
    held = await one.person.until(lambda f: f["type"] == "call.sounding" and not f["playing"])
    told = one.person.frames_of("call.sounding")
    assert [(f["samples"], f["playing"]) for f in told] == [(480, True), (4_000, False)]
    assert "seq" not in held
    await one.hang_up()


async def test_a_headsets_figures_stand_in_the_calls_record_and_are_nobody_elses(
    live: Live,
) -> None:
    one = await caller(live)
    call, _ = await one.live_call()
    told = {"device": "quest_3", "mode": "vr", "seconds": 15, "frames": 1_060,
            "dropped_frames": 20, "frame_rate": 70.7, "latency_ms": 18.5, "call": call}  # fmt: skip
    path = "/api/v1/vr/sessions/abc123"
    assert (await one.person.rest("PUT", path, json=told)).status_code == 204
    later = told | {"seconds": 30, "frames": 2_160, "dropped_frames": 25}
    for body in (later, later, told):  # repeated, and one that was overtaken on its way
        assert (await one.person.rest("PUT", path, json=body)).status_code == 204
    other = await live.person()
    assert (await other.rest("PUT", path, json=told)).status_code == 204
    assert (await other.rest("GET", "/api/v1/vr/sessions")).json()["items"][0]["call"] is None
    (kept,) = (await one.person.rest("GET", f"/api/v1/calls/{call}")).json()["headsets"]
    assert (kept["device"], kept["frames"], kept["dropped_frames"]) == ("quest_3", 2_160, 25)
    tally = one.parts.tally.headsets
    assert (tally.sessions["quest_3"], tally.frames, tally.dropped) == (2, 3_220, 45)
    for wrong, status in (
        ({"frames": 10**6}, 422), ({"latency_ms": -1}, 422), ({"device": "my headset"}, 422),
        ({"name": "Sam"}, 422), ({"frame_rate": 1e9}, 422),
    ):  # fmt: skip
        answer = await one.person.rest("PUT", path, json=later | wrong)
        assert answer.status_code == status, answer.text
    assert (await one.person.rest("PUT", "/api/v1/vr/sessions/a%20b", json=told)).status_code == 404
    await one.hang_up()


async def test_a_server_that_goes_says_goodbye_and_settles(
    database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    async with running(database_url, valkey_url, tmp_path) as live:
        one = await caller(live)
        await one.live_call()
        await one.pass_time(5)
        drained = asyncio.create_task(live.app.state.drain())
        ended = await one.ended()
        assert (ended["reason"], ended["seconds"]) == ("server_restarting", 5)
        assert one.talk.said[-1][1] is False
        await drained
        assert await live.house.db.fetchval("SELECT sum(held) FROM wallets") == 0


async def test_a_database_that_is_away_at_the_end_is_waited_for(live: Live) -> None:
    one = await caller(live)
    await one.live_call()
    await one.pass_time(4)
    real, tries = one.parts.credits.settle, []

    async def away(*args: Any, **more: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("The database does not answer.")
        return await real(*args, **more)

    one.parts.credits.settle = away
    await one.hang_up()
    assert (await one.ended())["cost_microcredits"] == 4 * SECOND == await one.paid()
    assert len(tries) == 3


async def test_calls_are_counted(live: Live) -> None:
    one = await caller(live)
    call, _ = await one.live_call()
    tally = one.parts.tally
    assert tally.live == 1
    one.talk.around.turned(TurnTimes(reply="m_1", pause_ms=210, out_ms=900, words_heard=7))
    one.talk.around.happened(
        LegQuality(
            received=250,
            lost=5,
            concealed_ms=100,
            jitter_ms=3.5,
            round_trip_ms=20.0,
            late_ms_p99=1.5,
        )
    )
    await one.pass_time(3)
    await one.hang_up()
    await one.ended()
    assert (tally.live, tally.ended["hung_up"], tally.seconds) == (0, 1, 3)
    assert (tally.received, tally.lost, tally.out.count) == (250, 5, 1)
    record = (await one.person.rest("GET", f"/api/v1/calls/{call}")).json()
    quality = record["quality"]
    assert (quality["turns"], quality["words_heard"], quality["lost"]) == (1, 7, 5)
    assert quality["stages"]["out"] == {"count": 1, "p50_ms": 900, "p95_ms": 900, "most_ms": 900}
    listed = (await one.person.rest("GET", "/api/v1/calls")).json()
    assert [item["id"] for item in listed["items"]] == [call]
    other = await live.person()
    assert (await other.rest("GET", f"/api/v1/calls/{call}")).json()["code"] == "call_not_found"
    assert (await other.rest("GET", "/api/v1/admin/calls")).status_code == 403
