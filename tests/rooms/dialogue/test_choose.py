"""One command makes an address or a file the model, or says why not and changes nothing."""

from pathlib import Path

import pytest

from config.load import load
from rooms.dialogue.choose import choose_model
from rooms.dialogue.embedded.shipped import shipped_weights
from rooms.dialogue.router import build_router
from rooms.dialogue.trial import CannotChoose
from tests.rooms.dialogue.upstream import Answer, Upstream

on_openai = pytest.mark.parametrize("upstream", ["openai"], indirect=True)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with a line that must stay."""
    path = tmp_path / "kindred.toml"
    path.write_text("port = 9000  # ours\n")
    return path


@on_openai
async def test_an_address_becomes_the_model(upstream: Upstream, config: Path) -> None:
    upstream.models = [{"id": "tiny", "max_model_len": 4096}]
    upstream.key = "s3cret"
    upstream.answers = [Answer(words=("Hello", " you"))]
    heard: list[str] = []
    choice = await choose_model(upstream.url, config, api_key="s3cret", say=heard.append)
    assert choice.trial.reply == "Hello you"
    assert heard
    settings = load(config, {})
    assert settings.port == 9000
    chosen = settings.models.providers["chosen"]
    assert (settings.models.use, chosen.model, chosen.context_tokens) == (["chosen"], "tiny", 4096)
    assert config.stat().st_mode & 0o077 == 0, "a file with a key is its owner's alone"
    assert build_router(settings.models, None, None).model == "tiny"


@on_openai
async def test_an_address_without_v1_is_found(upstream: Upstream, config: Path) -> None:
    upstream.models = [{"id": "tiny"}]
    choice = await choose_model(upstream.url.removesuffix("/v1") + "/", config)
    assert choice.provider.base_url == upstream.url


@on_openai
@pytest.mark.parametrize(
    ("models", "named", "words"),
    [
        ([{"id": "a"}, {"id": "b"}], None, "name one with --name: a, b"),
        ([{"id": "a"}], "b", "no model 'b' there; it has a"),
        (None, None, "does not list its models: name one"),
    ],
)
async def test_which_model_must_be_clear(
    upstream: Upstream, config: Path, models: list[dict[str, str]] | None, named: str, words: str
) -> None:
    upstream.models = models
    await refused(upstream.url, config, words, model=named)
    assert upstream.asked == []


@on_openai
async def test_a_model_may_be_named_where_there_is_no_list(
    upstream: Upstream, config: Path
) -> None:
    choice = await choose_model(upstream.url, config, model="mine")
    assert choice.provider.model == "mine"


@on_openai
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=401, body='{"error": {"message": "bad key"}}'), "Check the key"),
        (Answer(status=429, body="{}"), "Try again in a minute"),
        (Answer(status=500, body="{}"), "speaks OpenAI's format"),
        (Answer(), "answered nothing"),
        (Answer(late=True), "give it longer"),
    ],
)
async def test_a_failed_trial_changes_nothing(
    upstream: Upstream, config: Path, answer: Answer, words: str
) -> None:
    upstream.models = [{"id": "tiny"}]
    upstream.answers = [answer]
    await refused(upstream.url, config, words, trial_seconds=0.3)


@on_openai
async def test_a_wrong_key_is_said_before_any_trial(upstream: Upstream, config: Path) -> None:
    upstream.models, upstream.key = [{"id": "tiny"}], "right"
    await refused(upstream.url, config, "wants a key, or another one", api_key="wrong")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://127.0.0.1:1/v1", "Is the server running"),
        ("ftp://somewhere", "must begin with http"),
        ("http://", "must begin with http"),
        ("/nowhere/model.gguf", "cannot be read"),
    ],
)
async def test_what_is_not_there_is_said(config: Path, target: str, words: str) -> None:
    await refused(target, config, words)


async def test_a_file_of_another_kind_is_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04")
    await refused(str(tmp_path / "model.gguf"), config, "is no GGUF file")


@pytest.mark.model
async def test_a_broken_gguf_file_is_refused_with_the_loaders_words(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    await refused(str(tmp_path / "model.gguf"), config, "does not load")


@pytest.mark.model
async def test_a_gguf_file_becomes_the_model(config: Path) -> None:
    choice = await choose_model(str(shipped_weights()), config)
    assert choice.trial.reply
    assert choice.trial.tokens_per_second > 1
    settings = load(config, {})
    chosen = settings.models.providers["chosen"]
    assert (chosen.kind, chosen.model) == ("embedded", str(shipped_weights()))
    assert not build_router(settings.models, "http://127.0.0.1:1/v1", "k").is_demo


@on_openai
async def test_a_place_that_cannot_be_written_is_said(upstream: Upstream, config: Path) -> None:
    upstream.models = [{"id": "tiny"}]
    with pytest.raises(CannotChoose, match="cannot be written"):
        await choose_model(upstream.url, config / "kindred.toml")
    assert config.read_text() == "port = 9000  # ours\n"


async def refused(
    target: str,
    config: Path,
    words: str,
    *,
    api_key: str | None = None,
    model: str | None = None,
    trial_seconds: float = 60.0,
) -> None:
    """It says `words`, and the file is as it was."""
    before = config.read_bytes()
    with pytest.raises(CannotChoose, match=words.replace("(", r"\(")):
        await choose_model(
            target, config, api_key=api_key, model=model, trial_seconds=trial_seconds
        )
    assert config.read_bytes() == before
    assert list(config.parent.glob(".*")) == []
