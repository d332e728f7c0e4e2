"""What a person says, decoded: one clock of samples, whatever the peer's streams do.

Packets come in any order and from streams that begin anew; out comes sound in its places.
"""

from typing import Final

from msgspec import Struct

from media.calls import opus
from media.calls.engine import Received
from media.calls.leg import Heard
from media.calls.reorder import Reorder, Step
from media.sound.formats import SAMPLE_BYTES

TICKS_PER_SAMPLE: Final = 3
GAP_SAMPLES: Final = 3_200


class HearingQuality(Struct, frozen=True):
    """Since the last one."""

    received: int
    lost: int
    concealed_ms: int
    jitter_ms: float


class Hearing:
    """What the person says, decoded in order on one clock, whatever the peer's streams do."""

    def __init__(self) -> None:
        self._decoder = opus.Decoder()
        self._reorder = Reorder()
        self._source: int | None = None
        self._from_sample = 0  # of the leg's clock, where this source began
        self._until_sample = 0
        self._ended_us = 0
        self._concealed_ms = 0
        self._counted = (0, 0)

    def add(self, packet: Received, now: int) -> list[Heard]:
        """A packet came."""
        if packet.source != self._source:
            self._begin(packet.source, now)
        steps = self._reorder.add(packet.sequence, packet.stamp, packet.payload, now)
        self._ended_us = now
        return self._decoded(steps)

    def add_pcm(self, pcm: bytes, now: int) -> Heard:
        """Sound that is decoded already; after a pause its place is where the wall clock says."""
        away = (now - self._ended_us) * 16 // 1000
        if self._ended_us and away > GAP_SAMPLES:
            self._until_sample += away
        self._ended_us = now
        heard = Heard(pcm=pcm, at_sample=self._until_sample)
        self._until_sample += len(pcm) // SAMPLE_BYTES
        return heard

    def tick(self, now: int) -> list[Heard]:
        """Time has passed."""
        return self._decoded(self._reorder.tick(now))

    def _begin(self, source: int, now: int) -> None:
        """Another stream: its clock begins where ours is by now."""
        if self._source is not None:
            away = max(0, now - self._ended_us) * 16 // 1000
            self._from_sample = self._until_sample + away
        self._source = source
        old = self._reorder
        self._reorder = Reorder()
        self._reorder.received, self._reorder.lost = old.received, old.lost
        self._decoder = opus.Decoder()

    def _decoded(self, steps: list[Step]) -> list[Heard]:
        heard: list[Heard] = []
        for step in steps:
            try:
                if step.how == "packet":
                    pcm = self._decoder.decode(step.payload)
                elif step.how == "repair":
                    pcm = self._decoder.repair(step.payload)
                else:
                    pcm = self._decoder.conceal()
            except opus.BadPacket:
                pcm = self._decoder.conceal()
            at = self._from_sample + step.at_ticks // TICKS_PER_SAMPLE
            if at < self._until_sample:  # the peer's clock went back: ours does not
                self._from_sample += self._until_sample - at
                at = self._until_sample
            concealed = step.how != "packet"
            self._concealed_ms += 20 if concealed else 0
            self._until_sample = at + len(pcm) // SAMPLE_BYTES
            heard.append(Heard(pcm=pcm, at_sample=at, concealed=concealed))
        return heard

    def take_quality(self) -> HearingQuality:
        """What the network did since the last time."""
        received, lost = self._reorder.received, self._reorder.lost
        before, self._counted = self._counted, (received, lost)
        concealed, self._concealed_ms = self._concealed_ms, 0
        jitter_ms = self._reorder.jitter_us / 1000
        return HearingQuality(received - before[0], max(0, lost - before[1]), concealed, jitter_ms)
