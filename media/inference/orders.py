"""What the supervisor tells an inference worker when it starts it.

It travels as JSON in one environment variable, which only the same user can read.
"""

import os
from typing import Final

import msgspec
from msgspec import Struct

from config.hearing import HearingSettings
from config.inference import InferenceSettings
from config.speech import SpeechSettings

VARIABLE: Final = "KINDRED_WORKER_ORDERS"
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerOrders(Struct, frozen=True, kw_only=True):
    """What the supervisor tells it. `ready_fd` takes one byte when it serves; -1 is nobody."""

    hearing: HearingSettings
    inference: InferenceSettings
    key: str
    listen_fd: int
    ready_fd: int = -1
    speech: SpeechSettings = SpeechSettings()

    def to_environment(self) -> dict[str, str]:
        """The variables to start a worker with."""
        threads = dict.fromkeys(_ONE_THREAD, "1")
        return {**threads, VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls) -> "WorkerOrders":
        """Read them, once: children of the worker are not to see them."""
        return msgspec.json.decode(os.environ.pop(VARIABLE).encode(), type=cls)
