"""Which companion speaks next; pure.

A person's words choose who answers: those named with @, in that order, else whoever spoke last.
A companion may hand on to another by naming them, a bounded number of times; a person who
writes ends it.
"""

from collections.abc import Sequence

from msgspec import Struct


class Voice(Struct, frozen=True):
    """A companion who could speak."""

    companion: str
    name: str


def mentioned(text: str, voices: Sequence[Voice]) -> list[str]:
    """The companions named with @ in a text, in the order they are named first."""
    lowered = text.lower()
    found = [(at, voice.companion) for voice in voices if (at := _at(lowered, voice.name)) >= 0]
    return [companion for _, companion in sorted(found)]


def _at(lowered: str, name: str) -> int:
    """Where `@name` stands as a word of its own; -1 for nowhere."""
    wanted, at = f"@{name.lower()}", -1
    while (at := lowered.find(wanted, at + 1)) >= 0:
        after = lowered[at + len(wanted) : at + len(wanted) + 1]
        if not after.isalnum():
            return at
    return -1


def first_voice(text: str, voices: Sequence[Voice], last: str | None) -> str:
    """Who answers a person's words. There is at least one voice."""
    named = mentioned(text, voices)
    if named:
        return named[0]
    ids = [voice.companion for voice in voices]
    return last if last in ids else ids[0]


def next_voice(
    asked: str, said: str, spoken: Sequence[str], voices: Sequence[Voice], most: int
) -> str | None:
    """Who speaks after a companion, or None.

    `asked` are the person's words, `said` the last reply, `spoken` who has spoken since the
    person wrote, the last of them last. First those whom the person named, then whom the last
    speaker names; `most` companions in a row, and nobody twice in succession.
    """
    if len(spoken) >= most:
        return None
    waiting = [one for one in mentioned(asked, voices) if one not in spoken]
    if waiting:
        return waiting[0]
    named = [one for one in mentioned(said, voices) if one != spoken[-1]]
    return named[0] if named else None
