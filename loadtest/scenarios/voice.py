"""People call their companion, wait for the greeting, say a few lines and listen to the answers.

The lines are real speech (`--set wav=FOLDER` for one's own files, mono, any rate); how long the
first sound of each answer takes is `voice_to_voice`, from the last sound said.
"""

from loadtest.people import Person
from loadtest.speech import lines_of

MODEL = "closed"
FAIL_IF = ("errors>0",)
OPTIONS = {"wav": ""}


async def visit(person: Person) -> None:
    """One call."""
    lines = await lines_of(person.options["wav"])
    async with person.call(person.account.room) as call:
        await call.greeted()
        async for _ in person.turns():
            await call.say(person.random.choice(lines))
            await call.quiet()
