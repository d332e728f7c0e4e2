"""Where the two networks that find faces come from: out of MediaPipe's wheel, never installed.

The wheel is pinned by hash (config/requirements-face.lock) and wants an old numpy, so it is
unpacked beside the environment at set-up, two files of 1.4 MB are taken out, and the rest goes.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

DETECTOR: Final = "face_detection_short_range.tflite"
LANDMARKER: Final = "face_landmark.tflite"
HASHES: Final = {
    DETECTOR: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    LANDMARKER: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
INSIDE: Final = {
    DETECTOR: "mediapipe/modules/face_detection/" + DETECTOR,
    LANDMARKER: "mediapipe/modules/face_landmark/" + LANDMARKER,
}
ROOT: Final = Path(__file__).parents[3]
LOCK: Final = ROOT / "config" / "requirements-face.lock"


def default_folder() -> Path:
    """Beside the environment's packages: it lives and goes with them."""
    return Path(sys.prefix) / "share" / "kindred-faces"


def present(folder: Path) -> bool:
    """Whether both files are there, whole and the ones we know."""
    return all(
        (folder / name).is_file()
        and hashlib.sha256((folder / name).read_bytes()).hexdigest() == known
        for name, known in HASHES.items()
    )


def take_out(unpacked: Path, folder: Path) -> None:
    """Copy the two files out of an unpacked wheel. Raises ValueError when they are not ours."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, inside in INSIDE.items():
        shutil.copyfile(unpacked / inside, folder / name)
    if not present(folder):
        raise ValueError("the wheel holds other files than those we know")


def install(folder: Path) -> None:
    """Fetch the wheel by its hash and keep the two files. Blocking; half a minute."""
    with tempfile.TemporaryDirectory() as where:
        subprocess.run(_installer(where), check=True, timeout=600)
        take_out(Path(where), folder)


def _installer(where: str) -> list[str]:
    uv = Path(sys.prefix) / "bin" / "uv"
    tool = [str(uv), "pip"] if uv.exists() else [sys.executable, "-m", "pip"]
    return [
        *tool, "install", "--quiet", "--no-deps", "--require-hashes", "--target", where,
        "--python-version", "3.11", "--only-binary", ":all:", "-r", str(LOCK),
    ]  # fmt: skip


def main() -> int:
    """Install where they are missing; `install.sh` calls this and goes on without them."""
    folder = default_folder()
    if present(folder):
        return 0
    try:
        install(folder)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"Faces from pictures are off: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
