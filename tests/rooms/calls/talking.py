"""A person, an ear, a voice and a line that speak the contracts: sound is numbers here.

Every word is a run of samples of one value, so an ear need not guess, and what left the line can be
read back word by word. The line runs ten times faster than a real one; all clocks are samples.
"""

import asyncio
import itertools
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable

import numpy as np

from media.calls.leg import (
    Connected,
    Gone,
    GoneReason,
    Heard,
    LegAddress,
    LegEvent,
    Played,
)
from media.calls.quiet import Gathering
from media.hearing.ports import HearingError, Transcript, Voiced
from media.speech.ports import SpeechError, Spoken, SpokenWord, VoiceChoice
from rooms.calls.around import Caption, TurnTimes

LOUD = 3_000
WORD_MS = 100  # of the companion's


class Line:
    """A leg. `speak` says words into it; `sent` counts what left it, by value."""

    def __init__(self) -> None:
        self.address = LegAddress(leg="l", address="unix:/x", key="k", transport="webrtc")
        self.sent: Counter[int] = Counter()
        self.vocabulary: dict[int, str] = {}
        self.closed = ""
        self.frames = 0
        self.paused = self.stalled = False
        self.pauses = 0
        self._mouth: deque[np.ndarray] = deque()
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._queue: deque[np.ndarray] = deque()
        self._gathering = Gathering()
        self.gathers: list[float | None] = []
        self._epoch = 0
        self._left = 0
        self._values = itertools.count(LOUD)

    def speak(self, text: str, ms: int = 600) -> None:
        """Say it now. Without words it is a cough."""
        words = text.split() or [""]
        for word in words:
            value = next(self._values)
            self.vocabulary[value] = word
            samples = ms * 16 // len(words)
            self._mouth.append(np.full(samples, value, np.int16))

    def wait(self, ms: int) -> None:
        """Say nothing for so long, before the next words."""
        self._mouth.append(np.zeros(ms * 16, np.int16))

    @property
    def quiet(self) -> bool:
        """Everything was said."""
        return not self._mouth

    def watch(self, *, on: bool, pixels: int = 0, most_bytes: int = 0) -> None:
        """Nobody is seen over this line."""

    def look(self) -> None:
        """Nobody is seen over this line."""

    def go(self, reason: GoneReason = "hung_up") -> None:
        self._events.put_nowait(Gone(reason=reason))

    def heard_words(self, spoken: dict[int, str]) -> list[str]:
        """The companion's words of which half left, in order."""
        half = WORD_MS * 24 // 2
        return [word for value, word in spoken.items() if self.sent[value] >= half]

    def took(self, frame: np.ndarray) -> None:
        """What left."""
        self.sent.update(frame.tolist())

    async def run(self) -> None:
        """Again and again, until it is closed."""
        while not self.closed:
            await asyncio.sleep(0.002)
            self.step()

    def step(self) -> None:
        """Twenty milliseconds each way."""
        if not self.frames:
            self._events.put_nowait(Connected())
        pcm = _take(self._mouth, 320)
        came = Heard(pcm=pcm.tobytes(), at_sample=self.frames * 320)
        for heard in self._gathering.push(came):
            self._events.put_nowait(heard)
        self.frames += 1
        if self._queue and not self.paused and not self.stalled:
            self._send()

    def _send(self) -> None:
        size = min(480, sum(map(len, self._queue)))
        frame = _take(self._queue, size)
        self.took(frame)
        self._left += size
        if self.frames % 5 == 0 or not self._queue:
            self._say_played(dry=not self._queue)

    def _say_played(self, *, dry: bool = False) -> None:
        played = Played(epoch=self._epoch, samples=self._left, clock_us=0, dry=dry)
        self._events.put_nowait(played)

    # --- as a Leg

    async def events(self) -> AsyncIterator[LegEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Gone):
                return

    def play(self, epoch: int, pcm: bytes) -> None:
        if epoch == self._epoch:
            self._queue.append(np.frombuffer(pcm, np.int16))
            assert sum(map(len, self._queue)) <= 5 * 24_000

    def flush(self, epoch: int) -> None:
        self._say_played()
        self._epoch, self._left = epoch, 0
        self._queue.clear()

    def pause(self) -> None:
        self.paused, self.pauses = True, self.pauses + 1
        self._say_played()

    def resume(self) -> None:
        self.paused = False

    def gather(self, below_db: float | None) -> None:
        self.gathers.append(below_db)
        self._gathering.quiet.gather(below_db)

    def tell(self, data: bytes) -> None: ...

    def let_go(self) -> None:
        self.closed = "let go"

    async def aclose(self, reason: str) -> None:
        self.closed = reason


def _take(queue: deque[np.ndarray], samples: int) -> np.ndarray:
    """So many samples off the front; silence where there are none."""
    taken = np.zeros(samples, np.int16)
    at = 0
    while queue and at < samples:
        part = queue[0][: samples - at]
        taken[at : at + len(part)] = part
        at += len(part)
        if len(part) == len(queue[0]):
            queue.popleft()
        else:
            queue[0] = queue[0][len(part) :]
    return taken


class NumberEar:
    """Hears exactly what is there. `failing` judgements and transcripts fail first."""

    quiet_db = -60.0

    def __init__(self, line: Line) -> None:
        self.line = line
        self.failing = 0
        self.transcribed = 0
        self.sound = np.zeros(0, np.int16)
        self._judged = 0
        self._more = asyncio.Event()

    def push(self, pcm: bytes, at_sample: int) -> None:
        gap = np.zeros(max(at_sample - len(self.sound), 0), np.int16)
        self.sound = np.concatenate([self.sound, gap, np.frombuffer(pcm, np.int16)])
        self._more.set()

    async def voiced(self) -> Voiced:
        self._fail()
        while len(self.sound) < self._judged + 512:
            self._more.clear()
            await self._more.wait()
        window = self.sound[self._judged : self._judged + 512]
        self._judged += 512
        loud = float((window >= LOUD).mean())
        return Voiced(until_sample=self._judged, probability=loud, level_db=-20 if loud else -70)

    async def turn_ended(self, from_sample: int, until_sample: int) -> float:
        words = self._words(from_sample, until_sample)
        return 0.9 if words and words[-1][-1:] in ".?!" else 0.1

    async def transcribe(self, from_sample: int, until_sample: int) -> Transcript:
        self._fail()
        self.transcribed += 1
        text = " ".join(self._words(from_sample, until_sample))
        return Transcript(text=text, language="en", speech_probability=0.9 if text else 0.1)

    async def aclose(self) -> None: ...

    def _words(self, begin: int, end: int) -> list[str]:
        values = self.sound[begin:end]
        found = dict.fromkeys(int(value) for value in values[values >= LOUD])
        return [word for value in found if (word := self.line.vocabulary[value])]

    def _fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise HearingError("scripted")


class NumberVoice:
    """Says every word in a tenth of a second. `spoken` names the value of each."""

    name = "number"
    languages = frozenset[str]()

    def __init__(self) -> None:
        self.spoken: dict[int, str] = {}
        self.clauses: list[str] = []
        self.failing = 0
        self._values = itertools.count(1)

    async def speak(self, text: str, choice: VoiceChoice) -> AsyncIterator[Spoken]:
        if self.failing:
            self.failing -= 1
            raise SpeechError("scripted")
        self.clauses.append(text)
        samples, at = WORD_MS * 24, 0
        for found in re.finditer(r"\S+", text):
            value = next(self._values)
            self.spoken[value] = found[0]
            core = len(re.sub(r"\W+$", "", found[0])) or len(found[0])
            mark = SpokenWord(found.start(), found.start() + core, at, samples)
            yield Spoken(pcm=np.full(samples, value, np.int16).tobytes(), words=(mark,))
            at += samples

    async def aclose(self) -> None: ...


class Notes:
    """What the call around would be told."""

    def __init__(self) -> None:
        self.captions: list[Caption] = []
        self.times: list[TurnTimes] = []
        self.refusals: list[str] = []
        self.pieces = self.pauses = 0
        self.events: list[LegEvent] = []
        self._news = asyncio.Event()

    def caption(self, caption: Caption) -> None:
        self.captions.append(caption)
        self._tell()

    def paused(self) -> None:
        self.pauses += 1

    def turned(self, times: TurnTimes) -> None:
        self.times.append(times)
        self._tell()

    def refused(self, refusal: Exception) -> None:
        self.refusals.append(getattr(refusal, "code", ""))
        self._tell()

    def sounding(self, epoch: int, at_sample: int, piece: Spoken) -> None:
        assert epoch > 0
        assert at_sample >= 0
        self.pieces += bool(piece.words)
        self._tell()

    def happened(self, event: LegEvent) -> None:
        self.events.append(event)
        self._tell()

    def final(self, who: str) -> list[str]:
        return [c.text for c in self.captions if c.final and not c.withdrawn and c.who == who]

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not true():
                await self._news.wait()
