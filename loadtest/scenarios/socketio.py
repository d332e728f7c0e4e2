"""People come, say a few things over Socket.IO, hear each reply, and leave."""

from loadtest.people import Person

MODEL = "open"


async def visit(person: Person) -> None:
    """One conversation."""
    async with person.socketio() as socket:
        async for meant_at in person.turns():
            await socket.say(person.line(), meant_at)
