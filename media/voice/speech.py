"""What one person is saying now: where it began, how long it has been silent, its pieces.

A long speech is transcribed in pieces at its pauses, so that nothing is transcribed twice and no
piece is longer than a recogniser likes.
"""

from dataclasses import dataclass, field

from media.hearing.ports import Transcript


@dataclass(slots=True)
class Piece:
    """A span that is being, or was, transcribed."""

    number: int
    from_sample: int
    until_sample: int
    transcript: Transcript | None = None
    probability: float | None = None
    judged: bool = False
    heard_at: int = 0
    level_db: float = -120.0
    echo: bool = False  # it was the companion's own voice
    early: Transcript | None = None  # what was understood before its words were final


@dataclass(slots=True)
class Speech:
    """Speech under way. `asked` is the piece that ends with the present pause, if one was noticed.

    voiced: samples in which somebody was really heard; silent: samples since they last were.
    over_other: it began while the companion spoke.
    """

    begin: int
    voiced_until: int
    voiced: int
    level_db: float
    over_other: bool = False
    silent: int = 0
    again: int = 0
    paused_at: int = 0
    asked: Piece | None = None
    stands: list[Piece] = field(default_factory=list)
    speculated: bool = False
    guess: str = ""  # the words that were speculated on
    shown: str = ""

    def pieces(self) -> list[Piece]:
        """Every piece, in order."""
        return [*self.stands, self.asked] if self.asked is not None else list(self.stands)

    def piece(self, number: int) -> Piece | None:
        """The piece of that number, if it still counts."""
        return next((one for one in self.pieces() if one.number == number), None)

    @property
    def complete(self) -> bool:
        """It pauses, and all its words are there."""
        return self.asked is not None and all(one.transcript for one in self.pieces())

    @property
    def early(self) -> Transcript | None:
        """Its words, where only those of the present pause are not final yet."""
        asked = self.asked
        if asked is None or asked.early is None or not all(one.transcript for one in self.stands):
            return None
        before = [one.transcript for one in self.stands if one.transcript and not one.echo]
        text = " ".join(one.text.strip() for one in [*before, asked.early] if one.text.strip())
        return Transcript(text=text, language=asked.early.language)

    @property
    def echoed(self) -> bool:
        """Nothing is there but the companion's own voice."""
        return any(one.echo for one in self.pieces()) and not self.transcript.text

    @property
    def transcript(self) -> Transcript:
        """The words that are there, joined; as sure as the surest piece that it is speech."""
        there = [one.transcript for one in self.pieces() if one.transcript and not one.echo]
        text = " ".join(one.text.strip() for one in there if one.text.strip())
        language = next((one.language for one in reversed(there) if one.language), "")
        sure = max((one.speech_probability for one in there), default=0.0)
        return Transcript(text=text, language=language, speech_probability=sure)
