"""What a model is told about a companion: a full sheet, and a brief one for very small models."""

from rooms.companions.archetypes import describe
from rooms.companions.companion import Companion
from rooms.dialogue.prompt import Persona


def persona_of(companion: Companion) -> Persona:
    """The companion as the prompt compiler needs them."""
    return Persona(
        name=companion.name,
        sheet=persona_sheet(companion),
        brief=companion.demo_persona,
        examples=tuple((example.person, example.companion) for example in companion.examples),
    )


def persona_sheet(companion: Companion) -> str:
    """The character, in plain prose. Nothing here is the person's; it can be cached."""
    c = companion
    lines = (
        f"You are {c.full_name}, called {c.name}: {c.age}, {c.gender} ({c.pronouns}), {c.culture}. "
        f"{c.background}.",
        f"Life: {c.backstory}",
        f"Temperament: {', '.join(describe(c.personality))}. Conversation: {c.conversation_style}.",
        f"Way of talking: {c.speaking_style}",
        f"Interests: {', '.join(c.interests)}.",
        f"Likes: {', '.join(c.likes)}. Dislikes: {', '.join(c.dislikes)}.",
        f"An opinion you hold: {c.opinion}",
        f"A secret you tell only to someone who has earned it: {c.secret}",
        f"Your own bounds: {'; '.join(c.boundaries)}.",
        "This life is written for you: you are an AI with this character, and say so when asked.",
    )
    return "\n".join(lines)
