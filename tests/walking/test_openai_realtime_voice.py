"""Speaking with a companion by the stock `openai` client: sound in, sound out, cut short, resumed.

The ear and the speaker are on paper; the door, the session, the reply and its price are real.
"""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import server.wiring
from media.hearing.ports import Transcript, Voiced
from media.speech.ports import SpeechError, Spoken, SpokenWord, VoiceChoice
from realtime.openai_socket import Companions, VoiceParts
from rooms.errors import PaymentRequired, ProductError
from rooms.ports import Principal
from tests.live import Live, running
from tests.walking.openai_caller import calling, until

pytestmark = [pytest.mark.stores]
WINDOW = 512


class PaperEar:
    """Loud sound is speech; every span of it says what the test wants said."""

    born_saying = "Tell me everything"

    quiet_db = -60.0

    def __init__(self) -> None:
        self.says = self.born_saying
        self._sound = bytearray()
        self._judged = 0
        self._more = asyncio.Event()
        self.closed = False

    def push(self, pcm: bytes, at_sample: int) -> None:
        assert at_sample * 2 == len(self._sound)
        self._sound += pcm
        self._more.set()

    async def voiced(self) -> Voiced:
        while len(self._sound) < (self._judged + WINDOW) * 2:
            self._more.clear()
            await self._more.wait()
        window = self._sound[self._judged * 2 : (self._judged + WINDOW) * 2]
        self._judged += WINDOW
        loud = max(map(abs, struct.unpack(f"<{WINDOW}h", window))) > 1_000
        return Voiced(until_sample=self._judged, probability=float(loud), level_db=-20.0)

    async def turn_ended(self, from_sample: int, until_sample: int) -> float:
        return 1.0

    async def transcribe(self, from_sample: int, until_sample: int) -> Transcript:
        return Transcript(text=self.says)

    async def aclose(self) -> None:
        self.closed = True


class PaperSpeaker:
    """A tenth of a second a word."""

    name = "paper"
    languages: frozenset[str] = frozenset()
    broken = False

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        if self.broken:
            raise SpeechError("no voice today")
        at = 0
        for number, word in enumerate(text.split()):
            start = text.index(word, at)
            at = start + len(word)
            mark = SpokenWord(start, at, number * 2_400, 2_400)
            yield Spoken(pcm=b"\1\0" * 2_400, words=(mark,))

    async def aclose(self) -> None: ...


class House:
    """A running Kindred that hears and speaks on paper."""

    def __init__(self) -> None:
        self.ears: list[PaperEar] = []
        self.speaker = PaperSpeaker()
        self.refusal: ProductError | None = None
        self.live: Live

    async def listens(self, language: str) -> PaperEar:
        self.ears.append(PaperEar())
        return self.ears[-1]

    async def speaks(self, companion: str, language: str) -> tuple[PaperSpeaker, VoiceChoice]:
        assert companion == "c_mira"
        return self.speaker, VoiceChoice(language=language)

    async def refused(self, who: Principal) -> ProductError | None:
        return self.refusal


@pytest.fixture
async def house(
    database_url: str, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    made = House()
    voice = VoiceParts(made.listens, made.speaks, made.refused)
    monkeypatch.setattr(
        server.wiring,
        "Companions",
        lambda **parts: Companions(**{**parts, "voice": voice}),
    )
    async with running(database_url, valkey_url, tmp_path) as live:
        made.live = live
        yield made


def tone(ms: int, level: int = 8_000) -> bytes:
    count = 24 * ms
    return struct.pack(f"<{count}h", *(level if n // 60 % 2 else -level for n in range(count)))


async def speak(connection: Any, ms: int = 800) -> None:
    """Say something, and then nothing, as a microphone does: 20 ms at a time."""
    sound = tone(ms) + bytes(2 * 24 * 800)
    for at in range(0, len(sound), 2_400):
        piece = base64.b64encode(sound[at : at + 2_400]).decode()
        await connection.input_audio_buffer.append(audio=piece)


@asynccontextmanager
async def spoken_session(house: House) -> AsyncIterator[Any]:
    async with calling(house.live) as caller, caller.connect() as connection:
        await until(connection, "session.created")
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["audio"]}
        )
        await until(connection, "session.updated")
        connection.caller = caller
        yield connection


async def test_a_spoken_turn_is_answered_aloud_and_paid_for(house: House) -> None:
    async with spoken_session(house) as connection:
        await speak(connection)
        events = await until(connection, "response.done")
        done = events[-1].response
        assert done.status == "completed"
        sound = b"".join(
            base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta"
        )
        (transcript,) = [
            e.transcript for e in events if e.type == "response.output_audio_transcript.done"
        ]
        assert len(transcript.split()) == house.live.script.tokens
        assert len(sound) == len(transcript.split()) * 4_800
        assert done.output[0].content[0].transcript == transcript
        heard = [e for e in events if e.type.endswith("input_audio_transcription.completed")]
        assert heard[0].transcript == "Tell me everything"
        (receipt,) = await connection.caller.receipts()
        assert receipt["id"] == done.metadata["kindred_receipt"]
        assert receipt["cost_microcredits"] == 0  # its seconds are paid for, as in a call
    async with asyncio.timeout(20):
        while not house.ears[0].closed:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)


async def test_speaking_up_stops_the_reply_and_what_was_heard_is_kept(house: House) -> None:
    house.live.script.tokens, house.live.script.gap_seconds = 400, 0.01
    async with spoken_session(house) as connection:
        await speak(connection)
        await until(connection, "response.output_audio.delta", 3)
        house.ears[0].says = "Stop"
        await speak(connection)
        events = await until(connection, "response.done")
        done = events[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        item = done.output[0].id
        whole = done.output[0].content[0].transcript
        await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=200)
        after = await until(connection, "conversation.item.truncated")
        assert "response.created" in [event.type for event in after]
        await connection.conversation.item.retrieve(item_id=item)
        shown = (await until(connection, "conversation.item.retrieved"))[-1].item
        assert shown.content[0].transcript == " ".join(whole.split()[:2])


async def test_who_may_not_call_still_writes(house: House) -> None:
    house.refusal = PaymentRequired("Your plan has no voice calls.", code="plan_required")
    async with calling(house.live) as caller, caller.connect() as connection:
        await until(connection, "session.created")
        await connection.input_audio_buffer.append(audio=base64.b64encode(tone(20)).decode())
        assert (await until(connection, "error"))[-1].error.code == "plan_required"
        content = [{"type": "input_text", "text": "Hello"}]
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"


async def test_a_voice_that_fails_is_told_and_costs_what_was_said(house: House) -> None:
    house.speaker.broken = True
    async with spoken_session(house) as connection:
        await speak(connection)
        events = await until(connection, "response.done")
        assert events[-1].response.status == "failed"
        house.speaker.broken = False
        await speak(connection)
        assert (await until(connection, "response.done"))[-1].response.status == "completed"
