"""Drawing in a process of its own: it holds the interpreter's lock, and may be ended at any time.

Whoever orders a sheet or a face ahead of a call waits for the child here, within a limit.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


async def drawn(
    module: str, order: bytes, path: Path, *, seconds: float, before: tuple[str, ...] = ()
) -> tuple[int, bytes, bytes]:
    """`module` draws `order` to `path`: its exit status, output and errors. Raises TimeoutError.

    `before`: what the command is put behind, such as `nice`. The child ends when we are cancelled.
    """
    child = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-m", module, str(path.absolute()),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            out, err = await child.communicate(order)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return child.returncode, out, err
