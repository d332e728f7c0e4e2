"""Starting a server as our child, so that it never outlives us and never touches the network.

A `Command` says what to start; `spawn` starts it with its death tied to ours; `leftovers`
finds what an earlier, killed parent may still have running on the same folder.
"""

import contextlib
import ctypes
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from storage.embedded.identity import Identity, namespace_entry

SOCKET_PATH_BYTES = 107  # sockaddr_un holds 108, the last is a NUL
LOG_BYTES = 4_000_000
_PR_SET_PDEATHSIG = 1
_QUIET_NICE = 10
_libc = ctypes.CDLL(None, use_errno=True)


class StoreFailed(Exception):
    """An embedded server cannot be started. The message is one sentence that says what to do."""


class DiskFull(StoreFailed):
    """There is no room for it to write; it may start again by itself once there is."""


class Command(Struct, frozen=True, kw_only=True):
    """What to start, as whom, and how it is to end.

    `death`: the signal it gets when we are killed. `stop`: the one by which we ask it to end.
    `forks_quietly`: what it forks has time, and gets the cores nobody else wants.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    folder: Path
    log: Path
    identity: Identity = Identity("self")
    fds: tuple[int, ...] = ()
    death: int = signal.SIGKILL
    stop: int = signal.SIGTERM
    forks_quietly: bool = False


def spawn(command: Command) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own: Ctrl-C reaches us, and we stop it in order.

    Call it on the main thread: Linux ties the child's life to the thread that starts it.
    """
    identity = command.identity
    with _open_log(command.log) as log:
        return subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=command.fds,
            user=identity.user,
            group=identity.group,
            extra_groups=[] if identity.kind == "nobody" else None,
            preexec_fn=_before_exec(identity, command.death),
        )


def _before_exec(identity: Identity, death: int) -> Callable[[], None]:
    """The steps between fork and exec. A change of user clears the death signal: it comes last."""
    parent = os.getpid()
    enter = namespace_entry() if identity.kind == "mapped" else None

    def prepare() -> None:
        if enter is not None:
            enter()
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, death)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _open_log(path: Path) -> BinaryIO:
    """Open a log for appending; a long one becomes `NAME.old` first, so two is all there is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # no store of our own made it
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(path.suffix + ".old"))
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)


def lower_children(pid: int) -> int:
    """Give what this process forked the cores nobody else wants; how many were lowered anew."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it is gone, or this system does not tell
        return 0
    lowered = 0
    for child in map(int, found):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpriority(os.PRIO_PROCESS, child) < _QUIET_NICE:
                os.setpriority(os.PRIO_PROCESS, child, _QUIET_NICE)
                lowered += 1
    return lowered


def last_words(log: Path, lines: int = 8) -> str:
    """The end of a log, for the message that says why a child could not start."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def socket_folder(data: Path) -> Path:
    """A private folder with a short name for the sockets of the data folder `data`.

    Socket paths hold 107 bytes at most and data folders lie anywhere, so the name is a hash.
    """
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    folder = _runtime_folder() / f"kindred-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise StoreFailed(
            f"{folder} belongs to someone else; remove it, or set TMPDIR to a folder of yours."
        )
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def tidy_sockets(data: Path) -> None:
    """Remove the socket folder once nothing is in it."""
    folder = socket_folder(data)
    for empty in (folder / "postgres", folder):
        with contextlib.suppress(OSError):
            empty.rmdir()


def _runtime_folder() -> Path:
    """Where short-lived sockets go: the login's own folder, else the one for temporary files."""
    for candidate in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if (
            candidate
            and len(os.fsencode(candidate)) < 50
            and os.access(candidate, os.W_OK | os.X_OK)
        ):
            return Path(candidate)
    raise StoreFailed(
        "No short folder to put sockets in was found; set TMPDIR to one you may write to."
    )


def check_socket(path: Path) -> Path:
    """`path`, unless it is too long to be bound."""
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise StoreFailed(
            f"The socket path {path} is longer than {SOCKET_PATH_BYTES} bytes: "
            "set TMPDIR to a shorter folder."
        )
    return path


def leftovers(folder: Path, program: str) -> list[int]:
    """Processes of `program` that work in `folder`: what a killed parent left behind."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            same_folder = os.path.samefile(entry / "cwd", folder)
            if same_folder and program in (entry / "cmdline").read_bytes().decode(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked, or it is someone else's
    return [pid for pid in found if pid != os.getpid()]


def end_leftovers(folder: Path, program: str, patience_seconds: float = 5.0) -> None:
    """Wait for leftovers to end by themselves, then end them."""
    deadline = time.monotonic() + patience_seconds
    while pids := leftovers(folder, program):
        if time.monotonic() > deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def wait_ready(
    child: "subprocess.Popen[bytes]", command: Command, ready: Callable[[], bool], seconds: float
) -> None:
    """Return once `ready()`; raises StoreFailed when the child ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None or time.monotonic() > deadline:
            end(child, signal.SIGKILL, 1.0)
            raise failure(command.name, command.log)
        time.sleep(0.01)


def failure(name: str, log: Path) -> StoreFailed:
    """Why a child failed, in a sentence, from the end of its log."""
    words, folder = last_words(log), log.parent.parent
    if "No space left on device" in words:
        return DiskFull(f"The disk that holds {folder} is full: make room, then start again.")
    if "Read-only file system" in words or "Permission denied" in words:
        return StoreFailed(
            f"{name} may not write below {folder}: make it writable, or choose another with --data."
        )
    return StoreFailed(f"{name} did not start; its log {log} ends with:\n{words}")


def end(child: "subprocess.Popen[bytes]", ask: int, seconds: float) -> None:
    """Ask a child to end, wait, and insist."""
    if child.poll() is None:
        child.send_signal(ask)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
