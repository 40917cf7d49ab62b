"""Streaming standbys of the PostgreSQL engine: real servers that follow, are promoted, and lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from localaws.engines import standby
from localaws.engines.binaries import PostgresBinaries, find_all
from localaws.engines.cluster import system_identifier
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling, processes_in
from localaws.engines.role import Upstream

from .fix_engines import Yard, open_yard, run, scalar, session

pytestmark = pytest.mark.engine


@pytest.fixture
def yard() -> Iterator[Yard]:
    with open_yard() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Yard]:
    with open_yard() as made:
        yield made


@pytest.fixture(scope="module")
def primary(shared: Yard) -> PostgresServer:
    """A primary for the tests that leave it one."""
    made = shared.primary()
    run(made, "CREATE TABLE kept (id int)")
    return made


@pytest.fixture(params=find_all(), ids=lambda binaries: f"postgres-{binaries.major}")
def binaries(request: pytest.FixtureRequest) -> PostgresBinaries:
    found: PostgresBinaries = request.param
    return found


def kill(server: PostgresServer) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert any(not server.alive() for _ in polling(20))


def synchronous(primary: PostgresServer, follower: PostgresServer, name: str = "b") -> None:
    standby.wait_streaming(follower)
    standby.set_synchronous(primary, [name])
    standby.wait_synchronous(primary, name)
    standby.mark_in_sync(follower.home)


def test_a_standby_follows_refuses_writes_and_is_promoted(yard: Yard, binaries: PostgresBinaries) -> None:
    primary = yard.primary(binaries=binaries)
    run(primary, "CREATE TABLE kept AS SELECT 1 AS id")
    follower = yard.standby(primary, "b")
    run(primary, "INSERT INTO kept VALUES (2)")
    standby.wait_streaming(follower)
    assert standby.is_standby(follower.home)
    assert scalar(follower, "SELECT count(*) FROM kept") == 2
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        run(follower, "INSERT INTO kept VALUES (3)")
    assert system_identifier(primary.data) == system_identifier(follower.data)
    (seen,) = standby.followers(primary)
    assert (seen.name, seen.state, seen.synchronous) == ("b", "streaming", False)
    found = standby.replay(follower)
    assert found.streaming
    assert found.replayed == found.received > 0
    standby.promote(follower)
    run(follower, "INSERT INTO kept VALUES (3)")
    assert not standby.is_standby(follower.home)
    assert (standby.timeline(primary), standby.timeline(follower)) == (1, 2)
    kill(follower)
    follower.start()
    assert scalar(follower, "SELECT count(*) FROM kept") == 3


def test_a_standby_of_a_standby_follows_the_link_after_a_failover(yard: Yard) -> None:
    primary = yard.primary()
    run(primary, "CREATE TABLE kept AS SELECT 1 AS id")
    follower = yard.standby(primary, "b")
    cascaded = yard.standby(follower, "c")
    standby.wait_streaming(cascaded)
    standby.follow(cascaded, Upstream(follower.sockets, "c"))
    assert any([each.name for each in standby.followers(follower)] == ["c"] for _ in polling(20))
    standby.follow(cascaded, Upstream(yard.link, "c"))
    standby.wait_streaming(follower)
    standby.fence(primary)
    standby.promote(follower)
    standby.point(yard.link, follower.sockets)
    run(follower, "INSERT INTO kept VALUES (2)")
    standby.wait_streaming(cascaded)
    assert scalar(cascaded, "SELECT count(*) FROM kept") == 2


def test_every_acknowledged_row_is_on_the_promoted_standby(yard: Yard) -> None:
    primary = yard.primary()
    run(primary, "CREATE TABLE kept (writer int, n int)")
    follower = yard.standby(primary, "b")
    synchronous(primary, follower)
    acknowledged: dict[int, int] = {}

    def write(writer: int) -> None:
        with session(primary) as connection:
            try:
                for n in range(1, 1_000_000):
                    connection.execute("INSERT INTO kept VALUES (%s, %s)", [writer, n])
                    acknowledged[writer] = n
            except psycopg.OperationalError:
                return

    writers = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for thread in writers:
        thread.start()
    assert any(sum(acknowledged.values()) > 100 for _ in polling(30))
    kill(primary)
    for thread in writers:
        thread.join()
    standby.fence(primary)
    assert standby.is_in_sync(follower.home)
    standby.promote(follower)
    with session(follower) as connection:
        found = dict(connection.execute("SELECT writer, count(*) FROM kept GROUP BY writer").fetchall())
    assert {writer: found[writer] >= n for writer, n in acknowledged.items()} == dict.fromkeys(range(4), True)
    assert not standby.is_in_sync(follower.home)
    standby.point(yard.link, follower.sockets)
    standby.rebuild(primary, follower, upstream=Upstream(yard.link, "a"), settings={})
    standby.wait_streaming(primary)
    assert standby.is_standby(primary.home)
    assert scalar(primary, "SELECT count(*) FROM kept") == sum(found.values())


def test_commits_wait_for_a_standby_until_it_is_struck_off(shared: Yard, primary: PostgresServer) -> None:
    name = 'a "standby", b\\\'s'
    place, upstream = shared.server("quoted"), Upstream(shared.link, name)
    follower = shared.keep(standby.clone(primary, place.home, place.sockets, upstream=upstream, settings={}))
    synchronous(primary, follower, name)
    follower.stop(immediate=True)
    done = threading.Event()

    def write() -> None:
        run(primary, "INSERT INTO kept VALUES (1)")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    assert any(scalar(primary, waiting) == 1 for _ in polling(20))
    assert not done.is_set()
    standby.unmark_in_sync(follower.home)
    standby.set_synchronous(primary, [])
    assert done.wait(20)
    writer.join()
    assert not standby.is_in_sync(follower.home)


def test_synchronous_names_are_kept_over_a_restart(shared: Yard, primary: PostgresServer) -> None:
    standby.set_synchronous(primary, ["b", "c"])
    primary.configure({"work_mem": "8MB"})
    primary.stop()
    primary.start()
    assert scalar(primary, "SHOW synchronous_standby_names") == 'FIRST 2 ("b", "c")'
    primary.stop()
    standby.set_synchronous(primary, [])
    primary.start()
    assert scalar(primary, "SHOW synchronous_standby_names") == ""


def test_a_standby_has_at_least_the_limits_of_its_source(shared: Yard, primary: PostgresServer) -> None:
    follower = shared.standby(primary, "limited", max_connections="30", work_mem="8MB")
    assert scalar(follower, "SHOW max_connections") == "60"
    assert scalar(follower, "SHOW work_mem") == "8MB"
    primary.configure({"max_connections": "120"})
    primary.stop()
    primary.start()
    assert any(standby.replay(follower).stalled for _ in polling(20))
    follower.stop()
    follower.start()
    standby.wait_streaming(follower)
    assert scalar(follower, "SHOW max_connections") == "120"


def test_a_standby_killed_and_left_behind_catches_up(shared: Yard, primary: PostgresServer) -> None:
    follower = shared.standby(primary, "late")
    kill(follower)
    run(primary, "CREATE TABLE late AS SELECT 1 AS id")
    primary.stop()
    follower.start()
    primary.start()
    standby.wait_streaming(follower)
    assert scalar(follower, "SELECT count(*) FROM late") == 1


def test_a_standby_that_is_down_is_started_to_be_promoted(yard: Yard) -> None:
    primary = yard.primary()
    run(primary, "CREATE TABLE kept AS SELECT 1 AS id")
    follower = yard.standby(primary, "b")
    standby.wait_streaming(follower)
    kill(follower)
    standby.fence(primary)
    again = yard.server("b")
    standby.promote(again)
    standby.promote(again)
    assert scalar(again, "SELECT count(*) FROM kept") == 1


def test_a_promotion_that_was_asked_for_before_a_kill_is_carried_out_again(yard: Yard) -> None:
    primary = yard.primary()
    follower = yard.standby(primary, "b")
    standby.mark_in_sync(follower.home)
    (follower.data / "promote").touch()
    kill(follower)
    again = yard.server("b")
    again.start()
    assert standby.is_standby(again.home)
    assert standby.is_in_sync(again.home)
    standby.promote(again)
    run(again, "CREATE TABLE written ()")


def test_a_clone_that_fails_leaves_nothing(shared: Yard, primary: PostgresServer) -> None:
    with pytest.raises(EngineFailed, match="no_such_library"):
        shared.standby(primary, "b", shared_preload_libraries="no_such_library")
    assert not (shared.folder / "b").exists()
    primary.stop()
    with pytest.raises(psycopg.OperationalError):
        shared.standby(primary, "b")
    primary.start()
    assert not (shared.folder / "b").exists()


def test_half_a_copy_is_no_cluster_and_is_made_again(shared: Yard, primary: PostgresServer) -> None:
    follower = shared.standby(primary, "half")
    follower.stop()
    (follower.home / "data").rename(follower.home / "data.unfinished")
    assert not (follower.home / "data" / "PG_VERSION").exists()
    standby.rebuild(follower, primary, upstream=Upstream(shared.link, "half"), settings={})
    standby.wait_streaming(follower)
    assert not (follower.home / "data.unfinished").exists()


def test_a_snapshot_of_a_standby_restores_to_a_primary(yard: Yard, binaries: PostgresBinaries) -> None:
    primary = yard.primary(binaries=binaries)
    run(primary, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
    follower = yard.standby(primary, "b")
    standby.wait_streaming(follower)
    standby.set_synchronous(primary, ["b"])
    for name, state in (("running", True), ("stopped", False)):
        if not state:
            follower.stop()
        follower.snapshot(yard.folder / name)
        place = yard.server(f"from-{name}", binaries)
        restored = PostgresServer.restore(
            yard.folder / name, place.home, place.sockets, binaries=binaries, durable=False, settings={}
        )
        run(restored, "INSERT INTO kept VALUES (0)")
        assert scalar(restored, "SELECT count(*) FROM kept") == 1001
        assert not standby.is_standby(restored.home)
        assert system_identifier(restored.data) != system_identifier(primary.data)
        restored.remove()


def test_the_fence_leaves_no_process_and_no_shared_memory(yard: Yard) -> None:
    primary = yard.primary()
    with session(primary):
        segment = (primary.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        standby.fence(primary)
    assert processes_in(primary.data) == []
    if Path("/proc/sysvipc/shm").exists():
        listed = subprocess.run(["cat", "/proc/sysvipc/shm"], capture_output=True, text=True, check=True)
        assert segment not in [line.split()[1] for line in listed.stdout.splitlines()]
    assert not primary.alive()


def test_the_administrators_password_is_not_in_the_settings(shared: Yard, primary: PostgresServer) -> None:
    follower = shared.standby(primary, "quiet")
    shown = scalar(follower, "SHOW primary_conninfo")
    assert "passfile" in shown
    assert (follower.home / "admin").read_text() not in shown
