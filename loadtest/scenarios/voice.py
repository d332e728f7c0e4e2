"""People call their companion, wait for the greeting, say a few lines and listen to the answers.

The lines are real speech (`--set wav=FOLDER` for one's own files, mono, any rate). From the last
sound said, the packet with the first sound of the answer is there after `voice_to_packet`, and the
caller's own jitter buffer gives it out after `voice_to_voice`.
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
