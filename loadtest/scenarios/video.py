"""People call their companion by video, talk with it, and watch: smoothness, and lips with sound.

Sound and picture are decoded as a phone does. `frame_rate`, `frozen_ms`, `skew`, `first_picture`
and `picture_late` say what people saw; a core decodes about ten calls: count drivers accordingly.
"""

from loadtest.people import Person
from loadtest.speech import lines_of

MODEL = "closed"
FAIL_IF = ("errors>0",)
OPTIONS = {"wav": ""}


async def visit(person: Person) -> None:
    """One call."""
    lines = await lines_of(person.options["wav"])
    async with person.video_call(person.account.room) as call:
        await call.seen()
        await call.greeted()
        async for _ in person.turns():
            await call.say(person.random.choice(lines))
            await call.quiet()
