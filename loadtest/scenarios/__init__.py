"""The shipped scenarios, and how one's own is found: a short file with an async `visit(person)`.

`MODEL` ("open" or "closed"), `FAIL_IF` (thresholds) and `OPTIONS` (names and defaults for `--set`)
may stand in it too; its docstring's first line is what lists show.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from loadtest.plan import Model

if TYPE_CHECKING:
    from loadtest.people import Person

SHIPPED: Final = (
    "chat",
    "socketio",
    "sse",
    "realtime",
    "voice",
    "video",
    "idle",
    "fan-out",
    "reconnect-storm",
)


class NoScenario(Exception):
    """There is no such scenario, or its file cannot be used; the message says why."""


class Scenario(Struct, frozen=True):
    """What people do."""

    name: str
    about: str
    visit: "Callable[[Person], Awaitable[None]]"
    model: Model
    fail_if: tuple[str, ...]
    options: dict[str, str]


def is_scenario(name: str) -> bool:
    """Whether a word on the command line names a scenario."""
    return name in SHIPPED or name.endswith(".py")


def load(name: str) -> Scenario:
    """A shipped scenario by name, or anyone's by path. Raises NoScenario."""
    if name in SHIPPED:
        return _scenario(name, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise NoScenario(f"There is no scenario {name!r}: {', '.join(SHIPPED)}, or a .py file.")
    return _scenario(path.stem, _from_file(path))


def _from_file(path: Path) -> ModuleType:
    made = importlib.util.spec_from_file_location(f"own_scenario_{path.stem}", path)
    if made is None or made.loader is None:
        raise NoScenario(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(made)
    sys.modules[made.name] = module
    try:
        made.loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, OSError) as error:
        raise NoScenario(f"{path} cannot be run: {error}") from error
    return module


def _scenario(name: str, module: ModuleType) -> Scenario:
    visit = getattr(module, "visit", None)
    if not inspect.iscoroutinefunction(visit):
        raise NoScenario(f"{name} has no `async def visit(person)`.")
    model = getattr(module, "MODEL", "open")
    if model not in ("open", "closed"):
        raise NoScenario(f"{name}: MODEL is {model!r}, not 'open' or 'closed'.")
    about = (inspect.getdoc(module) or "").partition("\n")[0]
    return Scenario(
        name,
        about,
        cast("Callable[[Person], Awaitable[None]]", visit),
        cast("Model", model),
        tuple(getattr(module, "FAIL_IF", ())),
        dict(getattr(module, "OPTIONS", {})),
    )
