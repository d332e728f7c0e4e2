"""Rewrites the shipped weights once, from 4 to 8 bits: bigger on disk, twice as fast to read.

Block formats of 8 bits need no unpacking, and on a CPU the unpacking is what a long prompt
waits for (docs/why/model-streams.md has the figures).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Tell = Callable[[int], None]
UNFINISHED: Final = ".unfinished"
_TARGET: Final = "Q8_0"
_FILE_TYPE_Q8_0: Final = 7  # llama.cpp's own number for a file that is mostly Q8_0
_ROW_VALUES: Final = 32  # a Q8_0 block; a row must be made of whole ones


def requantise(source: Path, target: Path, tell: Tell) -> None:
    """Write `target`, whole or not at all; `tell` hears whole percents. Raises OSError."""
    from gguf import GGUFReader, GGUFWriter

    tell(0)
    reader = GGUFReader(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _whole_file(target) as unfinished:
        architecture = str(reader.fields["general.architecture"].contents())
        writer = GGUFWriter(unfinished, architecture)
        _copy_facts(reader, writer)
        _announce(reader, writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        _write_weights(reader, writer, tell)
        writer.close()
    tell(100)


@contextlib.contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its name once it is complete and on the disk."""
    unfinished = target.with_name(f"{target.name}.{os.getpid()}{UNFINISHED}")
    try:
        yield unfinished
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_facts(reader: Any, writer: Any) -> None:
    """Everything the file says about itself, except what the writer says on its own."""
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = _FILE_TYPE_Q8_0 if name == "general.file_type" else field.contents()
        sub_type = field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(name, value, field.types[0], sub_type)


def _announce(reader: Any, writer: Any) -> None:
    """The table of tensors, which stands in front of their data."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import quant_shape_to_byte_shape

    wanted = GGMLQuantizationType[_TARGET]
    for tensor in reader.tensors:
        if _is_changed(tensor):
            values = tuple(int(n) for n in reversed(tensor.shape))
            shape = quant_shape_to_byte_shape(values, wanted)
            bytes_total = int(np.prod(shape))
            writer.add_tensor_info(tensor.name, shape, np.dtype(np.uint8), bytes_total, wanted)
        else:
            data = tensor.data
            writer.add_tensor_info(
                tensor.name, data.shape, data.dtype, data.nbytes, tensor.tensor_type
            )


def _write_weights(reader: Any, writer: Any, tell: Tell) -> None:
    """One tensor after the other, so that no more than one is in memory as numbers."""
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    wanted = GGMLQuantizationType[_TARGET]
    total = sum(int(tensor.n_elements) for tensor in reader.tensors)
    done = told = 0
    for tensor in reader.tensors:
        data = tensor.data
        if _is_changed(tensor):
            data = quantize(dequantize(data, tensor.tensor_type), wanted)
        writer.write_tensor_data(data)
        done += int(tensor.n_elements)
        percent = min(99, done * 100 // total)
        if percent > told:
            tell(percent)
            told = percent


def _is_changed(tensor: Any) -> bool:
    """Whether a tensor is stored in fewer than 8 bits and can be stored in Q8_0."""
    kind = tensor.tensor_type.name
    return kind.startswith(("Q4", "Q5")) and int(tensor.shape[0]) % _ROW_VALUES == 0
