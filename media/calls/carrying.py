"""A leg in its worker: sound is paced out by one clock, and what the person says is put in order.

The engine's peer carries packets, the holder's link brings sound and takes events; everything
that must happen every 20 ms happens here, on one timer of the leg's own.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from media.calls import opus
from media.calls.beat import Beat
from media.calls.camera import Camera
from media.calls.decoding import Hearing
from media.calls.engine import MediaEngine, PeerState, Received
from media.calls.leg import (
    Blocked,
    Connected,
    Gone,
    GoneReason,
    Heard,
    LegEvent,
    LegQuality,
    Played,
    Typed,
)
from media.calls.pictures import Pictures, ahead_of_sound
from media.calls.playout import Playout
from media.calls.quiet import Gathering
from media.calls.wire import (
    Bandwidth,
    CallKind,
    Codec,
    FaceWanted,
    IceServer,
    KeyframeWanted,
    Picture,
)
from media.sound.formats import PLAYOUT_FRAME_SAMPLES

PLAYED_EVERY: Final = 5  # frames
QUALITY_EVERY: Final = 250
TAIL_FRAMES: Final = 10  # of silence after sound, so that the peer plays what it holds
KEEP_ALIVE_FRAMES: Final = 20
KEYFRAME_EVERY_US: Final = 250_000  # asked for no more often
MESSAGES_PER_SECOND: Final = 50
BLOCKED_AFTER_US: Final = 7_000_000  # a browser that only listens reports every 5 s

Tell = Callable[[Struct], None]


def now_us() -> int:
    """CLOCK_MONOTONIC, in microseconds."""
    return time.monotonic_ns() // 1000


class Carried:
    """One leg. `ended` is called once, whatever ended it. See media/calls/leg.py for the words."""

    def __init__(
        self,
        leg: str,
        engine: MediaEngine,
        ice: tuple[IceServer, ...],
        kind: CallKind,
        ended: Callable[["Carried"], None],
        *,
        bits_per_second: int = 28_000,
        camera: bool = False,
    ) -> None:
        self.leg = leg
        self.kind = kind
        self.ufrag = ""
        self.trickled = 0  # candidates that came after the offer
        self.over: GoneReason | None = None
        self.peer = engine.peer(self, ice, video=kind == "video", camera=camera)
        self.camera = Camera(self.peer, self._tell)
        self._ended = ended
        self._holder: Tell | None = None
        self._face: Tell | None = None
        self._connected: Connected | None = None
        self._playout = Playout()
        self._pictures = Pictures()
        self._encoder = opus.Encoder(bits_per_second=bits_per_second)
        self._hearing = Hearing()
        self._gathering = Gathering()
        self._beat = Beat(now_us())
        self._timer: asyncio.TimerHandle | None = None
        self._silent_frames = 0
        self._picture_sample = -1
        self._keyframe_asked_us = 0
        self._keyframe_owed = False
        self._late_us: list[int] = []
        self._messages: tuple[int, int] = (0, 0)
        self._alive_us = 0
        self._blocked = False
        self._spoke = False

    # --- the two links

    def attach(self, tell: Tell) -> bool:
        """The holder is here. False: it was already."""
        if self._holder is not None:
            return False
        self._holder = tell
        if self._connected is not None:
            tell(self._connected)
        if self._blocked:
            tell(Blocked(on=True))
        return True

    def detach(self, tell: Tell) -> bool:
        """The holder is gone without a word; for the next one everything begins anew.

        False: it was not this leg's holder, or the leg is over.
        """
        if self._holder != tell or self.over is not None:
            return False
        self._holder = None
        self._playout = Playout()
        self._hearing = Hearing()
        self._gathering = Gathering()
        return True

    def attach_face(self, tell: Tell) -> None:
        """Who draws is here; the newest one counts."""
        self._face = tell
        tell(FaceWanted(codec=self.peer.codec))
        self._keyframe_asked_us = 0
        if self._connected is not None:
            self._want_keyframe()

    def detach_face(self, tell: Tell) -> None:
        """Who drew has left."""
        if self._face == tell:
            self._face = None

    @property
    def attached(self) -> bool:
        """Whether somebody holds this leg."""
        return self._holder is not None

    @property
    def connected(self) -> bool:
        """Whether media has ever flowed."""
        return self._connected is not None

    def close(self, reason: GoneReason) -> None:
        """It is over. Idempotent."""
        if self.over is not None:
            return
        for heard in self._gathering.rest():
            self._tell(heard)
        self.over = reason
        self.camera.watch(on=False)
        if self._timer is not None:
            self._timer.cancel()
        for tell in (self._holder, self._face):
            if tell is not None:
                tell(Gone(reason=reason))
        self._holder = self._face = None
        self._ended(self)

    def _tell(self, event: LegEvent) -> None:
        if self._holder is not None:
            self._holder(event)

    # --- what the holder orders

    def play(self, epoch: int, pcm: bytes) -> None:
        """Sound to be paced out."""
        self._playout.play(epoch, pcm)
        rested = self._silent_frames > TAIL_FRAMES  # in an underrun the beat is kept
        if rested and self._playout.sounding and self._timer is not None:
            self._beat.hasten(now_us())
            self._tick()

    def flush(self, epoch: int) -> None:
        """Drop what has not left, and say how much had."""
        told = self._played(still=True)
        if self._playout.flush(epoch):
            self._tell(told)
            if self._pictures.flush(epoch):
                self._want_keyframe()

    def pause(self) -> None:
        """Silence at once."""
        if self._playout.pause():
            self._tell(self._played(still=True))

    def resume(self) -> None:
        """Go on."""
        self._playout.resume()

    def gather(self, below_db: float | None) -> None:
        """Silence may be told late, or may not."""
        self._gathering.quiet.gather(below_db)

    def picture(self, picture: Picture) -> None:
        """A frame of the face."""
        if picture.codec == self.peer.codec and self._pictures.add(picture):
            self._want_keyframe()

    def _played(self, *, dry: bool = False, still: bool = False) -> Played:
        playout = self._playout
        return Played(
            epoch=playout.epoch, samples=playout.played, clock_us=now_us(), dry=dry, still=still
        )

    # --- every 20 ms

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = now_us()
        self._look_whether_blocked(now)
        for _ in range(self._beat.due(now)):
            self._frame()
        self._release(now)
        self._heard(self._hearing.tick(now))
        loop = asyncio.get_running_loop()
        wait_us = self._beat.wake_us(now_us()) - now_us()
        if self.over is None:
            self._timer = loop.call_later(max(0, wait_us) / 1_000_000, self._tick)

    def _frame(self) -> None:
        beat, playout = self._beat, self._playout
        frame = None if self._blocked else playout.frame()
        began = frame is not None and self._silent_frames > 0
        if frame is not None:
            self._silent_frames = 0
            sound = frame if self.peer.raw else self._encoder.encode(frame)
            self.peer.send_sound(sound, beat.sample, beat.due_us)
        else:
            if self._keeps_alive() and not self.peer.raw:
                self.peer.send_sound(opus.SILENCE, beat.sample, beat.due_us)
            self._silent_frames += 1
        beat.left()
        dry = frame is not None and playout.queued == 0
        if dry or began or (frame is not None and beat.slot % PLAYED_EVERY == 0):
            told = self._played(dry=dry)
            self._tell(told)
            if self._face is not None:
                self._face(told)
        if beat.slot % QUALITY_EVERY == 0:
            self._report()

    def _keeps_alive(self) -> bool:
        """Whether this frame of silence is sent."""
        return self._silent_frames < TAIL_FRAMES or self._silent_frames % KEEP_ALIVE_FRAMES == 0

    def _look_whether_blocked(self, now: int) -> None:
        blocked = now - self._alive_us > BLOCKED_AFTER_US and not self.peer.raw
        if blocked != self._blocked:
            self._blocked = blocked
            self._tell(Blocked(on=blocked))

    def _release(self, now: int) -> None:
        playout = self._playout
        # The frame that has just left is heard during the coming 20 ms, not at once.
        playing = playout.played - PLAYOUT_FRAME_SAMPLES if self._silent_frames == 0 else None
        pictures, ask = self._pictures.due(now, playout.epoch, playing)
        for picture in pictures:
            ahead = ahead_of_sound(picture, playout.epoch, playing) or 0
            sample = self._beat.sample - PLAYOUT_FRAME_SAMPLES + ahead
            self._picture_sample = max(self._picture_sample + 1, sample)
            due_us = self._beat.us_of(self._picture_sample)
            self.peer.send_picture(picture.data, self._picture_sample, due_us)
        if ask:
            self._want_keyframe()
        if self._keyframe_owed:
            self._keyframe_owed = not self._want_keyframe()

    def _want_keyframe(self) -> bool:
        """False: it was asked for a moment ago."""
        now = now_us()
        if self._face is None or now - self._keyframe_asked_us < KEYFRAME_EVERY_US:
            return False
        self._keyframe_asked_us = now
        self._face(KeyframeWanted())
        return True

    def _report(self) -> None:
        hearing, late = self._hearing.take_quality(), sorted(self._late_us)
        self._late_us.clear()
        self._tell(
            LegQuality(
                received=hearing.received,
                lost=hearing.lost,
                concealed_ms=hearing.concealed_ms,
                jitter_ms=hearing.jitter_ms,
                round_trip_ms=self.peer.round_trip_ms(),
                late_ms_p99=late[len(late) * 99 // 100] / 1000 if late else 0.0,
                video_frames=self._pictures.sent,
                video_freezes=self._pictures.freezes,
            )
        )
        self._pictures.sent = self._pictures.freezes = 0

    # --- what the peer does

    def on_state(self, state: PeerState, remote: str) -> None:
        """See media/calls/engine.py."""
        if self.over is not None:
            return
        if state == "connected":
            if self._connected is None:
                self._connected = Connected(remote=remote)
                self._alive_us = now_us()
                self._beat = Beat(self._alive_us)
                self._tick()
                self._tell(self._connected)
                self._want_keyframe()
        else:
            self.close("connection_lost" if state == "lost" else "hung_up")

    def on_sound(self, packet: Received) -> None:
        """See media/calls/engine.py."""
        if not self._spoke:
            # Whoever can send has all keys, and so can see: the first picture may have come too
            # soon for it. Asking would cost it a quarter of a second.
            self._spoke, self._keyframe_asked_us = True, 0
            self._want_keyframe()
        self._alive_us = now_us()
        self._heard(self._hearing.add(packet, self._alive_us))

    def _heard(self, heard: list[Heard]) -> None:
        for came in heard:
            for told in self._gathering.push(came):
                self._tell(told)

    def on_pcm(self, pcm: bytes) -> None:
        """See media/calls/engine.py."""
        self._alive_us = now_us()
        self._heard([self._hearing.add_pcm(pcm, self._alive_us)])

    def on_message(self, data: bytes) -> None:
        """See media/calls/engine.py."""
        second, count = now_us() // 1_000_000, 1
        if self._messages[0] == second:
            count = self._messages[1] + 1
        self._messages = (second, count)
        if count <= MESSAGES_PER_SECOND:
            self._tell(Typed(data=data))

    def on_picture(self, codec: Codec, data: bytes) -> None:
        """See media/calls/engine.py."""
        self.camera.came(codec, data)

    def on_keyframe_wanted(self) -> None:
        """See media/calls/engine.py. Some ask once: what comes too soon is asked for later."""
        self._keyframe_owed = not self._want_keyframe()

    def on_bandwidth(self, bits_per_second: int) -> None:
        """See media/calls/engine.py."""
        if self._face is not None:
            self._face(Bandwidth(bits_per_second=bits_per_second))

    def on_loss(self, percent: int) -> None:
        """See media/calls/engine.py."""
        self._alive_us = now_us()
        self._encoder.expect_loss(percent)

    def on_sent_late(self, late_us: int) -> None:
        """See media/calls/engine.py."""
        if len(self._late_us) < 2 * QUALITY_EVERY:
            self._late_us.append(late_us)
