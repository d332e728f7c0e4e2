"""Tests wait for conditions or run under a virtual clock; a sleep is slow and still flaky."""

import ast

# path:function -> why nothing better exists there
ALLOWED = {
    "tests/server/house.py:wait_for": "polls a real process, with a deadline",
}


def sleeps(source) -> list[str]:
    """Calls that really wait. `asyncio.sleep` is free under looptime, `sleep(0)` everywhere."""
    virtual = "looptime" in source.text
    found = []
    for function in ast.walk(source.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            module = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if node.func.attr != "sleep" or module not in ("time", "asyncio"):
                continue
            zero = bool(node.args) and getattr(node.args[0], "value", None) == 0
            if module == "time" or not (virtual or zero):
                found.append(f"{source.path}:{function.name}")
    return sorted(set(found))


def test_no_test_sleeps(house) -> None:
    found = [one for source in house.python if source.is_test for one in sleeps(source)]
    assert [one for one in found if one not in ALLOWED] == []


def test_every_exception_is_still_needed(house) -> None:
    found = {one for source in house.python if source.is_test for one in sleeps(source)}
    assert set(ALLOWED) - found == set()


def test_a_sleep_is_found(plant) -> None:
    text = "import asyncio\nasync def test_x():\n    await asyncio.sleep({})\n"
    assert sleeps(plant("tests/x.py", text.format(1))) == ["tests/x.py:test_x"]
    assert sleeps(plant("tests/x.py", text.format(0))) == []
    assert sleeps(plant("tests/x.py", "# looptime\n" + text.format(1))) == []
    assert sleeps(plant("tests/x.py", "def f():\n    time.sleep(0)\n")) == ["tests/x.py:f"]
