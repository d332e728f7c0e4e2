"""Packs sound into files and out of them, in a process of its own for each (codec_program.py).

Nothing of a codec is loaded here, and what a stranger's file does to a decoder stays over there.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from media.sound.formats import SAMPLE_BYTES

_PROGRAM: Final = Path(__file__).with_name("codec_program.py")
_UNPACK_SECONDS: Final = 60.0
_PACK_SECONDS: Final = 60.0
_BLOCK_BYTES: Final = 16_384


class CannotDecode(ValueError):
    """Bytes that hold no sound we can read; the message says why, without quoting them."""


class CannotEncode(Exception):
    """The packing process failed."""


async def unpacked(data: bytes, rate: int, seconds_max: float) -> bytes:
    """Any sound file as 16-bit mono samples. Raises CannotDecode."""
    order = {"do": "unpack", "rate": rate, "seconds_max": seconds_max}
    async with _program(order) as program:
        try:
            async with asyncio.timeout(_UNPACK_SECONDS):
                pcm, told = await program.communicate(data)
        except TimeoutError as error:
            raise CannotDecode("it takes too long to read") from error
    if program.returncode:
        raise CannotDecode(told.decode(errors="replace").strip() or "it cannot be read")
    if len(pcm) > (seconds_max * rate + 1) * SAMPLE_BYTES:
        raise CannotDecode(f"it is longer than {seconds_max:g} s")
    return pcm


async def packed(
    pieces: AsyncIterable[bytes], file_format: str, rate: int, remark: str, maker: str
) -> AsyncGenerator[bytes, None]:
    """The file as it grows while samples come. Raises CannotEncode, and what `pieces` raise."""
    order = {"do": "pack", "format": file_format, "rate": rate, "remark": remark, "maker": maker}
    async with _program(order) as program:
        feeding = asyncio.create_task(_feed(program, pieces))
        try:
            assert program.stdout is not None
            while True:
                async with asyncio.timeout(_PACK_SECONDS):
                    block = await program.stdout.read(_BLOCK_BYTES)
                if not block:
                    break
                yield block
            await feeding
        except TimeoutError as error:
            raise CannotEncode("the codec does not answer") from error
        finally:
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(feeding, return_exceptions=True)
        if await program.wait():
            raise CannotEncode("the codec failed")


async def _feed(program: asyncio.subprocess.Process, pieces: AsyncIterable[bytes]) -> None:
    """The end of the samples, however it comes, is the end of the file."""
    assert program.stdin is not None
    try:
        async for piece in pieces:
            program.stdin.write(piece)
            await program.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        program.stdin.close()


@asynccontextmanager
async def _program(order: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, gone when this is left."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_PROGRAM)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdin is not None
        program.stdin.write(msgspec.json.encode(order) + b"\n")
        yield program
    finally:
        if program.returncode is None:
            with suppress(ProcessLookupError):
                program.kill()
            await program.wait()
