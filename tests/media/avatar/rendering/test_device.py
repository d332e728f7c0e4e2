"""A device's beat, by calling it with a made-up clock: batches, silence, failures, degrading."""

import msgspec
import pytest

from media.avatar.appearance import Appearance
from media.avatar.engine import Source, Step, bucket
from media.avatar.painter import AvatarError
from media.avatar.rendering.device import Begin, Device, Resized
from media.avatar.rendering.wire import (
    Behave,
    CloseFace,
    Flush,
    OpenFace,
    Picture,
    Refused,
    Sounding,
    Speak,
    Tune,
)
from media.avatar.rig_engine import RigEngine
from media.avatar.state import neutral, row
from tests.media.avatar.motion.speech import sound, spans
from tests.media.avatar.rendering.plain import PlainPainter, opening
from tests.media.avatar.rendering.watching import decode

LOOK = Appearance(origin="european")


class Bench:
    """A device, what it delivered, and a clock that only the test moves."""

    def __init__(self, painter: PlainPainter | None = None) -> None:
        self.painter = painter or PlainPainter()
        self.engine = RigEngine(self.painter)
        self.told: list[Picture | Refused] = []
        self.device = Device(self.engine, self.told.append)
        self.device._lead.took = lambda _us: None  # type: ignore[method-assign]  # no real time
        self.now = 1_000_000

    def open(self, face: str, **more: object) -> None:
        asked = OpenFace(face=face, appearance=msgspec.json.encode(LOOK), size=128, **more)  # type: ignore[arg-type]
        asset = self.engine.prepare(Source(appearance=LOOK), asked.size)
        self.device.post(Begin(asked, asset))

    def run(self, seconds: float) -> list[Picture]:
        before = len(self.told)
        for _ in range(round(seconds * 100)):
            self.device.beat(self.now)
            self.now += 10_000
        return [told for told in self.told[before:] if isinstance(told, Picture)]


def test_a_face_is_shown_25_times_a_second_and_its_pictures_decode() -> None:
    bench = Bench()
    bench.open("a")
    pictures = bench.run(2.0)
    assert 25 <= len(pictures) <= 51
    assert pictures[0].key
    assert not any(picture.key for picture in pictures[1:])
    times = [picture.play_at_us for picture in pictures]
    assert times == sorted(set(times))
    frames = decode(pictures)
    assert len(frames) == len(pictures)
    assert frames[0].shape == (128, 128)


def test_faces_due_together_are_one_batch_of_at_most_what_the_engine_takes() -> None:
    bench = Bench(PlainPainter(max_batch=2))
    for name in range(12):
        bench.open(str(name))
    bench.run(0.5)
    assert max(bench.painter.painted) == 2
    assert bench.device.figures.frames > 100


def test_a_hidden_face_costs_nothing_and_comes_back_with_a_keyframe() -> None:
    bench = Bench()
    bench.open("a")
    bench.run(0.5)
    bench.device.post(Tune(face="a", hidden=True))
    bench.run(0.1)
    painted = len(bench.painter.painted)
    assert bench.run(1.0) == []
    assert len(bench.painter.painted) == painted
    bench.device.post(Tune(face="a", hidden=False))
    pictures = bench.run(0.2)
    assert pictures[0].key


def test_a_row_that_nobody_could_tell_from_the_last_is_not_painted() -> None:
    painter = PlainPainter()
    engine = RigEngine(painter)
    engine.open(1, engine.prepare(Source(appearance=LOOK), 128))
    engine.open(2, engine.prepare(Source(appearance=LOOK), 128))
    rest, talk = neutral()[0], row(jaw=0.5)
    both = [Step(slot=1, row=rest, pts=0), Step(slot=2, row=rest, pts=0)]
    assert engine.step(both).changed.tolist() == [True, True]
    half = engine.step([Step(slot=1, row=rest, pts=960), Step(slot=2, row=talk, pts=960)])
    assert half.changed.tolist() == [False, True]
    assert opening(half.frames[1][:128]) > 0.3
    assert engine.step([Step(slot=1, row=rest, pts=1, fresh=True)]).changed.tolist() == [True]
    assert painter.painted == [2, 1, 1]
    engine.close(1)
    engine.close(1)


def test_a_keyframe_on_request_comes_with_the_next_beat() -> None:
    bench = Bench()
    bench.open("a")
    bench.run(1.0)
    bench.device.post(Tune(face="a", key=True))
    assert bench.run(0.03)[0].key


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_bitrate_follows_the_receiver(codec: str) -> None:
    bench = Bench()
    bench.open("a", codec=codec, kbps=1000)
    bench.run(0.2)
    bench.device.post(Tune(face="a", kbps=100))
    bench.run(0.2)
    assert bench.device.sessions["a"].encoder.kbps == 100
    bench.run(1.0)
    assert len(decode(bench.told)) == len(bench.told)


def test_the_mouth_in_the_picture_moves_with_the_sound_and_closes_when_interrupted() -> None:
    bench = Bench()
    bench.open("a", attitude="idle")
    bench.run(0.5)
    visemes = spans(("PP", 100), ("aa", 900))
    bench.device.post(Speak(face="a", epoch=1, at_sample=0, pcm=sound(visemes), visemes=visemes))
    bench.device.post(Sounding(face="a", epoch=1, samples=0, clock_us=bench.now))
    pictures = bench.run(0.8)
    spoken = [picture for picture in pictures if picture.position is not None]
    assert spoken[-1].epoch == 1
    assert all(
        abs(picture.position - (picture.play_at_us - 1_500_000) * 24 // 1000) < 2
        for picture in spoken
        if picture.position is not None
    )
    open_ = opening(decode(bench.told)[-1])
    cut = bench.now
    bench.device.post(Flush(face="a", epoch=2))
    after = bench.run(0.3)
    frames = decode(bench.told)[-len(after) :]
    assert open_ > 0.4
    assert after[0].play_at_us - cut <= 40_000  # it did not wait for its turn
    calm = [opening(frame) for told, frame in zip(after, frames, strict=True)
            if told.play_at_us - cut >= 120_000]  # fmt: skip
    assert calm
    assert max(calm) < 0.1
    assert {picture.epoch for picture in after} == {2}


def test_a_face_that_breaks_the_engine_is_closed_and_the_others_go_on() -> None:
    bench = Bench()
    bench.open("good")
    bench.open("bad")
    bench.run(0.2)
    director = bench.device.sessions["bad"].director
    director.row = lambda at, position=None: row(tongue=1)  # type: ignore[method-assign]
    bench.run(0.5)
    assert Refused(face="bad", reason="failed", message="It broke.") in bench.told
    assert list(bench.device.sessions) == ["good"]
    assert [told for told in bench.told[-5:] if isinstance(told, Picture)]


def test_a_lower_rung_halves_the_size_once_the_asset_is_there() -> None:
    bench = Bench()
    asked = OpenFace(face="a", appearance=msgspec.json.encode(LOOK), size=512)
    bench.device.post(Begin(asked, bench.engine.prepare(Source(appearance=LOOK), 512)))
    bench.run(0.2)
    bench.device.ladder.level = 2
    bench.device._step_all()
    assert bench.device.resizing() == [(asked, 256)]
    bench.device.post(Resized("a", bench.engine.prepare(Source(appearance=LOOK), 256)))
    pictures = bench.run(1.0)
    assert {picture.size for picture in pictures} == {256}
    assert pictures[0].key
    assert len(pictures) <= 17
    assert bench.device.resizing() == []


def test_closing_frees_the_slot_and_strange_names_are_nothing() -> None:
    bench = Bench()
    bench.open("a")
    bench.run(0.1)
    bench.device.post(CloseFace(face="a"))
    bench.device.post(CloseFace(face="nobody"))
    bench.device.post(Behave(face="nobody", attitude="thinking"))
    assert bench.run(0.2) == []
    assert bench.engine._slots == {}


def test_an_engine_of_drawings_refuses_pictures_and_odd_sizes() -> None:
    engine = RigEngine(PlainPainter())
    with pytest.raises(AvatarError) as refused:
        engine.prepare(Source(picture=b"x"), 128)
    assert refused.value.reason == "unsupported"
    with pytest.raises(AvatarError):
        engine.prepare(Source(appearance=LOOK), 100)


def test_batches_are_padded_to_powers_of_two_within_the_most() -> None:
    assert [bucket(n, 32) for n in (1, 2, 3, 5, 31, 32)] == [1, 2, 4, 8, 32, 32]
    assert bucket(20, 24) == 24
