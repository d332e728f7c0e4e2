"""A process of its own that packs and unpacks sound files, so that no gateway loads a codec.

Uploads come from strangers and decoders are large: this one has little memory, little time, no
network to speak of, and dies with its request. Started by path; in: one line of JSON, then bytes;
out: bytes. An exit status above 0 has the reason, one line, on stderr.

`{"do": "pack", "format", "rate", "remark", "maker"}`: 16-bit samples in, a file out as it grows.
`{"do": "unpack", "rate", "seconds_max"}`: any file in, 16-bit mono samples out.
"""

import io
import json
import resource
import sys
from typing import Any, BinaryIO

_BLOCK_BYTES = 9_600
_MEMORY_BYTES = 2 * 2**30
_CPU_SECONDS = 120
_PACKED = {
    "mp3": ("mp3", "libmp3lame", 64_000),
    "opus": ("ogg", "libopus", 32_000),
    "aac": ("adts", "aac", 64_000),
    "flac": ("flac", "flac", None),
}


class _Out:
    """A place to write that cannot be sought in: what is written has left."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(data)
        self._out.flush()
        return len(data)


def _pack(asked: dict[str, Any]) -> None:
    import av

    container, codec, bits = _PACKED[asked["format"]]
    out: Any = av.open(_Out(sys.stdout.buffer), "w", format=container)
    out.metadata["comment"] = asked["remark"]
    out.metadata["encoder"] = asked["maker"]
    out.metadata["encoded_by"] = asked["maker"]
    stream: Any = out.add_stream(codec, rate=asked["rate"])
    stream.layout = "mono"
    if bits is not None:
        stream.bit_rate = bits
    done = 0
    while block := sys.stdin.buffer.read(_BLOCK_BYTES):
        samples = len(block) // 2
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(block[: samples * 2].ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = asked["rate"], done
        done += samples
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()


def _unpack(asked: dict[str, Any]) -> None:
    import av

    sound: Any = av.open(io.BytesIO(sys.stdin.buffer.read()), "r")
    if not sound.streams.audio:
        raise ValueError("there is no sound in it")
    left = most = int(asked["seconds_max"] * asked["rate"]) + 1
    resampler: Any = av.AudioResampler(format="s16", layout="mono", rate=asked["rate"])
    for frame in (*_frames(sound), None):
        for part in resampler.resample(frame):
            left -= part.samples
            if left <= 0:
                raise ValueError(f"it is longer than {asked['seconds_max']:g} s")
            sys.stdout.buffer.write(bytes(part.planes[0])[: part.samples * 2])
    if left == most:
        raise ValueError("there is no sound in it")


def _frames(sound: Any) -> Any:
    """What can be decoded; a file that is cut off ends there."""
    import av

    frames = sound.decode(audio=0)
    while True:
        try:
            yield next(frames)
        except (StopIteration, av.error.InvalidDataError, av.error.EOFError):
            return


def main() -> int:
    """Do what the first line asks."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        _pack(asked) if asked["do"] == "pack" else _unpack(asked)
    except BrokenPipeError:
        return 0
    except (ValueError, OSError, MemoryError) as error:  # PyAV's errors are one of these
        print(str(error).splitlines()[0][:200], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
