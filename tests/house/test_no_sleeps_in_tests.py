"""Tests wait for conditions or run under a virtual clock; a sleep is slow and still flaky.

Allowed are `asyncio.sleep` under looptime, `asyncio.sleep(0)`, and a short pause inside a loop
that looks for a condition again (the test's own timeout bounds it).
"""

import ast

PAUSE_SECONDS = 0.05


def sleeps(source) -> list[str]:
    """Calls that really wait for time to pass."""
    virtual = "looptime" in source.text
    polls = {id(node) for loop in ast.walk(source.tree) for node in _pauses(loop)}
    found = []
    for function in ast.walk(source.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            module = _sleeper(node)
            zero = module == "asyncio" and _seconds(node) == 0
            free = zero or id(node) in polls or (virtual and module == "asyncio")
            if module and not free:
                found.append(f"{source.path}:{function.name}")
    return sorted(set(found))


def _sleeper(node: ast.AST) -> str:
    """The module whose `sleep` is called here, or nothing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr == "sleep" and isinstance(owner, ast.Name):
            return owner.id if owner.id in ("time", "asyncio") else ""
    return ""


def _seconds(call: ast.AST) -> float | None:
    """How long, where it is written as a number."""
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return first.value if isinstance(first, ast.Constant) else None


def _pauses(loop: ast.AST) -> list[ast.AST]:
    """Short sleeps in a `while CONDITION` loop."""
    if not isinstance(loop, ast.While) or isinstance(loop.test, ast.Constant):
        return []
    calls = [node for node in ast.walk(loop) if _sleeper(node)]
    return [one for one in calls if (_seconds(one) or 1) <= PAUSE_SECONDS]


def test_no_test_sleeps(house) -> None:
    assert [one for source in house.python if source.is_test for one in sleeps(source)] == []


def test_a_sleep_is_found(plant) -> None:
    text = "import asyncio\nasync def test_x():\n    await asyncio.sleep({})\n"
    assert sleeps(plant("tests/x.py", text.format(1))) == ["tests/x.py:test_x"]
    assert sleeps(plant("tests/x.py", text.format(0))) == []
    assert sleeps(plant("tests/x.py", "# looptime\n" + text.format(1))) == []
    assert sleeps(plant("tests/x.py", "def f():\n    time.sleep(0)\n")) == ["tests/x.py:f"]


def test_a_pause_is_free_only_in_a_loop_that_looks_for_something(plant) -> None:
    text = "def f():\n    while {}:\n        time.sleep({})\n"
    assert sleeps(plant("tests/x.py", text.format("not done()", 0.02))) == []
    assert sleeps(plant("tests/x.py", text.format("not done()", 1))) == ["tests/x.py:f"]
    assert sleeps(plant("tests/x.py", text.format("True", 0.02))) == ["tests/x.py:f"]
