"""A call's ear in the gateway: cuts and gates its sound, has a worker judge it, asks its questions.

Silence never leaves the gateway. What was sent of late is kept here, so that a worker that dies
costs an answer, not the words: the next one is given the same sound.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from media.hearing.ports import HearingError, Transcript, Voiced
from media.inference.frames import (
    AskSoFar,
    AskTurn,
    AskWords,
    CloseEar,
    OpenEar,
    Sound,
    TurnTold,
    WordsTold,
)
from media.inference.kept import KeptSound
from media.inference.peer import Answer, Peer
from media.inference.windows import Window, Windows
from media.sound.formats import HEARING_WINDOW_SAMPLES, SAMPLE_BYTES
from media.sound.levels import SILENCE_DB

_KEPT_SECONDS: Final = 20
_UNREAD_MOST: Final = 1024  # judgements nobody fetches: half a minute
_UNJUDGED_MOST: Final = 640  # windows a worker owes us: 20 s
_TOLD_MOST: Final = 4 * HEARING_WINDOW_SAMPLES  # of silence, after a window of it, in one
_ATTACH_SECONDS: Final = 3.0
_TURNED_AWAY_SECONDS: Final = 1.0  # a worker that refused is not asked again before
_TURN_SECONDS: Final = 5.0
_WORDS_SECONDS: Final = 60.0


class FindPeer(Protocol):
    """Names a worker, none of `but`."""

    def __call__(self, but: frozenset[str] = ...) -> Peer | None:
        """None where no worker is there."""
        ...


class _Slot:
    """A judgement in its place; `probability` comes later."""

    __slots__ = ("level_db", "probability", "silent", "until_sample")

    def __init__(self, window: Window) -> None:
        self.until_sample = window.until_sample
        self.level_db = window.level_db
        self.silent = not window.passes
        self.probability: float | None = None if window.passes else 0.0


class RemoteEar:
    """See media/hearing/ports.py `Ear`."""

    def __init__(self, find: FindPeer, number: int, language: str, open_db: float) -> None:
        self.number = number
        self._find = find
        self._language = language
        self._windows = Windows(open_db)
        self._sent = KeptSound(_KEPT_SECONDS)
        self._peer: Peer | None = None
        self._turned_away: frozenset[str] = frozenset()
        self._again_at = 0.0
        self._slots: deque[_Slot] = deque()
        self._owed: deque[_Slot] = deque()
        self._trouble = ""
        self._alone = False  # and it has been said
        self._waiting: asyncio.Future[None] | None = None  # whoever fetches judgements
        self._needed: list[int] = []  # where the spans begin that are being asked about
        self._closed = False

    @property
    def heard_until(self) -> int:
        """The sample after the last one that was pushed."""
        return self._windows.end

    @property
    def quiet_db(self) -> float:
        """See the port."""
        return self._windows.gate.open_db

    def push(self, pcm: bytes, at_sample: int) -> None:
        """See the port."""
        if self._closed:
            return
        for window in self._windows.push(pcm, at_sample):
            slot = _Slot(window)
            if window.passes and not self._send(window, slot):
                continue  # nobody can judge it: a gap, which `voiced` has told
            self._slots.append(slot)
            if len(self._slots) > _UNREAD_MOST:
                self._slots.popleft()
        if self._trouble or (self._slots and self._slots[0].probability is not None):
            self._wake()  # else there is nothing to fetch, and whoever waits sleeps on

    async def voiced(self) -> Voiced:
        """See the port. A lost worker is told once; judgements go on when another is there."""
        while True:
            if self._trouble:
                trouble, self._trouble = self._trouble, ""
                raise HearingError(trouble)
            if self._slots and self._slots[0].probability is not None:
                return self._next()
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

    def _next(self) -> Voiced:
        """The first judgement that waits; silence by its level alone is told in one."""
        slots = self._slots
        slot, level_db = slots.popleft(), SILENCE_DB
        if slot.silent:
            until = slot.until_sample + _TOLD_MOST
            while slots and slots[0].silent and slots[0].until_sample <= until:
                level_db = max(level_db, slot.level_db)
                slot = slots.popleft()
        return Voiced(
            until_sample=slot.until_sample,
            probability=slot.probability or 0.0,
            level_db=max(level_db, slot.level_db),
        )

    async def turn_ended(self, from_sample: int, until_sample: int) -> float:
        """See the port. Not retryable where no worker has a network for it."""
        peer = await self._attached()
        if peer.welcome is not None and not peer.welcome.judges_turns:
            raise HearingError("there is no end-of-turn model", retryable=False)
        self._send_rest(peer, until_sample)
        with self._needing(from_sample) as keep_from:
            answer = await self._answer(
                peer,
                lambda number: AskTurn(number, self.number, from_sample, until_sample, keep_from),
                _TURN_SECONDS,
            )
        if not isinstance(answer, TurnTold):
            raise HearingError("the worker answered something else")
        return answer.probability

    async def transcribe(self, from_sample: int, until_sample: int) -> Transcript:
        """See the port. A worker that is lost meanwhile is replaced, once."""
        first = await self._attached()
        with self._needing(from_sample) as keep_from:
            try:
                return await self._words(from_sample, until_sample, keep_from)
            except HearingError:
                if self._peer is first:
                    raise
                return await self._words(from_sample, until_sample, keep_from)

    async def early(self, from_sample: int, until_sample: int) -> Transcript | None:
        """See media/hearing/ports.py `HearsEarly`. By the worker that has the sound, or nobody."""
        peer = self._peer
        if peer is None or peer.welcome is None or not peer.welcome.early:
            return None
        with self._needing(from_sample) as keep_from:
            try:
                return await self._words(from_sample, until_sample, keep_from, early=True)
            except HearingError:  # it is busy, or gone
                return None

    async def so_far(self, from_sample: int, until_sample: int) -> Transcript | None:
        """See media/hearing/ports.py `HearsAlong`."""
        peer = self._peer
        if peer is None or peer.welcome is None or not peer.welcome.streams:
            return None
        try:
            answer = await self._answer(
                peer,
                lambda number: AskSoFar(number, self.number, from_sample, until_sample),
                _TURN_SECONDS,
            )
        except HearingError:  # nobody listens along, or no more
            return None
        return answer.transcript if isinstance(answer, WordsTold) else None

    async def aclose(self) -> None:
        """See the port."""
        self._closed = True
        if self._peer is not None:
            self._peer.send(CloseEar(self.number))
            self._peer.forget(self)
            self._peer = None
        self._slots.clear()
        self._owed.clear()
        self._sent = KeptSound(0)

    # --- what the worker's connection tells

    def judged(self, until_sample: int, probability: float) -> None:
        """A window's answer; one that was left out was judged like this one."""
        while self._owed and self._owed[0].until_sample <= until_sample:
            self._owed.popleft().probability = probability
        self._windows.gate.judged(probability)
        self._wake()

    def detached(self, why: str, *, refused: bool) -> None:
        """The worker listens no more; what it owes will never come."""
        if refused and self._peer is not None:
            self._turned_away |= {self._peer.address}
            self._again_at = asyncio.get_running_loop().time() + _TURNED_AWAY_SECONDS
        self._peer = None
        self._owed.clear()
        self._slots = deque(slot for slot in self._slots if slot.probability is not None)
        if not self._closed:
            self._trouble, self._alone = why, True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # --- sending

    def _send(self, window: Window, slot: _Slot) -> bool:
        """To the worker, with what was held back before it. Whether it will be judged."""
        peer = self._peer or self._attach()
        if peer is None or peer.backed_up:
            return False
        if window.before:
            at = window.at_sample - len(window.before) // SAMPLE_BYTES
            self._sent.keep(at, window.before)
            peer.send_window(Sound(self.number, at, window.before, judged=False))
        self._sent.keep(window.at_sample, window.pcm)
        peer.send_window(Sound(self.number, window.at_sample, window.pcm))
        self._owed.append(slot)
        if len(self._owed) > _UNJUDGED_MOST:
            peer.send(CloseEar(self.number))
            peer.forget(self)
            self.detached("the inference worker does not keep up", refused=False)
            return False
        return True

    def _send_rest(self, peer: Peer, until_sample: int) -> None:
        """What of a question's span is still in the open window."""
        at, pcm = self._windows.unfinished()
        if pcm and until_sample > at:
            peer.send(Sound(self.number, at, pcm, judged=False, kept_only=True))

    def _attach(self) -> Peer | None:
        """Find a worker and give it what it needs of the past."""
        now = asyncio.get_running_loop().time()
        if now >= self._again_at:
            self._turned_away = frozenset()
        peer = self._find(self._turned_away)
        if peer is None:
            if not self._alone:
                self._alone, self._trouble = True, "no inference worker is there"
            return None
        self._peer, self._alone = peer, False
        peer.listen(self)
        peer.send(OpenEar(self.number, self._language))
        for at, pcm in self._sent.pieces():
            peer.send(Sound(self.number, at, pcm, judged=False, kept_only=True))
        return peer

    async def _attached(self) -> Peer:
        """A worker, waited for a little. Raises HearingError."""
        if self._closed:
            raise HearingError("the call is over", retryable=False)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _ATTACH_SECONDS
        while True:
            peer = self._peer or self._attach()
            if peer is not None:
                return peer
            if loop.time() > deadline:
                raise HearingError("no inference worker is there")
            await asyncio.sleep(0.05)

    # --- asking

    @contextmanager
    def _needing(self, from_sample: int) -> Iterator[int]:
        """Spans are asked about in their order: what lies before all that is asked now may go."""
        self._needed.append(from_sample)
        keep_from = min(self._needed)
        self._sent.forget(keep_from)
        try:
            yield keep_from
        finally:
            self._needed.remove(from_sample)

    async def _words(
        self, from_sample: int, until_sample: int, keep_from: int, *, early: bool = False
    ) -> Transcript:
        peer = await self._attached()
        self._send_rest(peer, until_sample)

        def frame(number: int) -> AskWords:
            return AskWords(number, self.number, from_sample, until_sample, keep_from, early)

        answer = await self._answer(peer, frame, _WORDS_SECONDS)
        if not isinstance(answer, WordsTold):
            raise HearingError("the worker answered something else")
        return answer.transcript

    async def _answer(
        self, peer: Peer, frame: Callable[[int], AskTurn | AskWords | AskSoFar], seconds: float
    ) -> Answer:
        with peer.question(frame) as question:
            try:
                async with asyncio.timeout(seconds):
                    return await question.answer()
            except TimeoutError as error:
                raise HearingError("the worker does not answer") from error
