"""A voice note's whole way: sent in, written down, answered like text, heard by who may, erased."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from media.hearing.ports import HearingError, Transcript
from tests.live import Client, Live
from tests.media.sound.sounds import recorded

pytestmark = [pytest.mark.stores, pytest.mark.kill]
RECORDINGS = "/api/v1/media/recordings"
NOTE = recorded()


class Listener:
    """A recogniser that always hears the same words."""

    name = "listener"
    languages: frozenset[str] = frozenset()

    def __init__(self, words: str = "I walked by the sea today") -> None:
        self.words = words
        self.heard: list[int] = []

    async def transcribe(self, pcm: bytes, language: str | None = None) -> Transcript:
        self.heard.append(len(pcm))
        if self.words == "broken":
            raise HearingError("no")
        return Transcript(text=self.words, language=language or "en")

    async def aclose(self) -> None:
        pass


@pytest.fixture
def listener(live: Live) -> Listener:
    heard = Listener()
    live.house.recordings.transcriber = heard
    return heard


async def consenting(live: Live) -> Client:
    person = await live.person()
    consent = {"purpose": "voice_notes", "granted": True}
    assert (await person.rest("POST", "/api/v1/privacy/consents", json=consent)).status_code == 201
    return person


async def taken(person: Client, data: bytes = NOTE) -> dict[str, Any]:
    answer = await person.rest("POST", RECORDINGS, content=data)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def refusal(person: Client, data: bytes) -> tuple[int, str]:
    answer = await person.rest("POST", RECORDINGS, content=data)
    return answer.status_code, answer.json()["code"]


async def send(person: Client, room: str, note: str, **more: Any) -> dict[str, Any]:
    return await person.ask({"type": "message.send", "room": room, "voice": note, **more})


def of_type(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["type"] == kind


async def test_a_note_is_answered_by_its_words_and_heard_again(
    live: Live, listener: Listener
) -> None:
    person = await consenting(live)
    room = (await person.room())["id"]
    note = await taken(person)
    assert abs(note["ms"] - 2_000) < 60
    assert len(note["waveform"]) == 64
    ack = await send(person, room, note["id"], key="k1")
    assert ack["type"] == "ack", ack
    await person.done(ack["reply"])
    items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
    said = next(one for one in items if one["id"] == ack["message"])
    (part,) = said["parts"]
    assert part["type"] == "voice"
    assert part["transcript"] == listener.words
    assert part["recording"] == note["id"]
    assert items[-1]["sender"]["kind"] == "companion"
    prompt = (await person.rest("GET", f"/api/v1/rooms/{room}/prompt")).json()
    assert any(listener.words in one["text"] for one in prompt["parts"])
    sound = await person.rest("GET", f"{RECORDINGS}/{note['id']}/sound")
    assert (sound.status_code, sound.content) == (200, NOTE)
    assert sound.headers["content-type"] == "audio/webm"
    found = await person.rest("GET", "/api/v1/search?q=walked")
    assert found.json()["items"][0]["id"] == ack["message"]


async def test_a_part_of_the_sound_is_given_to_who_asks_for_one(
    live: Live, listener: Listener
) -> None:
    person = await consenting(live)
    url = f"{RECORDINGS}/{(await taken(person))['id']}/sound"
    size = len(NOTE)
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-50", size - 50, size),
        (f"bytes=10-{size * 2}", 10, size),
    ):
        part = await person.rest("GET", url, headers={"range": asked})
        assert (part.status_code, part.content) == (206, NOTE[start:end]), asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    beyond = await person.rest("GET", url, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    odd = await person.rest("GET", url, headers={"range": "apples=1-2"})
    assert (odd.status_code, odd.content) == (200, NOTE)


async def test_without_consent_nothing_is_kept(live: Live, listener: Listener) -> None:
    person = await live.person()
    assert await refusal(person, NOTE) == (403, "consent_needed")
    assert listener.heard == []
    folder = live.settings.data
    assert await live.house.recordings.addresses_of(person.user["id"]) == [], folder


async def test_what_is_no_voice_note_is_refused_for_what_it_is(
    live: Live, listener: Listener
) -> None:
    person = await consenting(live)
    assert await refusal(person, b"") == (422, "empty_recording")
    assert await refusal(person, b"not sound " * 50) == (422, "not_audio")
    assert await refusal(person, recorded("flac", "flac", seconds=400)) == (413, "too_long")
    assert await refusal(person, bytes(10_485_761)) == (413, "too_large")
    listener.words = " "
    assert await refusal(person, NOTE) == (422, "no_words")
    listener.words = "broken"
    assert await refusal(person, NOTE) == (503, "unavailable")
    assert (await person.rest("GET", RECORDINGS)).json()["items"] == []
    live.house.recordings.transcriber = None
    assert await refusal(person, NOTE) == (503, "no_hearing")


async def test_only_members_of_the_room_hear_it_and_strangers_learn_nothing(
    live: Live, listener: Listener
) -> None:
    person, stranger = await consenting(live), await consenting(live)
    room, theirs = (await person.room())["id"], (await stranger.room())["id"]
    note = (await taken(person))["id"]
    url = f"{RECORDINGS}/{note}/sound"
    assert (await stranger.rest("GET", url)).status_code == 404
    stolen = await send(stranger, theirs, note)
    assert (stolen["type"], stolen["code"]) == ("error", "recording_not_found")
    ack = await send(person, room, note)
    await person.done(ack["reply"])
    assert (await stranger.rest("GET", url)).status_code == 404
    assert (await stranger.rest("DELETE", f"{RECORDINGS}/{note}")).status_code == 404
    assert (await person.rest("GET", url)).status_code == 200


async def test_a_note_is_sent_once_and_a_repeat_is_the_same(live: Live, listener: Listener) -> None:
    person = await consenting(live)
    room = (await person.room())["id"]
    note = (await taken(person))["id"]
    first = await send(person, room, note, key="once")
    again = await send(person, room, note, key="once")
    assert again["message"] == first["message"]
    await person.done(first["reply"])
    other = await send(person, room, note, key="twice")
    assert (other["type"], other["code"]) == ("error", "already_sent")
    both = await send(person, room, note, text="and words", key="third")
    assert (both["type"], both["path"]) == ("error", "$.text")


async def test_a_note_is_screened_like_text(live: Live, listener: Listener) -> None:
    person = await consenting(live)
    room = (await person.room())["id"]
    listener.words = "I want to kill myself tonight"
    ack = await send(person, room, (await taken(person))["id"])
    assert ack["type"] == "ack"
    notice = await person.until(lambda f: f["type"] == "notice" and f["kind"] == "crisis")
    assert notice["links"]
    done = await person.done(ack["reply"])
    assert done["cost_microcredits"] == 0


async def test_a_note_is_listed_exported_and_erased(live: Live, listener: Listener) -> None:
    person = await consenting(live)
    room = (await person.room())["id"]
    kept, gone = await taken(person), await taken(person, recorded(seconds=1))
    ack = await send(person, room, kept["id"])
    await person.done(ack["reply"])
    listed = (await person.rest("GET", RECORDINGS)).json()["items"]
    assert {one["id"] for one in listed} == {kept["id"], gone["id"]}
    archive = json.loads((await person.rest("GET", "/api/v1/privacy/export")).content)
    assert base64.b64decode(archive["sound_of_recordings"][kept["id"]]) == NOTE
    assert {one["transcript"] for one in archive["recordings"]} == {listener.words}
    assert (await person.rest("DELETE", f"{RECORDINGS}/{gone['id']}")).status_code == 204
    assert (await person.rest("GET", f"{RECORDINGS}/{gone['id']}/sound")).status_code == 404
    assert len(files(live)) == 1
    close = {"password": "correct horse battery", "immediate": True}
    answer = await person.rest("DELETE", "/api/v1/users/account", json=close)
    assert answer.status_code in {200, 202, 204}, answer.text
    assert files(live) == []


async def test_two_equal_notes_share_a_file_until_both_are_gone(
    live: Live, listener: Listener
) -> None:
    person = await consenting(live)
    first, second = await taken(person), await taken(person)
    assert len(files(live)) == 1
    await person.rest("DELETE", f"{RECORDINGS}/{first['id']}")
    assert (await person.rest("GET", f"{RECORDINGS}/{second['id']}/sound")).content == NOTE
    await person.rest("DELETE", f"{RECORDINGS}/{second['id']}")
    assert files(live) == []


async def test_who_keeps_too_much_is_told_to_delete_some(live: Live, listener: Listener) -> None:
    person = await consenting(live)
    recordings = live.house.recordings
    recordings._settings = type(recordings._settings)(kept_count=1)
    await taken(person)
    assert await refusal(person, recorded(seconds=1)) == (409, "recordings_full")
    assert len(files(live)) == 1


def files(live: Live) -> list[str]:
    """The sealed files in the data folder."""
    from pathlib import Path

    return [path.name for path in Path(live.settings.data, "recordings").rglob("*/*")]
