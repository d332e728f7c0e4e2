"""Everybody is talking when all connections are lost at once; all come back and miss nothing.

The cut is made here (`cut=self`), or expected from the server (`cut=server`: kill a node during
the run). Either way whoever is lost comes back after a random wait of up to `jitter` and resumes;
what was lost or came twice is counted by `seq` and by the words' offsets, and must be none.
"""

import asyncio
import time

from loadtest.arrivals import parse_seconds
from loadtest.clients.native import Socket
from loadtest.clients.wire import Trouble
from loadtest.people import Person

MODEL = "closed"
FAIL_IF = ("lost_events>0", "repeated_events>0", "resyncs>0", "gave_up>0", "errors>0")
OPTIONS = {
    "cut": "self",
    "at": "20s",
    "again": "0s",
    "jitter": "2s",
    "tries": "20",
    "talking": "1.0",
}


async def visit(person: Person) -> None:
    """Talk, be cut off, come back, hear the rest."""
    async with person.socket() as socket:
        socket.keep_session()
        async with asyncio.TaskGroup() as tasks:
            back = tasks.create_task(come_back(person, socket))
            cut = tasks.create_task(cut_off(person, socket))
            await talk(person, socket)
            back.cancel()
            cut.cancel()


async def talk(person: Person, socket: Socket) -> None:
    """Speak, if this one of the crowd does; the others only listen."""
    if not person.is_among(float(person.options["talking"])):
        await person.rest_until(person.leaving_at)
        return
    async for meant_at in person.turns():
        try:
            await socket.say(person.line(), meant_at)
        except Trouble as trouble:
            person.measures.error(trouble.code)


async def cut_off(person: Person, socket: Socket) -> None:
    """Lose the connection at the moment at which all do, and again if it was asked for."""
    if person.options["cut"] != "self":
        return
    at, again = parse_seconds(person.options["at"]), parse_seconds(person.options["again"])
    while person.begin_at + at < person.leaving_at:
        await person.rest_until(person.begin_at + at)
        socket.cut()
        if again <= 0:
            return
        at += again


async def come_back(person: Person, socket: Socket) -> None:
    """Resume after each loss, as a client should: after a random wait, longer after failures."""
    jitter = parse_seconds(person.options["jitter"])
    person.measures.count("gave_up", 0)
    while True:
        await socket.lost()
        lost_at, wait = time.perf_counter(), jitter
        for _ in range(int(person.options["tries"])):
            meant_at = time.perf_counter() + person.random.uniform(0, wait)
            await asyncio.sleep(max(0.0, meant_at - time.perf_counter()))
            try:
                await socket.resume(meant_at)
                break
            except Trouble as trouble:
                person.measures.count(f"retries.{trouble.code}")
                wait = min(wait * 1.5, 5.0)
        else:
            person.measures.count("gave_up")
            person.measures.time("away", time.perf_counter() - lost_at)
            return
