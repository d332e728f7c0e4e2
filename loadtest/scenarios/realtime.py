"""People whose apps speak the OpenAI Realtime protocol: text in, text out, on /v1/realtime."""

from loadtest.people import Person

MODEL = "open"
OPTIONS = {"model": "mira"}


async def visit(person: Person) -> None:
    """One conversation."""
    async with person.realtime(person.options["model"]) as realtime:
        async for meant_at in person.turns():
            await realtime.say(person.line(), meant_at)
