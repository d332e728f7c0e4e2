"""A peer's bytes as WebSocket messages, one at a time and never more than is allowed.

Why not the library's parser: it reads a whole chunk before anybody may say stop, keeps empty
fragments without end, and finds broken text only when the last fragment has come
(docs/why/frames-past-asgi.md). Pure: bytes in, frames out. Source: RFC 6455, section 5.
"""

import codecs
from typing import Final

from msgspec import Struct
from websockets.speedups import apply_mask

CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
CONTROL_BYTES_MAX: Final = 125
SKIPPED_FRAMES_MAX: Final = 1_024
PROTOCOL_ERROR: Final = 1002
INVALID_TEXT: Final = 1007
TOO_BIG: Final = 1009
NO_CODE: Final = 1005
_WHOLE_TEXT: Final = 0x81  # the first byte of a message in one frame
_WHOLE: Final = (_WHOLE_TEXT, 0x82)


class Violation(Exception):
    """The peer broke the protocol: close with `code`, read nothing more."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Message(Struct, frozen=True):
    """A whole message, put together and, if it is text, checked."""

    text: bool
    data: bytes


class Part(Struct, frozen=True):
    """A fragment came; its message has not ended."""


class Ping(Struct, frozen=True):
    """To be answered with the same data."""

    data: bytes


class Pong(Struct, frozen=True):
    """The answer to a ping of ours, or a sign of life."""

    data: bytes


class Closed(Struct, frozen=True):
    """The peer says goodbye; `code` is 1005 when it gave none."""

    code: int
    reason: str


Came = Message | Part | Ping | Pong | Closed
PART: Final = Part()


class _Head(Struct, frozen=True):
    fin: bool
    opcode: int
    length: int  # of the frame's payload
    size: int  # of the head itself, mask included
    minimal: bool  # the length is said as shortly as it can be


class Incoming:
    """`feed` what came, then `next` until it is None. What is fed is kept until it is asked for."""

    __slots__ = ("_at", "_decoder", "_parts", "_size", "_skip", "_skipped", "_text", "bytes_max")

    def __init__(self, bytes_max: int) -> None:
        """`bytes_max`: the largest message, known to be too large by its head alone."""
        self.bytes_max = bytes_max
        self._at = bytearray()
        self._parts: list[bytes] | None = None  # of a message in fragments
        self._size = 0
        self._text = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._skip = 0  # bytes of a payload nobody wants
        self._skipped = 0  # frames since then

    @property
    def waiting_bytes(self) -> int:
        """How much is kept for this peer."""
        return len(self._at) + self._size

    def feed(self, data: bytes) -> None:
        """More bytes."""
        self._at += data

    def next(self) -> Came | None:
        """The next frame that is whole, or None. Raises Violation, as early as a head shows it."""
        at = self._at
        if len(at) < 2:
            return None
        if self._parts is None and at[0] in _WHOLE and (message := self._whole(at)) is not None:
            return message
        self._check(at[0], at[1])
        head = self._head()
        if head is None:
            return None
        if not head.minimal:
            raise Violation(PROTOCOL_ERROR, "a length must be as short as it can be")
        if head.opcode < CLOSE and self._size + head.length > self.bytes_max:
            raise Violation(TOO_BIG, "frame too large")
        end = head.size + head.length
        if len(at) < end:
            return None
        data = apply_mask(at[head.size : end], at[head.size - 4 : head.size])
        del at[:end]
        if head.opcode >= CLOSE:
            return _control(head.opcode, data)
        return self._data(head, data)

    def closed(self, data: bytes) -> bool:
        """After our own goodbye: skip what comes; whether the peer's goodbye was in it."""
        self._parts, self._size, self._decoder = None, 0, None
        at = self._at
        if self._skipped >= SKIPPED_FRAMES_MAX:
            return False
        at += data
        while self._skipped < SKIPPED_FRAMES_MAX:
            gone = min(self._skip, len(at))
            del at[:gone]
            self._skip -= gone
            head = None if self._skip else self._head()
            if head is None:
                return False
            if head.opcode == CLOSE:
                self._skipped = SKIPPED_FRAMES_MAX
                at.clear()
                return True
            self._skipped += 1
            self._skip = head.size + head.length
        at.clear()
        return False

    # --- one frame

    def _whole(self, at: bytearray) -> Message | None:
        """What nearly all frames are, a short message in one piece; None: look closer."""
        text, length, size = at[0] == _WHOLE_TEXT, at[1] - 0x80, 6
        if length == 126 and len(at) >= 4:
            length, size = at[2] << 8 | at[3], 8
            if length < 126:
                return None
        elif not 0 <= length < 126:
            return None
        end = size + length
        if len(at) < end or length > self.bytes_max:
            return None
        data = apply_mask(at[size:end], at[size - 4 : size])
        del at[:end]
        if text:
            _checked(data)
        return Message(text, data)

    def _head(self) -> _Head | None:
        """A masked frame's head, once all of it is there."""
        at = self._at
        if len(at) < 2:
            return None
        length, size, least = at[1] & 0x7F, 6, 0
        if length >= 126:
            size, least = (8, 126) if length == 126 else (14, 65_536)
            if len(at) < size - 4:
                return None
            length = int.from_bytes(at[2 : size - 4], "big")
        minimal = least <= length < 1 << 63
        return _Head(bool(at[0] & 0x80), at[0] & 0x0F, length, size, minimal)

    def _check(self, first: int, second: int) -> None:
        """Everything that a head's first two bytes show."""
        if not second & 0x80:
            raise Violation(PROTOCOL_ERROR, "frames must be masked")
        if first & 0x70:
            raise Violation(PROTOCOL_ERROR, "reserved bits must be 0")
        match first & 0x0F:
            case 0x8 | 0x9 | 0xA:
                if not first & 0x80 or second & 0x7F > CONTROL_BYTES_MAX:
                    raise Violation(PROTOCOL_ERROR, "control frames are short and whole")
            case 0x0:
                if self._parts is None:
                    raise Violation(PROTOCOL_ERROR, "nothing to continue")
            case 0x1 | 0x2:
                if self._parts is not None:
                    raise Violation(PROTOCOL_ERROR, "the message before has not ended")
            case _:
                raise Violation(PROTOCOL_ERROR, "unknown kind of frame")

    def _data(self, head: _Head, data: bytes) -> Message | Part:
        if self._parts is None:
            self._text = head.opcode == TEXT
            if head.fin:
                if self._text:
                    _checked(data)
                return Message(self._text, data)
            self._parts = []
            if self._text:
                self._decoder = codecs.getincrementaldecoder("utf-8")()
        if self._decoder is not None:
            try:
                self._decoder.decode(data, head.fin)
            except UnicodeDecodeError as error:
                raise Violation(INVALID_TEXT, "invalid UTF-8") from error
        if data:
            self._parts.append(data)
            self._size += len(data)
        if not head.fin:
            return PART
        whole = b"".join(self._parts)
        self._parts, self._size, self._decoder = None, 0, None
        return Message(self._text, whole)


def _checked(data: bytes) -> None:
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise Violation(INVALID_TEXT, "invalid UTF-8") from error


def _control(opcode: int, data: bytes) -> Came:
    if opcode == PING:
        return Ping(data)
    if opcode == PONG:
        return Pong(data)
    if not data:
        return Closed(NO_CODE, "")
    if len(data) == 1 or not _may_be_sent(code := int.from_bytes(data[:2], "big")):
        raise Violation(PROTOCOL_ERROR, "no such close code")
    try:
        return Closed(code, data[2:].decode())
    except UnicodeDecodeError as error:
        raise Violation(INVALID_TEXT, "invalid UTF-8") from error


def _may_be_sent(code: int) -> bool:
    """RFC 6455, section 7.4, and the codes registered since."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
