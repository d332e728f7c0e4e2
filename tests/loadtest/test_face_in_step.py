"""The drawn face against its sound, seen through the encoder: in step, without drift, shut on p.

The device is the real one; its clock is the test's, so that minutes take seconds. What the network
does between worker and person is tested with the media worker.
"""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from loadtest.insync import InStep, Look, Spans, measure
from media.avatar.appearance import Appearance
from media.avatar.cpu import CpuPainter
from media.avatar.engine import Source
from media.avatar.rendering.device import Begin, Device
from media.avatar.rendering.wire import Flush, OpenFace, Picture, Refused, Sounding, Speak
from media.avatar.rig_engine import RigEngine
from media.speech.ports import Viseme
from tests.media.avatar.motion.speech import babble, length, sound
from tests.media.avatar.rendering.watching import Luma, decode

pytestmark = pytest.mark.long

LOOK = Appearance(origin="european")
SIZE = 256
CHUNK_US = 100_000


class Talk:
    """Somebody who talks for a while on a device, is interrupted now and then, and is watched."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.told: list[Picture | Refused] = []
        self.engine = RigEngine(CpuPainter(folder))  # type: ignore[arg-type]
        self.device = Device(self.engine, self.told.append)
        self.now = 5_000_000
        self.epoch = 0
        self.spoken: list[Spans] = []
        self.cuts: list[int] = []
        asked = OpenFace(face="f", appearance=msgspec.json.encode(LOOK), size=SIZE)
        self.device.post(Begin(asked, self.engine.prepare(Source(appearance=LOOK), SIZE)))
        self.device.ladder.note = lambda *_: False  # type: ignore[method-assign]  # never degrade
        self.device._lead.took = lambda _us: None  # type: ignore[method-assign]  # no real time
        self.run(400_000)

    def run(self, us: int) -> None:
        """Beat, now and then late, as on a busy machine."""
        until = self.now + us
        while self.now < until:
            self.device.beat(self.now)
            self.now += 10_000 + (self.chance.randrange(9_000) if self.chance.random() < 0.1 else 0)

    def say(self, visemes: tuple[Viseme, ...], *, cut_after: float = 1.0) -> None:
        """One reply, told as a leg tells: where it is ten times a second, a little inexactly."""
        self.epoch += 1
        pcm, end = sound(visemes), round(length(visemes) * cut_after)
        told = Speak(face="f", epoch=self.epoch, at_sample=0, pcm=pcm, visemes=visemes)
        self.device.post(Flush(face="f", epoch=self.epoch))
        self.device.post(told)
        began = self.now + 30_000
        heard = tuple(v for v in visemes if v.at_sample + v.samples <= end)
        self.spoken.append(Spans(began / 1e6, heard))
        while (at := (self.now - began) * 24 // 1000) < end:
            if at >= 0:
                jitter = self.chance.randrange(3_000)
                self.device.post(
                    Sounding(face="f", epoch=self.epoch, samples=at, clock_us=self.now + jitter)
                )
            self.run(CHUNK_US)
        if cut_after < 1.0:
            self.epoch += 1
            self.cuts.append(self.now)
            self.device.post(Flush(face="f", epoch=self.epoch))
        else:
            self.device.post(
                Sounding(face="f", epoch=self.epoch, samples=end, clock_us=self.now, playing=False)
            )
        self.run(self.chance.randrange(300_000, 900_000))

    def looks(self) -> list[Look]:
        """What a person's decoder showed, as openings of the mouth."""
        pictures = [told for told in self.told if isinstance(told, Picture)]
        frames = decode(pictures)
        assert len(frames) == len(pictures)
        return [
            Look(picture.play_at_us / 1e6, dark(frame))
            for picture, frame in zip(pictures, frames, strict=True)
        ]


def dark(luma: Luma) -> float:
    """How much of the mouth's surroundings is as dark as the inside of a mouth."""
    k = luma.shape[0] / 256
    box = luma[round(150 * k) : round(184 * k), round(106 * k) : round(150 * k)]
    return float((box < 70).mean())


def judge(talk: Talk) -> InStep:
    found = measure(talk.looks(), talk.spoken)
    print(found)
    return found


def minutes(talk: Talk, seconds: float) -> None:
    until = talk.now + int(seconds * 1e6)
    while talk.now < until:
        cut = 0.6 if talk.chance.random() < 0.2 else 1.0
        talk.say(babble(talk.numbers, 30), cut_after=cut)


@pytest.fixture(scope="session")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rigs")


def test_the_mouth_is_in_step_and_shut_on_p_b_and_m(rigs: Path) -> None:
    talk = Talk(rigs, 5)
    minutes(talk, 28)
    found = judge(talk)
    assert found.windows >= 4
    assert found.skew_ms_p99 <= 40
    assert found.shut_share >= 0.95


def test_interrupted_it_is_shut_within_120_ms(rigs: Path) -> None:
    talk = Talk(rigs, 6)
    for _ in range(4):
        talk.say(babble(talk.numbers, 14), cut_after=0.7)
    looks = talk.looks()
    shut, usual = np.percentile([look.opening for look in looks], (2, 95))
    for cut in talk.cuts:
        after = [one for one in looks if 0.120 <= one.at_seconds - cut / 1e6 < 0.4]
        assert after
        assert max(one.opening for one in after) - shut < 0.2 * (usual - shut)


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_half_an_hour_without_drift(rigs: Path) -> None:
    talk = Talk(rigs, 7)
    minutes(talk, 1800)
    found = judge(talk)
    assert found.skew_ms_p99 <= 40
    assert abs(found.drift_ms_per_minute) < 0.2
    assert found.shut_share >= 0.95
