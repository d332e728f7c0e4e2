"""Whatever happens in whatever order: promises of the talk that always hold."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.voice import VoiceSettings
from media.voice import orders as o
from tests.media.voice.scripted import Says, Scene

WORDS = ["Hello there.", "mm-hm", "Wait, stop that.", "", "I was going to", "Yes, please go on?"]
REPLY = "Well, that is a fine thing. I would say, let us go. And then, who knows, we may stay."

person = st.builds(
    Says,
    at_ms=st.integers(0, 9_000),
    ms=st.integers(60, 2_500),
    text=st.sampled_from(WORDS),
    complete=st.sampled_from([0.05, 0.4, 0.95, None]),
    level_db=st.floats(-50, -5),
    speech=st.sampled_from([0.0, 0.5, 1.0]),
)
span = st.tuples(st.integers(0, 9_000), st.integers(100, 5_000)).map(lambda s: (s[0], sum(s)))


@settings(max_examples=60, deadline=None)
@given(
    says=st.lists(person, max_size=6),
    gaps=st.lists(span, max_size=2),
    stalls=st.lists(span, max_size=2),
    echo_db=st.sampled_from([None, -45.0, -25.0]),
    delays=st.tuples(*[st.integers(4, 1_500)] * 4),
    fails=st.booleans(),
    greeting=st.sampled_from([None, True, False]),
    speculate=st.booleans(),
    busy=st.booleans(),
    gathers=st.booleans(),
)
def test_promises(
    says: list[Says],
    gaps: list[tuple[int, int]],
    stalls: list[tuple[int, int]],
    echo_db: float | None,
    delays: tuple[int, ...],
    greeting: bool | None,
    **more: Any,
) -> None:
    hear_ms, judge_ms, model_ms, make_ms = delays
    scene = Scene(
        says,
        replies=[REPLY],
        gaps=gaps,
        stalls=stalls,
        echo_db=echo_db,
        hear_ms=hear_ms,
        judge_ms=judge_ms,
        model_ms=model_ms,
        make_ms=make_ms,
        settings=VoiceSettings(speculate=more["speculate"]),
        fails=more["fails"],
        busy=more["busy"],
        gathers=more["gathers"],
    )
    if greeting is not None:
        scene.say(REPLY, interruptible=greeting)
    scene.run(60_000)  # the scene itself asserts what holds at every step
    assert set(scene.done) == set(scene.texts), "everything that began is over, and told so"
    for name, heard in scene.done.items():
        complete = heard == len(scene.texts[name])
        assert complete or heard == scene.truly_heard(name), name
    if greeting is False:
        assert scene.done["say"] == len(REPLY)
    assert not scene.line.paused or scene.line.queued == 0
    assert len(scene.committed) <= len(says) + 12 * (echo_db is not None)
    assert all(text.strip() for text in scene.committed)
    forgotten, asked = len(scene.orders(o.Forget)), len(scene.speculated)
    assert forgotten <= asked
    pieces = [order.piece for _, order in scene.orders(o.Listen)]
    assert pieces == sorted(set(pieces))
    assert scene.talk.floor.speaking is False
