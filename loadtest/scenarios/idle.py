"""People are signed in and say nothing; only heartbeats go to and fro."""

from loadtest.people import Person

MODEL = "closed"
FAIL_IF = ("losses>0",)


async def visit(person: Person) -> None:
    """Be there until the end."""
    async with person.socket():
        await person.rest_until(person.leaving_at)
