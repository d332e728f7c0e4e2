"""The real model server over the real weights, through the very same port as all others."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.models import ModelSettings
from rooms.dialogue.embedded.serve import main as serve_main
from rooms.dialogue.embedded.shipped import parts, shipped_weights
from rooms.dialogue.ports import Ended, Line, ModelRefused, ModelUnusable, Prompt, Words
from rooms.dialogue.router import Router, build_router
from tests.rooms.dialogue.conftest import KEY, ROOT, Served, free_port, serve_command

pytestmark = [pytest.mark.model, pytest.mark.long]
PROMPT = Prompt(
    lines=(
        Line("system", "You are Mira, a florist. You answer in one short sentence."),
        Line("user", "Hello, how are you today?"),
    ),
    max_output_tokens=16,
)


@pytest.fixture
async def router(served: tuple[Served, list[str]]) -> AsyncIterator[Router]:
    """The router of a fresh installation."""
    router = build_router(ModelSettings(), served[0].url, KEY)
    yield router
    await router.aclose()


async def said_by(router: Router, prompt: Prompt = PROMPT) -> tuple[str, Ended]:
    """What it said, and how it ended."""
    async with router.stream(prompt) as answer:
        items = [item async for item in answer.words]
    assert isinstance(items[-1], Ended)
    return "".join(item.text for item in items if isinstance(item, Words)), items[-1]


async def test_it_answers_word_by_word_with_counts(router: Router) -> None:
    text, ended = await said_by(router)
    assert len(text.split()) >= 2
    assert ended.output_tokens is not None
    assert 2 <= ended.output_tokens <= 16
    assert ended.input_tokens is not None
    assert 20 <= ended.input_tokens <= 60
    assert router.is_demo


async def test_our_estimate_is_near_its_own_count(router: Router) -> None:
    ended = (await said_by(router))[1]
    estimate = sum(router.count_tokens(line.text) + 4 for line in PROMPT.lines)
    assert ended.input_tokens is not None
    assert abs(estimate - ended.input_tokens) <= 0.35 * ended.input_tokens


async def test_a_begun_reply_is_carried_on(router: Router) -> None:
    prompt = Prompt(lines=PROMPT.lines, max_output_tokens=12, prefill="Once upon a time there was")
    text = (await said_by(router, prompt))[0]
    assert text
    assert not text.startswith("Once upon")


async def test_leaving_stops_the_generation(router: Router) -> None:
    endless = Prompt(lines=(Line("user", "Count from one to a thousand."),), max_output_tokens=64)
    for _ in range(3):  # as many as there are slots: one left running would be in the way
        async with router.stream(endless) as answer:
            await anext(answer.words)
    began = time.monotonic()
    await said_by(router)
    assert time.monotonic() - began < 5


async def test_what_was_read_ahead_is_not_waited_for(router: Router) -> None:
    def prompt(opening: str, last: str) -> Prompt:
        talk = [Line("user", f"{opening} the river is long and cold. " * 3) for _ in range(16)]
        return Prompt(lines=(PROMPT.lines[0], *talk, Line("user", last)), max_output_tokens=8)

    async def first_word_seconds(asked: Prompt) -> float:
        began = time.monotonic()
        async with router.stream(asked) as answer:
            await anext(answer.words)
            return time.monotonic() - began

    async def unsaid() -> Prompt:
        return prompt("We know", "Anything at all.")

    await said_by(router)  # what a first question loads is no reading
    unread = await first_word_seconds(prompt("I know", "What do you see?"))
    await router.read_ahead(unsaid)
    assert await first_word_seconds(prompt("We know", "What do you see?")) < unread / 2


async def test_a_wrong_key_is_refused(served: tuple[Served, list[str]]) -> None:
    router = build_router(ModelSettings(), served[0].url, "wrong")
    with pytest.raises(ModelUnusable):
        await said_by(router)
    await router.aclose()


async def test_a_prompt_beyond_the_context_is_cut_to_fit(router: Router) -> None:
    long = tuple(Line("user", "The river is long and cold. " * 30) for _ in range(20))
    prompt = Prompt(lines=(PROMPT.lines[0], *long), max_output_tokens=8)
    assert (await said_by(router, prompt))[0]


async def test_too_long_a_prompt_is_refused_and_hurts_nobody(
    served: tuple[Served, list[str]], router: Router
) -> None:
    model = router._models[0]
    long = Prompt(lines=(Line("user", "The river is long and cold. " * 300),), max_output_tokens=8)

    async def ask_too_much() -> None:
        with pytest.raises(ModelRefused):
            async with model.stream(long) as stream:
                await anext(stream)

    async with asyncio.TaskGroup() as tasks:
        other = tasks.create_task(said_by(router))
        tasks.create_task(ask_too_much())
    assert other.result()[0]


def test_progress_is_told_and_the_weights_are_rewritten_once(
    served: tuple[Served, list[str]],
) -> None:
    lines = served[1]
    assert lines[0] == "progress requantise 0"
    assert "progress requantise 100" in lines
    assert lines[-2:] == ["progress load 100", "ready"]
    percents = [int(line.split()[2]) for line in lines if line.startswith("progress requant")]
    assert percents == sorted(percents)
    files = [path.name for path in (served[0].data / "models").iterdir()]
    assert files == ["SmolLM2-135M-Instruct.Q8_0.gguf"]


def test_health_needs_no_key_and_says_when_it_is_ready(served: tuple[Served, list[str]]) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{served[0].port}/health") as answer:
        assert answer.status == 200


@pytest.mark.kill
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told_to(served: tuple[Served, list[str]], how: int) -> None:
    process = _start(served[0].data)
    process.send_signal(how)
    assert process.wait(5) == 0


@pytest.mark.kill
def test_it_ends_when_its_parent_vanishes(served: tuple[Served, list[str]]) -> None:
    command = serve_command(free_port(), served[0].data)
    script = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({command!r}, stdout=subprocess.PIPE, text=True)\n"
        "for line in child.stdout:\n"
        "    if line.strip() == 'ready':\n"
        "        break\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "KINDRED_MODEL_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    while _lives(child):
        time.sleep(0.05)


@pytest.mark.kill
def test_a_rewriting_that_was_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    process = _start(tmp_path, until="progress requantise 30")
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert list((tmp_path / "models").iterdir()) == []


def test_what_is_no_model_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINDRED_MODEL_KEY", KEY)
    (tmp_path / "a.gguf").write_text("not a model")
    for file, words in (("a.gguf", "is no GGUF file"), ("b.gguf", "cannot be read")):
        arguments = ["--port", "1", "--data", str(tmp_path), "--model", str(tmp_path / file)]
        assert serve_main(arguments) == 1
        assert words in capsys.readouterr().err


def test_without_a_key_it_does_not_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KINDRED_MODEL_KEY", raising=False)
    assert serve_main(["--port", "1", "--data", str(tmp_path)]) == 2
    assert "KINDRED_MODEL_KEY" in capsys.readouterr().err


def test_the_parts_are_named_with_their_licences() -> None:
    named = {part.name: part for part in parts()}
    assert {part.licence for part in named.values()} == {"Apache-2.0", "MIT"}
    assert all(part.version[0].isdigit() for part in named.values())
    assert shipped_weights().suffix == ".gguf"


def _start(data: Path, until: str = "ready") -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        serve_command(free_port(), data),
        cwd=ROOT,
        env={**os.environ, "KINDRED_MODEL_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == until:
            break
    return process


def _lives(process: int) -> bool:
    """Whether a process is there and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
