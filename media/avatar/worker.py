"""The render worker's process: `python -m media.avatar.worker --address unix:/path`.

The key that callers must show is read from KINDRED_FACES_KEY. The process that is started loads
the libraries and forks the one that works; when that one dies the next is there at once, because
loading, most of a second, is done. When it is killed itself, the one that works goes on until a
successor listens. It prints `ready` when the worker listens.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from media.avatar.engines import ENGINES, load_engine, open_engine
from media.avatar.painter import AvatarError
from media.avatar.rendering.server import FaceServer

logger = logging.getLogger(__name__)
KEY_VARIABLE: Final = "KINDRED_FACES_KEY"
ORPHAN_LOOK_SECONDS: Final = 0.25
ORPHAN_SECONDS: Final = 10.0  # so long a worker waits for whoever follows its killed parent
_BRIEF_SECONDS: Final = 2.0
_BRIEF_LIVES: Final = 5  # so many short lives in a row: whoever keeps us may know why


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit status."""
    told = _arguments(sys.argv[1:] if argv is None else argv)
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        print(f"Set {KEY_VARIABLE} to the key that callers must show.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    told.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    load_engine(told.engine)
    return _Keeper().keep(told, key)


class _Keeper:
    """Forks the worker, and again when it dies."""

    def __init__(self) -> None:
        self._child = 0
        self._stopping = False

    def keep(self, told: argparse.Namespace, key: str) -> int:
        """Until told to stop, or until workers die as fast as they are made."""
        parent, brief = os.getppid(), 0
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping and brief < _BRIEF_LIVES:
            began = time.monotonic()
            self._child = os.fork()
            if self._child == 0:
                os._exit(_work(told, key, parent))
            _, status = os.waitpid(self._child, 0)
            if os.waitstatus_to_exitcode(status) == 0 and os.getppid() != parent:
                break
            brief = brief + 1 if time.monotonic() - began < _BRIEF_SECONDS else 0
            if not self._stopping:
                logger.warning("a render worker ended (%d); the next begins", status)
        return 0 if self._stopping or not brief else 1

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        if self._child:
            os.kill(self._child, signal.SIGTERM)


def _work(told: argparse.Namespace, key: str, grandparent: int) -> int:
    """One worker's life, in the forked process."""
    try:
        engine = open_engine(told.engine, told.device, told.folder, told.weights)
    except AvatarError as error:
        print(f"Faces cannot be painted: {error}", file=sys.stderr, flush=True)
        return 3
    server = FaceServer(engine, key=key, most=told.most, encoders=told.encoders)
    try:
        asyncio.run(_serve(server, told.address, grandparent))
    except OSError as error:
        print(f"No faces at {told.address}: {error}", file=sys.stderr, flush=True)
        return 4
    return 0


async def _serve(server: FaceServer, address: str, grandparent: int) -> None:
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(address, ready), name="faces")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    watching = asyncio.create_task(_watch(serving, ready, os.getppid(), address), name="parent")
    try:
        await serving
    except asyncio.CancelledError:
        logger.info("render worker of %d ends", grandparent)
    finally:
        watching.cancel()


async def _watch(
    serving: asyncio.Task[None], ready: asyncio.Event, parent: int, address: str
) -> None:
    """End with the parent; where another can listen beside us, when that one does."""
    await ready.wait()
    print("ready", flush=True)
    ours = _listening(address)
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells a process of its parent's end
        await asyncio.sleep(ORPHAN_LOOK_SECONDS)
    last = asyncio.get_running_loop().time() + ORPHAN_SECONDS
    while ours and _listening(address) == ours and asyncio.get_running_loop().time() < last:  # noqa: ASYNC110
        await asyncio.sleep(ORPHAN_LOOK_SECONDS)
    serving.cancel()


def _listening(address: str) -> int:
    """Which socket stands at a path; 0 where it is none, or no path."""
    kind, _, where = address.partition(":")
    with contextlib.suppress(OSError):
        return Path(where).stat().st_ino if kind == "unix" else 0
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m media.avatar.worker", description="Paint and encode faces for calls."
    )
    parser.add_argument("--address", required=True, help="unix:/path or tcp:host:port")
    parser.add_argument("--folder", type=Path, required=True, help="where drawn faces are kept")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="rig", help="what paints")
    parser.add_argument("--weights", type=Path, help="the folder of a neural engine's weights")
    parser.add_argument("--device", default="cpu", help="cpu, or a torch device such as cuda:0")
    parser.add_argument("--most", type=int, default=8, help="faces at once")
    parser.add_argument("--encoders", type=int, default=1, help="threads that encode")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
