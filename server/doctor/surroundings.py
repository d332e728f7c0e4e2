"""The machine around Kindred: what tends to be too little, or not as one thinks."""

import datetime
import platform
import resource
import shutil
from pathlib import Path

from config.settings import Settings
from server.doctor.shapes import Surrounding

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LEAST_FREE_GB = 1.0
_LEAST_DESCRIPTORS = 4096


def look_around(settings: Settings, folder: Path) -> list[Surrounding]:
    """The machine: what tends to be too little, or not as one thinks."""
    return [
        _data_folder(folder),
        _disk(folder),
        _descriptors(),
        _clock(),
        _microphone(settings),
        Surrounding(
            name="python",
            value=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
            condition="fine",
        ),
    ]


def _data_folder(folder: Path) -> Surrounding:
    made = (folder / "VERSION").exists()
    value = str(folder) if made else f"{folder} (made by `kindred up`)"
    return Surrounding(name="data folder", value=value, condition="fine" if made else "idle")


def _disk(folder: Path) -> Surrounding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    enough = free >= _LEAST_FREE_GB
    return Surrounding(
        name="disk",
        value=f"{free:.1f} GB free",
        condition="fine" if enough else "wrong",
        advice="" if enough else "make room: a full disk stops the database",
    )


def _descriptors() -> Surrounding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1_048_576
    enough = most >= _LEAST_DESCRIPTORS
    return Surrounding(
        name="open files",
        value=f"{soft} (a gateway raises it to {most}): each socket takes one",
        condition="fine" if enough else "wrong",
        advice="" if enough else f"raise it: ulimit -n {_LEAST_DESCRIPTORS}, or LimitNOFILE=",
    )


def _clock() -> Surrounding:
    now = datetime.datetime.now(datetime.UTC)
    sane = now.year >= 2026
    return Surrounding(
        name="clock",
        value=now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        condition="fine" if sane else "wrong",
        advice="" if sane else "set it: sign-ins and daily credits go by it",
    )


def _microphone(settings: Settings) -> Surrounding:
    server = settings.server
    secure = bool(server.tls_cert) or server.public_url.startswith("https://")
    if secure:
        return Surrounding(name="microphone", value="yes: served over https", condition="fine")
    local = server.host in LOOPBACK
    return Surrounding(
        name="microphone",
        value="on this machine only: browsers give it to https pages and to localhost",
        condition="fine" if local else "wrong",
        advice="" if local else "use --tls CERT KEY, or a proxy with https and server.public_url",
    )
