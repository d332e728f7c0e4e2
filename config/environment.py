"""Names of environment variables and the settings they stand for: KINDRED_A__B__C is a.b.c.

A variable that begins with KINDRED_ and means nothing is reported, because a silent typing
error in a deploy file costs a day; the few names that are not settings are listed here.
"""

import difflib
from collections.abc import Mapping

from config.problems import Key

PREFIX = "KINDRED_"
CONFIG = "KINDRED_CONFIG"
MODEL_KEY = "KINDRED_MODEL_KEY"
_NOT_SETTINGS = frozenset({CONFIG, MODEL_KEY})
_INTERNAL = "KINDRED_CHILD_"


def is_ours(variable: str) -> bool:
    """Whether a variable is meant as a setting."""
    name = variable.upper()
    return name.startswith(PREFIX) and name not in _NOT_SETTINGS and not name.startswith(_INTERNAL)


def key_of(variable: str, entries: Mapping[Key, list[str]]) -> Key:
    """The key a variable stands for.

    Names are lower-cased; an entry that exists under a name with capitals or hyphens
    (`my-vllm`) is found by its plain spelling (`MY_VLLM`).
    """
    key: Key = ()
    for segment in variable[len(PREFIX) :].lower().split("__"):
        known = {_plain(name): name for name in entries.get(key, [])}
        key = (*key, known.get(segment, segment))
    return key


def variable_of(key: Key) -> str:
    """The variable that sets a key."""
    return PREFIX + "__".join(_plain(segment) for segment in key).upper()


def nearest_variable(wanted: str, known: list[str]) -> str | None:
    """The variable that was most likely meant; one underscore for two is the usual slip."""
    squeezed = {name.replace("__", "_"): name for name in reversed(known)}
    plain = wanted.upper().replace("__", "_")
    if plain in squeezed:
        return squeezed[plain]
    near = difflib.get_close_matches(plain, squeezed, n=1, cutoff=0.9)
    if near:
        return squeezed[near[0]]
    for name in known:
        if plain.endswith(name[len(PREFIX) - 1 :]):
            return name
    near = difflib.get_close_matches(plain, squeezed, n=1, cutoff=0.75)
    return squeezed[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
