"""From a room's branch to a compiled prompt: the budget of plan and model, the person's time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from config.plans import Plan
from rooms.dialogue.ports import Picture
from rooms.dialogue.prompt import Budget, Compiled, Persona, Said, Scene, compile_prompt
from rooms.ports import Memory
from rooms.shapes import Person

if TYPE_CHECKING:
    from rooms.room import RoomParts

SMALL_PROMPT_TOKENS = 640  # read anew in about two seconds on one core, and it heeds no more
MARGIN_TOKENS = 64  # our count is an estimate; the model's own may be a little higher


def compile_for(
    parts: "RoomParts",
    person: Person,
    persona: Persona,
    said: Sequence[Said],
    memories: tuple[Memory, ...],
    plan: Plan,
    begun: str,
    *,
    several: bool,
    direction: str = "",
    spoken_tokens: int = 0,
    pictures: tuple[Picture, ...] = (),
) -> Compiled:
    """What the preferred model is shown, within what plan, settings and model allow.

    `spoken_tokens`: the longest reply, where it is spoken. `pictures` come with the last words.
    """
    router, settings = parts.turn.router, parts.settings
    reply_tokens = min(settings.reply_tokens, router.max_output_tokens)
    if spoken_tokens:
        reply_tokens = min(reply_tokens, spoken_tokens)
    most_tokens = router.context_tokens - reply_tokens - MARGIN_TOKENS
    if router.is_demo:
        most_tokens = min(most_tokens, SMALL_PROMPT_TOKENS)
    local = datetime.fromtimestamp(parts.now_ms() / 1000, zone_of(person.timezone))
    scene = Scene(
        persona=persona,
        person_name=person.display_name,
        language=person.language,
        local_time=f"{local:%A, %H:%M}",
        said=tuple(said),
        memories=memories,
        begun=begun,
        small_model=router.is_demo,
        several_people=several,
        direction=direction,
        spoken=bool(spoken_tokens),
        pictures=pictures if router.sees else (),
    )
    budget = Budget(
        prompt_tokens=max(128, min(settings.prompt_tokens, most_tokens)),
        reply_tokens=reply_tokens,
        messages=plan.context_messages,
    )
    return compile_prompt(scene, budget, router.count_tokens)


def heard_by(companion: str, said: Sequence[Said], names: Mapping[str, str]) -> list[Said]:
    """In company, everybody's words under their names; a companion's own without one.

    `said` names its speakers by id.
    """
    return [
        Said("companion", one.text, "")
        if one.speaker == companion
        else Said("person", one.text, names.get(one.speaker, "Somebody who left"))
        for one in said
    ]


def zone_of(name: str) -> ZoneInfo:
    """A time zone by name; an unknown one is UTC."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        return ZoneInfo("UTC")
