"""What the doctor says of faces: who paints them, with what, on which device.

Nothing is loaded: torch alone would take seconds, and a card may be busy.
"""

from pathlib import Path

from config.faces import FaceSettings
from config.settings import Settings
from server.doctor.parts import package
from server.doctor.shapes import Condition, Part

_CARDS = Path("/proc/driver/nvidia/gpus")
_NEURAL = ("torch", "diffusers", "transformers", "safetensors")
_WEIGHTS = ("unet", "vae", "whisper")


def look_at_faces(settings: Settings, cards: Path = _CARDS) -> Part:
    """The renderer of video calls, and the device it is told to use."""
    faces = settings.faces
    if faces.addresses:
        where = ", ".join(faces.addresses)
        return _part("render workers elsewhere", where, "configured", "fine")
    if not faces.workers:
        return _part("nothing", "-", "off: video calls have sound alone", "idle")
    neural = faces.engine == "musetalk"
    by_torch = neural or faces.device != "cpu"
    renderer = "a neural face (MuseTalk's shape)" if neural else "the drawn face"
    what = f"{renderer}, by {'torch' if by_torch else 'numpy and OpenCV'} on {faces.device}"
    wrong = _missing(faces, _NEURAL if neural else ("torch",) if by_torch else ()) or _no_device(
        faces, cards
    )
    return Part(
        name="faces",
        what=what,
        version=package("torch" if by_torch else "opencv-python-headless") or "-",
        licence="MIT code, the weights' own" if neural else "Apache-2.0",
        origin=faces.weights or "-" if neural else "drawn from each companion's appearance",
        state=wrong or ("on " + ", ".join(_names(cards)) if faces.device != "cpu" else "installed"),
        condition="wrong" if wrong else "fine",
        replace="faces.engine, faces.device",
    )


def _missing(faces: FaceSettings, wanted: tuple[str, ...]) -> str:
    lacking = [name for name in wanted if not package(name)]
    if lacking:
        return f"{', '.join(lacking)} missing: run `make install-gpu`"
    if faces.engine == "musetalk":
        without = [
            name for name in _WEIGHTS if not (Path(faces.weights) / name / "config.json").is_file()
        ]
        if not faces.weights or without:
            return f"faces.weights lacks {', '.join(without or _WEIGHTS)}"
    return ""


def _no_device(faces: FaceSettings, cards: Path) -> str:
    if faces.device == "cpu" or not faces.device.startswith("cuda"):
        return ""
    number = faces.device.partition(":")[2] or "0"
    there = number.isdecimal() and int(number) < len(_names(cards))
    return "" if there else f"there is no device {faces.device} here"


def _names(cards: Path) -> list[str]:
    """The cards that the driver tells of."""
    lines = [
        line
        for told in sorted(cards.glob("*/information"))
        for line in told.read_text().splitlines()
    ]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def _part(what: str, origin: str, state: str, condition: Condition) -> Part:
    return Part(
        name="faces",
        what=what,
        version="-",
        licence="-",
        origin=origin,
        state=state,
        condition=condition,
        replace="faces.workers, faces.addresses",
    )
