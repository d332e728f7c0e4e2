"""The companion's goodbye in its own words, if it finds them in time; else the shipped ones.

It is asked like any reply, with a direction, screened, and paid for by nobody.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from rooms.calls.life import Why
from rooms.calls.spoken import spoken
from rooms.dialogue.ports import ModelError, Words
from rooms.dialogue.prompt import Said
from rooms.ports import Principal
from rooms.prompting import compile_for

if TYPE_CHECKING:
    from rooms.room import RoomParts

logger = structlog.get_logger(__name__)
LONGEST_CHARACTERS: Final = 160
TOKENS: Final = 48
_REASONS: Final[dict[Why, str]] = {
    "out_of_credits": "the person's credits for this call are used up",
    "time_used_up": "the time for calls is used up for today",
    "failed": "the connection on your side is failing",
    "server_restarting": "the line is about to drop for a moment, and they can call again",
}
_SENTENCES = re.compile(r"^.*[.!?…。।](?=\s|$)", re.DOTALL)


async def farewell(
    parts: "RoomParts", who: Principal, companion: str, branch: list[Said], why: Why, seconds: float
) -> str:
    """What to say. Never longer than a breath, never late."""
    persona = await parts.personas.persona(companion)
    shipped = spoken(why, who.person.language, persona.name)
    direction = (
        f"This is a phone call and it ends right now, because {_REASONS[why]}. Tell them so and "
        "say goodbye warmly in one short sentence, as yourself. Ask nothing; promise nothing."
    )
    compiled = compile_for(
        parts, who.person, persona, branch[-6:], (), parts.plans[who.person.plan], "",
        several=False, direction=direction,
    )  # fmt: skip
    prompt = msgspec.structs.replace(
        compiled.prompt, max_output_tokens=min(TOKENS, compiled.prompt.max_output_tokens)
    )
    said = ""
    try:
        async with asyncio.timeout(seconds), parts.turn.router.stream(prompt) as answer:
            async for item in answer.words:
                if isinstance(item, Words):
                    said += item.text
                if len(said) > LONGEST_CHARACTERS:
                    break
    except (ModelError, TimeoutError) as error:
        return _shipped(shipped, type(error).__name__)
    whole = _SENTENCES.match(said.strip()[:LONGEST_CHARACTERS])
    if whole is None:
        return _shipped(shipped, "no whole sentence")
    verdict = parts.turn.screen.screen(whole[0], minor=who.minor, from_person=False)
    return whole[0] if verdict.action == "allow" else _shipped(shipped, "screened")


def _shipped(words: str, why: str) -> str:
    logger.info("a goodbye is in the shipped words", why=why)
    return words
