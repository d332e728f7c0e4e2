"""The shipped voice, loaded once for all tests of it."""

import pytest

from media.speech.joe import JoeVoice


@pytest.fixture(scope="session")
def joe() -> JoeVoice:
    return JoeVoice()
