"""A process of its own that lends out the installed espeak-ng: a request a line, sound and times.

It imports nothing of this project and is started by path. espeak-ng is GPL-3 and not shipped: its
library is opened here at run time where the operator installed it, apart from everything else.

In: {"text", "voice", "rate", "pitch"} as a line of JSON. Out, each with one letter for its kind
and four bytes for its length: r (ready: the sample rate), e (events as JSON: [kind, sample, a, b]),
a (16-bit samples), z (done), x (why not).
"""

import ctypes
import ctypes.util
import json
import struct
import sys
from typing import Any

_RETRIEVAL = 1
_PHONEME_EVENTS, _IPA, _NO_EXIT = 1, 2, 0x8000
_UTF8, _END_PAUSE = 1, 0x1000
_RATE, _PITCH, _RANGE = 1, 3, 4
_END, _WORD, _PHONEME = 0, 1, 7
_BUFFER_MS = 60


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _told(event: _Event) -> list[Any] | None:
    if event.type == _WORD:
        return ["w", event.sample, event.text_position - 1, event.length]
    if event.type == _PHONEME:
        return ["p", event.sample, bytes(event.id.string).decode("utf-8", "ignore"), 0]
    return None


def _write(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(kind + struct.pack("<I", len(content)) + content)
    sys.stdout.buffer.flush()


def _heard(sound: Any, count: int, events: Any) -> int:
    found, place = [], 0
    while events[place].type != _END:
        if (told := _told(events[place])) is not None:
            found.append(told)
        place += 1
    if found:
        _write(b"e", json.dumps(found).encode())
    if sound and count > 0:
        _write(b"a", ctypes.string_at(sound, count * 2))
    return 0


def _serve(library: Any, line: bytes) -> None:
    asked = json.loads(line)
    if library.espeak_SetVoiceByName(asked["voice"].encode()) != 0:
        _write(b"x", b"espeak-ng has no such voice")
        return
    library.espeak_SetParameter(_RATE, int(asked["rate"]), 0)
    library.espeak_SetParameter(_PITCH, int(asked["pitch"]), 0)
    library.espeak_SetParameter(_RANGE, 55, 0)
    text = asked["text"].encode() + b"\0"
    flags = _UTF8 | _END_PAUSE
    if library.espeak_Synth(text, len(text), 0, 1, 0, flags, None, None) != 0:
        _write(b"x", b"espeak-ng refused the words")
        return
    library.espeak_Synchronize()
    _write(b"z", b"")


def main() -> None:
    """Serve requests until the input ends."""
    found = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
    try:
        library = ctypes.CDLL(found)
    except OSError:
        _write(b"x", b"espeak-ng is not installed")
        return
    options = _PHONEME_EVENTS | _IPA | _NO_EXIT
    rate = library.espeak_Initialize(_RETRIEVAL, _BUFFER_MS, None, options)
    if rate <= 0:
        _write(b"x", b"espeak-ng does not start")
        return
    callback = _Callback(_heard)  # kept: the library does not keep it
    library.espeak_SetSynthCallback(callback)
    _write(b"r", str(rate).encode())
    for line in sys.stdin.buffer:
        _serve(library, line)


if __name__ == "__main__":
    main()
