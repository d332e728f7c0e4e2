"""Opens ONNX models the one way that suits a shared worker: one thread, a GPU where there is one.

onnxruntime costs 40 MB, and is imported by the first model that is opened.
"""

from pathlib import Path
from typing import Any, Final

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
_ERRORS_ONLY: Final = 3


class ModelBroken(Exception):
    """A model's file cannot be opened; the message says which."""


def providers(device: str) -> list[str]:
    """What may compute, best first. `device`: auto, cpu or cuda."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if device != "cpu" and CUDA in there:
        return [CUDA, CPU]
    return [CPU]


def open_model(path: Path, device: str = "auto") -> Any:
    """A session over the file. Raises ModelBroken."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Between calls nothing is computed; threads that spin meanwhile would.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers(device))
    except Exception as error:
        raise ModelBroken(f"The model {path.name} cannot be opened: {error}") from error
