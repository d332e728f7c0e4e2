"""Two sides of a call on one timeline, cut off piece by piece while it goes on.

Pure; the time is passed in. Each side keeps its own clock as long as that agrees with the time, and
is set anew where it does not: a gap stays a gap, and a burst is not heard twice as fast.
"""

from typing import Final

from msgspec import Struct

from media.sound.formats import HEARING_RATE, PLAYOUT_RATE, SAMPLE_BYTES

FRAMES_PER_SECOND: Final = 50
MARGIN_MS: Final = 500  # what leaves, and what is heard, is told a little later than it happens
EARLY_MS: Final = 250
SLACK_MS: Final = 120  # a leg tells every 100 ms what has left
LATE_MS: Final = 1_000
UNPLAYED_SECONDS: Final = 6  # a leg takes no more ahead than this


class Cut(Struct, frozen=True):
    """So much of the tape: the person at 16 kHz, the companion at 24 kHz, equally long."""

    person: bytes
    companion: bytes

    @property
    def ms(self) -> int:
        """How long it is."""
        return len(self.person) * 1000 // (HEARING_RATE * SAMPLE_BYTES)

    def shortened(self, ms: int) -> "Cut":
        """The beginning of it, in whole frames."""
        frames = max(0, ms) * FRAMES_PER_SECOND // 1000
        person, companion = (
            frames * rate // FRAMES_PER_SECOND * SAMPLE_BYTES
            for rate in (HEARING_RATE, PLAYOUT_RATE)
        )
        return Cut(self.person[:person], self.companion[:companion])


class Side:
    """One voice. Pieces are laid down in order; what nobody laid down is silence."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._sound = bytearray()  # from `_cut` on
        self._cut = 0  # samples that were cut off

    @property
    def end(self) -> int:
        """The sample after the last one."""
        return self._cut + len(self._sound) // SAMPLE_BYTES

    def lay(self, at_sample: int, pcm: bytes) -> None:
        """Sound at its place, or behind what is there already."""
        missing = at_sample - self.end
        if missing > 0:
            self._sound += bytes(missing * SAMPLE_BYTES)
        self._sound += pcm

    def cut(self, until_sample: int) -> bytes:
        """Everything before this sample, filled up with silence."""
        wanted = max(0, until_sample - self._cut) * SAMPLE_BYTES
        taken = bytes(self._sound[:wanted])
        del self._sound[:wanted]
        self._cut += wanted // SAMPLE_BYTES
        return taken.ljust(wanted, b"\0")


class Tape:
    """A recording under way. `now_ms` is any clock that only goes forward."""

    def __init__(self, now_ms: int) -> None:
        self._began_ms = now_ms
        self._person = Side(HEARING_RATE)
        self._companion = Side(PLAYOUT_RATE)
        self._base: int | None = None  # where the leg's clock began, on ours
        self._frames = 0  # cut off
        self._unplayed: dict[int, _Epoch] = {}

    # --- the person

    def heard(self, at_sample: int, pcm: bytes, now_ms: int) -> None:
        """Sound of the person, `at_sample` of its leg's clock (16 kHz)."""
        samples = len(pcm) // SAMPLE_BYTES
        now = self._at(now_ms, HEARING_RATE)
        if self._base is not None:
            lag_ms = (now - samples - (self._base + at_sample)) * 1000 // HEARING_RATE
            if not -EARLY_MS <= lag_ms <= LATE_MS:
                self._base = None
        if self._base is None:
            self._base = max(now - samples, self._person.end) - at_sample
        self._person.lay(self._base + at_sample, pcm)

    def another_leg(self) -> None:
        """The next sound of the person has another clock."""
        self._base = None
        self._unplayed.clear()

    # --- the companion

    def queued(self, epoch: int, at_sample: int, pcm: bytes) -> None:
        """Sound was given to the leg, at this sample of its epoch; it has not left yet."""
        waiting = self._unplayed.get(epoch)
        if waiting is None:
            waiting = self._unplayed[epoch] = _Epoch(at_sample)
            for old in sorted(self._unplayed)[:-2]:
                del self._unplayed[old]
        waiting.add(pcm)

    def played(self, epoch: int, samples: int, now_ms: int) -> None:
        """So many samples of an epoch have left: those that are new sound until now."""
        waiting = self._unplayed.get(epoch)
        pcm = waiting.leave(samples) if waiting is not None else b""
        if not pcm:
            return
        begins = self._at(now_ms, PLAYOUT_RATE) - len(pcm) // SAMPLE_BYTES
        end = self._companion.end
        goes_on = begins - end <= SLACK_MS * PLAYOUT_RATE // 1000
        self._companion.lay(end if goes_on else begins, pcm)

    # --- cutting

    def cut(self, now_ms: int, *, whole: bool = False) -> Cut:
        """What is settled by now, in whole frames of 20 ms; `whole`: everything until now."""
        until_ms = now_ms - self._began_ms - (0 if whole else MARGIN_MS)
        frames = max(self._frames, until_ms * FRAMES_PER_SECOND // 1000)
        self._frames = frames
        return Cut(
            self._person.cut(frames * HEARING_RATE // FRAMES_PER_SECOND),
            self._companion.cut(frames * PLAYOUT_RATE // FRAMES_PER_SECOND),
        )

    def _at(self, now_ms: int, rate: int) -> int:
        return max(0, now_ms - self._began_ms) * rate // 1000


class _Epoch:
    """What of an epoch a leg has and has not sent. `begins`: samples nobody showed us."""

    def __init__(self, begins: int) -> None:
        self._left = begins
        self._sound = bytearray()

    def add(self, pcm: bytes) -> None:
        """Behind what is queued; what no leg would keep is forgotten."""
        self._sound += pcm
        beyond = len(self._sound) - UNPLAYED_SECONDS * PLAYOUT_RATE * SAMPLE_BYTES
        if beyond > 0:
            self._left += beyond // SAMPLE_BYTES
            del self._sound[:beyond]

    def leave(self, samples: int) -> bytes:
        """What has left since it was asked last."""
        new = max(0, samples - self._left) * SAMPLE_BYTES
        taken = bytes(self._sound[:new])
        del self._sound[:new]
        self._left = max(self._left, samples)
        return taken
