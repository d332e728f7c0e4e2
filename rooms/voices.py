"""Whose voice speaks: a companion's own, one by its name, or a name that is usual elsewhere."""

from typing import Final

import msgspec

from media.speech.ports import VoiceChoice
from media.speech.voices import REGISTERS, VOICES, voice_of
from rooms.companions.companion import Companion

# Names that clients of OpenAI send, as the nearest voice here.
USUAL_NAMES: Final = {
    "alloy": "alto",
    "ash": "baritone-dry",
    "ballad": "tenor-light",
    "cedar": "baritone-soft",
    "coral": "mezzo-bright",
    "echo": "baritone",
    "fable": "tenor-sunny",
    "marin": "mezzo-warm",
    "nova": "mezzo-quick",
    "onyx": "bass-velvet",
    "sage": "alto-bright",
    "shimmer": "soprano-soft",
    "verse": "tenor-bright",
}


def choice_of(companion: Companion, language: str = "") -> VoiceChoice:
    """How a companion sounds; in the person's language where one is told, else in its own."""
    voice = companion.voice
    choice = voice_of(
        voice.id, pitch=voice.pitch, rate=voice.rate, style=voice.style, locale=voice.locale
    )
    return msgspec.structs.replace(choice, language=language) if language else choice


def named_voice(name: str, language: str) -> VoiceChoice | None:
    """A voice by its name, here or elsewhere usual; None for a name that nobody has."""
    known = USUAL_NAMES.get(name.lower(), name.lower())
    if known not in REGISTERS and known not in VOICES:
        return None
    return VoiceChoice(voice=known, language=language)
