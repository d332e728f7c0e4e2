"""Scripted people in virtual time: who speaks when, what is committed, what was heard."""

import pytest

from config.voice import VoiceSettings
from media.voice import orders as o
from tests.media.voice.scripted import WINDOW_MS, WORD_MS, Says, Scene

LONG = (
    "Well, that is a lovely question to ask on a grey morning. I would begin with a walk along "
    "the river, because nothing wakes me like cold air. After that we could look for a warm cafe "
    "and talk for as long as you like, if the rain lets us stay."
)
SILENCE_AFTER_MS = 260  # a voice stops a companion within so long: 160 ms of voice and windows


def interrupted(scene: Scene) -> list[str]:
    return [order.utterance for _, order in scene.orders(o.Interrupted)]


def first(scene: Scene, kind: type) -> int:
    return scene.orders(kind)[0][0]


def test_a_sentence_becomes_a_turn_as_soon_as_its_words_are_there() -> None:
    scene = Scene([Says(500, 1200, "How are you today?")], replies=["I am well."]).run(6_000)
    assert scene.committed == ["How are you today?"]
    heard_by = 500 + 1200 + scene.settings.early_ms + scene.hear_ms
    assert heard_by - WINDOW_MS <= first(scene, o.Commit) <= heard_by + 80
    assert scene.done == {"reply-0": len("I am well.")}
    assert scene.heard_text("reply-0") == "I am well."


def test_the_turn_is_asked_for_and_transcribed_at_the_pause_from_before_the_first_sound() -> None:
    scene = Scene([Says(800, 1000, "Good morning.")]).run(3_000)
    (_, listen), *more = scene.orders(o.Listen)
    assert not more
    assert 800 - 400 <= listen.from_sample / 16 <= 800 - 200
    assert 2_000 - WINDOW_MS <= listen.until_sample / 16 <= 2_080


def test_a_pause_in_mid_sentence_is_waited_for() -> None:
    says = [
        Says(500, 1000, "I was thinking about", complete=0.1),
        Says(3_000, 1200, "going to the sea."),
    ]
    scene = Scene(says).run(8_000)
    assert scene.committed == ["I was thinking about going to the sea."]
    assert not scene.orders(o.Interrupted)


def test_the_ceiling_ends_a_turn_that_never_sounds_finished() -> None:
    scene = Scene([Says(500, 1000, "I was thinking about", complete=0.05)]).run(6_000)
    assert scene.committed == ["I was thinking about"]
    ceiling = 1_500 + scene.settings.ceiling_ms
    assert ceiling <= first(scene, o.Commit) <= ceiling + 80


def test_words_that_trail_off_wait_longer_than_the_model_would() -> None:
    """The end-of-turn model errs about cut sentences: the words themselves are asked too."""
    scene = Scene([Says(500, 1000, "I would like to, and", complete=0.95)]).run(6_000)
    waited = first(scene, o.Commit) - 1_500
    assert scene.settings.unlikely_ms <= waited <= scene.settings.unlikely_ms + 80


def test_a_long_pause_early_in_a_long_speech_keeps_what_was_transcribed() -> None:
    says = [
        Says(0, 12_000, " ".join(f"word{n}" for n in range(30)) + ",", complete=0.1),
        Says(13_000, 3_000, "and that was all."),
    ]
    scene = Scene(says).run(20_000)
    assert scene.committed == [f"{says[0].text} {says[1].text}"]
    spans = [(x.from_sample, x.until_sample) for _, x in scene.orders(o.Listen)]
    assert spans[1][0] == spans[0][1], "the second piece begins where the first one ends"


def test_speech_without_a_pause_is_cut_into_spans_and_joined() -> None:
    text = " ".join(f"word{n}" for n in range(150))
    scene = Scene([Says(0, 60_000, text)]).run(66_000)
    assert scene.committed == [text]
    longest = max(x.until_sample - x.from_sample for _, x in scene.orders(o.Listen)) / 16
    assert longest <= scene.settings.span_ms + 400


def test_a_cough_while_the_companion_speaks_pauses_it_and_it_goes_on() -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(5_000, 300, "", speech=0.1)], replies=[LONG]
    ).run(32_000)
    assert scene.committed == ["Tell me something."]
    (paused, _), (resumed, _) = scene.orders(o.Pause)[0], scene.orders(o.Resume)[-1]
    assert 5_000 < paused <= 5_000 + SILENCE_AFTER_MS
    assert resumed - 5_300 <= scene.settings.resume_ms + 50
    assert scene.heard_text("reply-0") == LONG
    assert not interrupted(scene)


@pytest.mark.parametrize("nod", ["Mm-hm.", "Uh-huh", "Yeah, right.", "हाँ, अच्छा।", "D'accord."])
def test_a_nod_lets_the_companion_go_on(nod: str) -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(5_000, 500, nod)], replies=[LONG]
    ).run(32_000)
    assert scene.committed == ["Tell me something."]
    assert scene.orders(o.Pause)
    assert scene.heard_text("reply-0") == LONG


def test_the_same_word_answers_a_companion_that_is_silent() -> None:
    scene = Scene(
        [Says(500, 1000, "Hello there."), Says(6_000, 500, "Yeah.")],
        replies=["Shall we go?", "Then let us go."],
    ).run(10_000)
    assert scene.committed == ["Hello there.", "Yeah."]


def test_words_interrupt_and_only_what_was_heard_is_kept() -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(5_000, 900, "Wait, stop please.")],
        replies=[LONG, "Of course."],
    ).run(12_000)
    assert scene.committed == ["Tell me something.", "Wait, stop please."]
    assert interrupted(scene) == ["reply-0"]
    assert 5_000 < first(scene, o.Pause) <= 5_000 + SILENCE_AFTER_MS
    kept = scene.heard_text("reply-0")
    assert LONG.startswith(kept)
    assert 0 < len(kept) < len(LONG)
    assert scene.done["reply-0"] == scene.truly_heard("reply-0")
    assert scene.heard_text("reply-1") == "Of course."


def test_an_interruption_at_every_word_keeps_exactly_the_words_that_left() -> None:
    """The heart of the matter: what is kept is what left, whenever somebody cuts in."""
    kept = set()
    for at_ms in range(2_200, 2_200 + 14 * WORD_MS, WORD_MS // 2):
        scene = Scene(
            [Says(500, 1000, "Tell me something."), Says(at_ms, 900, "Wait, stop please.")],
            replies=[LONG, "Yes."],
        ).run(at_ms + 5_000)
        assert scene.done["reply-0"] == scene.truly_heard("reply-0"), at_ms
        kept.add(scene.done["reply-0"])
    assert len(kept) >= 12


def test_the_very_first_word_can_be_interrupted() -> None:
    scene = Scene([Says(500, 1000, "Tell me something."), Says(2_330, 900, "No, something else.")])
    scene.replies = [LONG, "Gladly."]
    scene.run(9_000)
    assert scene.committed == ["Tell me something.", "No, something else."]
    assert interrupted(scene) == ["reply-0"]
    assert scene.done["reply-0"] == scene.truly_heard("reply-0") <= len("Well, that")
    assert scene.heard_text("reply-1") == "Gladly."


def test_a_turn_spoken_over_before_its_answer_began_is_never_heard() -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(2_150, 900, "No, wait, wait.")],
        replies=[LONG, "Gladly."],
        model_ms=2_000,
    ).run(12_000)
    assert scene.committed == ["Tell me something.", "No, wait, wait."]
    assert scene.done["reply-0"] == 0
    assert "reply-0" not in {word.utterance for word in scene.sounded}
    assert scene.heard_text("reply-1") == "Gladly."


def test_two_interruptions_in_a_row() -> None:
    scene = Scene(
        [
            Says(500, 1000, "Tell me something."),
            Says(5_000, 800, "Wait, not that."),
            Says(8_500, 800, "No, stop, enough."),
        ],
        replies=[LONG, LONG, "As you like."],
    ).run(14_000)
    assert scene.committed == ["Tell me something.", "Wait, not that.", "No, stop, enough."]
    assert interrupted(scene) == ["reply-0", "reply-1"]
    for reply in ("reply-0", "reply-1"):
        assert scene.done[reply] == scene.truly_heard(reply) > 0
    assert scene.heard_text("reply-2") == "As you like."


def test_an_echo_of_the_companion_does_not_interrupt_it() -> None:
    scene = Scene([Says(500, 1000, "Tell me something.")], replies=[LONG], echo_db=-35.0)
    scene.run(45_000)
    assert scene.committed == ["Tell me something."]
    assert scene.heard_text("reply-0") == LONG
    assert len(scene.orders(o.Pause)) <= 2, "it learns how loud its echo is"


def test_a_companion_that_was_paused_does_not_prove_that_a_line_has_no_echo() -> None:
    reply = "Well, that is a fine thing. I would say, let us go. And then, who knows, we may stay."
    says = [
        Says(2_385, 173, "Wait, stop that.", 0.4, level_db=-5.0),
        Says(4_691, 1_715, "mm-hm", None, level_db=-5.0),
    ]
    scene = Scene(says, replies=[reply], echo_db=-25.0, hear_ms=770, make_ms=212)
    scene.say(reply)
    scene.run(60_000)
    assert len(scene.committed) <= 3, "it does not answer itself for ever"
    assert set(scene.done) == set(scene.texts)


@pytest.mark.parametrize("at_ms", range(2_000, 2_320, 32))
def test_silence_told_in_larger_pieces_changes_nothing_that_is_decided(at_ms: int) -> None:
    says = [Says(500, 900, "Good morning."), Says(at_ms + 4_000, 1_100, "Stop that, please.")]
    scenes = [Scene(says, replies=[LONG], gathers=gathers).run(12_000) for gathers in (True, False)]
    told, whole = [
        [(ms, order) for ms, order in scene.log if not isinstance(order, o.Play)]
        for scene in scenes
    ]
    assert told == whole
    assert len(scenes[0].committed) == 2


def test_somebody_louder_than_the_echo_still_interrupts() -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(9_000, 900, "Please stop now.")],
        replies=[LONG, "Yes."],
        echo_db=-35.0,
    ).run(16_000)
    assert scene.committed[0] == "Tell me something."
    assert {"Please", "stop", "now."} <= set(scene.committed[1].split())
    assert len(scene.committed[1].split()) < 8, "but not the echo before it"
    assert scene.done["reply-0"] == scene.truly_heard("reply-0") < len(LONG)
    pauses = [ms for ms, _ in scene.orders(o.Pause)]
    assert any(9_000 < ms <= 9_000 + SILENCE_AFTER_MS for ms in pauses)


def test_a_word_of_the_companions_own_is_an_answer_where_the_line_has_no_echo() -> None:
    scene = Scene(
        [Says(500, 1000, "What shall we do?"), Says(11_000, 600, "Warm cafe.")],
        replies=[LONG, "Good."],
    ).run(16_000)
    assert "warm cafe" in LONG
    assert scene.committed == ["What shall we do?", "Warm cafe."]


def test_a_gap_in_the_network_ends_nobodys_turn() -> None:
    scene = Scene([Says(500, 5_000, "one two three four five")], gaps=[(2_000, 4_000)]).run(9_000)
    assert len(scene.committed) == 1
    assert first(scene, o.Commit) > 5_500


def test_a_person_who_stays_away_is_answered_on_what_came() -> None:
    """A client that sends nothing in silence, or a line that died: words are not lost."""
    scene = Scene([Says(500, 1_500, "one two three")], gaps=[(2_016, 60_000)]).run(12_000)
    assert scene.committed == ["one two three"]
    assert first(scene, o.Commit) >= 2_000 + scene.settings.gap_ms


def test_a_gap_while_the_companion_is_paused_lets_it_go_on() -> None:
    scene = Scene(
        [Says(500, 1000, "Tell me something."), Says(5_000, 3_000, "wait wait")],
        replies=[LONG],
        gaps=[(5_250, 12_000)],
    ).run(16_000)
    resumed = [ms for ms, _ in scene.orders(o.Resume)]
    assert any(7_000 <= ms <= 7_500 for ms in resumed)


def test_while_nothing_leaves_nothing_is_heard_and_nothing_more_is_made() -> None:
    scene = Scene([Says(500, 1000, "Tell me something.")], replies=[LONG], stalls=[(4_000, 9_000)])
    scene.run(4_200)
    heard, clauses = scene.heard["reply-0"], len(scene.orders(o.Synthesise))
    scene.run(8_900)
    assert scene.heard["reply-0"] == heard
    assert len(scene.orders(o.Synthesise)) <= clauses + 1
    scene.run(36_000)
    assert scene.heard_text("reply-0") == LONG


def test_synthesis_runs_ahead_by_so_much_and_no_more() -> None:
    scene = Scene([Says(500, 1000, "Tell me something.")], replies=[LONG * 4])
    most = 0.0
    while scene.ms < 30_000:
        scene.run(scene.ms + 100)
        now = scene.talk.playout.current
        if now is not None:
            most = max(most, (now.given - now.played) / 24)
    assert scene.settings.ahead_ms - 500 <= most <= scene.settings.ahead_ms


def test_words_that_may_not_be_interrupted_are_not() -> None:
    scene = Scene([Says(1_000, 1200, "Hello, who are you?")], replies=["I am Mira."])
    scene.say("You are talking with an AI companion, not a person.", interruptible=False)
    scene.run(9_000)
    assert not scene.orders(o.Pause)
    assert scene.done["say"] == len(scene.texts["say"])
    assert scene.committed == ["Hello, who are you?"]
    assert scene.heard_text("reply-0") == "I am Mira.", "it is answered afterwards"


def test_a_greeting_can_be_interrupted_and_tells_how_far_it_came() -> None:
    scene = Scene([Says(1_500, 1200, "Hi, it is me.")], replies=["Welcome back."])
    scene.say(LONG)
    scene.run(7_000)
    assert 0 < scene.done["say"] == scene.truly_heard("say") < len(LONG)
    assert scene.heard_text("reply-0") == "Welcome back."


def test_the_model_is_asked_early_and_forgotten_when_they_go_on() -> None:
    says = [
        Says(500, 1000, "I was thinking", complete=0.2),
        Says(2_700, 1000, "about the sea.", complete=0.9),
    ]
    scene = Scene(says).run(7_000)
    assert scene.speculated == ["I was thinking"]
    assert len(scene.orders(o.Forget)) == 1
    assert first(scene, o.Forget) < first(scene, o.Commit)


def test_the_model_is_not_asked_early_where_that_is_switched_off() -> None:
    says = [Says(500, 1000, "I was thinking", complete=0.2)]
    scene = Scene(says, settings=VoiceSettings(speculate=False)).run(7_000)
    assert scene.committed
    assert not scene.speculated


def test_ears_that_fail_leave_the_companion_speaking() -> None:
    scene = Scene([Says(1_500, 1200, "Stop this please.")], fails=True)
    scene.say(LONG)
    scene.run(36_000)
    assert scene.heard_text("say") == LONG
    assert scene.committed == []


def test_when_the_leg_goes_what_was_heard_stands_and_the_rest_is_over() -> None:
    scene = Scene([Says(500, 1000, "Tell me something.")], replies=[LONG]).run(5_000)
    scene._tell(o.LegGone())
    assert scene.done["reply-0"] == scene.heard["reply-0"]
    assert interrupted(scene) == ["reply-0"]
    assert 0 < scene.done["reply-0"] < len(LONG)


def test_a_silent_person_costs_nothing() -> None:
    scene = Scene([]).run(60_000)
    assert scene.log == []


def test_noise_is_transcribed_once_and_is_nothing() -> None:
    scene = Scene([Says(1_000 * n, 200, "", speech=0.0) for n in range(1, 30)]).run(32_000)
    assert scene.committed == []
    assert scene.asks <= 29


def test_sound_that_comes_late_is_heard_all_the_same() -> None:
    """Time went on without it (a stalled loop, a burst); it counts once it is there."""
    scene = Scene([Says(500, 1_200, "How are you today?")])
    scene._tell(o.Tick(60_000 * 16))
    scene.run(6_000)
    assert scene.committed == ["How are you today?"]


def test_noise_that_paused_it_in_vain_twice_does_so_no_more() -> None:
    """A fan, a dog, an echo nobody can read: the companion is not kept from speaking."""
    noise = [Says(2_000 + 1_500 * n, 400, "", speech=0.0, level_db=-30.0) for n in range(12)]
    scene = Scene(noise)
    scene.say(LONG)
    scene.run(36_000)
    assert len(scene.orders(o.Pause)) == 2
    assert scene.heard_text("say") == LONG
