"""Cuts an ONNX model in two by editing its protobuf, so that no ONNX package is needed for it.

A voice is one graph: phonemes to a latent picture of the clause, then the picture to sound. Sound
is what costs, and it needs only a few frames around each of its samples; cut there, the beginning
of a clause is heard while its end is still being made. See docs/why/cut-voice.md.
"""

from collections.abc import Iterator

from msgspec import Struct

# Field numbers of onnx.proto; only those that are read or written here.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER = 1, 2, 5
_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE = 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT = 1, 2
_TENSOR_NAME, _VALUE_NAME = 8, 1
_FLOAT = 1


class Value(Struct, frozen=True):
    """An input or output of a part: its name, and a name or size for each dimension."""

    name: str
    shape: tuple[str | int, ...] = ()


class _Node(Struct, frozen=True):
    raw: bytes
    reads: tuple[str, ...]
    makes: tuple[str, ...]


class Graph:
    """A model taken apart: enough to write a part of it as a model of its own."""

    def __init__(self, model: bytes) -> None:
        self._head: list[bytes] = []
        self._nodes: list[_Node] = []
        self._tensors: dict[str, memoryview] = {}
        self._inputs: dict[str, bytes] = {}
        for number, value, raw in _fields(memoryview(model)):
            if number == _MODEL_GRAPH:
                self._read(value)
            else:
                self._head.append(bytes(raw))

    def _read(self, graph: memoryview) -> None:
        for number, value, raw in _fields(graph):
            if number == _GRAPH_NODE:
                parts = list(_fields(value))
                self._nodes.append(
                    _Node(
                        raw=bytes(raw),
                        reads=tuple(_text(v) for n, v, _ in parts if n == _NODE_INPUT),
                        makes=tuple(_text(v) for n, v, _ in parts if n == _NODE_OUTPUT),
                    )
                )
            elif number == _GRAPH_INITIALIZER:
                self._tensors[_name(value, _TENSOR_NAME)] = raw
            elif number == _GRAPH_INPUT:
                self._inputs[_name(value, _VALUE_NAME)] = bytes(raw)

    def part(self, inputs: tuple[Value, ...], outputs: tuple[Value, ...]) -> bytes:
        """The model that makes `outputs`; `inputs` are values of the whole given from outside.

        Inputs of the whole that are still needed stay inputs. Raises KeyError when a value that
        is needed is made by nothing.
        """
        given = {value.name for value in inputs}
        kept, needed = self._reach(given, [value.name for value in outputs])
        body = [node.raw for place, node in enumerate(self._nodes) if place in kept]
        body.append(_block(_GRAPH_NAME, b"part"))
        body += [bytes(raw) for name, raw in self._tensors.items() if name in needed]
        body += [raw for name, raw in self._inputs.items() if name in needed]
        body += [_value(_GRAPH_INPUT, value) for value in inputs]
        body += [_value(_GRAPH_OUTPUT, value) for value in outputs]
        return b"".join((*self._head, _block(_MODEL_GRAPH, b"".join(body))))

    def _reach(self, given: set[str], wanted: list[str]) -> tuple[set[int], set[str]]:
        makers = {name: place for place, node in enumerate(self._nodes) for name in node.makes}
        kept: set[int] = set()
        needed: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name in given or name in needed or not name:
                continue
            needed.add(name)
            if name in self._tensors or name in self._inputs:
                continue
            place = makers[name]
            if place not in kept:
                kept.add(place)
                wanted.extend(self._nodes[place].reads)
        return kept, needed


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each field as (number, value, value with its header); numbers' values are left unread."""
    at, end = 0, len(data)
    while at < end:
        begin = at
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                from_here = at
                _, at = _varint(data, at)
            case 1:
                from_here, at = at, at + 8
            case 2:
                size, from_here = _varint(data, at)
                at = from_here + size
            case 5:
                from_here, at = at, at + 4
            case kind:
                raise ValueError(f"not a protobuf: wire type {kind}")
        if at > end:
            raise ValueError("not a protobuf: a field runs past the end")
        yield key >> 3, data[from_here:at], data[begin:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _name(message: memoryview, number: int) -> str:
    return next((_text(value) for n, value, _ in _fields(message) if n == number), "")


def _text(value: memoryview) -> str:
    return bytes(value).decode()


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _block(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _value(number: int, value: Value) -> bytes:
    """A ValueInfoProto of floats; without dimensions its type is left to be inferred."""
    content = _block(_VALUE_NAME, value.name.encode())
    if value.shape:
        dimensions = b"".join(
            _block(
                1, _block(2, size.encode()) if isinstance(size, str) else b"\x08" + _number(size)
            )
            for size in value.shape
        )
        tensor = b"\x08" + _number(_FLOAT) + _block(2, dimensions)
        content += _block(2, _block(1, tensor))
    return _block(number, content)


def _dimension(size: str | int) -> bytes:
    return _block(2, size.encode()) if isinstance(size, str) else b"\x08" + _number(size)
