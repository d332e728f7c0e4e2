"""Words understood before it is a pause: a head start, and nothing lost where it was in vain."""

from itertools import pairwise

import pytest

from config.voice import VoiceSettings
from media.hearing.ports import Transcript
from media.voice import orders as o
from media.voice.early import AGAIN_MS
from tests.media.voice.scripted import WINDOW_MS, Says, Scene
from tests.media.voice.test_early_words import Person

NEVER = VoiceSettings(early_ms=0)
DIP_MS = 3 * WINDOW_MS  # long enough to begin, too short for a pause


def first(scene: Scene, kind: type) -> int:
    return scene.orders(kind)[0][0]


def words(text: str) -> Transcript:
    return Transcript(text=text, speech_probability=1.0)


def test_a_turn_is_known_as_much_sooner_as_the_words_were_begun() -> None:
    says = [Says(500, 1_200, "How are you today?")]
    late, early = Scene(says, settings=NEVER).run(6_000), Scene(says).run(6_000)
    assert early.committed == late.committed
    ahead = early.settings.pause_ms - early.settings.early_ms
    assert first(late, o.Commit) - first(early, o.Commit) == pytest.approx(ahead, abs=WINDOW_MS)
    assert (early.asks, late.asks) == (1, 1), "nothing is understood twice"


def test_at_the_pause_only_its_end_is_judged_over_all_of_the_sound() -> None:
    scene = Scene([Says(500, 1_200, "How are you today?")]).run(6_000)
    ((_, begun),), ((_, asked),) = scene.orders(o.ListenEarly), scene.orders(o.Listen)
    assert begun.piece == asked.piece
    assert begun.from_sample == asked.from_sample
    assert (asked.judge, asked.words) == (True, False)
    later_ms = (asked.until_sample - begun.until_sample) / 16
    assert later_ms == scene.settings.pause_ms - scene.settings.early_ms


@pytest.mark.parametrize("hear_ms", [20, 400])
def test_who_speaks_on_has_it_dropped_and_loses_no_word(hear_ms: int) -> None:
    says = [Says(500, 1_000, "I went home"), Says(1_500 + DIP_MS, 1_000, "by train yesterday.")]
    scene = Scene(says, hear_ms=hear_ms).run(6_000)
    (begun_at, begun), (_, again) = scene.orders(o.ListenEarly)
    (dropped_at, dropped), *more = scene.orders(o.Drop)
    assert (dropped.piece, more) == (begun.piece, [])
    assert begun_at < dropped_at <= 1_500 + DIP_MS + 2 * WINDOW_MS
    assert again.from_sample == begun.from_sample
    assert scene.committed == ["I went home by train yesterday."]
    assert not scene.speculated or scene.speculated == scene.committed


def test_it_is_not_begun_at_every_breath() -> None:
    """One at a time, and after a vain one not again for a while: a core is not kept busy by it."""
    dips = [Says(500 + 250 * n, 250 - DIP_MS, "la", complete=0.1) for n in range(40)]
    scene = Scene(dips).run(11_000)
    begun = [ms for ms, _ in scene.orders(o.ListenEarly)]
    assert len(begun) >= 2
    assert min(b - a for a, b in pairwise(begun)) >= AGAIN_MS
    under_way: set[int] = set()
    for _, order in scene.log:
        if isinstance(order, o.ListenEarly):
            assert not under_way
            under_way.add(order.piece)
        elif isinstance(order, o.Drop | o.Listen):
            under_way.discard(order.piece)


def test_where_nobody_has_time_it_is_as_if_it_were_never_tried() -> None:
    says = [Says(500, 1_200, "How are you today?"), Says(6_000, 900, "Good night.")]
    busy, never = Scene(says, busy=True).run(12_000), Scene(says, settings=NEVER).run(12_000)
    assert busy.orders(o.ListenEarly)
    assert busy.committed == never.committed == ["How are you today?", "Good night."]
    assert [ms for ms, _ in busy.orders(o.Commit)] == [ms for ms, _ in never.orders(o.Commit)]


def test_it_is_not_tried_while_the_companion_speaks() -> None:
    says = [Says(500, 1_000, "Tell me something."), Says(5_000, 900, "Wait, stop please.")]
    scene = Scene(says, replies=["So much to tell you, where do I even begin? " * 6, "Yes."])
    scene.run(12_000)
    assert scene.committed[1] == "Wait, stop please."
    assert all(ms < 2_000 for ms, _ in scene.orders(o.ListenEarly))


@pytest.mark.parametrize("off", [0, 192, 400])
def test_it_can_be_switched_off(off: int) -> None:
    says = [Says(500, 1_200, "How are you today?")]
    scene = Scene(says, settings=VoiceSettings(early_ms=off)).run(6_000)
    assert not scene.orders(o.ListenEarly)
    assert scene.committed == ["How are you today?"]


class Early(Person):
    """Somebody who speaks for a second, and has been quiet for two windows and a half."""

    def begin(self) -> int:
        self.sounds(1_000, 0.9)
        self.sounds(3 * WINDOW_MS, 0.0)
        return self.last(o.ListenEarly).piece


def test_words_that_come_before_the_pause_wait_for_it() -> None:
    person = Early()
    piece = person.begin()
    assert person.tell(o.Transcribed(piece, words("Where is it?"))) == []
    person.sounds(4 * WINDOW_MS, 0.0)
    assert person.last(o.Listen).words is False
    assert person.last(o.Overheard).text == "Where is it?"
    assert person.count(o.Commit) == 0
    person.tell(o.Judged(piece, 0.9))
    assert person.last(o.Commit).text == "Where is it?"


def test_early_words_of_somebody_who_speaks_on_are_nobodys() -> None:
    person = Early()
    piece = person.begin()
    person.tell(o.Transcribed(piece, words("Where is")))
    person.sounds(500, 0.9)
    assert person.last(o.Drop).piece == piece
    assert person.tell(o.Transcribed(piece, words("Where is"))) == []
    assert person.tell(o.Unheard(piece)) == []
    assert person.count(o.Overheard) == 0


def test_what_fails_after_the_pause_is_asked_for_again() -> None:
    person = Early()
    piece = person.begin()
    person.sounds(4 * WINDOW_MS, 0.0)
    told = person.tell(o.Unheard(piece))
    assert [(type(one), one.piece, one.judge, one.words) for one in told] == [
        (o.Listen, piece, False, True)
    ]
    person.tell(o.Judged(piece, 0.9))
    person.tell(o.Transcribed(piece, words("Where is it?")))
    assert person.last(o.Commit).text == "Where is it?"
    assert person.tell(o.Unheard(piece)) == []


def test_early_noise_is_nothing() -> None:
    person = Early()
    piece = person.begin()
    person.tell(o.Transcribed(piece, Transcript(text="", speech_probability=0.0)))
    person.sounds(4 * WINDOW_MS, 0.0)
    assert (person.count(o.Commit), person.count(o.Overheard)) == (0, 0)
    assert person.talk.floor.speaking is False


def test_a_leg_that_goes_takes_it_along() -> None:
    person = Early()
    piece = person.begin()
    person.tell(o.LegGone())
    assert [one.piece for one in person.orders if isinstance(one, o.Drop)] == [piece]
