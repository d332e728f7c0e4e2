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
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
SECONDS: Final = 600


class NotHad(Exception):
    """The two files cannot be had; the message says why, in one line."""


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
    """Fetch the wheel and keep the two files. Blocking; half a minute. Raises NotHad."""
    with tempfile.TemporaryDirectory() as where:
        fetch(Path(where))
        try:
            take_out(Path(where), folder)
        except (OSError, ValueError) as error:
            raise NotHad(f"the wheel cannot be used: {error}") from error


def fetch(where: Path) -> None:
    """Unpack the pinned wheel there, by whichever installer can. Raises NotHad."""
    why = "no installer is here"
    for installer in installers(Path(sys.prefix) / "bin" / "uv"):
        try:
            done = subprocess.run(
                _command(installer, where), check=False, capture_output=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            why = f"no answer within {SECONDS} seconds"
            continue
        except OSError as error:
            why = f"{installer[0]} cannot be run ({error.strerror})"
            continue
        if done.returncode == 0:
            return
        why = reason(done.stderr.decode(errors="replace"))
    raise NotHad(why)


def installers(uv: Path) -> list[list[str]]:
    """uv, with the system's certificates where there are any (a company's proxy), and then pip."""
    pip = [sys.executable, "-m", "pip", "install"]
    if not uv.exists():
        return [pip]
    certificates = ["--system-certs"] if CERTIFICATES.is_file() else []
    return [[str(uv), "pip", "install", *certificates], pip]


def reason(said: str) -> str:
    """What an installer complained of, in one line: the cause it names last."""
    lines = [line.strip(" \t│╰─▶├×") for line in said.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("WARNING", "hint", "[notice"))]
    return lines[-1][:300].removeprefix("ERROR: ") if lines else "the installer gave no reason"


def _command(installer: list[str], where: Path) -> list[str]:
    return [
        *installer, "--quiet", "--no-deps", "--require-hashes", "--target", str(where),
        "--python-version", "3.11", "--only-binary", ":all:", "-r", str(LOCK),
    ]  # fmt: skip


def main() -> int:
    """Install where they are missing; `install.sh` calls this and goes on without them."""
    folder = default_folder()
    if present(folder):
        return 0
    try:
        install(folder)
    except NotHad as error:
        print(
            f"      The face finder (MediaPipe's wheel) was not fetched: {error}", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
