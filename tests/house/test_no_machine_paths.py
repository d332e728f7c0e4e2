"""Nothing in the house knows the machine it was written on."""

import re

# Written apart, so that this file does not find itself.
_PLACES = "|".join(["/ho" + r"me/\w", "/Us" + r"ers/\w", "/ro" + "ot/", "/wo" + "rk/"])
_PATH = re.compile(rf"(?<![\w.:}}/*-])(?:{_PLACES})")
_INDEX = re.compile(r"^\s*--(?:extra-)?index-url|^\s*--(?:trusted-host|find-links)", re.MULTILINE)


def places(source) -> list[str]:
    """Lines that name a place of one machine, or a package mirror."""
    lines = [line.strip() for line in source.text.splitlines() if _PATH.search(line)]
    if source.path.endswith((".lock", ".in")):
        lines += _INDEX.findall(source.text)
    return lines


def test_no_file_names_a_place_of_one_machine(house) -> None:
    assert {one.path: places(one) for one in house.texts if places(one)} == {}


def test_a_machine_path_is_found(plant) -> None:
    assert places(plant("a.md", "see " + "/ho" + "me/ann/x"))
    assert places(plant("a.py", 'X = "' + "/wo" + 'rk/main"'))
    assert places(plant("a.lock", "--index-url https://x\n"))
    assert places(plant("a.md", "GET https://example.org/home/ann and GET /v1/work/x")) == []
