"""Cutting a model in two: nothing is lost, and bytes that are no model are told."""

import numpy as np
import onnxruntime
import pytest

from media.speech.graph import Graph, Value


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def named(number: int, name: str) -> bytes:
    """A value of three floats."""
    dimension = field(1, b"\x08\x03")
    kind = field(1, b"\x08\x01" + field(2, dimension))
    return field(number, field(1, name.encode()) + field(2, kind))


def node(op: str, reads: list[str], makes: str) -> bytes:
    content = b"".join(field(1, name.encode()) for name in reads)
    return field(1, content + field(2, makes.encode()) + field(4, op.encode()))


def model() -> bytes:
    """doubled = in + in; shifted = doubled + bias; out = -shifted."""
    bias = field(
        5, b"\x08\x03\x10\x01" + field(8, b"bias") + field(9, np.float32([1, 2, 3]).tobytes())
    )
    graph = (
        node("Add", ["in", "in"], "doubled")
        + node("Add", ["doubled", "bias"], "shifted")
        + node("Neg", ["shifted"], "out")
    )
    graph += field(2, b"whole") + bias + named(11, "in") + named(12, "out")
    opset = field(8, b"\x10\x0f")
    assert len(graph) > 127
    size = bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7])
    return b"\x08\x08" + opset + bytes([7 << 3 | 2]) + size + graph


def run(part: bytes, **given: list[float]) -> list[list[float]]:
    session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
    feeds = {name: np.array(value, np.float32) for name, value in given.items()}
    return [list(map(float, made)) for made in session.run(None, feeds)]


def test_the_parts_do_together_what_the_whole_does() -> None:
    whole = run(model(), **{"in": [1, 1, 1]})
    middle = Value("shifted", (3,))
    first = Graph(model()).part((), (middle,))
    second = Graph(model()).part((middle,), (Value("out", (3,)),))
    (shifted,) = run(first, **{"in": [1, 1, 1]})
    assert shifted == [3, 4, 5]
    assert [run(second, shifted=shifted)] == [whole]


def test_a_value_inside_can_be_read_or_given() -> None:
    part = Graph(model()).part((Value("doubled", ("n",)),), (Value("shifted"), Value("out", (3,))))
    assert run(part, doubled=[0, 0, 0]) == [[1, 2, 3], [-1, -2, -3]]


def test_a_value_that_nothing_makes_is_told() -> None:
    with pytest.raises(KeyError):
        Graph(model()).part((), (Value("nothing"),))


@pytest.mark.parametrize("data", [b"\x3a\x7f", b"\x0b", b"hello there"])
def test_bytes_that_are_no_model_are_told(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        Graph(data)
