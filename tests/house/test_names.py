"""A file is named for what it holds, and says in its first lines why it exists."""

import ast
import re

FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "core", "manager", "managers", "misc"}


def bad_name(source) -> list[str]:
    """Parts of a path that say nothing."""
    parts = re.split(r"[/._]", source.path)
    return [part for part in parts if part in FORBIDDEN]


def sentences(text: str) -> int:
    """How many sentences a docstring has."""
    return len(re.findall(r"[.!?](?=\s|$)", text.strip()))


def silent(source) -> str | None:
    """What a module fails to say about itself."""
    said = ast.get_docstring(source.tree) or ""
    if not said:
        return "has no docstring"
    if source.path.endswith("__init__.py") and sentences(said) < 2:
        return "says less than two sentences about the package"
    return None


def test_no_folder_or_file_has_a_name_that_says_nothing(house) -> None:
    assert {one.path: bad_name(one) for one in house.python if bad_name(one)} == {}


def test_every_module_says_why_it_exists(house) -> None:
    assert {one.path: silent(one) for one in house.python if silent(one)} == {}


def test_a_bad_name_and_a_silent_module_are_found(plant) -> None:
    assert bad_name(plant("rooms/credit_utils.py", "")) == ["utils"]
    assert bad_name(plant("server/core/x.py", "")) == ["core"]
    assert bad_name(plant("rooms/score.py", "")) == []
    assert silent(plant("rooms/x.py", "a = 1\n")) == "has no docstring"
    assert silent(plant("rooms/__init__.py", '"""One sentence."""\n')) is not None
    assert silent(plant("rooms/__init__.py", '"""One. And two."""\n')) is None
