"""Our faces in the words of others: ARKit's 52 blend shapes, for clients that draw themselves.

VRM and GLB heads, MetaHuman and Live2D bridges understand these names. Left and right are the
companion's own, as with Apple; the rig's are the viewer's, so that they change places here.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from media.avatar.motion.aims import AIM, MOUTH
from media.avatar.motion.expressions import EXPRESSIONS

Of = Callable[[str], float]


class Put(Protocol):
    """Adds a value to some shapes; what is below nothing is nothing."""

    def __call__(self, value: float, *names: str) -> None: ...


def _both(*stems: str) -> list[str]:
    return [stem + side for stem in stems for side in ("Left", "Right")]


ARKIT: Final = (
    *_both("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint"),
    *_both("eyeWide"), "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", *_both("mouthSmile", "mouthFrown"),
    *_both("mouthDimple", "mouthStretch"), "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", *_both("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp", *_both("browOuterUp"), "cheekPuff", *_both("cheekSquint", "noseSneer"),
    "tongueOut",
)  # fmt: skip
LEAST: Final = 0.005  # less cannot be seen and is not sent


def blendshapes(state: Mapping[str, float]) -> dict[str, float]:
    """The weights of a state of the rig, by name; what is not named is 0."""
    found: dict[str, float] = {}

    def put(value: float, *names: str) -> None:
        for name in names:
            found[name] = min(1.0, found.get(name, 0.0) + max(0.0, value))

    _mouth(lambda name: state.get(name, 0.0), put)
    _eyes(lambda name: state.get(name, 0.0), put)
    return {name: round(value, 3) for name, value in found.items() if value >= LEAST}


def _mouth(of: Of, put: Put) -> None:
    open_ = of("jaw") * (1 - of("press"))
    wide, smile = of("wide"), of("smile")
    put(0.75 * open_, "jawOpen")
    put(-wide * (1 - open_), "mouthPucker")
    put(-wide * open_, "mouthFunnel")
    put(0.6 * wide, *_both("mouthStretch"))
    put(smile, *_both("mouthSmile"))
    put(0.3 * smile, *_both("cheekSquint"))
    put(-smile, *_both("mouthFrown"))
    put(0.6 * of("teeth"), *_both("mouthUpperUp"))
    put(0.4 * of("teeth") * (1 - of("tuck")), *_both("mouthLowerDown"))
    put(of("press"), "mouthClose")
    put(0.5 * of("press"), *_both("mouthPress"))
    put(0.8 * of("tuck"), "mouthRollLower")
    put(0.3 * of("tongue") * open_, "tongueOut")


def _eyes(of: Of, put: Put) -> None:
    put(of("blink_left"), "eyeBlinkRight")
    put(of("blink_right"), "eyeBlinkLeft")
    put(of("gaze_x"), "eyeLookOutLeft", "eyeLookInRight")
    put(-of("gaze_x"), "eyeLookInLeft", "eyeLookOutRight")
    put(of("gaze_y"), *_both("eyeLookUp"))
    put(-of("gaze_y"), *_both("eyeLookDown"))
    put(of("squint"), *_both("eyeSquint"))
    put(0.6 * of("brow") - 0.3, *_both("eyeWide"))
    put(of("brow"), "browInnerUp", *_both("browOuterUp"))
    put(of("inner_brow"), "browInnerUp")
    put(max(-of("brow"), of("anger")), *_both("browDown"))
    put(0.4 * of("anger"), *_both("noseSneer"))


def _viseme(shape: str) -> dict[str, float]:
    return blendshapes(dict(zip(MOUTH, AIM[shape], strict=True)))


VISEME_WEIGHTS: Final = {shape: _viseme(shape) for shape in AIM}
EXPRESSION_WEIGHTS: Final = {name: blendshapes(face) for name, face in EXPRESSIONS.items()}
