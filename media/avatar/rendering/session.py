"""One face on a device: its director, where its sound is, and its encoder, side by side."""

from media.avatar.engine import Step
from media.avatar.motion.director import Director
from media.avatar.motion.expressions import Feeling, known
from media.avatar.painter import Frames
from media.avatar.rendering.encode import FrameEncoder
from media.avatar.rendering.ladder import Rung
from media.avatar.rendering.playhead import Playhead, samples_of
from media.avatar.rendering.wire import (
    Behave,
    Feel,
    Flush,
    OpenFace,
    Picture,
    Sounding,
    Speak,
    Tune,
)
from media.sound.formats import PLAYOUT_RATE

Happening = Speak | Flush | Sounding | Behave | Feel | Tune


class FaceSession:
    """What `device.py` keeps for each slot. Only the device's thread touches it."""

    def __init__(self, slot: int, asked: OpenFace, now_us: int) -> None:
        self.slot = slot
        self.asked = asked
        self.hidden = False
        self.skipped = 0
        self.fps = asked.fps
        self.size = asked.size
        self.director = Director(asked.seed or asked.face)
        self.playhead = Playhead()
        self.encoder = FrameEncoder(asked.codec, asked.size, asked.fps, asked.kbps)
        self._fresh = True
        self.director.row(samples_of(now_us))
        self.director.behave(asked.attitude)

    def take(self, happened: Happening) -> bool:
        """Note what happened. True when the next frame should not wait its turn."""
        match happened:
            case Speak():
                told = happened
                self.director.speak(told.epoch, told.at_sample, told.pcm, told.visemes)
            case Flush(epoch=epoch):
                self.director.flush(epoch)
                self.playhead.flush(epoch)
                return True
            case Sounding():
                self._sounding(happened)
            case Behave(attitude=attitude):
                self.director.behave(attitude)
            case Feel():
                feeling = Feeling(name=known(happened.name), strength=_unit(happened.strength))
                self.director.feel(feeling, happened.at_sample)
            case Tune():
                return self._tune(happened)
        return False

    def settle(self, rung: Rung, size: int) -> None:
        """Work on this rung: never more than was asked for."""
        self.fps, self.size = min(self.asked.fps, rung.fps), size
        self.encoder.shape(size, self.fps)
        self.director.frame_samples = PLAYOUT_RATE // self.fps
        self._fresh = True

    def step(self, due_us: int, lead_us: int) -> tuple[Step, int]:
        """The next frame to make, and when it belongs to: `lead_us` after it is due."""
        play_at_us = due_us + lead_us
        at = samples_of(play_at_us)
        position = self._position(play_at_us)
        row = self.director.row(at, position)
        fresh, self._fresh = self._fresh, False
        step = Step(
            slot=self.slot,
            row=row,
            pts=at,
            epoch=self.director.epoch,
            position=position,
            fresh=fresh,
        )
        return step, play_at_us

    def picture(self, i420: Frames, play_at_us: int) -> Picture | None:
        """The frame encoded; None when the encoder gave nothing."""
        coded = self.encoder.encode(i420, play_at_us)
        if coded is None:
            return None
        return Picture(
            face=self.asked.face,
            epoch=self.director.epoch,
            position=self._position(play_at_us),
            play_at_us=play_at_us,
            key=coded.key,
            codec=self.encoder.codec,
            size=self.size,
            data=coded.data,
        )

    def _position(self, us: int) -> int | None:
        same = self.playhead.epoch == self.director.epoch
        return self.playhead.at(us) if same else None

    def _sounding(self, told: Sounding) -> None:
        if told.epoch > self.director.epoch:
            self.director.flush(told.epoch)
        self.playhead.told(told.epoch, told.samples, told.clock_us, playing=told.playing)

    def _tune(self, wish: Tune) -> bool:
        if wish.kbps is not None:
            self.encoder.follow(wish.kbps)
        if wish.key:
            self._stand_alone()
        if wish.hidden is not None and wish.hidden != self.hidden:
            self.hidden = wish.hidden
            self._stand_alone()
        return wish.key or wish.hidden is False

    def _stand_alone(self) -> None:
        self.encoder.want_key()
        self._fresh = True


def _unit(value: float) -> float:
    return value if 0.0 <= value <= 1.0 else 1.0
