"""People who interrupt, leave, come back and are killed, under a virtual clock and many seeds.

Several real nodes on the bus's twin in memory; it is taken away, made deaf, and nodes die. Each
device checks every frame; at the end everybody must have seen everything that was logged, once.
"""

import asyncio
import os
import time

import pytest

from realtime.numbering import Numbering
from realtime.outbox import Outbox
from realtime.sending import Sender
from realtime.told import Told
from storage.bus.ports import Place
from tests.realtime import simulated_device
from tests.realtime.simulated import Node, World
from tests.realtime.simulated_device import Device

STEPS = 250
HEALING_SECONDS = 40.0
pytestmark = pytest.mark.looptime(noop_cycles=3, idle_step=0.01)


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.lanes.write", simulated_device.write)


async def begin(seed: int) -> World:
    world = World(seed)
    for _ in range(2):
        world.nodes.append(await Node(world).start())
    for person in ("u_ann", "u_ann", "u_bob", "u_cat"):
        world.devices.append(Device(world, person))
    for device in world.devices:
        device.connect(world.random.choice(world.nodes))
    await world.pause(0.5)
    return world


async def step(world: World) -> None:
    """Something happens to somebody."""
    chance = world.random
    device = chance.choice(world.devices)
    loop = asyncio.get_running_loop()
    match chance.choices(
        ["say", "again", "drop", "come", "slow", "fast", "ping", "kill", "grow", "away", "deaf"],
        [30, 6, 10, 22, 6, 12, 10, 2, 3, 1.5, 2],
    )[0]:
        case "say" if device.live and len(device.pending) < 3:
            rooms = [r for r, people in world.members.items() if device.person in people]
            device.say(chance.choice(rooms))
        case "again" if device.pending:
            device.again(chance.choice(list(device.pending)))
        case "drop":
            device.lose()
        case "come" if world.nodes:
            if device.node is None or chance.random() < 0.2:
                device.connect(chance.choice(world.nodes))
        case "slow":
            device.slow_down()
        case "fast":
            device.speed_up()
        case "ping":
            device.ping()
        case "kill" if len(world.nodes) > 1:
            await chance.choice(world.nodes).kill()
        case "grow" if len(world.nodes) < 4 and world.store.up:
            world.nodes.append(await Node(world).start())
        case "away" if world.store.up:
            world.store.away()
            loop.call_later(chance.uniform(0.1, 4), world.store.back)
        case "deaf":
            world.store.deaf = True
            loop.call_later(chance.uniform(0.1, 3), lambda: setattr(world.store, "deaf", False))
    await world.pause(chance.expovariate(1 / 0.15))


async def heal(world: World) -> None:
    """All is well again: everybody comes back and has the time to hear the rest."""
    await world.pause(5)  # what was taken away is back
    for _ in range(8):
        for device in world.devices:
            device.speed_up()
            if not device.live:
                device.connect(world.random.choice(world.nodes))
            device.ping()
        await world.pause(HEALING_SECONDS / 8)
        for device in world.devices:
            for key in tuple(device.pending):
                device.again(key)
        for room in world.members:
            await world.nodes[0].realtime.holder.recover(room)
        await world.pause(HEALING_SECONDS / 8)


def check(world: World) -> None:
    """The laws, over all that happened."""
    for room, people in world.members.items():
        truth = world.durable(room)
        assert len(truth) == len(set(truth)), "nothing is logged twice"
        here = set(truth)
        for device in world.devices:
            if device.person not in people:
                continue
            assert device.live, device.codes
            seen = [event for event in device.durable if event in here]
            before = len(truth) - len(seen)  # what was said before their session began
            assert seen == truth[before:], room
            assert before <= device.begun_at.get(room, 0), room
            assert not device.resyncs, "nothing was lost, so nobody had to begin anew"
            assert not device.pending, "every command was answered in the end"
        texts: dict[str, str] = {}
        for event in world.logged(room):
            if event["type"] == "reply.delta":
                assert event["offset"] == len(texts.setdefault(event["reply"], ""))
                texts[event["reply"]] += event["text"]
            elif event["type"] == "reply.done":
                assert event["text"] == texts.get(event["reply"], "")
                assert event["cost_microcredits"] == event["text"].count(" ")
        for kind, reply in truth:
            if kind == "done":
                assert world.charged[reply] == texts.get(reply, "").count(" "), "charged as logged"
        assert {reply for kind, reply in truth if kind == "started"} == {
            reply for kind, reply in truth if kind == "done"
        }, "what began has ended"
    for device in world.devices:
        mine = {("created", message) for message in device.acked.values()}
        assert mine <= {event for room in world.members for event in world.durable(room)}


async def live_through(seed: int, steps: int = STEPS) -> World:
    world = await begin(seed)
    for _ in range(steps):
        await step(world)
    await heal(world)
    check(world)
    for node in world.nodes:
        await node.realtime.drain(5.0)
    return world


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_everybody_sees_everything_once(seed: int) -> None:
    simulated_device.written.clear()
    world = await live_through(seed)
    assert simulated_device.written, "some frames took the shortest way"
    assert sum(device.resumes for device in world.devices) > 0
    assert any(world.logged(room) for room in world.members)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_whatever_happens_for_as_long_as_it_is_let() -> None:
    until, seed = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "600")), 1_000
    while time.monotonic() < until:
        try:
            await live_through(seed)
        except BaseException as error:
            raise AssertionError(f"seed {seed}") from error
        seed += 1


# --- faults that must be seen


async def goes_wrong() -> bool:
    """Whether any of a few lives breaks a law."""
    for seed in range(6):
        try:
            await live_through(seed)
        except (AssertionError, KeyError):
            return True
    return False


async def test_a_forgotten_anchor_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    number = Numbering.number

    def forgetful(self: Numbering, log: str, generation: str, pos: int, *, merged: bool) -> None:
        number(self, log, generation, pos, merged=merged)

    monkeypatch.setattr(Numbering, "number", forgetful)
    assert await goes_wrong()


async def test_a_word_lost_in_merging_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Outbox.put

    def careless(self: Outbox, told: Told) -> None:
        if not (told.reply and len(self) >= 2):
            put(self, told)

    monkeypatch.setattr(Outbox, "put", careless)
    assert await goes_wrong()


async def test_a_frame_that_the_kernel_left_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "rest", lambda *_: None)
    assert await goes_wrong()


async def test_a_gap_that_nobody_reads_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime.tails import Tails

    def incurious(self: Tails, *_: object) -> None: ...

    monkeypatch.setattr(Tails, "reconnected", incurious)
    monkeypatch.setattr(Tails, "check_heads", lambda self: asyncio.sleep(0))
    monkeypatch.setattr(Tails, "_fill", lambda self, log, tail, late: self._release(log, tail))
    assert await goes_wrong()


async def test_a_replay_that_begins_one_too_late_would_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import realtime.resuming as resuming

    after = resuming._after

    async def late(*arguments: object) -> tuple[Place | None, list[Told]]:
        place, entries = await after(*arguments)  # type: ignore[arg-type]
        return place, entries[1:]

    monkeypatch.setattr(resuming, "_after", late)
    assert await goes_wrong()
