"""A device with too much to do shows fewer and smaller pictures, and none that its sound has left.

Its clock is the test's: painting takes as long as the test says, so that a slow machine is slow
every time.
"""

import msgspec
import pytest

from media.avatar.engine import Source
from media.avatar.rendering import device as devices
from media.avatar.rendering.device import Begin, Resized
from media.avatar.rendering.ladder import RUNGS
from media.avatar.rendering.wire import OpenFace, Picture, Sounding, Speak
from tests.media.avatar.motion.speech import babble, sound
from tests.media.avatar.rendering.plain import PlainPainter
from tests.media.avatar.rendering.test_device import LOOK, Bench

LATE_US = 90_000  # a frame is begun at most an interval late, and then takes what it takes


class Slow(PlainPainter):
    """Takes `ms_of_512` for a picture of 512, and less for smaller ones."""

    bench: "SlowBench"
    ms_of_512 = 0.0

    def paint(self, assets, states, **more):  # type: ignore[no-untyped-def]
        for one in assets:
            self.bench.now += round(self.ms_of_512 * 1000 * (one.size / 512) ** 2)
        return super().paint(assets, states, **more)


class SlowBench(Bench):
    """Faces of 512 that speak; when each picture was delivered is noted."""

    def __init__(self, faces: int) -> None:
        painter = Slow()
        super().__init__(painter)
        painter.bench, self.painter = self, painter
        del self.device._lead.took  # here the clock is the test's
        self.delivered: list[tuple[int, Picture]] = []
        self.device._deliver = self._note
        visemes = babble_of(260)
        for n in range(faces):
            asked = OpenFace(face=str(n), appearance=msgspec.json.encode(LOOK), size=512)
            self.device.post(Begin(asked, self.engine.prepare(Source(appearance=LOOK), 512)))
            self.device.post(
                Speak(face=str(n), epoch=1, at_sample=0, pcm=sound(visemes), visemes=visemes)
            )
        self.began = self.now

    def _note(self, told: object) -> None:
        assert isinstance(told, Picture)
        self.delivered.append((self.now, told))

    def live(self, seconds: float) -> list[tuple[int, Picture]]:
        """As a worker does: legs tell their place, sizes are exchanged once a second."""
        before, until, tenth = len(self.delivered), self.now + int(seconds * 1e6), 0
        while self.now < until:
            if (self.now - self.began) // 100_000 != tenth:
                tenth = (self.now - self.began) // 100_000
                for name in list(self.device.sessions):
                    at = (self.now - self.began) * 24 // 1000
                    self.device.post(Sounding(face=name, epoch=1, samples=at, clock_us=self.now))
                for asked, size in self.device.resizing() if tenth % 10 == 0 else ():
                    asset = self.engine.prepare(Source(appearance=LOOK), size)
                    self.device.post(Resized(asked.face, asset))
            began = self.now
            self.device.beat(began)
            self.now = max(self.now, began + 10_000)
        return self.delivered[before:]


def babble_of(count: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return babble(np.random.default_rng(2), count)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SlowBench:
    made = SlowBench(3)
    monkeypatch.setattr(devices, "now_us", lambda: made.now)
    return made


def rate(pictures: list[tuple[int, Picture]], seconds: float) -> float:
    return len(pictures) / 3 / seconds


def test_it_degrades_in_steps_keeps_to_the_sound_and_recovers(bench: SlowBench) -> None:
    fast = bench.live(2.0)
    assert rate(fast, 2.0) == pytest.approx(25, abs=2)
    bench.painter.ms_of_512 = 20.0  # three faces need 60 ms of every 40
    bench.live(4.0)
    assert bench.device.ladder.level > 0
    settled = bench.live(6.0)
    assert bench.device.ladder.rung == RUNGS[2]
    assert {picture.size for _, picture in settled[-30:]} == {256}
    assert rate(settled, 6.0) > 10
    bench.painter.ms_of_512 = 0.1
    bench.live(14.0)
    assert bench.device.ladder.level == 0
    assert rate(bench.live(2.0), 2.0) == pytest.approx(25, abs=2)


def test_no_picture_is_of_sound_that_has_been_heard(bench: SlowBench) -> None:
    bench.painter.ms_of_512 = 25.0
    for delivered_at, picture in bench.live(6.0)[3:]:
        assert delivered_at - picture.play_at_us < LATE_US
        if picture.position is not None:
            heard = (delivered_at - bench.began) * 24 // 1000
            assert heard - picture.position < LATE_US * 24 // 1000
    assert bench.device.figures.skipped > 0


def test_a_stop_of_the_whole_machine_is_not_made_up_for(bench: SlowBench) -> None:
    bench.live(1.0)
    bench.now += 3_000_000
    after = bench.live(0.5)
    assert len(after) / 3 <= 14, "the pictures of those seconds are never made"
    assert all(at - picture.play_at_us < LATE_US for at, picture in after)
