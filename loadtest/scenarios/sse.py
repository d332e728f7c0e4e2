"""People behind proxies that block sockets: events by SSE, commands by POST."""

from loadtest.people import Person

MODEL = "open"


async def visit(person: Person) -> None:
    """One conversation over a session's event stream."""
    async with person.events() as events:
        async for meant_at in person.turns():
            await events.say(person.line(), meant_at)
