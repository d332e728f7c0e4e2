"""Notices are leases: read while they are renewed, gone soon after. In memory, and over Valkey."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from storage.bus.board import Board, MemoryBoard, ValkeyBoard

pytestmark = pytest.mark.stores


@pytest.fixture(params=["memory", "valkey", "cluster"])
async def board(request: pytest.FixtureRequest) -> AsyncIterator[Board]:
    made: Board = MemoryBoard()
    if request.param == "valkey":
        made = ValkeyBoard(request.getfixturevalue("stores").valkey.url())
    if request.param == "cluster":
        made = ValkeyBoard(request.getfixturevalue("cluster").url())
    await made.start()
    yield made
    await made.close()


async def test_what_is_put_up_is_read_on_its_own_board_until_taken_down(board: Board) -> None:
    name = secrets.token_hex(4)
    await board.put_up(name, "a", b"1 \x00\xff", 30)
    await board.put_up(name, "b", b"", 30)
    await board.put_up(name + "x", "c", b"3", 30)
    assert await board.read(name) == {"a": b"1 \x00\xff", "b": b""}
    await board.take_down(name, "a")
    await board.take_down(name, "nobody")
    assert await board.read(name) == {"b": b""}


async def test_a_notice_nobody_renews_expires_and_a_renewed_one_stays(board: Board) -> None:
    name = secrets.token_hex(4)
    await board.put_up(name, "short", b"1", 0.05)
    await board.put_up(name, "renewed", b"1", 0.05)
    await board.put_up(name, "renewed", b"2", 30)
    async with asyncio.timeout(5):
        while "short" in await board.read(name):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await board.read(name) == {"renewed": b"2"}


async def test_a_board_nobody_wrote_on_is_empty(board: Board) -> None:
    assert await board.read(secrets.token_hex(4)) == {}
