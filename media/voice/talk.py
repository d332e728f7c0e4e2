"""The talk of a call as one state machine: facts go in, orders come out, nothing waits.

Here the two sides meet: who has the floor (media/voice/floor.py) and what the companion says
(media/voice/playout.py). A shell carries the orders out; tests call it.
"""

from collections.abc import Iterator
from typing import Final

from config.voice import VoiceSettings
from media.calls.leg import Played
from media.hearing.ports import Voiced
from media.voice.floor import PER_MS, Floor, TakeFloor
from media.voice.orders import (
    Begin,
    Commit,
    Foreheard,
    Heard,
    Interrupted,
    Judged,
    LegGone,
    Lost,
    Made,
    NoTurn,
    Order,
    Resume,
    Tick,
    Told,
    Transcribed,
    Unheard,
    Withdraw,
    Words,
    WordsEnd,
)
from media.voice.playout import Playout

LAST_WORD_MS: Final = 300  # how long a leg may take to say how much of a flushed epoch had left


class Talk:
    """One leg's talk, from its first sound to its last."""

    def __init__(self, settings: VoiceSettings, now: int = 0) -> None:
        """`now`: where the ear's clock stands."""
        self.playout = Playout(settings)
        self.floor = Floor(settings)
        self.floor.now = now
        self._pending = 0  # turns committed that have not begun to be answered
        self._void = 0  # of those, how many the person has already spoken over
        self._flushed_at = 0

    @property
    def now(self) -> int:
        """The ear's clock."""
        return self.floor.time

    @property
    def rests(self) -> bool:
        """Whether the person's silence need not be known at once."""
        return self.floor.rests and not self.playout.leaving

    def tell(self, fact: Told) -> list[Order]:
        """Take a fact in; what is to be done, in this order."""
        orders: list[Order] = []
        for order in self._route(fact):
            orders += self._settle(order)
            self._look()
        if orders or not isinstance(fact, Voiced):  # a judgement alone says nothing of who speaks
            self._look()
        return orders

    def _route(self, fact: Told) -> Iterator[Order]:
        match fact:
            case Voiced():
                yield from self.floor.voiced(fact)
                yield from self._last_words()
            case Lost():
                self.floor.lost(fact)
            case Judged():
                yield from self.floor.judged(fact)
            case Transcribed():
                yield from self.floor.transcribed(fact)
            case Unheard():
                yield from self.floor.unheard(fact)
            case Foreheard():
                yield from self.floor.foreheard(fact)
            case Tick():
                yield from self.floor.tick(fact)
                yield from self._last_words()
            case Begin():
                yield from self._begin(fact)
            case Words():
                yield from self.playout.words(fact)
            case WordsEnd(utterance=name):
                yield from self.playout.words_end(name)
            case Withdraw(utterance=name):
                yield from self.playout.withdraw(name)
            case NoTurn():
                self._pending = max(self._pending - 1, 0)
                self._void = min(self._void, self._pending)
            case Made():
                yield from self.playout.made(fact)
            case Played():
                yield from self.playout.played(fact)
            case LegGone():
                yield from self.floor.leave()
                yield from self.playout.leave()

    def _begin(self, fact: Begin) -> Iterator[Order]:
        """An answer that was already spoken over begins and ends at once."""
        void = False
        if fact.turn:
            self._pending = max(self._pending - 1, 0)
            void = self._void > 0
            self._void = max(self._void - 1, 0)
        if void:
            yield Interrupted(fact.utterance)
            yield Heard(fact.utterance, 0, done=True)
            return
        yield from self.playout.begin(fact)

    def _settle(self, order: Order) -> list[Order]:
        """What an order of one side means for the other."""
        match order:
            case TakeFloor():
                self._void = self._pending
                orders = list(self.playout.interrupt())
                self._flushed_at = self.now
                return [*orders, Resume()]  # nothing is queued; what comes next may sound
            case Commit():
                self._pending += 1
        return [order]

    def _last_words(self) -> Iterator[Order]:
        if self.playout.leaving and self.now - self._flushed_at > LAST_WORD_MS * PER_MS:
            yield from self.playout.forget_leaving()

    def _look(self) -> None:
        """Tell the listening side what the speaking side does."""
        floor, current = self.floor, self.playout.current
        if current is not None:
            floor.other = "open" if current.interruptible else "firm"
        else:
            floor.other = "open" if self._pending > self._void else "silent"
        floor.sounding = current is not None and current.given > current.played > 0
        if playing := self.playout.playing:
            floor.playing = playing
