"""Shapes by other people's names: complete, within range, and on the right side of the face."""

import subprocess
import sys

from media.avatar.arkit import ARKIT, EXPRESSION_WEIGHTS, VISEME_WEIGHTS, blendshapes
from media.avatar.motion.expressions import EXPRESSIONS


def test_there_are_fifty_two_shapes_and_fifteen_visemes() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert len(VISEME_WEIGHTS) == 15
    assert set(EXPRESSION_WEIGHTS) == set(EXPRESSIONS)


def test_every_weight_has_a_name_of_arkit_and_lies_between_0_and_1() -> None:
    for weights in (*VISEME_WEIGHTS.values(), *EXPRESSION_WEIGHTS.values()):
        assert set(weights) <= set(ARKIT)
        assert all(0 < value <= 1 for value in weights.values())


def test_visemes_look_like_what_they_sound_like() -> None:
    assert VISEME_WEIGHTS["sil"] == {}
    assert VISEME_WEIGHTS["aa"]["jawOpen"] > VISEME_WEIGHTS["E"]["jawOpen"] > 0.3
    assert VISEME_WEIGHTS["PP"]["mouthClose"] == 1.0
    assert "jawOpen" not in VISEME_WEIGHTS["PP"]
    assert VISEME_WEIGHTS["U"]["mouthPucker"] > 0.6
    assert VISEME_WEIGHTS["FF"]["mouthRollLower"] > 0.6
    assert VISEME_WEIGHTS["I"]["mouthStretchLeft"] > 0.3


def test_left_is_the_companions_own_left() -> None:
    assert blendshapes({"blink_left": 1.0}) == {"eyeBlinkRight": 1.0}
    looks = blendshapes({"gaze_x": 0.5})  # to the viewer's right: the companion's left
    assert looks == {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    assert blendshapes({"gaze_x": -0.5}) == {"eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}


def test_naming_shapes_loads_no_arithmetic() -> None:
    code = "import sys, media.avatar.arkit; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
