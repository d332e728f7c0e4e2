"""The real `kindred up` under kills and signals: it comes back, it ends, it leaves nothing."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from redis import Redis

from server.supervisor.folder import DataFolder, State
from storage.database import connect
from tests.server.house import House, kindred, wait_for, wait_gone

pytestmark = [pytest.mark.stores, pytest.mark.kill, pytest.mark.long]


def stores_only(data: Path) -> House:
    """A house without gateways: the supervisor and its stores."""
    house = House(data, "--role", "stores")
    house.until("Running without a gateway")
    return house


def state_of(data: Path) -> State:
    state = DataFolder(data).running()
    assert state is not None
    return state


async def _execute(url: str, statement: str) -> object:
    connection = await connect(url)
    try:
        return (
            await connection.fetchval(statement)
            if ";" not in statement
            else await connection.execute(statement)
        )
    finally:
        await connection.close()


def execute(data: Path, statement: str) -> object:
    """One statement on the running house's database."""
    return asyncio.run(_execute(state_of(data).database_url, statement))


def test_a_killed_database_comes_back_with_all_it_acknowledged(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house:
        execute(tmp_path, "CREATE TABLE words AS SELECT 'kept' AS text")
        house.child("postgres").kill()
        house.until("The database was ended by SIGKILL; starting it again")
        house.until("The database is back")
        assert execute(tmp_path, "SELECT text FROM words") == "kept"


def test_a_killed_bus_comes_back_with_all_it_acknowledged(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house:
        with Redis.from_url(state_of(tmp_path).bus_url) as bus:
            bus.set("word", "kept")
        house.child("valkey-server").kill()
        house.until("The bus was ended by SIGKILL; starting it again")
        house.until("The bus is back")
        with Redis.from_url(state_of(tmp_path).bus_url) as bus:
            assert bus.get("word") == b"kept"


def test_the_bus_rewrites_its_file_with_the_cores_nobody_else_wants(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house, Redis.from_url(state_of(tmp_path).bus_url) as bus:
        for number in range(200):
            bus.set(f"word:{number}", "kept")
        bus.config_set("rdb-key-save-delay", 20_000)  # four seconds for a rewrite
        serving = house.child("valkey-server")
        usual = serving.nice()
        bus.bgrewriteaof()
        wait_for(lambda: [one.nice() for one in serving.children()] == [10])
        assert serving.nice() == usual


def test_kill_9_of_the_supervisor_leaves_no_process_and_no_loss(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house:
        execute(tmp_path, "CREATE TABLE words AS SELECT 'kept' AS text")
        children = [p.pid for p in psutil.Process(house.process.pid).children(recursive=True)]
        assert len(children) > 2
        house.process.kill()
        house.process.wait()
        assert wait_gone(children) == []
    with stores_only(tmp_path):
        assert execute(tmp_path, "SELECT text FROM words") == "kept"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(tmp_path: Path, number: int) -> None:
    with stores_only(tmp_path) as house:
        children = [p.pid for p in psutil.Process(house.process.pid).children(recursive=True)]
        assert house.stop(number, seconds=10) == 0
        assert wait_gone(children, 0.5) == []
        assert "Stopped; everything is saved." in house.until("Stopped")
    assert DataFolder(tmp_path).running() is None


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    with House(tmp_path, "--role", "stores") as house:
        house.until("Making the database")
        assert house.stop() == 0


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house:
        bus = house.child("valkey-server")
        bus.send_signal(signal.SIGSTOP)
        house.process.send_signal(signal.SIGINT)
        wait_for(lambda: not _has_child(house, "postgres"))
        assert house.stop(signal.SIGINT, seconds=3) == 0
        assert wait_gone([bus.pid]) == []


def _has_child(house: House, program: str) -> bool:
    try:
        return house.child(program).status() != psutil.STATUS_ZOMBIE
    except (AssertionError, psutil.NoSuchProcess):
        return False


def test_a_port_in_use_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = kindred("up", "--data", str(tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"Kindred cannot start. Port {port} is in use by another program: "
        "choose another with --port.\n"
    )


def test_a_folder_from_a_newer_version_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("99 9.9.9\n")
    done = kindred("up", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "newer Kindred (9.9.9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_from_a_newer_version_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    with stores_only(tmp_path):
        execute(
            tmp_path, "INSERT INTO schema_versions VALUES (9999, '9999_future.sql', '') RETURNING 1"
        )
    done = kindred("up", "--data", str(tmp_path), "--role", "stores")
    assert done.returncode == 1
    assert "newer Kindred (it has 9999_future.sql" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_from_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with stores_only(tmp_path):
        newest = execute(tmp_path, "SELECT max(version) FROM schema_versions")
        execute(tmp_path, f"DELETE FROM schema_versions WHERE version = {newest} RETURNING version")
        execute(tmp_path, "DROP SCHEMA public CASCADE")
        execute(tmp_path, "CREATE SCHEMA public")
    with House(tmp_path, "--role", "stores") as house:
        house.until(r"schema is up to date \(\d+ steps taken\)")
        house.until("Running without a gateway")
        assert execute(tmp_path, "SELECT max(version) FROM schema_versions") == newest


def test_two_houses_cannot_share_a_folder(tmp_path: Path) -> None:
    with stores_only(tmp_path) as house:
        done = kindred("up", "--data", str(tmp_path), "--role", "stores")
        assert done.returncode == 1
        assert f"in use by another Kindred (process {house.process.pid})" in done.stderr


def test_a_role_without_stores_asks_for_addresses(tmp_path: Path) -> None:
    done = kindred("up", "--data", str(tmp_path), "--role", "gateway", "--port", "0")
    assert done.returncode == 1
    assert "set database.url and bus.url" in done.stderr


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"x" * 65536):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_is_said_and_survived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(disk)]
    if subprocess.run(size, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        data = disk / "data"
        with stores_only(data) as house:
            execute(data, "CREATE TABLE words AS SELECT 'kept' AS text")
            fill_up(disk / "filler")
            house.child("postgres").kill()
            house.until(r"is full: make room.*Trying again every")
            (disk / "filler").unlink()
            house.until("The database is back")
            assert execute(data, "SELECT text FROM words") == "kept"
            assert house.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
