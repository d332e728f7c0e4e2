"""What the companion is to say, clause by clause, ahead of what has left by a bounded amount.

Pure. One utterance sounds at a time, each in an epoch of its own, so that sound of an old one can
never follow into a new one; clauses are made one after another, the first of them at once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from config.voice import VoiceSettings
from media.calls.leg import Played
from media.sound.formats import PLAYOUT_FRAME_SAMPLES, PLAYOUT_RATE, SAMPLE_BYTES
from media.speech.clauses import Clause, ClauseSplitter
from media.voice.heard import HeardMap
from media.voice.orders import (
    Begin,
    DropClause,
    Flush,
    Heard,
    Interrupted,
    Made,
    Order,
    Play,
    Synthesise,
    Words,
)

PER_MS: Final = PLAYOUT_RATE // 1000
PLAYING_BEFORE_MS: Final = 8_000  # words heard so long ago may still come back as an echo
PLAYING_AFTER_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Numbered:
    """A clause of an utterance, under a number of its own."""

    number: int
    clause: Clause


@dataclass(slots=True)
class Utterance:
    """One thing to be said. Samples count from its epoch."""

    name: str
    interruptible: bool
    splitter: ClauseSplitter = field(default_factory=ClauseSplitter)
    epoch: int = 0
    text: str = ""
    complete: bool = False
    waiting: deque[Numbered] = field(default_factory=deque)
    making: Numbered | None = None
    making_from: int = 0
    made: int = 0
    queue: deque[bytes] = field(default_factory=deque)
    given: int = 0  # samples that are the leg's
    played: int = 0
    heard: HeardMap = field(default_factory=HeardMap)
    told: int = 0  # code points

    @property
    def over(self) -> bool:
        """Everything was said, made and has left."""
        idle = self.making is None and not self.waiting and not self.queue
        return self.complete and idle and self.played >= self.made


class Playout:
    """The companion's side of a call."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._ahead = settings.ahead_ms * PER_MS
        self._line: deque[Utterance] = deque()
        self._leaving: list[Utterance] = []
        self._epoch = 0
        self._clauses = 0

    @property
    def current(self) -> Utterance | None:
        """What is being said, or thought about, first in line."""
        return self._line[0] if self._line else None

    @property
    def ready(self) -> int:
        """Samples made of what is being said: where its next clause begins."""
        now = self.current
        return now.made if now is not None else 0

    @property
    def roomy(self) -> bool:
        """Whether more sound may be made: less than the limit lies ready."""
        now = self.current
        return now is None or now.made - now.played < self._ahead

    @property
    def playing(self) -> str:
        """The words that may be sounding, for comparison with what the ear hears."""
        now = self.current
        if now is None:
            return ""
        since = now.heard.heard(max(now.played - PLAYING_BEFORE_MS * PER_MS, 0))
        return now.text[since : now.told + PLAYING_AFTER_CHARACTERS]

    # --- told

    def begin(self, fact: Begin) -> Iterator[Order]:
        """A new utterance takes its place in line."""
        self._line.append(Utterance(fact.utterance, fact.interruptible))
        if len(self._line) == 1:
            yield from self._enter()

    def words(self, fact: Words) -> Iterator[Order]:
        """More words of an utterance."""
        if (said := self._named(fact.utterance)) is not None:
            said.text += fact.text
            self._cut(said, said.splitter.push(fact.text))
            yield from self._advance()

    def words_end(self, name: str) -> Iterator[Order]:
        """All the words of an utterance are there."""
        if (said := self._named(name)) is not None:
            self._cut(said, said.splitter.finish())
            said.complete = True
            yield from self._advance()

    def made(self, fact: Made) -> Iterator[Order]:
        """Sound of a clause; a stale one is nobody's."""
        now = self.current
        if now is None or now.making is None or now.making.number != fact.clause:
            return
        clause = now.making.clause
        if fact.piece is None:
            now.heard.close(clause.text, clause.start, now.made)
            now.making = None
        else:
            now.heard.add(clause.text, clause.start, now.making_from, fact.piece.words)
            if fact.piece.pcm:
                now.queue.append(fact.piece.pcm)
                now.made += len(fact.piece.pcm) // SAMPLE_BYTES
        yield from self._advance()

    def played(self, fact: Played) -> Iterator[Order]:
        """What has left of an epoch."""
        for one in [one for one in self._leaving if one.epoch <= fact.epoch]:
            if one.epoch == fact.epoch:
                one.played = max(one.played, _left_of(one, fact))
            yield from self._left(one)
        now = self.current
        if now is not None and now.epoch == fact.epoch:
            now.played = max(now.played, _left_of(now, fact))
            yield from self._tell(now)
            yield from self._advance()

    def interrupt(self, *, firm_too: bool = False) -> Iterator[Order]:
        """The floor is taken: what may be interrupted is over, here and in the line."""
        gone = [one for one in self._line if one.interruptible or firm_too]
        if not gone:
            return
        first = gone[0] is self.current
        self._line = deque(one for one in self._line if one not in gone)
        for one in gone:
            yield from self._cut_off(one)
        if first:
            yield from self._enter()

    def withdraw(self, name: str) -> Iterator[Order]:
        """The house itself ends an utterance."""
        said = self._named(name)
        if said is None:
            return
        first = said is self.current
        self._line.remove(said)
        yield from self._cut_off(said)
        if first:
            yield from self._enter()

    def leave(self) -> Iterator[Order]:
        """Nothing more will leave: what was, was."""
        yield from self.interrupt(firm_too=True)
        yield from self.forget_leaving()

    def forget_leaving(self) -> Iterator[Order]:
        """The last word about what was flushed did not come: what is known stands."""
        for one in list(self._leaving):
            yield from self._left(one)

    @property
    def leaving(self) -> bool:
        """Something was flushed, and how much of it had left is not known yet."""
        return bool(self._leaving)

    # --- the line

    def _named(self, name: str) -> Utterance | None:
        return next((one for one in self._line if one.name == name), None)

    def _enter(self) -> Iterator[Order]:
        """Whoever is first in line now begins an epoch of their own."""
        self._epoch += 1
        yield Flush(self._epoch)
        if (now := self.current) is not None:
            now.epoch = self._epoch
            yield from self._advance()

    def _cut(self, said: Utterance, clauses: list[Clause]) -> None:
        for clause in clauses:
            self._clauses += 1
            said.waiting.append(Numbered(self._clauses, clause))

    def _advance(self) -> Iterator[Order]:
        """Make what may be made, give the leg what it may have, go on where all was said."""
        now = self.current
        while now is not None:
            yield from self._give(now)
            yield from self._make(now)
            if not now.over:
                return
            self._line.popleft()
            yield Heard(now.name, len(now.text), done=True)
            now = self.current
            if now is not None:
                yield from self._enter()
                return

    def _give(self, now: Utterance) -> Iterator[Order]:
        while now.queue and now.given - now.played < self._ahead:
            room = (self._ahead - (now.given - now.played)) * SAMPLE_BYTES
            pcm = now.queue.popleft()
            if len(pcm) > room:
                now.queue.appendleft(pcm[room:])
                pcm = pcm[:room]
            yield Play(now.epoch, now.given, pcm)
            now.given += len(pcm) // SAMPLE_BYTES

    def _make(self, now: Utterance) -> Iterator[Order]:
        if now.making is not None or not now.waiting or not self.roomy:
            return
        now.making, now.making_from = now.waiting.popleft(), now.made
        yield Synthesise(now.making.number, now.name, now.making.clause.text)

    def _tell(self, said: Utterance) -> Iterator[Order]:
        heard = said.heard.heard(said.played)
        if heard > said.told:
            said.told = heard
            yield Heard(said.name, heard)

    def _cut_off(self, said: Utterance) -> Iterator[Order]:
        """It says no more; how much was heard is known with the leg's last word about its epoch."""
        if said.making is not None:
            yield DropClause(said.making.number)
        yield Interrupted(said.name)
        if said.given > said.played:
            self._leaving.append(said)
        else:
            yield from self._left(said)

    def _left(self, said: Utterance) -> Iterator[Order]:
        if said in self._leaving:
            self._leaving.remove(said)
        yield Heard(said.name, said.heard.heard(said.played), done=True)


def _left_of(said: Utterance, fact: Played) -> int:
    """Samples of it that have left; a leg that ran dry may have padded, or cut, the last frame."""
    if fact.dry and said.given - fact.samples < PLAYOUT_FRAME_SAMPLES:
        return said.given
    return min(fact.samples, said.given)
