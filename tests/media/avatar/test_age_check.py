"""Once an operator names a judge of ages, nothing passes without its yes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from config.faces import FaceSettings
from media.avatar.picture.age_check import HttpAgeCheck, age_check
from media.avatar.picture.claims import PictureRefused

Answer = Callable[[bytes], bytes]


def said(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def judge(answer: bytes | None, heard: list[bytes] | None = None) -> AsyncIterator[str]:
    """A service on this machine; None never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        if heard is not None:
            heard.extend((head, body))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/judge"


async def test_a_yes_lets_it_pass_and_the_judge_saw_the_portrait_and_the_token() -> None:
    heard: list[bytes] = []
    async with judge(said(b'{"adult": true, "years": 41}'), heard) as url:
        await HttpAgeCheck(url, "between us").admit(b"\xff\xd8 a portrait")
    assert heard[1] == b"\xff\xd8 a portrait"
    assert b"authorization: bearer between us" in heard[0].lower()
    assert b"content-type: image/jpeg" in heard[0].lower()


async def test_a_no_is_told_plainly() -> None:
    async with judge(said(b'{"adult": false}')) as url:
        with pytest.raises(PictureRefused, match="No single adult face") as refused:
            await HttpAgeCheck(url).admit(b"x")
    assert refused.value.reason == "not_adult"


@pytest.mark.parametrize(
    "answer",
    [
        said(b'{"adult": true}', "500 Internal Server Error"),
        said(b'{"adult": true}', "201 Created"),
        said(b'{"adult": "yes"}'),
        said(b'{"years": 41}'),
        said(b"adult"),
        said(b""),
        said(b'{"adult": true, "note": "' + b"x" * 80_000 + b'"}'),
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_anything_but_a_plain_yes_is_a_no(answer: bytes) -> None:
    async with judge(answer) as url:
        with pytest.raises(PictureRefused) as refused:
            await HttpAgeCheck(url).admit(b"x")
    assert refused.value.reason == "no_check"


async def test_a_judge_that_does_not_answer_or_is_not_there_is_a_no() -> None:
    async with judge(None) as url:
        with pytest.raises(PictureRefused) as refused:
            await HttpAgeCheck(url, seconds=0.2).admit(b"x")
    assert refused.value.reason == "no_check"
    with pytest.raises(PictureRefused):
        await HttpAgeCheck("http://127.0.0.1:1/", seconds=2).admit(b"x")
    with pytest.raises(PictureRefused):
        await HttpAgeCheck("no address", seconds=2).admit(b"x")


def test_nobody_is_asked_where_nobody_is_named() -> None:
    assert age_check(FaceSettings()) is None
    named = age_check(FaceSettings(age_check_url="https://judge.example"))
    assert isinstance(named, HttpAgeCheck)
