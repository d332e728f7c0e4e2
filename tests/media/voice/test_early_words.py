"""Words that are not final yet: the model may think ahead on them, nobody is answered by them."""

from config.voice import VoiceSettings
from media.hearing.ports import Transcript, Voiced
from media.voice import orders as o
from media.voice.talk import Talk

WINDOW = 512


class Person:
    """Speaks and falls silent; keeps what was ordered."""

    def __init__(self, **settings: object) -> None:
        self.talk = Talk(VoiceSettings(**settings))  # type: ignore[arg-type]
        self.at = 0
        self.orders: list[o.Order] = []

    def tell(self, fact: o.Told) -> list[o.Order]:
        told = self.talk.tell(fact)
        self.orders += told
        return told

    def sounds(self, ms: int, probability: float) -> None:
        for _ in range(ms * 16 // WINDOW):
            self.at += WINDOW
            level = -20.0 if probability > 0.5 else -70.0
            self.tell(Voiced(until_sample=self.at, probability=probability, level_db=level))

    def pauses(self) -> int:
        """A second of speech, then a pause that is noticed; the piece it asks for."""
        self.sounds(1_000, 0.9)
        self.sounds(260, 0.0)
        return self.last(o.Listen).piece

    def last(self, kind: type) -> o.Order:
        return next(order for order in reversed(self.orders) if isinstance(order, kind))

    def count(self, kind: type) -> int:
        return sum(isinstance(order, kind) for order in self.orders)


def words(text: str) -> Transcript:
    return Transcript(text=text, speech_probability=1.0)


def test_the_model_is_asked_on_early_words_and_the_final_ones_are_the_turn() -> None:
    person = Person()
    piece = person.pauses()
    person.tell(o.Judged(piece, 0.2))
    person.tell(o.Foreheard(piece, words("What is the weather")))
    assert person.last(o.Speculate).text == "What is the weather"
    assert person.count(o.Commit) == 0
    person.sounds(3_000, 0.0)
    assert person.count(o.Commit) == 0  # however long it is silent: the words are not final
    person.tell(o.Transcribed(piece, words("What is the weather")))
    assert person.last(o.Commit).text == "What is the weather"
    assert (person.count(o.Speculate), person.count(o.Forget)) == (1, 0)


def test_other_final_words_have_the_early_answer_forgotten() -> None:
    person = Person()
    piece = person.pauses()
    person.tell(o.Judged(piece, 0.2))
    person.tell(o.Foreheard(piece, words("What is the weather")))
    told = person.tell(o.Transcribed(piece, words("What was the weather like")))
    assert [type(one) for one in told] == [o.Overheard, o.Forget, o.Speculate]
    assert person.last(o.Speculate).text == "What was the weather like"


def test_early_words_wait_for_the_judgement_of_the_turn() -> None:
    person = Person()
    piece = person.pauses()
    person.tell(o.Foreheard(piece, words("What is the weather")))
    assert person.count(o.Speculate) == 0
    assert person.last(o.Overheard).text == "What is the weather"  # it is shown at once
    person.tell(o.Judged(piece, 0.2))
    assert person.count(o.Speculate) == 1


def test_whoever_goes_on_speaking_has_the_early_answer_forgotten() -> None:
    person = Person()
    piece = person.pauses()
    person.tell(o.Judged(piece, 0.2))
    person.tell(o.Foreheard(piece, words("What is the")))
    person.sounds(300, 0.9)
    assert person.count(o.Forget) == 1
    assert not person.tell(o.Foreheard(piece, words("What is the")))  # of a piece that is no more


def test_early_words_of_nothing_and_of_a_nod_are_not_thought_about() -> None:
    person = Person()
    piece = person.pauses()
    person.tell(o.Judged(piece, 0.9))
    assert person.tell(o.Foreheard(piece, words(""))) == []
    assert person.tell(o.Foreheard(piece, words("mhm"))) == []


def test_where_nobody_speculates_early_words_are_only_shown() -> None:
    person = Person(speculate=False)
    piece = person.pauses()
    person.tell(o.Judged(piece, 0.2))
    person.tell(o.Foreheard(piece, words("What is the weather")))
    assert (person.count(o.Speculate), person.count(o.Overheard)) == (0, 1)
