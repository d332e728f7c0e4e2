"""The shipped voice, which says what these tests have understood."""

import pytest

from media.speech.joe import JoeVoice


@pytest.fixture(scope="session")
def joe() -> JoeVoice:
    return JoeVoice()
