"""As whom an embedded server runs, because PostgreSQL refuses to run as root.

An ordinary user runs it as itself. Root gives it a user namespace in which root's own files
belong to `nobody`; where the system forbids namespaces it becomes `nobody` for real.
"""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

_CLONE_NEWUSER = 0x10000000
_NOBODY = "nobody"
_libc = ctypes.CDLL(None, use_errno=True)


class Identity(Struct, frozen=True):
    """How a child's user differs from ours.

    `self`: not at all. `mapped`: nobody inside a user namespace, ourselves outside it, so
    every file stays ours. `nobody`: really that user; its folders are given to it.
    """

    kind: Literal["self", "mapped", "nobody"]
    user: int | None = None
    group: int | None = None

    @property
    def owner(self) -> tuple[int, int]:
        """The user and group, as seen from here, that must own the server's files."""
        if self.kind == "nobody":
            assert self.user is not None
            assert self.group is not None
            return self.user, self.group
        return os.geteuid(), os.getegid()


def namespace_entry() -> Callable[[], None]:
    """What to run between fork and exec: become `nobody` in a namespace where our files are its.

    Everything is looked up beforehand: between fork and exec the less is done the better.
    """
    user, group, nobody = os.geteuid(), os.getegid(), pwd.getpwnam(_NOBODY)
    maps = (
        ("/proc/self/setgroups", b"deny"),
        ("/proc/self/uid_map", b"%d %d 1" % (nobody.pw_uid, user)),
        ("/proc/self/gid_map", b"%d %d 1" % (nobody.pw_gid, group)),
    )

    def enter() -> None:
        if _libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for path, line in maps:
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, line)
            os.close(fd)

    return enter


@cache
def choose_identity() -> Identity:
    """The gentlest way to run a server that must not be root."""
    if os.geteuid() != 0:
        return Identity("self")
    if _works(namespace_entry()):
        return Identity("mapped")
    return real_nobody()


def real_nobody() -> Identity:
    """The identity of last resort."""
    nobody = pwd.getpwnam(_NOBODY)
    return Identity("nobody", nobody.pw_uid, nobody.pw_gid)


def _works(preparation: Callable[[], None]) -> bool:
    """Whether a process can be started with `preparation`; containers often forbid it."""
    try:
        return subprocess.run(["true"], preexec_fn=preparation, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def give(folder: Path, identity: Identity) -> None:
    """Make `folder` and what is in it belong to `identity`, when it does not yet."""
    user, group = identity.owner
    if os.geteuid() != 0 or folder.stat().st_uid == user:
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), user, group)
    os.lchown(folder, user, group)


def can_enter(folder: Path, identity: Identity) -> bool:
    """Whether `identity` may walk to `folder`: each folder above it must let it through."""
    if identity.kind != "nobody":
        return True
    for step in (folder, *folder.parents):
        status = step.stat()
        if status.st_uid == identity.user:
            continue
        if not status.st_mode & (0o010 if status.st_gid == identity.group else 0o001):
            return False
    return True
