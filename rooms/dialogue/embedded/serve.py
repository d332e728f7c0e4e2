"""Serves one GGUF model on loopback, in a process of its own that all gateways share.

`python -m rooms.dialogue.embedded.serve --port N --data DIR [--model FILE]`; the key that callers
must show is read from KINDRED_MODEL_KEY. Progress goes to standard output, one line each:
`progress requantise 40`, `progress load 0`, and `ready` once /health answers 200.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

from msgspec import Struct

from rooms.dialogue.embedded.gguf_file import check_gguf
from rooms.dialogue.embedded.requantise import UNFINISHED, requantise
from rooms.dialogue.embedded.shipped import (
    OWN_CONTEXT_TOKENS,
    OWN_SLOTS,
    SHIPPED_CONTEXT_TOKENS,
    SHIPPED_MODEL,
    SHIPPED_SLOTS,
    NoModel,
    shipped_weights,
)

KEY_VARIABLE: Final = "KINDRED_MODEL_KEY"
ORPHAN_LOOK_SECONDS: Final = 2.0
_PROMPT_CACHE_MIB: Final = 64
_BATCH_TOKENS: Final = 256


class Serving(Struct, frozen=True, kw_only=True):
    """What to serve and how: `slots` talk at once, each with `context_tokens` of its own.

    Memory that all talkers shared would let one long prompt end everybody's reply.
    """

    port: int
    data: Path
    key: str
    model: Path | None = None
    threads: int = 1
    slots: int = SHIPPED_SLOTS
    context_tokens: int = SHIPPED_CONTEXT_TOKENS
    sleep_seconds: int = 300


def main(argv: list[str] | None = None) -> int:
    """Prepare, load, serve until told to stop. Returns the exit status."""
    parent = os.getppid()
    serving = _serving(sys.argv[1:] if argv is None else argv)
    if not serving.key:
        print(f"Set {KEY_VARIABLE} to the key that callers must show.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        if prepare(serving):
            # A fresh start of the same process gives back what the rewriting took: 50 MB.
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606
    except (NoModel, OSError) as error:
        print(f"The language model cannot be loaded: {error}", file=sys.stderr)
        return 1
    return _serve(serving, weights_of(serving), parent)


def weights_of(serving: Serving) -> Path:
    """The file to load: the operator's own, or the shipped one as rewritten in the data folder."""
    return serving.model or serving.data / "models" / f"{SHIPPED_MODEL}.Q8_0.gguf"


def prepare(serving: Serving) -> bool:
    """See that the file to load is there. True when it had to be made, which is so once."""
    if serving.model is not None:
        check_gguf(serving.model)
        return False
    ready = weights_of(serving)
    if ready.exists():
        return False
    for stale in ready.parent.glob(f"{ready.name}.*{UNFINISHED}"):
        stale.unlink(missing_ok=True)
    requantise(shipped_weights(), ready, lambda percent: _say("requantise", percent))
    return True


def _serve(serving: Serving, weights: Path, parent: int) -> int:
    _say("load", 0)
    # Loading is one long call that no Python handler can interrupt, and it leaves nothing behind:
    # until it is over, a signal simply ends the process.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(xllamacpp, serving, weights))
    except (RuntimeError, ValueError) as error:
        print(f"The language model cannot be loaded: {error}", file=sys.stderr)
        return 1
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    _say("load", 100)
    print("ready", flush=True)
    while not stop.wait(ORPHAN_LOOK_SECONDS):
        if os.getppid() != parent:
            break
    _ = server  # alive until here
    # Open streams would be waited for; nobody reads them any more and nothing is left to save.
    sys.stdout.flush()
    os._exit(0)


def _parameters(xllamacpp: Any, serving: Serving, weights: Path) -> Any:
    """llama.cpp's settings. One thread: two spin-wait and collapse on a busy machine."""
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(weights)
    chosen.model_alias = {SHIPPED_MODEL if serving.model is None else weights.stem}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = serving.port
    chosen.api_keys = [serving.key]
    chosen.cpuparams.n_threads = serving.threads
    chosen.cpuparams_batch.n_threads = serving.threads
    chosen.n_ctx = serving.context_tokens * serving.slots
    chosen.n_parallel = serving.slots
    chosen.n_batch = _BATCH_TOKENS
    chosen.n_ubatch = _BATCH_TOKENS
    chosen.cache_ram_mib = _PROMPT_CACHE_MIB
    chosen.n_threads_http = 2 * serving.slots + 2
    chosen.sleep_idle_seconds = serving.sleep_seconds
    chosen.ui = False
    chosen.endpoint_slots = False
    chosen.verbosity = 1
    return chosen


def _say(what: str, percent: int) -> None:
    print(f"progress {what} {percent}", flush=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    """Unwind, so that a half-written file is removed on the way out."""
    raise SystemExit(0 if number == signal.SIGTERM else 130)


def _serving(argv: list[str]) -> Serving:
    parser = argparse.ArgumentParser(
        prog="python -m rooms.dialogue.embedded.serve",
        description="Serve one GGUF model on 127.0.0.1, OpenAI-compatible.",
    )
    parser.add_argument("--port", type=int, required=True, help="where to listen on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--model", type=Path, help="a GGUF file; without it, the shipped model")
    parser.add_argument("--threads", type=int, default=1, help="more only on an idle machine")
    parser.add_argument("--slots", type=int, help="how many may talk at once")
    parser.add_argument("--context", type=int, help="tokens for each of them")
    parser.add_argument(
        "--sleep", type=int, default=300, help="idle seconds after which memory is given back"
    )
    told = parser.parse_args(argv)
    usual = OWN_CONTEXT_TOKENS if told.model else SHIPPED_CONTEXT_TOKENS
    return Serving(
        port=told.port,
        data=told.data,
        key=os.environ.get(KEY_VARIABLE, ""),
        model=told.model,
        threads=told.threads,
        slots=told.slots or (OWN_SLOTS if told.model else SHIPPED_SLOTS),
        context_tokens=told.context or usual,
        sleep_seconds=told.sleep,
    )


if __name__ == "__main__":
    sys.exit(main())
