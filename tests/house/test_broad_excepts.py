"""Catch what you can name. Each broad `except` is listed here with the reason it has."""

import ast

BROAD = {"Exception", "BaseException"}
# path:function -> why it must catch everything
ALLOWED = {
    "rooms/calls/call.py:run": "the boundary of a call: logged, and what it took is settled",
    "rooms/turn.py:_take": "whatever ends a turn becomes its one ending; logged in _end",
    "rooms/turn.py:_end": "the log is gone, but what it took must still be settled",
    "realtime/socket.py:_carry_all": "the boundary of a socket: logged, answered as `internal`",
    "realtime/openai_socket.py:_speak": "the boundary of a response: logged, told as failed",
    "realtime/forward.py:_carry_out": "whoever waits on another node must be answered; logged",
    "server/rest/problems.py:guarded": "the boundary of HTTP: logged with an incident, said as 500",
    "server/livekit.py:reported": "anybody's bytes: whatever the checking raises is a 401",
    "server/mail.py:_handle": "one letter that cannot be sent stops no other; logged",
    "loadtest/driver.py:_visit": "a scenario is anybody's file: counted by its type, traced",
    "media/calls/serving.py:open": "anybody's offer: whoever asked is answered; logged",
    "media/avatar/rendering/device.py:_make": "an engine fails on one face: logged, that face ends",
    "media/avatar/rendering/server.py:_make_asset": "what people upload ends no worker; logged",
    "media/hearing/onnx.py:open_model": "onnxruntime has a class of its own for each failure",
    "media/inference/service.py:_answered": "whoever asked must be answered; logged, told",
    "server/doctor/parts.py:_state": "the doctor reports whatever a driver raises",
}


def broad(source) -> list[str]:
    """The functions that catch everything."""
    found = []
    for function in ast.walk(source.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in _own(function):
                if isinstance(node, ast.ExceptHandler) and _catches_all(node):
                    found.append(f"{source.path}:{function.name}")
    for node in source.tree.body:
        if isinstance(node, ast.Try) and any(_catches_all(one) for one in node.handlers):
            found.append(f"{source.path}:")
    return sorted(set(found))


def _own(function: ast.AST) -> list[ast.AST]:
    """Everything inside a function but not inside a function within it."""
    found: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node)
            waiting += list(ast.iter_child_nodes(node))
    return found


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether everything is caught and kept; tidying up and raising again is no catching."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or (isinstance(one, ast.Name) and one.id in BROAD) for one in kinds)


def test_each_broad_except_has_its_reason(house) -> None:
    found = [one for source in house.product for one in broad(source)]
    assert [one for one in found if one not in ALLOWED] == []


def test_no_reason_outlives_its_except(house) -> None:
    found = {one for source in house.product for one in broad(source)}
    assert set(ALLOWED) - found == set()


def test_a_broad_except_is_found(plant) -> None:
    text = "def f():\n    try:\n        g()\n    except {}:\n        pass\n"
    assert broad(plant("rooms/x.py", text.format("Exception"))) == ["rooms/x.py:f"]
    assert broad(plant("rooms/x.py", text.format("(OSError, BaseException)"))) == ["rooms/x.py:f"]
    assert broad(plant("rooms/x.py", text.replace(" {}", ""))) == ["rooms/x.py:f"]
    assert broad(plant("rooms/x.py", text.format("OSError"))) == []
    assert broad(plant("rooms/x.py", text.format("Exception").replace("pass", "raise"))) == []
