"""The director: what one companion's face does, from what it says, hears and feels.

It has no clock and no dice of its own: the caller passes sample numbers, the seed fixes the
chance. `row` is called once a frame with rising `at`; everything else says what has happened.
Every part ends in a spring, so that no event makes the face jump.
"""

import random
from collections import deque
from typing import Final

import numpy as np

from media.avatar.motion.aims import MOUTH
from media.avatar.motion.attitudes import Attitude
from media.avatar.motion.expressions import CALM, EXPRESSIONS, Feeling
from media.avatar.motion.eyes import AT_YOU, IDLE, LISTENING, SPEAKING, THINKING, Blinks, Eyes
from media.avatar.motion.head import Stresses, Sway, bump
from media.avatar.motion.mouth import JAW, PRESS, WIDE, Mouth
from media.avatar.motion.shapes import Floats
from media.avatar.motion.springs import Spring, Springs
from media.avatar.state import COLUMN, Rows, neutral, within
from media.sound.formats import PLAYOUT_RATE
from media.speech.ports import Viseme

FRAME_SAMPLES: Final = PLAYOUT_RATE // 25
MOST_FEELINGS: Final = 64
FEELING_SECONDS: Final = 4.0

_STEP: Final = 0.01
_SLOW: Final = ("smile", "brow", "inner_brow", "anger", "squint", "yaw", "pitch", "roll", "sway",
                "teeth", "jaw", "wide", "gaze_x", "gaze_y", "blink_right")  # fmt: skip
_PLACE: Final = {name: place for place, name in enumerate(_SLOW)}
_STIFF: Final[Floats] = np.array(
    [7.0, 9.0, 7.0, 7.0, 7.0, 6.0, 8.0, 5.0, 4.0, 8.0, 8.0, 8.0, 6.0, 6.0, 8.0]
)
_BRIEF: Final = {"greeting": 2.4, "goodbye": 2.6}  # seconds until it is listening, or idle, again
_LOOK: Final = {
    "idle": IDLE, "listening": LISTENING, "thinking": THINKING,
    "speaking": SPEAKING, "greeting": AT_YOU, "goodbye": AT_YOU,
}  # fmt: skip
_MOUTH_COLUMNS: Final = [COLUMN[name] for name in MOUTH]


class Director:
    """One session's face. Give it what happens; ask it for rows."""

    def __init__(self, seed: str, *, frame_samples: int = FRAME_SAMPLES) -> None:
        def chance(purpose: str) -> random.Random:
            return random.Random(f"{seed}/{purpose}")

        self.epoch = 0
        self.attitude: Attitude = "idle"
        self.frame_samples = frame_samples
        self._mouth = Mouth()
        self._blinks = Blinks(chance("blink"))
        self._eyes = Eyes(chance("gaze"))
        self._sway = Sway(chance("sway"))
        self._stresses = Stresses(chance("stress"))
        self._slow = Springs(_STIFF, _STEP)
        self._nods = chance("nod")
        self._nod = Spring(16.0)
        self._nod_began = -9.0
        self._nod_next = 1.5
        self._since = 0.0  # when the attitude began, seconds of the call
        self._now = 0.0
        self._spoke = False
        self._feeling = CALM
        self._felt_until = 0.0
        self._feelings: deque[tuple[int, Feeling]] = deque(maxlen=MOST_FEELINGS)

    def speak(self, epoch: int, at_sample: int, pcm: bytes, visemes: tuple[Viseme, ...]) -> None:
        """Sound that will play from `at_sample` of `epoch`, and its marks. Stale: ignored."""
        if epoch < self.epoch:
            return
        if epoch > self.epoch:
            self.flush(epoch)
        levels = self._mouth.speak(at_sample, pcm, visemes, self.frame_samples)
        self._stresses.hear(at_sample, levels)

    def flush(self, epoch: int) -> None:
        """Interrupted: what was queued is not said. The mouth is shut within 100 ms."""
        if epoch <= self.epoch:
            return
        self.epoch = epoch
        self._mouth.flush()
        self._stresses.flush()
        self._feelings.clear()
        self._feeling = CALM

    def behave(self, attitude: Attitude) -> None:
        """From now on listen, think, or whatever it is."""
        if attitude != self.attitude:
            self.attitude = attitude
            self._since = self._now
            self._nod_next = self._now + self._nods.uniform(1.2, 3.0)

    def feel(self, feeling: Feeling, at_sample: int | None = None) -> None:
        """Show a feeling: at once, or when `at_sample` of this epoch sounds."""
        if at_sample is not None:
            self._feelings.append((at_sample, feeling))
        else:
            self._show(feeling)

    def row(self, at: int, position: int | None = None) -> Rows:
        """The face at sample `at` of the call; `position` of the epoch sounds, None: silence."""
        now = at / PLAYOUT_RATE
        steps = max(0, min(50, round((now - self._now) / _STEP)))
        passed = max(0.0, now - self._now)
        self._now = now
        self._note(position)
        mouth = self._mouth.advance(at, position)
        aim = self._aim(now, position)
        self._slow.step(aim, steps)
        return self._compose(now, min(passed, 0.2), position, mouth)

    def _show(self, feeling: Feeling) -> None:
        self._feeling = feeling
        self._felt_until = self._now + FEELING_SECONDS

    def _note(self, position: int | None) -> None:
        """Feelings that fall due, brief attitudes that end, a blink when a sentence does."""
        while position is not None and self._feelings and self._feelings[0][0] <= position:
            self._show(self._feelings.popleft()[1])
        if self._now > self._felt_until:
            self._feeling = CALM
        brief = _BRIEF.get(self.attitude)
        if brief is not None and self._now - self._since > brief:
            self.behave("listening" if self.attitude == "greeting" else "idle")
        speaking = position is not None
        if self._spoke and not speaking and self._nods.random() < 0.6:
            self._blinks.soon(self._now)
        self._spoke = speaking

    def _aim(self, now: float, position: int | None) -> Floats:
        """What the slow parts aim at: attitude, feeling, drift and stresses, added up."""
        aim = np.zeros(len(_SLOW))
        self._add(aim, EXPRESSIONS[self._feeling.name], self._feeling.strength)
        if self.attitude in _BRIEF:
            self._add(aim, EXPRESSIONS[self.attitude], 1.0)
        elif self.attitude == "thinking":
            self._add(aim, {"pitch": 3.0, "brow": 0.12, "inner_brow": 0.15, "roll": 1.5}, 1.0)
        elif self.attitude == "listening":
            self._add(aim, {"brow": 0.08, "smile": 0.1, "pitch": -0.6, "roll": 1.2}, 1.0)
        yaw, pitch, roll = self._sway.at(now)
        lively = 1.5 if position is not None else 1.0
        self._add(aim, {"yaw": yaw, "pitch": pitch, "roll": roll}, lively)
        aim[_PLACE["sway"]] += -0.25 * yaw
        if position is not None:
            _nod, brow = self._stresses.at(position)
            aim[_PLACE["brow"]] += 0.35 * brow
        return aim

    def _add(self, aim: Floats, offsets: dict[str, float], strength: float) -> None:
        for name, value in offsets.items():
            aim[_PLACE[name]] += value * strength

    def _compose(self, now: float, passed: float, position: int | None, mouth: Floats) -> Rows:
        one = neutral()[0]
        slow = dict(zip(_SLOW, self._slow.at.tolist(), strict=True))
        for name in ("brow", "inner_brow", "anger", "squint", "yaw", "pitch", "roll", "sway"):
            one[COLUMN[name]] = slow[name]
        one[_MOUTH_COLUMNS] = mouth
        rounding = max(0.0, -float(mouth[WIDE]))
        free = (1 - float(mouth[PRESS])) * (1 - min(1.0, 3 * float(mouth[JAW])))
        one[COLUMN["smile"]] = slow["smile"] * (1 - 0.6 * rounding)
        one[COLUMN["jaw"]] += slow["jaw"] * free
        one[COLUMN["teeth"]] += slow["teeth"] * (1 - float(mouth[PRESS]))
        one[COLUMN["wide"]] += slow["wide"] * (1 - rounding)
        x, y, wide = self._eyes.at(now, _LOOK[self._looking(position)])
        if wide:
            self._blinks.soon(now)
        one[COLUMN["gaze_x"]] = x + slow["gaze_x"] - 0.025 * slow["yaw"]
        one[COLUMN["gaze_y"]] = y + slow["gaze_y"]
        one[COLUMN["yaw"]] += 1.5 * slow["gaze_x"]
        one[COLUMN["pitch"]] -= self._nod.step(self._nodding(now, position), passed)
        lids = self._blinks.at(now)
        one[COLUMN["blink_left"]] = max(lids, 0.25 * max(0.0, -y))
        one[COLUMN["blink_right"]] = max(one[COLUMN["blink_left"]], slow["blink_right"])
        one[COLUMN["breath"]] = self._sway.breath(now)
        return within(one)

    def _looking(self, position: int | None) -> Attitude:
        if position is not None and self.attitude in ("idle", "listening", "thinking"):
            return "speaking"
        return self.attitude

    def _nodding(self, now: float, position: int | None) -> float:
        """Degrees the head is bowed: on stresses while speaking, slowly while listening."""
        if position is not None:
            return 2.6 * self._stresses.at(position)[0]
        if self.attitude in _BRIEF:
            return 3.5 * bump((now - self._since - 0.35) / 0.9)
        if self.attitude != "listening":
            return 0.0
        if now >= self._nod_next:
            self._nod_began = now
            self._nod_next = now + self._nods.uniform(2.6, 6.5)
        part = (now - self._nod_began) / 1.1
        return 3.2 * bump(part * 2) if part < 0.5 else 1.8 * bump(part * 2 - 1)
