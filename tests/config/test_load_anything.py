"""Whatever an operator writes, the loader answers with settings or with a list of mistakes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from config.environment import variable_of
from config.keys import all_keys
from config.load import SettingsError, describe, read
from config.settings import Settings

KEYS = sorted(all_keys(Settings, {}))
NAMES = st.sampled_from(["free", "vip", "my-own", "", "x.y", "*"])
PLAIN = st.one_of(
    st.integers(-3, 10**20), st.booleans(), st.floats(), st.text(max_size=8), st.just("unlimited")
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["free", "title", "kind", "port"]), inner, max_size=2)
    ),
    max_leaves=4,
)
WRITTEN = st.one_of(
    st.sampled_from(["", "0", "1", "yes", "-1", "1e999", "nan", "{}", "[", "[1]", '{"a": {}}']),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
)


def as_toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {as_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08X}" for letter in value) + '"'
    return repr(value)


def quoted(segment: str) -> str:
    """A key segment that may hold anything."""
    return f'"{segment}"'


def answer(file: Path, environ: dict[str, str]) -> list[str]:
    """Every setting, or every mistake; anything else is a crash."""
    try:
        return [" ".join(row) for row in describe(read(file, environ))]
    except SettingsError as error:
        return [str(problem) for problem in error.problems]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), NAMES, st.integers(0, 4), VALUES), max_size=4))
def test_any_file_is_answered(lines) -> None:
    text = ""
    for key, name, cut, value in lines:
        path = [name if segment == "*" else segment for segment in key[: len(key) - cut] or key]
        text += f"{'.'.join(quoted(segment) for segment in path)} = {as_toml(value)}\n"
    with TemporaryDirectory() as folder:
        file = Path(folder, "kindred.toml")
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        assert answer(file, {})


@settings(deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from(KEYS), st.integers(0, 2)), WRITTEN, max_size=4))
def test_any_environment_is_answered(found) -> None:
    with TemporaryDirectory() as folder:
        nowhere = Path(folder, "kindred.toml")
        nowhere.write_text("")
        environ = {
            variable_of(key[: len(key) - cut] or key).replace("*", "FREE"): value
            for (key, cut), value in found.items()
        }
        assert answer(nowhere, environ)
