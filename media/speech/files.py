"""Speech as files: which formats there are, and the mark that says a machine spoke.

Every format that can carry a remark carries this one, so that nobody who finds the file later has
to guess: WAV in its INFO list, FLAC and Ogg as Vorbis comments, MP3 in its ID3 tag. Bare samples
and AAC streams have no place for it.
"""

import struct
from typing import Final, Literal

from media.sound.formats import PLAYOUT_RATE, SAMPLE_BYTES

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
CONTENT_TYPES: Final[dict[Format, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
REMARK: Final = "AI-generated speech"
MAKER: Final = "Kindred"
_ENDLESS: Final = 0xFFFF_FFFF


def wav_beginning(pcm_bytes: int | None = None) -> bytes:
    """What stands before the samples; None is a stream whose length is not known yet."""
    listed = b"INFO" + _info(b"ICMT", REMARK) + _info(b"ISFT", MAKER)
    chunks = _chunk(b"fmt ", _FORMAT) + _chunk(b"LIST", listed)
    size = _ENDLESS if pcm_bytes is None else pcm_bytes
    whole = _ENDLESS if pcm_bytes is None else 4 + len(chunks) + 8 + pcm_bytes
    return (
        struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunks + struct.pack("<4sI", b"data", size)
    )


_FORMAT: Final = struct.pack(
    "<HHIIHH", 1, 1, PLAYOUT_RATE, PLAYOUT_RATE * SAMPLE_BYTES, SAMPLE_BYTES, 16
)


def _info(name: bytes, text: str) -> bytes:
    return _chunk(name, text.encode() + b"\0")


def _chunk(name: bytes, content: bytes) -> bytes:
    """Chunks begin at even places."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
