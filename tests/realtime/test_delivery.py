"""What people are shown, over real sockets: every event once and in order, whatever dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from storage.bus.memory import MemoryBus, Store
from storage.bus.valkey import ValkeyBus
from storage.embedded.child import end, spawn, wait_ready
from storage.embedded.valkey import Valkey
from tests.realtime.client import Client, Refused
from tests.realtime.node import Node, World, principal, running


@pytest.fixture
def world() -> World:
    made = World()
    made.members["r_1"] = {"u_ann", "u_bob"}
    return made


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def node(world: World, store: Store) -> AsyncIterator[Node]:
    async with running(MemoryBus(store), world) as started:
        yield started


@pytest.mark.parametrize("packed", [False, True])
async def test_a_reply_lost_at_every_frame_is_read_exactly(
    node: Node, world: World, packed: bool
) -> None:
    world.words, world.gap_seconds = 40, 0.01
    async with Client(node.url, "u_ann", packed=packed) as ann:
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        while ack["reply"] not in ann.dones:
            before = ann.seq
            await ann.until(lambda: ann.seq > before or ack["reply"] in ann.dones)  # noqa: B023
            ann.drop()
            await ann.until(lambda: ann._connected.is_set())
        await ann.done(ack["reply"])
        assert len(ann.resumes) >= 5
        assert ann.resyncs == []
        assert ann.kinds.count("message.created") == 1


async def test_a_session_goes_on_on_another_node(world: World, store: Store) -> None:
    world.words, world.gap_seconds = 60, 0.01
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        Client([one.url, two.url], "u_ann") as ann,
    ):
        ack = await ann.ask("message.send", room="r_1", text="Hi", key="k1")
        for _ in range(6):  # from node to node, in mid-sentence
            before = ann.seq
            await ann.until(lambda: ann.seq > before + 2)  # noqa: B023
            ann.drop()
            await ann.until(lambda: ann._connected.is_set())
        await ann.done(ack["reply"])
        assert len(ann.resumes) == 6
        assert {name for name, _ in world.carried} == {"gw-1"}


async def test_a_command_travels_to_the_node_that_holds_the_room(
    world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        Client(one.url, "u_ann") as ann,
        Client(two.url, "u_bob") as bob,
    ):
        first = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.done(first["reply"])
        second = await bob.ask("message.send", room="r_1", text="Hello")
        await bob.done(second["reply"])
        await ann.done(second["reply"])
        assert [name for name, _ in world.carried] == ["gw-1", "gw-1"]
        assert ann.texts == bob.texts
        world.words, world.gap_seconds = 1_000, 0.01
        third = await ann.ask("message.send", room="r_1", text="More")
        await bob.until(lambda: len(bob.texts.get(third["reply"], "")) > 10)
        await bob.ask("reply.cancel", reply=third["reply"])
        assert (await ann.done(third["reply"]))["status"] == "interrupted"
        with pytest.raises(Refused, match="room_not_found"):
            await bob.ask("message.send", room="r_9", text="Hello")


async def test_a_dead_nodes_room_is_taken_and_a_key_is_done_once(
    world: World, store: Store
) -> None:
    async with running(MemoryBus(store), world, "gw-2") as two:
        async with running(MemoryBus(store), world, "gw-1") as one, Client(one.url, "u_ann") as ann:
            await ann.done((await ann.ask("message.send", room="r_1", text="a"))["reply"])
        async with Client(two.url, "u_ann") as ann:
            first = await ann.ask("message.send", room="r_1", text="b", key="same")
            again = await ann.ask("message.send", room="r_1", text="b", key="same")
            assert (first["message"], first["reply"]) == (again["message"], again["reply"])
            await ann.done(first["reply"])
    assert [name for name, _ in world.carried] == ["gw-1", "gw-2"]


async def test_a_reader_that_stops_gets_fewer_frames_and_the_same_words(
    node: Node, world: World
) -> None:
    world.words, world.gap_seconds, world.word = 400, 0.0, "x" * 200
    async with Client(node.url, "u_ann") as ann, Client(node.url, "u_bob") as bob:
        ann.ws.transport.pause_reading()
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        await bob.done(ack["reply"])
        ann.ws.transport.resume_reading()
        await ann.done(ack["reply"])
        assert ann.texts == bob.texts


async def test_a_reader_that_never_reads_is_closed_as_slow_and_the_fast_one_sees_all(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds, world.word = 200, 0.0, "x" * 20_000
    async with (
        running(MemoryBus(store), world) as node,
        Client(node.url, "u_ann") as ann,
        Client(node.url, "u_bob") as bob,
    ):
        ann.reconnect = False
        actor = node.realtime.registry.find("u_ann")
        assert actor is not None
        (slow,) = actor.sockets
        ann.ws.transport.pause_reading()
        ack = await bob.ask("message.send", room="r_1", text="Hi")
        done = await asyncio.wait_for(bob.done(ack["reply"]), 40)
        assert len(done["text"]) > 4_000_000
        assert slow.session.state == "closed"  # at once, and what waited for it is let go
        ann.ws.transport.resume_reading()
        assert await ann.over() in {4008, 1006}


async def test_ending_a_sign_in_closes_its_sockets_on_every_node(
    world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        Client(one.url, "u_ann") as here,
        Client(two.url, "u_ann") as there,
        Client(two.url, "u_ann/si_other") as other,
    ):
        await one.realtime.account_log.kick("u_ann", "si_u_ann", 4504, "ended")
        assert await here.over() == 4504
        assert await there.over() == 4504
        ack = await other.ask("message.send", room="r_1", text="still here")
        await other.done(ack["reply"])


async def test_what_was_pushed_while_the_bus_was_deaf_is_read_from_the_log(
    world: World, store: Store
) -> None:
    async with (
        running(MemoryBus(store), world, "gw-1") as one,
        running(MemoryBus(store), world, "gw-2") as two,
        Client(one.url, "u_ann") as ann,
        Client(two.url, "u_bob") as bob,
    ):
        store.deaf = True
        ack = await ann.ask("message.send", room="r_1", text="Hi")
        await ann.done(ack["reply"])
        store.deaf = False
        assert bob.texts == {}
        await two.realtime.tails.check_heads()
        await bob.done(ack["reply"])


async def test_a_room_one_comes_into_is_shown_from_its_beginning(
    node: Node, world: World, store: Store
) -> None:
    world.members["r_2"] = {"u_bob"}
    async with Client(node.url, "u_bob") as bob, Client(node.url, "u_ann") as ann:
        first = await bob.ask("message.send", room="r_2", text="Hi")
        await bob.done(first["reply"])
        await ann.ask("room.join", room="r_2")
        await ann.done(first["reply"])
        ann.drop()
        second = await bob.ask("message.send", room="r_2", text="Hi")
        await ann.done(second["reply"])
        assert ann.resyncs == []
        await ann.ask("room.leave", room="r_2")
        third = await bob.ask("message.send", room="r_2", text="Hi")
        await bob.done(third["reply"])
        assert third["reply"] not in ann.texts


async def test_a_wiped_bus_is_told_as_a_resync_and_new_talk_goes_on(
    node: Node, world: World, store: Store
) -> None:
    async with Client(node.url, "u_ann") as ann:
        await ann.done((await ann.ask("message.send", room="r_1", text="a"))["reply"])
        store.wipe()
        ack = await ann.ask("message.send", room="r_1", text="b")
        await ann.done(ack["reply"])  # the same socket: a new generation, no resync
        assert ann.resyncs == []
        store.wipe()
        ann.drop()
        await ann.until(lambda: bool(ann.resyncs))
        assert ann.resyncs[0]["reason"] == "unknown_session"
        ack = await ann.ask("message.send", room="r_1", text="c")
        await ann.done(ack["reply"])


async def test_a_draining_node_says_so_and_the_session_goes_on_elsewhere(
    world: World, store: Store
) -> None:
    world.words, world.gap_seconds = 60, 0.01
    async with running(MemoryBus(store), world, "gw-2") as two:
        async with running(MemoryBus(store), world, "gw-1") as one:
            ann = Client([one.url, two.url], "u_ann")
            await ann.__aenter__()
            ack = await ann.ask("message.send", room="r_1", text="Hi")
            await ann.until(lambda: ack["reply"] in ann.texts)
        await ann.done(ack["reply"])
        assert "reconnect" in ann.kinds
        assert ann.closed_with == 1012
        assert len(ann.resumes) == 1
        await ann.__aexit__()


@pytest.mark.parametrize("fast", [True, False])
async def test_without_our_protocol_the_same_session_runs_through_asgi(
    world: World, store: Store, fast: bool
) -> None:
    async with (
        running(MemoryBus(store), world, fast=fast) as node,
        Client(node.url, "u_ann") as ann,
        Client(node.url, "u_ann", packed=True) as packed,
    ):
        ack = await ann.ask("message.send", room="r_1", text="Hé")
        await ann.done(ack["reply"])
        await packed.done(ack["reply"])
        assert ann.texts == packed.texts
        ann.reconnect = False
        await node.realtime.account_log.kick("u_ann", None, 4504, "ended")
        assert await ann.over() == 4504


async def test_a_token_that_ends_is_announced_refreshed_or_closed(
    world: World, store: Store
) -> None:
    async with running(MemoryBus(store), world) as node:
        soon = node.realtime.now_ms() + 1_200
        world.expires = {"u_ann/a": soon, "u_bob/b": soon}
        async with Client(node.url, "u_ann/a") as ann, Client(node.url, "u_bob/b") as bob:
            ann.reconnect = bob.reconnect = False
            await ann.until(lambda: "auth.expiring" in ann.kinds)
            world.expires["u_ann/a"] = soon + 3_600_000
            await ann.ask("auth.refresh", token="u_ann/a")
            with pytest.raises(Refused, match="forbidden"):
                await ann.ask("auth.refresh", token="u_bob/b")
            assert await bob.over() == 4011
            await ann.ask("typing", room="r_1")


@pytest.mark.stores
@pytest.mark.kill
async def test_a_bus_killed_and_restarted_in_mid_reply_is_a_pause_and_nothing_else(
    world: World, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path, durable=True)
    valkey.prepare()
    child = _start(valkey)
    buses = [ValkeyBus(valkey.url(), log_entries=4096, log_seconds=600) for _ in range(2)]
    world.words, world.gap_seconds = 150, 0.01
    try:
        async with (
            running(buses[0], world, "gw-1") as one,
            running(buses[1], world, "gw-2") as two,
            Client(one.url, "u_ann") as ann,
            Client(two.url, "u_bob") as bob,
        ):
            ack = await ann.ask("message.send", room="r_1", text="Hi")
            for _ in range(2):
                before = bob.seq
                await bob.until(lambda: bob.seq > before + 10)  # noqa: B023
                os.kill(child.pid, signal.SIGKILL)
                await asyncio.to_thread(child.wait)
                valkey.prepare()
                child = await asyncio.to_thread(_start, valkey)
            await ann.done(ack["reply"])
            await bob.done(ack["reply"])
            assert ann.resyncs == bob.resyncs == []
            assert len(ann.texts[ack["reply"]]) > 150
            ann.drop()
            await ann.until(lambda: bool(ann.resumes))
    finally:
        end(child, signal.SIGTERM, 5.0)


def _start(valkey: Valkey) -> Any:
    command = valkey.command()
    child = spawn(command)
    wait_ready(child, command, valkey.ready, valkey.start_seconds)
    return child


@pytest.mark.stores
@pytest.mark.kill
async def test_a_bus_that_hangs_for_five_seconds_loses_nothing(
    world: World, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path, durable=False)
    valkey.prepare()
    child = await asyncio.to_thread(_start, valkey)
    bus = ValkeyBus(valkey.url(), log_entries=4096, log_seconds=600)
    world.words, world.gap_seconds = 100, 0.01
    try:
        async with running(bus, world) as node, Client(node.url, "u_ann") as ann:
            ack = await ann.ask("message.send", room="r_1", text="Hi")
            await ann.until(lambda: ann.seq > 10)
            os.kill(child.pid, signal.SIGSTOP)
            asyncio.get_running_loop().call_later(5.0, os.kill, child.pid, signal.SIGCONT)
            await ann.done(ack["reply"])
            assert ann.resumes == []
    finally:
        os.kill(child.pid, signal.SIGCONT)
        end(child, signal.SIGTERM, 5.0)


def test_principals_are_told_apart_by_sign_in() -> None:
    assert principal("u_ann").sign_in != principal("u_ann", "si_other").sign_in
