"""What a spoken `/v1/realtime` session orders besides words: to hear, and to know what was said."""

from msgspec import Struct


class Hear(Struct, frozen=True):
    """Sound of the person, 24 kHz s16le, behind what came before."""

    pcm: bytes


class Transcribe(Struct, frozen=True):
    """Find the words of a span (16 kHz samples since the first); then `transcribed`."""

    item: str
    from_sample: int
    until_sample: int
