"""Files of sound that strangers send, opened in a process of its own with little memory and time.

A file that crashes a decoder, or would fill the memory, ends that process and nothing else. The
process is this very module, run with the file on its standard input (`opened` starts it).
"""

import asyncio
import contextlib
import resource
import struct
import sys
from typing import Final, Literal

import msgspec
from msgspec import Struct

from media.sound.formats import HEARING_RATE, SAMPLE_BYTES

BARS: Final = 64
_MEMORY_BYTES: Final = 1_536 * 1024 * 1024  # of addresses; decoders ask for far more than they use
_HEAD: Final = struct.Struct("!I")

Fault = Literal["not_audio", "too_long", "empty", "corrupt", "too_slow"]
# What may be kept and played again, by what the container calls itself.
MEDIA_TYPES: Final = {
    "matroska,webm": "audio/webm",
    "ogg": "audio/ogg",
    "mov,mp4,m4a,3gp,3g2,mj2": "audio/mp4",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "aac": "audio/aac",
}


class NotOpened(Exception):
    """Why a file was not opened; `fault` is for programs."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Opened(Struct, frozen=True, kw_only=True):
    """A file's sound: 16 kHz mono s16le, its length, and how it looks (0..100 for each bar)."""

    media_type: str
    ms: int
    waveform: list[int]
    pcm: bytes = b""


class _Told(Struct, frozen=True, kw_only=True):
    fault: Fault | None = None
    opened: Opened | None = None


async def opened(data: bytes, *, longest_seconds: float, within_seconds: float) -> Opened:
    """The sound of a file. Raises NotOpened."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "media.sound.opening",
        str(longest_seconds),
        str(int(within_seconds) + 1),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(within_seconds):
            out, _ = await child.communicate(data)
    except TimeoutError as error:
        raise NotOpened("too_slow") from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return _read(out)


def _read(out: bytes) -> Opened:
    """What the process said; nothing, when the file was its end."""
    if len(out) < _HEAD.size:
        raise NotOpened("corrupt")
    (length,) = _HEAD.unpack_from(out)
    try:
        told = msgspec.json.decode(out[_HEAD.size : _HEAD.size + length], type=_Told)
    except msgspec.MsgspecError as error:
        raise NotOpened("corrupt") from error
    if told.opened is None:
        raise NotOpened(told.fault or "corrupt")
    return msgspec.structs.replace(told.opened, pcm=out[_HEAD.size + length :])


# --- inside the process


def bars_of(pcm: bytes, count: int = BARS) -> list[int]:
    """How loud each of `count` equal parts is, 0..100, the loudest near 100."""
    import numpy as np

    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32_768
    parts = np.array_split(samples, count)
    levels = np.array([float(np.sqrt(np.mean(part**2))) if part.size else 0.0 for part in parts])
    decibels = 20 * np.log10(np.maximum(levels, 1e-5))
    loudest = max(float(decibels.max()), -45.0)  # a whisper looks like one
    return [int(bar) for bar in np.clip((decibels - loudest + 40) / 40 * 100, 0, 100).round()]


def decode(data: bytes, longest_seconds: float) -> Opened:
    """The sound of a file, here and now. Raises NotOpened."""
    import io

    import av

    most_bytes = int(longest_seconds * HEARING_RATE) * SAMPLE_BYTES
    try:
        # Some formats name other files and addresses; none of those is ever opened.
        safe = {"format_whitelist": ",".join(MEDIA_TYPES), "protocol_whitelist": "none"}
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore", options=safe) as container:
            media_type = MEDIA_TYPES.get(container.format.name)
            if media_type is None or not container.streams.audio:
                raise NotOpened("not_audio")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARING_RATE)
            pcm = bytearray()
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    pcm += bytes(piece.planes[0])[: piece.samples * SAMPLE_BYTES]
                if len(pcm) > most_bytes + HEARING_RATE:
                    raise NotOpened("too_long")
            for piece in resampler.resample(None):
                pcm += bytes(piece.planes[0])[: piece.samples * SAMPLE_BYTES]
    except av.error.InvalidDataError as error:
        raise NotOpened("not_audio") from error
    except (av.error.FFmpegError, ValueError, MemoryError) as error:
        raise NotOpened("corrupt") from error
    if len(pcm) < HEARING_RATE * SAMPLE_BYTES // 5:
        raise NotOpened("empty")
    ms = len(pcm) * 1000 // (HEARING_RATE * SAMPLE_BYTES)
    return Opened(media_type=media_type, ms=ms, waveform=bars_of(bytes(pcm)), pcm=bytes(pcm))


def main(longest_seconds: float, cpu_seconds: int) -> None:
    """Read a file from standard input, tell of it on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    data = sys.stdin.buffer.read()
    pcm = b""
    try:
        found = decode(data, longest_seconds)
        pcm = found.pcm
        told = _Told(opened=msgspec.structs.replace(found, pcm=b""))
    except NotOpened as error:
        told = _Told(fault=error.fault)
    head = msgspec.json.encode(told)
    sys.stdout.buffer.write(_HEAD.pack(len(head)) + head + pcm)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
