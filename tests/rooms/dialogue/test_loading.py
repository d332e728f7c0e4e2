"""Right after a start the embedded model still loads: a person's first message waits for it."""

import subprocess
import sys

import pytest

from config.models import ModelSettings
from rooms.dialogue.ports import LanguageModel
from rooms.dialogue.router import build_router
from tests.rooms.dialogue.conftest import ROOT
from tests.rooms.dialogue.test_conformance import answer_of
from tests.rooms.dialogue.upstream import Answer, Upstream


@pytest.mark.parametrize("upstream", ["embedded"], indirect=True)
async def test_a_server_that_still_loads_is_waited_for(
    upstream: Upstream, provider: LanguageModel
) -> None:
    loading = Answer(status=503, body='{"error": {"message": "Loading model", "code": 503}}')
    upstream.answers = [loading, loading, Answer(words=("Here",))]
    assert (await answer_of(provider))[0] == "Here"
    assert upstream.asked[-1]["min_p"] == 0.1
    assert upstream.asked[-1]["repeat_penalty"] == 1.1


def test_building_a_router_imports_no_vendors_client() -> None:
    script = (
        "import sys\n"
        "from config.models import ModelProvider, ModelSettings\n"
        "from rooms.dialogue.router import build_router\n"
        "other = ModelProvider(kind='anthropic', model='m')\n"
        "build_router(ModelSettings(use=['o', 'embedded'], providers={'o': other}), None, None)\n"
        "print([name for name in ('openai', 'anthropic', 'xllamacpp', 'gguf') "
        "if name in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


async def test_warming_up_imports_it_off_the_loop() -> None:
    router = build_router(ModelSettings(), None, None)
    await router.warm_up()
    assert "openai" in sys.modules
    await router.aclose()
