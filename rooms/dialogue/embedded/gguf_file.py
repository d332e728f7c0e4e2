"""Whether a file is a model at all, told from its first bytes before anything loads it.

A file of the wrong kind would otherwise fail minutes later, with llama.cpp's words.
"""

from pathlib import Path
from typing import Final

from rooms.dialogue.embedded.shipped import NoModel

MAGIC: Final = b"GGUF"


def check_gguf(path: Path) -> None:
    """Raise NoModel unless `path` is a GGUF file that can be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise NoModel(f"{path} cannot be read ({error.strerror}).") from error
    if magic != MAGIC:
        raise NoModel(f"{path} is no GGUF file; files for llama.cpp end in .gguf.")
