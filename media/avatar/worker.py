"""The render worker's process: `python -m media.avatar.worker --address unix:/path`.

The key that callers must show is read from KINDRED_FACES_KEY. It prints `ready` once it listens,
and ends with its parent.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from media.avatar.engines import ENGINES, open_engine
from media.avatar.rendering.server import FaceServer

KEY_VARIABLE: Final = "KINDRED_FACES_KEY"
ORPHAN_LOOK_SECONDS: Final = 1.0


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit status."""
    told = _arguments(sys.argv[1:] if argv is None else argv)
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        print(f"Set {KEY_VARIABLE} to the key that callers must show.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    told.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(told.engine, told.device, told.folder)
    server = FaceServer(engine, key=key, most=told.most, encoders=told.encoders)
    asyncio.run(_serve(server, told.address, os.getppid()))
    return 0


async def _serve(server: FaceServer, address: str, parent: int) -> None:
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(address, ready), name="faces")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    watching = asyncio.create_task(_watch(serving, ready, parent), name="parent")
    try:
        await serving
    except asyncio.CancelledError:
        pass
    finally:
        watching.cancel()


async def _watch(serving: asyncio.Task[None], ready: asyncio.Event, parent: int) -> None:
    await ready.wait()
    print("ready", flush=True)
    while os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(ORPHAN_LOOK_SECONDS)
    serving.cancel()


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m media.avatar.worker", description="Paint and encode faces for calls."
    )
    parser.add_argument("--address", required=True, help="unix:/path or tcp:host:port")
    parser.add_argument("--folder", type=Path, required=True, help="where drawn faces are kept")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="rig", help="what draws")
    parser.add_argument("--device", default="cpu", help="cpu, or a torch device such as cuda:0")
    parser.add_argument("--most", type=int, default=8, help="faces at once")
    parser.add_argument("--encoders", type=int, default=1, help="threads that encode")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
