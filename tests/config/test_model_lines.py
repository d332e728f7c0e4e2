"""An operator's file keeps its other lines when a model is chosen, or is left alone."""

import tomllib

import pytest

from config.model_lines import CannotWrite, with_model

PROVIDER: dict[str, str | int] = {"kind": "openai", "base_url": "http://x/v1", "model": 'a "b"'}
TABLE = (
    '[models.providers.chosen]\nkind = "openai"\nbase_url = "http://x/v1"\nmodel = "a \\"b\\""\n'
)


def test_an_empty_file_gets_both_tables() -> None:
    assert with_model("", "chosen", PROVIDER) == f'[models]\nuse = ["chosen"]\n\n{TABLE}'


def test_every_other_line_stays() -> None:
    text = "# mine\nport = 9000  # and why\n\n[models]\nretries = 3\n\n"
    text += '[models.providers.old]\nmodel = "o"\n'
    new = with_model(text, "chosen", PROVIDER)
    assert all(line in new.splitlines() for line in text.splitlines())
    assert tomllib.loads(new)["models"]["use"] == ["chosen"]
    assert tomllib.loads(new)["models"]["providers"]["old"] == {"model": "o"}


def test_choosing_again_replaces_the_first_choice() -> None:
    text = with_model("port = 1\n", "chosen", {"kind": "embedded", "model": "/x.gguf"})
    assert with_model(text, "chosen", PROVIDER) == with_model("port = 1\n", "chosen", PROVIDER)


def test_a_list_over_several_lines_is_replaced_whole() -> None:
    text = '[models]\nuse = [\n  "a",  # first\n  "b",\n]\nretries = 0\n[server]\ngateways = 2\n'
    new = with_model(text, "chosen", PROVIDER)
    assert new.startswith('[models]\nuse = ["chosen"]\nretries = 0\n[server]\ngateways = 2\n')


@pytest.mark.parametrize(
    "text",
    [
        'models = { use = ["a"] }\n',
        'models.use = ["a"]\n',
        "models = 3\n",
        "not toml at all",
        '[models.providers]\nchosen = { kind = "openai" }\n',
    ],
)
def test_a_file_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(CannotWrite):
        with_model(text, "chosen", PROVIDER)


def test_yes_and_no_are_written_as_toml_has_them() -> None:
    written = with_model("", "eyes", {"kind": "openai", "vision": True})
    assert "vision = true\n" in written
