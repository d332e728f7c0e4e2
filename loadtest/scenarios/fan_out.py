"""One person speaks and everybody hears it: a full room, or one person's many devices.

`seed --shared-room` makes the room. With `devices=yes` everybody is a device of the first person
instead (a server allows so many of those, 20 unless it was told otherwise).
"""

import time

import msgspec

from loadtest.clients.frames import Frame
from loadtest.people import Person

MODEL = "closed"
FAIL_IF = ("lost_events>0", "repeated_events>0")
OPTIONS = {"devices": "no"}


class _Part(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    parts: list[_Part] = []


async def visit(person: Person) -> None:
    """Listen; the first one also speaks, and says when."""
    if person.options["devices"] == "yes":
        person.account = person.everybody()[0]
    room = person.account.shared or person.account.room
    async with person.socket() as socket:
        socket.talk.on_message = lambda frame: heard(person, frame)
        if person.number != 0:
            await person.rest_until(person.leaving_at)
            return
        async for meant_at in person.turns():
            await socket.say(f"sent at {time.time_ns()}", meant_at, room)


def heard(person: Person, frame: Frame) -> None:
    """A message is here: how long ago was it sent?"""
    text = "".join(part.text for part in msgspec.json.decode(frame.message, type=_Message).parts)
    if text.startswith("sent at "):
        person.measures.time("fan_out", (time.time_ns() - int(text[8:])) / 1e9)
        person.measures.count("heard")
