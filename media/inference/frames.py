"""What gateways and inference workers tell each other: length-prefixed msgpack, one Struct a frame.

Sound goes to a worker once, in windows; every question afterwards names a span of samples. Numbers
of ears and requests are the caller's own, and mean something on one connection only.
"""

from typing import Final

import msgspec
from msgspec import Struct

from media.hearing.ports import Transcript
from media.speech.ports import Spoken, VoiceChoice

VERSION: Final = 1
LENGTH_BYTES: Final = 4
FRAME_BYTES_MOST: Final = 4_000_000
HELLO_BYTES_MOST: Final = 1_000  # what is read of a stranger


class Frame(Struct, frozen=True, array_like=True):
    """Told by its tag; fields are added at the end only."""


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame of a caller."""

    version: int
    key: str


class OpenEar(Frame, frozen=True, tag="open"):
    """Listen to another call."""

    ear: int
    language: str = ""


class Sound(Frame, frozen=True, tag="sound"):
    """Whole windows of a call's sound. `judged` ones are answered, one `Judged` for each window.

    Those that are not only prepare the network (`kept_only` false) or are only kept for questions.
    """

    ear: int
    at_sample: int
    pcm: bytes
    judged: bool = True
    kept_only: bool = False


class CloseEar(Frame, frozen=True, tag="close"):
    """The call is over."""

    ear: int


class AskTurn(Frame, frozen=True, tag="ask_turn"):
    """Has who spoke in this span finished? What lies before `keep_from` is not asked for again."""

    request: int
    ear: int
    from_sample: int
    until_sample: int
    keep_from: int = 0


class AskWords(Frame, frozen=True, tag="ask_words"):
    """The words of this span. What lies before `keep_from` is not asked for again.

    `early`: perhaps for nothing; refused where anybody would wait for it.
    """

    request: int
    ear: int
    from_sample: int
    until_sample: int
    keep_from: int = 0
    early: bool = False


class AskSoFar(Frame, frozen=True, tag="ask_so_far"):
    """The words of this span as far as they are known now; answered at once."""

    request: int
    ear: int
    from_sample: int
    until_sample: int


class AskTranscript(Frame, frozen=True, tag="ask_transcript"):
    """The words of sound that belongs to no call."""

    request: int
    pcm: bytes
    language: str = ""


class AskSpeech(Frame, frozen=True, tag="ask_speech"):
    """Say a clause."""

    request: int
    text: str
    choice: VoiceChoice


class Cancel(Frame, frozen=True, tag="cancel"):
    """Nobody waits for this answer any more."""

    request: int


class Warm(Frame, frozen=True, tag="warm"):
    """Somebody is about to call: load what is needed."""


class Welcome(Frame, frozen=True, tag="welcome"):
    """The first frame of a worker: what it can do."""

    version: int
    judges_turns: bool
    heard_languages: tuple[str, ...]
    spoken_languages: tuple[str, ...]
    streams: bool = False  # a recogniser listens along
    early: bool = False  # or understands what may not be wanted, at nobody's expense


class Judged(Frame, frozen=True, tag="judged"):
    """Somebody speaks, with this probability, in the window that ends there."""

    ear: int
    until_sample: int
    probability: float


class TurnTold(Frame, frozen=True, tag="turn"):
    """The answer to `AskTurn`."""

    request: int
    probability: float


class WordsTold(Frame, frozen=True, tag="words"):
    """The answer to `AskWords`, `AskSoFar` and `AskTranscript`."""

    request: int
    transcript: Transcript


class Piece(Frame, frozen=True, tag="piece"):
    """A piece of a clause, as soon as it is made."""

    request: int
    spoken: Spoken


class SaidAll(Frame, frozen=True, tag="said"):
    """The clause is complete."""

    request: int


class Failed(Frame, frozen=True, tag="failed"):
    """A question has no answer. `detail` may quote what was said: never log it."""

    request: int
    message: str
    retryable: bool = True
    detail: str = ""


class EarRefused(Frame, frozen=True, tag="refused"):
    """This worker does not listen to that call: it is full, or cannot."""

    ear: int
    message: str


class Load(Frame, frozen=True, tag="load"):
    """How busy the worker is: its ears, and questions that wait or are worked on.

    `room`: how many ears more it would take.
    """

    ears: int
    questions: int
    room: int = 1


Asked = (
    Hello
    | OpenEar
    | Sound
    | CloseEar
    | AskTurn
    | AskWords
    | AskSoFar
    | AskTranscript
    | AskSpeech
    | Cancel
    | Warm
)
Told = Welcome | Judged | TurnTold | WordsTold | Piece | SaidAll | Failed | EarRefused | Load

_encoder: Final = msgspec.msgpack.Encoder()
decode_asked: Final = msgspec.msgpack.Decoder(Asked).decode
decode_told: Final = msgspec.msgpack.Decoder(Told).decode


class BadFrame(Exception):
    """The other side does not speak this protocol."""


def encode(frame: Frame) -> bytes:
    """The frame with its length. Raises BadFrame when it is too long to be sent."""
    body = _encoder.encode(frame)
    if len(body) > FRAME_BYTES_MOST:
        raise BadFrame(f"a frame of {len(body)} bytes is too long")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class FrameCutter:
    """Cuts a stream of bytes into frames. Pure; `most_bytes` bounds what is kept."""

    def __init__(self, most_bytes: int = FRAME_BYTES_MOST) -> None:
        self.most_bytes = most_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now. Raises BadFrame."""
        self._held += data
        frames: list[bytes] = []
        at = 0
        while len(self._held) - at >= LENGTH_BYTES:
            size = int.from_bytes(self._held[at : at + LENGTH_BYTES], "big")
            if size > self.most_bytes:
                raise BadFrame(f"a frame of {size} bytes is announced")
            end = at + LENGTH_BYTES + size
            if end > len(self._held):
                break
            frames.append(bytes(self._held[at + LENGTH_BYTES : end]))
            at = end
        if at:
            del self._held[:at]
        return frames
