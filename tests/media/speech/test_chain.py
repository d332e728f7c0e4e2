"""Who takes over when a speaker fails, and when nobody does."""

from collections.abc import AsyncIterator

import pytest

from config.speech import SpeechProvider, SpeechSettings
from media.speech.chain import SpeakerChain
from media.speech.ports import SpeechError, Spoken, VoiceChoice
from media.speech.providers.table import UnknownProvider, chosen, make_speaker

pytestmark = pytest.mark.asyncio


class Reciter:
    """A speaker that fails at its `fails_at`-th piece, or never."""

    def __init__(self, name: str, fails_at: int | None = None, languages: str = "") -> None:
        self.name = name
        self.languages = frozenset(languages.split())
        self.fails_at = fails_at
        self.asked = 0
        self.closed = False

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        self.asked += 1
        for place in range(2):
            if place == self.fails_at:
                raise SpeechError("it broke")
            yield Spoken(pcm=self.name.encode() * 2)

    async def aclose(self) -> None:
        self.closed = True


async def said(chain: SpeakerChain, language: str = "en") -> bytes:
    return b"".join([p.pcm async for p in chain.speak("hello", VoiceChoice(language=language))])


def chain_of(*speakers: Reciter, now: float = 0.0, **settings: float) -> SpeakerChain:
    return SpeakerChain(speakers, SpeechSettings(**settings), lambda: now)  # type: ignore[arg-type]


async def test_the_next_takes_over_before_the_first_sound() -> None:
    assert await said(chain_of(Reciter("a", fails_at=0), Reciter("b"))) == b"bbbb"


async def test_nobody_takes_over_in_the_middle_of_a_clause() -> None:
    other = Reciter("b")
    with pytest.raises(SpeechError):
        await said(chain_of(Reciter("a", fails_at=1), other))
    assert other.asked == 0


async def test_the_first_that_speaks_the_language_does() -> None:
    chain = chain_of(Reciter("a", languages="en"), Reciter("b", languages="fr hi"))
    assert await said(chain, "fr-FR") == b"bbbb"
    with pytest.raises(SpeechError):
        await said(chain, "de")


async def test_a_speaker_that_keeps_failing_rests_and_comes_back() -> None:
    time = [0.0]
    broken, other = Reciter("a", fails_at=0), Reciter("b")
    chain = SpeakerChain([broken, other], SpeechSettings(), lambda: time[0])
    for _ in range(5):
        await said(chain)
    assert broken.asked == SpeechSettings().failures
    time[0] += SpeechSettings().rest_seconds + 1
    broken.fails_at = None
    assert await said(chain) == b"aaaa"


async def test_closing_closes_everybody() -> None:
    one, two = Reciter("a"), Reciter("b")
    await chain_of(one, two).aclose()
    assert one.closed
    assert two.closed


async def test_an_unknown_name_or_kind_says_what_is_known() -> None:
    with pytest.raises(UnknownProvider, match=r"speech\.use names 'alice'.*embedded, espeak"):
        chosen(SpeechSettings(use=["alice"]))
    with pytest.raises(UnknownProvider, match=r"unknown speaker 'polly'.*elevenlabs"):
        make_speaker("x", SpeechProvider(kind="polly"))
    with pytest.raises(UnknownProvider, match="cannot be loaded"):
        make_speaker("x", SpeechProvider(kind="nowhere.at.all:Speaker"))


async def test_a_speaker_of_ones_own_is_taken_by_module_and_class() -> None:
    kind = "media.speech.providers.openai:OpenAISpeaker"
    assert make_speaker("mine", SpeechProvider(kind=kind)).name == "mine"
