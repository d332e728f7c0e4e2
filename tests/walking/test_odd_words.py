"""Words that break naive servers: too many, none, without a letter, from right to left.

Whatever PostgreSQL or a client cannot hold is refused with a typed error, never with a crash;
whatever people write in earnest comes back unchanged.
"""

from typing import Any

import orjson
import pytest
import websockets

from tests.live import Client, Live

pytestmark = [pytest.mark.stores, pytest.mark.kill]
NUL = "before\x00after"
RIGHT_TO_LEFT = "שלום עולם، مرحبا \u202e\u2067abc\u2069 👩‍👩‍👧‍👦🏳️‍🌈 e\u0301"

REPORT = {"room": "{room}", "message": "m_1", "reason": "other", "note": NUL}


async def send_raw(person: Client, line: str) -> dict[str, Any]:
    await person.ws.send(line)
    return await person.until(lambda f: f["type"] in {"ack", "error"})


async def said(person: Client, room: str, text: str) -> dict[str, Any]:
    """The message as it stands in history."""
    ack = await person.say(room, text)
    assert ack["type"] == "ack", ack
    done = await person.done(ack["reply"])
    assert done["status"] == "completed"
    items = (await person.rest("GET", f"/api/v1/rooms/{room}/messages")).json()["items"]
    return next(m for m in items if m["id"] == ack["message"])


async def test_a_frame_of_100_kb_closes_the_socket_with_1009(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    await person.send({"type": "message.send", "id": "2", "room": room, "text": "a" * 100_000})
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await person.until("ack")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert (await person.resume())["type"] == "resumed"


async def test_a_message_that_is_too_long_is_refused_with_its_path(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    for long in ("a" * 8_001, "é" * 16_001):
        refused = await person.say(room, long)
        assert refused["code"] in {"too_large", "invalid"}, refused
        assert refused["path"] == "$.text"
        answer = await person.rest("POST", f"/api/v1/rooms/{room}/messages", json={"text": long})
        assert answer.status_code in {413, 422}, answer.text


async def test_a_message_of_nothing_but_blanks_is_refused(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    for blank in ("", " ", " \t\n ", "\u00a0\u2003\u200b"):
        refused = await person.say(room, blank)
        assert (refused["type"], refused["code"]) == (
            "error",
            "invalid" if not blank else "empty_message",
        ), (blank, refused)
        assert refused["path"] == "$.text"
        answer = await person.rest("POST", f"/api/v1/rooms/{room}/messages", json={"text": blank})
        assert answer.status_code == 422, answer.text


async def test_a_nul_is_refused_wherever_words_are_taken(live: Live) -> None:
    """PostgreSQL cannot store it."""
    person = await live.person()
    room = (await person.room())["id"]
    refused = await person.say(room, NUL)
    assert (refused["code"], refused["path"]) == ("invalid", "$.text"), refused
    first = await person.say(room, "Hello")
    await person.done(first["reply"])
    edit = {"type": "message.edit", "room": room, "message": first["message"], "text": NUL}
    await person.send({"type": "ping"})  # well-formed: the count of bad frames begins anew
    assert (await person.ask(edit))["code"] == "invalid"
    react = {"type": "message.react", "room": room, "message": first["reply"]}
    assert (await person.ask({**react, "reaction": "\x00"}))["code"] == "invalid"
    for key in ("key", "parent"):
        await person.send({"type": "ping"})
        assert (await person.say(room, "Hi", **{key: NUL}))["code"] in {
            "invalid",
            "message_not_found",
        }
    assert (await person.say(NUL, "Hi"))["code"] in {"invalid", "room_not_found"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/rooms", {"companions": ["mira"], "title": NUL}),
        ("POST", "/api/v1/rooms", {"companions": [NUL]}),
        ("PATCH", "/api/v1/rooms/{room}", {"title": NUL}),
        ("POST", "/api/v1/rooms/{room}/messages", {"text": NUL}),
        ("PATCH", "/api/v1/users/profile", {"display_name": NUL}),
        ("POST", "/api/v1/moderation/report", REPORT),
        ("GET", "/api/v1/rooms/a%00b", None),
        ("GET", "/api/v1/search?q=a%00b", None),
        ("PATCH", "/api/v1/rooms/{room}/messages/a%00b", {"text": "Hi"}),
        ("DELETE", "/api/v1/rooms/{room}/replies/a%00b", None),
        ("PUT", "/api/v1/companions/a%00b/block", None),
        ("GET", "/api/v1/wallet/receipts/a%00b", None),
        ("GET", "/api/v1/companions/a%00b", None),
    ],
)  # fmt: skip
async def test_a_nul_over_rest_is_refused_and_is_no_fault_of_ours(
    live: Live, method: str, path: str, body: dict[str, Any] | None
) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    sent = orjson.loads(orjson.dumps(body).replace(b"{room}", room.encode()))
    answer = await person.rest(method, path.replace("{room}", room), json=sent)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.status_code != 405, answer.text
    if body is not None and "{room}" not in str(body):
        assert answer.status_code in {404, 422}, answer.text


async def test_half_a_surrogate_pair_is_refused(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    for half in ("\\ud800", "\\udfff", "\\ud800 \\udc00", "\\udc00\\ud800"):
        line = f'{{"type":"message.send","id":"x{half[2:6]}","room":"{room}","text":"a{half}b"}}'
        await person.send({"type": "ping"})  # well-formed: the count of bad frames begins anew
        refused = await send_raw(person, line)
        assert refused["type"] == "error", refused
        assert refused["code"] in {"invalid", "malformed"}, refused
        answer = await person.rest(
            "POST",
            f"/api/v1/rooms/{room}/messages",
            content=f'{{"text":"a{half}b"}}',
            headers={"content-type": "application/json"},
        )
        assert answer.status_code in {400, 422}, answer.text


async def test_words_in_every_script_come_back_unchanged(live: Live) -> None:
    person = await live.person()
    room = (await person.room())["id"]
    live.script.tokens = 3
    for text in (
        RIGHT_TO_LEFT,
        "e" + "\u0301" * 5_000,
        "\ufeff\u2028\u2029\x7f\x1b[31m",
        "👋" * 8_000,
    ):
        message = await said(person, room, text)
        assert message["parts"][0]["text"] == text
        shown = [f for f in person.frames if f["type"] == "message.created"][-1]
        assert shown["message"]["parts"][0]["text"] == text
