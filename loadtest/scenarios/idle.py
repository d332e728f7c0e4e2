"""People are signed in and say nothing, or few of them do; else only heartbeats go to and fro.

With `talking=0.025` one in forty speaks every `--every`: what does a silent crowd cost them?
"""

from loadtest.people import Person

MODEL = "closed"
FAIL_IF = ("losses>0",)
OPTIONS = {"talking": "0"}


async def visit(person: Person) -> None:
    """Be there until the end."""
    async with person.socket() as socket:
        if person.is_among(float(person.options["talking"])):
            async for meant_at in person.turns():
                await socket.say(person.line(), meant_at)
        await person.rest_until(person.leaving_at)
