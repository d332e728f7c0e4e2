"""Frames as the load tester reads them: only the fields it needs, and what must hold among them.

The check is pure: `seq` has no gap and no repeat, a reply's words join, and its end repeats them.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

FOLLOWED_MAX: Final = 64


class Frame(Struct, frozen=True):
    """Any frame from the server."""

    type: str = ""
    id: str | None = None
    seq: int | None = None
    at: int | None = None
    room: str = ""
    reply: str | None = None
    offset: int = 0
    text: str = ""
    status: str = ""
    code: str | None = None
    message: Raw = Raw()  # a message, its id, or an error's words: read where it is needed
    session: str = ""
    epoch: str = ""
    reason: str = ""
    replayed: int = 0
    heartbeat_ms: int = 0
    jitter_ms: int = 0
    retry_after_ms: int | None = None


decode: Final = msgspec.json.Decoder(Frame).decode


class Watch:
    """Counts what was lost and what came twice, over as many connections as a session has."""

    def __init__(self) -> None:
        self.seq = 0
        self.lost = 0
        self.repeated = 0
        self._length: dict[str, int] = {}

    def begin(self, seq: int) -> None:
        """A session began here."""
        self.seq = seq
        self._length.clear()

    def see(self, frame: Frame) -> bool:
        """Look at a numbered frame; False if it was seen before and must not count again."""
        assert frame.seq is not None
        if frame.seq <= self.seq:
            self.repeated += 1
            return False
        self.lost += frame.seq - self.seq - 1
        self.seq = frame.seq
        reply = frame.reply
        if reply is not None:
            self._see_words(frame, reply)
        return True

    def _see_words(self, frame: Frame, reply: str) -> None:
        match frame.type:
            case "reply.started":
                if len(self._length) >= FOLLOWED_MAX:
                    del self._length[next(iter(self._length))]
                self._length[reply] = 0
            case "reply.delta":
                known = self._length.get(reply, frame.offset)
                self.lost += frame.offset > known
                self.repeated += frame.offset < known
                self._length[reply] = frame.offset + len(frame.text)
            case "reply.done":
                known = self._length.pop(reply, len(frame.text))
                if frame.status != "moderated":
                    self.lost += known < len(frame.text)
                    self.repeated += known > len(frame.text)
