"""A call in virtual time: scripted people, a line, a voice and a model around the state machine.

Nothing here waits: every 4 ms of the call is a step of a loop. What the person really heard is kept
word by word, so that what the machine believes can be held against it.
"""

import heapq
import itertools
import re
from dataclasses import dataclass, field

from config.voice import VoiceSettings
from media.calls.leg import Played
from media.hearing.ports import Transcript, Voiced
from media.speech.ports import Spoken, SpokenWord
from media.voice import orders as o
from media.voice.talk import Talk

STEP_MS = 4
WINDOW_MS = 32
WORD_MS = 240  # of the companion's
CLAUSE_GAP_MS = 60


@dataclass
class Says:
    """A person's sound: `ms` long from `at_ms` on, its words spread evenly. `complete`: how sure
    the end-of-turn model is that it is a whole turn."""

    at_ms: int
    ms: int
    text: str
    complete: float | None = 0.9
    level_db: float = -20.0
    speech: float = 1.0

    def words(self) -> list[tuple[float, str]]:
        found = self.text.split()
        each = self.ms / max(len(found), 1)
        return [(self.at_ms + each * (n + 0.5), word) for n, word in enumerate(found)]


@dataclass
class Sounded:
    """A word of the companion's: it sounds in [from, until) samples of its epoch."""

    epoch: int
    from_sample: int
    until_sample: int
    utterance: str
    end: int
    word: str


class Line:
    """A leg: paces 20 ms every 20 ms, tells what left every 100 ms."""

    def __init__(self) -> None:
        self.epoch = 0
        self.queued = 0
        self.left: dict[int, int] = {}
        self.sent_at: dict[int, int] = {}  # epoch -> ms of its first sample
        self.paused = False
        self.blocked = False
        self.told_ms = 0
        self.silent_since = 0

    @property
    def sounds(self) -> bool:
        return self.queued > 0 and not self.paused and not self.blocked

    def step(self, ms: int) -> list[Played]:
        told: list[Played] = []
        if ms % 20 == 0 and self.sounds:
            self.sent_at.setdefault(self.epoch, ms)
            samples = min(self.queued, 480)
            self.queued -= samples
            self.left[self.epoch] = self.left.get(self.epoch, 0) + samples
            self.silent_since = ms
            if not self.queued or ms - self.told_ms >= 100:
                self.told_ms = ms
                told.append(self.say(ms, dry=not self.queued))
        return told

    def say(self, ms: int, *, dry: bool = False) -> Played:
        return Played(
            epoch=self.epoch, samples=self.left.get(self.epoch, 0), clock_us=ms * 1000, dry=dry
        )

    def flush(self, epoch: int, ms: int) -> list[Played]:
        told = [self.say(ms)]
        self.epoch, self.queued = epoch, 0
        return told

    def pause(self, ms: int) -> list[Played]:
        self.paused = True
        return [self.say(ms)]


@dataclass
class Scene:
    """A whole call. `replies` are what the model says, one after another, the last one again."""

    says: list[Says]
    replies: list[str] = field(default_factory=lambda: ["All right then."])
    settings: VoiceSettings = field(default_factory=VoiceSettings)
    hear_ms: int = 400
    judge_ms: int = 120
    model_ms: int = 150
    token_ms: int = 15
    make_ms: int = 120
    echo_db: float | None = None  # how loud the companion's own voice comes back
    echo_ms: int = 80
    gaps: list[tuple[int, int]] = field(default_factory=list)  # nothing comes from the person
    stalls: list[tuple[int, int]] = field(default_factory=list)  # nothing leaves
    fails: bool = False  # the recogniser and the end-of-turn model fail
    busy: bool = False  # nobody has time for what may be in vain
    gathers: bool = True  # silence nobody waits for is told five windows at once

    def __post_init__(self) -> None:
        self.talk = Talk(self.settings)
        self.line = Line()
        self.ms = 0
        self.log: list[tuple[int, o.Order]] = []
        self.texts: dict[str, str] = {}
        self.heard: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.sounded: list[Sounded] = []
        self.making: dict[int, str] = {}  # clause -> utterance
        self.made: dict[str, tuple[int, int]] = {}  # utterance -> samples made, code points cut
        self.epochs: dict[str, int] = {}
        self.live: set[int] = set()
        self.asked: dict[int, tuple[int, int]] = {}
        self.echoes: list[tuple[int, str]] = []
        self.speculated: list[str] = []
        self._returned = 0
        self.asks = 0
        self._due: list[tuple[int, int, o.Fact]] = []
        self._untold = 0  # windows of silence
        self._n = itertools.count()
        self._replies = itertools.count()

    # --- what tests ask for

    def run(self, until_ms: int) -> "Scene":
        while self.ms < until_ms:
            self.ms += STEP_MS
            self._step()
        return self

    def orders(self, kind: type) -> list[tuple[int, o.Order]]:
        return [(ms, order) for ms, order in self.log if isinstance(order, kind)]

    @property
    def committed(self) -> list[str]:
        return [order.text for _, order in self.orders(o.Commit)]

    def heard_text(self, utterance: str) -> str:
        return self.texts[utterance][: self.done.get(utterance, self.heard.get(utterance, 0))]

    def truly_heard(self, utterance: str) -> int:
        """Code points up to the last word of which half has left."""
        ends = [
            word.end
            for word in self.sounded
            if word.utterance == utterance
            and self.line.left.get(word.epoch, 0) * 2 >= word.from_sample + word.until_sample
        ]
        return max(ends, default=0)

    def say(self, text: str, *, interruptible: bool = True, name: str = "say") -> None:
        self._begin(name, text, turn=False, interruptible=interruptible)

    # --- the world

    def _step(self) -> None:
        blocked = any(a <= self.ms < b for a, b in self.stalls)
        self.line.blocked = blocked
        for played in self.line.step(self.ms):
            self._tell(played)
        self._come_back()
        while self._due and self._due[0][0] <= self.ms:
            self._tell(heapq.heappop(self._due)[2])
        if self.ms % WINDOW_MS == 0:
            self._listen()

    def _come_back(self) -> None:
        """Words that have just left return as an echo."""
        left = self.line.left
        for word in self.sounded[self._returned :]:
            half = (word.from_sample + word.until_sample) // 2
            if word.epoch < self.line.epoch and left.get(word.epoch, 0) < half:
                self._returned += 1  # it never left
            elif left.get(word.epoch, 0) >= half:
                self._returned += 1
                self.echoes.append((self.ms + self.echo_ms, word.word))
            else:
                return

    def _listen(self) -> None:
        begin = self.ms - WINDOW_MS
        if any(a < self.ms and begin < b for a, b in self.gaps):
            self._tell_silence(begin)
            self._tell(o.Tick(self.ms * 16))
            if any(a < self.ms <= b or begin < b <= self.ms for a, b in self.gaps):
                self._tell(o.Lost(begin * 16, self.ms * 16))
            return
        probability, level = 0.02, -60.0
        for says in self.says:
            overlap = min(says.at_ms + says.ms, self.ms) - max(says.at_ms, begin)
            if overlap * 2 >= WINDOW_MS:
                probability, level = 0.95, max(level, says.level_db)
        if self.echo_db is not None and self.line.sounds:
            probability, level = 0.95, max(level, self.echo_db)
        if self.gathers and self.talk.rests and level < -55 and self._untold < 4:
            self._untold += 1
            return
        self._tell_silence(begin)
        self._tell(Voiced(until_sample=self.ms * 16, probability=probability, level_db=level))

    def _tell_silence(self, until_ms: int) -> None:
        """What was gathered so far, in one."""
        if self._untold:
            self._untold = 0
            self._tell(Voiced(until_sample=until_ms * 16, probability=0.0, level_db=-60.0))

    def _tell(self, fact: o.Told) -> None:
        for order in self.talk.tell(fact):
            self.log.append((self.ms, order))
            self._carry(order)

    def _later(self, ms: int, fact: o.Fact) -> None:
        heapq.heappush(self._due, (self.ms + ms, next(self._n), fact))

    def _carry(self, order: o.Order) -> None:
        match order:
            case o.Listen(piece=piece, until_sample=b):
                if order.judge:
                    self._later(self.judge_ms, o.Judged(piece, self._complete(b / 16)))
                if order.words:
                    self._hear(order)
            case o.ListenEarly(piece=piece):
                if self.busy:
                    self._later(STEP_MS, o.Unheard(piece))
                else:
                    self._hear(order)
            case o.Commit():
                n = next(self._replies)
                self._reply(f"reply-{n}", self.replies[min(n, len(self.replies) - 1)])
            case o.Speculate(text=text):
                self.speculated.append(text)
            case o.Pause():
                for played in self.line.pause(self.ms):
                    self._later(STEP_MS, played)
            case o.Resume():
                self.line.paused = False
            case o.Flush(epoch=epoch):
                for played in self.line.flush(epoch, self.ms):
                    self._later(STEP_MS, played)
            case o.Synthesise():
                self._make(order)
            case o.DropClause(clause=clause):
                self.live.discard(clause)
            case o.Play(epoch=epoch, pcm=pcm):
                assert epoch == self.line.epoch, "sound of an epoch that is over"
                self.line.queued += len(pcm) // 2
                assert self.line.queued <= 5 * 24_000, "more than a leg keeps"
            case o.Heard(utterance=name, code_points=heard, done=done):
                assert heard >= self.heard.get(name, 0), "what was heard was taken back"
                assert name not in self.done, "it was over"
                self.heard[name] = heard
                if done:
                    self.done[name] = heard

    # --- the recogniser

    def _hear(self, order: o.Listen | o.ListenEarly) -> None:
        self.asks += 1
        words = self._words_in(order.from_sample / 16, order.until_sample / 16)
        self._later(self.hear_ms, o.Transcribed(order.piece, words))

    def _words_in(self, begin: float, end: float) -> Transcript:
        if self.fails:
            return Transcript(text="", speech_probability=0.0)
        said = [
            (at, word, says.speech)
            for says in self.says
            for at, word in says.words()
            if begin <= at < end and not any(a <= at < b for a, b in self.gaps)
        ]
        if self.echo_db is not None:
            said += [(at, word, 1.0) for at, word in self.echoes if begin <= at < end]
        said.sort()
        sure = max((speech for _, _, speech in said), default=0.0)
        return Transcript(text=" ".join(w for _, w, _ in said), speech_probability=sure)

    def _complete(self, end: float) -> float | None:
        if self.fails:
            return None
        last = [says for says in self.says if says.at_ms < end]
        return max(last, key=lambda says: says.at_ms).complete if last else 0.1

    # --- the model and the voice

    def _reply(self, name: str, text: str) -> None:
        self._begin(name, text, turn=True, interruptible=True, after_ms=self.model_ms)

    def _begin(
        self, name: str, text: str, *, turn: bool, interruptible: bool, after_ms: int = 0
    ) -> None:
        self.texts[name] = text
        self._later(after_ms, o.Begin(name, turn, interruptible))
        at = after_ms
        for token in re.findall(r"\s*\S+", text):
            at += self.token_ms
            self._later(at, o.Words(name, token))
        self._later(at, o.WordsEnd(name))

    def _make(self, order: o.Synthesise) -> None:
        """A clause of even words, in pieces of two words; the marks come with the first."""
        self.live.add(order.clause)
        name = order.utterance
        made, cut = self.made.get(name, (0, 0))
        marks, at = [], 0
        pieces: list[bytes] = []
        for found in re.finditer(r"\S+", order.text):
            samples = WORD_MS * 24
            core = re.sub(r"\W+$", "", found[0]) or found[0]
            marks.append(SpokenWord(found.start(), found.start() + len(core), at, samples))
            self.sounded.append(
                Sounded(
                    self.line.epoch,
                    made + at,
                    made + at + samples,
                    name,
                    cut + found.end(),
                    found[0],
                )
            )
            pieces.append(bytes(samples * 2))
            at += samples
        pieces.append(bytes(CLAUSE_GAP_MS * 48))
        at += CLAUSE_GAP_MS * 24
        self.made[name] = (made + at, cut + len(order.text))
        wait = self.make_ms
        for n, pcm in enumerate(pieces):
            words = tuple(marks) if n == 0 else ()
            self._later(wait + n, o.Made(order.clause, Spoken(pcm=pcm, words=words)))
        self._later(wait + len(pieces), o.Made(order.clause, None))
