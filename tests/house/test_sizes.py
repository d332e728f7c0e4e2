"""Functions one can hold in the head, files one can read at a sitting."""

import ast

FUNCTION_LINES = 70
FILE_LINES = 400
# path or path:function -> its size; it may only shrink, and the list must end up empty.
RATCHET: dict[str, int] = {}


def long_functions(source) -> dict[str, int]:
    """Functions over the limit, with their lengths."""
    found = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES:
                found[f"{source.path}:{node.name}"] = length
    return found


def long_file(source) -> dict[str, int]:
    """The file itself, when it is over the limit."""
    length = len(source.text.splitlines())
    return {source.path: length} if length > FILE_LINES else {}


def test_no_function_is_longer_than_a_page(house) -> None:
    found: dict[str, int] = {}
    for source in house.python:
        found |= long_functions(source)
    assert {name: size for name, size in found.items() if size > RATCHET.get(name, 0)} == {}


def test_no_file_is_longer_than_a_sitting(house) -> None:
    found: dict[str, int] = {}
    for source in house.texts:
        by_hand = source.path.endswith((".py", ".js", ".css")) and "/vendor/" not in source.path
        if by_hand:
            found |= long_file(source)
    assert {name: size for name, size in found.items() if size > RATCHET.get(name, 0)} == {}


def test_the_ratchet_is_empty() -> None:
    assert RATCHET == {}


def test_a_long_function_and_a_long_file_are_found(plant) -> None:
    long = plant("rooms/x.py", "def f():\n" + "    pass\n" * 70)
    short = plant("rooms/x.py", "def f():\n" + "    pass\n" * 69)
    assert long_functions(long) == {"rooms/x.py:f": 71}
    assert long_functions(short) == {}
    assert long_file(plant("rooms/x.py", "a = 1\n" * 401)) == {"rooms/x.py": 401}
    assert long_file(plant("rooms/x.py", "a = 1\n" * 400)) == {}
