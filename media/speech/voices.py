"""Voices by name, and what each does to the one speaker that ships.

A name is a register and a colour, as companions have them in config/cast: `alto-bright`,
`bass-velvet`. Whatever else a companion's voice is called still gets one of its own, by its
figures for pitch and rate; a name that nobody knows falls to the middle.
"""

from typing import Final

from msgspec import Struct

from media.speech.ports import VoiceChoice


class Timbre(Struct, frozen=True, kw_only=True):
    """How the speaker is bent. Factors are around 1.0.

    pitch: of the voice. size: of the formants (above 1 is a smaller person). pace: of speaking.
    shade: above 0 darker, below 0 brighter. life: how freely the melody moves.
    """

    pitch: float = 1.0
    size: float = 1.0
    pace: float = 1.0
    shade: float = 0.0
    life: float = 0.667


class _Register(Struct, frozen=True):
    pitch: float
    size: float


REGISTERS: Final = {
    "bass": _Register(0.86, 0.94),
    "baritone": _Register(1.02, 0.98),
    "tenor": _Register(1.28, 1.04),
    "contralto": _Register(1.70, 1.12),
    "alto": _Register(1.84, 1.14),
    "mezzo": _Register(1.98, 1.16),
    "soprano": _Register(2.15, 1.18),
}


class _Colour(Struct, frozen=True):
    shade: float = 0.0
    life: float = 0.667
    pace: float = 1.0
    pitch: float = 1.0
    size: float = 1.0


COLOURS: Final = {
    "soft": _Colour(0.32, 0.50, 0.97, 0.97),
    "velvet": _Colour(0.40, 0.60, 0.97, 0.97, 0.985),
    "quick": _Colour(-0.10, 0.75, 1.04),
    "weathered": _Colour(0.36, 0.85, 0.97, 0.94, 0.98),
    "sunny": _Colour(-0.22, 0.85, 1.03, 1.06),
    "bright": _Colour(-0.25, 0.80, 1.0, 1.03, 1.01),
    "composed": _Colour(0.05, 0.45, 0.98, 1.02),
    "warm": _Colour(0.22, 0.65),
    "light": _Colour(0.08, 0.6, 0.98, 0.98, 1.02),
    "plain": _Colour(-0.12, 0.35, 0.95, 1.06, 0.99),
    "dry": _Colour(-0.15, 0.40, 1.04, 1.06, 1.01),
}
VOICES: Final = tuple(sorted((*REGISTERS, *(f"{r}-{c}" for r in REGISTERS for c in COLOURS))))
_MIDDLE: Final = _Register(1.0, 1.0)


def timbre_of(choice: VoiceChoice) -> Timbre:
    """What a choice does to the speaker."""
    register, _, colour = choice.voice.partition("-")
    base = REGISTERS.get(register, _MIDDLE)
    hue = COLOURS.get(colour, _Colour())
    shade = hue.shade + (0.2 if choice.style == "whisper" else 0.0)
    pitch = base.pitch * hue.pitch * choice.pitch
    return Timbre(
        pitch=min(max(pitch, 0.6), 2.6),
        size=min(max(base.size * hue.size * choice.pitch**0.15, 0.85), 1.25),
        pace=min(max(hue.pace * choice.rate, 0.5), 2.0),
        shade=shade,
        life=hue.life,
    )


def voice_of(
    name: str, *, pitch: float = 0.5, rate: float = 0.5, style: str = "", locale: str = "en"
) -> VoiceChoice:
    """A companion's voice as a choice; `pitch` and `rate` are 0 to 1 around 0.5, as in its sheet.

    The register says how high; the sheet's pitch moves it within, by a third at most.
    """
    register, _, _ = name.partition("-")
    middle = _SHEET_MIDDLES.get(register, 0.5)
    return VoiceChoice(
        voice=name if register in REGISTERS else "",
        language=locale or "en",
        rate=round(0.84 + 0.32 * min(max(rate, 0.0), 1.0), 3),
        pitch=round(2.0 ** ((min(max(pitch, 0.0), 1.0) - middle) * 0.8), 3),
        style=style,
    )


_SHEET_MIDDLES: Final = {
    "bass": 0.25,
    "baritone": 0.36,
    "tenor": 0.53,
    "contralto": 0.40,
    "alto": 0.46,
    "mezzo": 0.56,
    "soprano": 0.68,
}
