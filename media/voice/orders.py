"""What the talk of a call is told, and what it orders: the two vocabularies of media/voice/talk.py.

Spans of the person's speech count 16 kHz samples of the ear's clock; played sound counts 24 kHz
samples of its epoch. `Voiced` (media/hearing/ports.py) and `Played` (media/calls/leg.py) are inputs
too, as they come.
"""

from typing import Final

from msgspec import Struct

from media.calls.leg import Played
from media.hearing.ports import Transcript, Voiced
from media.speech.ports import Spoken


class Fact(Struct, frozen=True):
    """The base of what the talk is told."""


class Order(Struct, frozen=True):
    """The base of what the talk wants done."""


# --- told


class Lost(Fact, frozen=True):
    """Nothing came for this span, or only what a leg made up: it says nothing about the person."""

    from_sample: int
    until_sample: int


class Judged(Fact, frozen=True):
    """Whether who spoke in `piece` has finished, 0..1; None where the model failed."""

    piece: int
    probability: float | None


class Transcribed(Fact, frozen=True):
    """The words of `piece`; an empty transcript where the recogniser failed."""

    piece: int
    transcript: Transcript


class Unheard(Fact, frozen=True):
    """What was to be understood early of `piece` is not: nobody had time, or it failed."""

    piece: int


class Foreheard(Fact, frozen=True):
    """What is understood of `piece` so far, by who listens along; `Transcribed` still follows."""

    piece: int
    transcript: Transcript


class Begin(Fact, frozen=True):
    """An utterance of the companion's begins; its words will follow. `turn`: the room's reply."""

    utterance: str
    turn: bool = True
    interruptible: bool = True


class Words(Fact, frozen=True):
    """More words of an utterance."""

    utterance: str
    text: str


class WordsEnd(Fact, frozen=True):
    """An utterance has all its words."""

    utterance: str


class Withdraw(Fact, frozen=True):
    """An utterance is to end now, for a reason of the house's own."""

    utterance: str


class NoTurn(Fact, frozen=True):
    """What was committed became no turn: the room refused it."""


class Made(Fact, frozen=True):
    """More sound of a clause; `piece` None: that was all of it."""

    clause: int
    piece: Spoken | None


class Tick(Fact, frozen=True):
    """The ear's clock as it would stand, told while no sound comes."""

    sample: int


class LegGone(Fact, frozen=True):
    """Nobody can be heard or spoken to; what was being said is interrupted."""


Told = (
    Voiced
    | Played
    | Lost
    | Judged
    | Transcribed
    | Unheard
    | Foreheard
    | Begin
    | Words
    | WordsEnd
    | Withdraw
    | NoTurn
    | Made
    | Tick
    | LegGone
)


# --- ordered: listening


class Listen(Order, frozen=True):
    """Transcribe a span, unless its `words` are on their way already; where `judge`, also ask
    whether the turn has ended."""

    piece: int
    from_sample: int
    until_sample: int
    judge: bool = True
    words: bool = True


class ListenEarly(Order, frozen=True):
    """Transcribe a span though it may be no pause, if nobody else is kept waiting by it.

    Answered with `Transcribed`, or with `Unheard`."""

    piece: int
    from_sample: int
    until_sample: int


class Drop(Order, frozen=True):
    """Nobody needs the answers about `piece` any more."""

    piece: int


class Speculate(Order, frozen=True):
    """Ask the model what it would answer to `text`, at nobody's expense."""

    text: str


class Forget(Order, frozen=True):
    """What was speculated on is no longer what was said."""


class Commit(Order, frozen=True):
    """The person's turn is over: this is what they said. Times are samples of the ear's clock."""

    text: str
    language: str
    voiced_until: int
    paused_at: int
    heard_at: int
    decided_at: int


class Overheard(Order, frozen=True):
    """The person's words so far, to be shown; empty: it was no speech after all."""

    text: str


# --- ordered: speaking


class Pause(Order, frozen=True):
    """The leg falls silent and keeps what is queued."""


class Resume(Order, frozen=True):
    """The leg goes on."""


class Flush(Order, frozen=True):
    """The leg drops what has not left and begins `epoch`."""

    epoch: int


class Synthesise(Order, frozen=True):
    """Make the sound of a clause."""

    clause: int
    utterance: str
    text: str


class DropClause(Order, frozen=True):
    """Nobody will hear this clause: stop making it."""

    clause: int


class Play(Order, frozen=True):
    """Queue sound on the leg; it begins at `at_sample` of `epoch`."""

    epoch: int
    at_sample: int
    pcm: bytes


class Heard(Order, frozen=True):
    """So many code points of the utterance were heard. `done`: it is over; it will not be more."""

    utterance: str
    code_points: int
    done: bool = False


class Interrupted(Order, frozen=True):
    """The person has taken the floor: stop thinking about this utterance. `Heard` still follows."""

    utterance: str


LISTENING: Final = (Listen, ListenEarly, Drop, Speculate, Forget, Commit, Overheard)
SPEAKING: Final = (Pause, Resume, Flush, Synthesise, DropClause, Play, Heard, Interrupted)
