"""No setting without a meaning, a bound where it is a number, and a place in the reference."""

from msgspec import Struct, to_builtins

from config.keys import all_keys, bare, kind_of
from config.limits import disagreements, out_of_bounds
from config.reference import meanings_of, settings_page, undocumented
from config.settings import Settings


def test_every_setting_says_what_it_means() -> None:
    assert [".".join(key) for key in undocumented()] == []


def test_every_setting_stands_in_the_reference() -> None:
    page = settings_page()
    for key in all_keys(Settings, {}):
        assert f"| `{'.'.join(key).replace('*', 'NAME')}` |" in page


def test_the_defaults_are_within_their_own_bounds() -> None:
    flat = to_builtins(Settings())
    for key in all_keys(Settings, {}):
        value = flat
        for name in key:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            assert out_of_bounds(key, value) is None, key
    assert list(disagreements(Settings())) == []


def test_a_number_names_its_unit_or_counts_things() -> None:
    """A bare `timeout` or `size` leaves people guessing; see config/limits.py."""
    for key in all_keys(Settings, {}):
        if bare(kind_of(Settings, key)) in (int, float):
            assert key[-1] not in {"timeout", "size", "interval", "delay", "ttl", "max", "limit"}


def test_a_setting_without_a_meaning_is_found() -> None:
    class Silent(Struct):
        """Something.

        said: with a meaning
            on two lines.
        """

        said: int = 1
        unsaid: int = 2

    assert meanings_of(Silent) == {"said": "with a meaning on two lines."}
    assert list(undocumented(Silent)) == [("unsaid",)]
