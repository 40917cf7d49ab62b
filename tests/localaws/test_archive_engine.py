"""The WAL archive of the PostgreSQL engine, and recovery to a moment, with real servers and files."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localaws.engines import archive, recovery, standby, timelines
from localaws.engines.binaries import PostgresBinaries, find_all
from localaws.engines.cluster import copy_file, system_identifier
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling
from localaws.engines.role import Upstream

from .fix_engines import Yard, open_yard, run, scalar, session

pytestmark = pytest.mark.engine


@pytest.fixture
def yard() -> Iterator[Yard]:
    with open_yard() as made:
        yield made


@dataclass
class Source:
    """A database that archives, with a base snapshot and the moments of its commits."""

    yard: Yard
    server: PostgresServer
    archive: Path
    base: Path

    @classmethod
    def make(cls, yard: Yard, binaries: PostgresBinaries | None = None) -> Source:
        server = yard.primary("source", binaries)
        source = cls(yard, server, yard.folder / "an archive", yard.folder / "base")
        archive.set_archive(server, source.archive)
        run(server, "CREATE TABLE kept (id int)")
        server.snapshot(source.base)
        return source

    def commit(self, number: int) -> datetime.datetime:
        """Insert a row and return the moment the commit record carries."""
        with session(self.server) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        with self.server.connect("shop") as connection:
            row = connection.execute(
                "SELECT pg_xact_commit_timestamp(xmin) FROM kept WHERE id = %s", [number]
            ).fetchone()
        assert row is not None
        moment: datetime.datetime = row[0]
        return moment

    def recover(self, name: str, target: datetime.datetime | None) -> PostgresServer:
        place = self.yard.server(name, self.server.binaries)
        return self.yard.keep(
            recovery.recover(
                self.base,
                self.archive,
                place.home,
                place.sockets,
                binaries=place.binaries,
                durable=False,
                settings={},
                target=target,
            )
        )

    def files(self) -> list[str]:
        return sorted(path.name for path in self.archive.iterdir())


def ids(server: PostgresServer) -> list[Any]:
    with session(server) as connection:
        return [each for (each,) in connection.execute("SELECT id FROM kept ORDER BY id")]


@pytest.fixture(scope="module", params=find_all(), ids=lambda binaries: f"postgres-{binaries.major}")
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    with open_yard() as yard:
        made = Source.make(yard, request.param)
        made.server.configure({"track_commit_timestamp": "on"})
        made.server.stop()
        made.server.start()
        yield made


def test_any_moment_is_recovered_to_a_server_of_its_own(source: Source) -> None:
    second = source.commit(1), source.commit(2), source.commit(3)
    run(source.server, "DELETE FROM kept")
    archive.archive_now(source.server)
    before = source.files()
    exactly = source.recover("exactly", second[1])
    assert ids(exactly) == [1, 2]
    assert system_identifier(exactly.data) != system_identifier(source.server.data)
    run(exactly, "INSERT INTO kept VALUES (4)")
    just_before = source.recover("before", second[1] - datetime.timedelta(microseconds=1))
    assert ids(just_before) == [1]
    run(just_before, *["SELECT 1"] * 3)
    with just_before.connect() as connection:
        connection.execute("SELECT pg_switch_wal()")
        assert connection.execute("SHOW synchronous_standby_names").fetchone() == ("",)
    assert source.files() == before
    assert ids(source.server) == []
    exactly.stop()
    exactly.start()
    assert ids(exactly) == [1, 2, 4]


def test_a_target_after_the_last_commit_and_none_at_all_are_the_end(source: Source) -> None:
    source.commit(10)
    archive.archive_now(source.server)
    later = source.recover("later", datetime.datetime.now(datetime.UTC))
    assert ids(later)[-1] == 10
    last = source.commit(11)
    assert any(
        datetime.datetime.now(datetime.UTC) > last + datetime.timedelta(seconds=0.1) for _ in polling(5)
    )
    archive.archive_now(source.server)
    between = source.recover("between", last + datetime.timedelta(seconds=0.05))
    assert ids(between)[-1] == 11
    assert ids(source.recover("end", None))[-1] == 11


def test_a_moment_before_the_base_is_refused_and_nothing_is_left(source: Source) -> None:
    finished = recovery.finished_at(source.base)
    assert finished is not None
    with pytest.raises(recovery.TargetTooEarly, match="start from an older snapshot"):
        source.recover("early", finished - datetime.timedelta(seconds=1))
    assert not (source.yard.folder / "early").exists()


def test_an_idle_server_archives_nothing(source: Source) -> None:
    archive.archive_now(source.server)
    before = source.files()
    archive.archive_now(source.server)
    archive.archive_now(source.server)
    assert source.files() == before
    assert archive.health(source.server).waiting == 0


def test_the_archive_is_private_and_holds_whole_files_only(source: Source) -> None:
    assert source.archive.stat().st_mode & 0o777 == 0o700
    assert source.archive.stat().st_uid == source.server.data.stat().st_uid
    for path in source.archive.iterdir():
        name = re.fullmatch(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?", path.name)
        assert name is not None
        assert name.group(1) or path.stat().st_size == 1 << 20


def test_the_same_file_twice_is_fine_and_another_of_its_name_is_not(yard: Yard) -> None:
    source = Source.make(yard)
    run(source.server, "INSERT INTO kept VALUES (1)")
    with source.server.connect() as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
    assert row is not None
    (source.archive / row[0]).write_bytes(b"another")
    with pytest.raises(EngineFailed, match="was not archived"):
        archive.archive_now(source.server, 1)
    assert any(archive.health(source.server).failing for _ in polling(10))
    (source.archive / row[0]).unlink()
    copy_file(source.server.data / "pg_wal" / row[0], source.archive / row[0], source.server.account)
    archive.archive_now(source.server)
    assert not archive.health(source.server).failing


def test_no_archive_is_named_and_archiving_ends_without_a_restart(yard: Yard) -> None:
    source = Source.make(yard)
    pid = source.server.pid
    archive.archive_now(source.server)
    archive.set_archive(source.server, None)
    before = source.files()
    run(source.server, "INSERT INTO kept VALUES (1)")
    with source.server.connect() as connection:
        connection.execute("SELECT pg_switch_wal()")
    assert any(archive.health(source.server).waiting == 0 for _ in polling(20))
    assert source.files() == before
    assert source.server.pid == pid
    with pytest.raises(EngineFailed, match="set one first"):
        archive.archive_now(source.server)


def test_recovery_crosses_a_failover_and_the_hidden_standby_archives_too(yard: Yard) -> None:
    source = Source.make(yard)
    hidden = yard.standby(source.server, "b")
    archive.set_archive(hidden, source.archive)
    run(source.server, "INSERT INTO kept VALUES (1)")
    standby.wait_streaming(hidden)
    standby.set_synchronous(source.server, ["b"])
    standby.wait_synchronous(source.server, "b")
    run(source.server, "INSERT INTO kept VALUES (2)")
    standby.fence(source.server)
    standby.promote(hidden)
    run(hidden, "INSERT INTO kept VALUES (3)")
    archive.archive_now(hidden)
    assert "00000002.history" in source.files()
    assert ids(source.recover("end", None)) == [1, 2, 3]
    hidden.snapshot(yard.folder / "second")
    run(hidden, "INSERT INTO kept VALUES (4)")
    archive.archive_now(hidden)
    source.base = yard.folder / "second"
    recovered = source.recover("second-end", None)
    assert ids(recovered) == [1, 2, 3, 4]
    assert standby.timeline(recovered) == 3


def test_a_timeline_on_which_nobody_is_any_more_misleads_no_standby(yard: Yard) -> None:
    source = Source.make(yard)
    server, later = source.server, "0000000100000000000000"
    abandoned = source.archive / "00000002.history"
    abandoned.write_text("1\t0/100000\tno recovery target specified\n")
    run(server, "INSERT INTO kept VALUES (1)")
    archive.archive_now(server)
    server.stop()
    timelines.abandon_later(server)
    assert not abandoned.exists()
    assert [name for name in source.files() if name.startswith(later)]
    server.start()
    upstream = Upstream(yard.link, "b", source.archive)
    follower = yard.keep(
        standby.clone(server, yard.folder / "b", yard.folder / "s-b", upstream=upstream, settings={})
    )
    standby.wait_streaming(follower)
    assert ids(follower) == [1]


def test_a_standby_fills_from_the_archive_what_its_source_has_recycled(yard: Yard) -> None:
    source = Source.make(yard)
    follower = yard.standby(source.server, "b")
    standby.follow(follower, standby.Upstream(yard.link, "b", source.archive))
    standby.wait_streaming(follower)
    follower.stop()
    source.server.configure({"wal_keep_size": "0", "max_wal_size": "2MB", "min_wal_size": "2MB"})
    source.server.reload()
    run(source.server, "CREATE TABLE big AS SELECT repeat('x', 900) AS x FROM generate_series(1, 6000)")
    archive.archive_now(source.server)
    with source.server.connect() as connection:
        connection.execute("CHECKPOINT")
    oldest = min(path.name for path in (source.server.data / "pg_wal").glob("0*"))
    assert oldest > max(path.name for path in (follower.data / "pg_wal").glob("0*"))
    follower.start()
    standby.wait_streaming(follower)
    assert scalar(follower, "SELECT count(*) FROM big") == 6000


def test_pruning_keeps_what_the_oldest_base_needs(yard: Yard) -> None:
    source = Source.make(yard)
    run(source.server, "INSERT INTO kept VALUES (1)")
    archive.archive_now(source.server)
    source.server.snapshot(yard.folder / "second")
    run(source.server, "INSERT INTO kept VALUES (2)")
    archive.archive_now(source.server)
    everything = source.files()
    archive.prune(source.archive, [source.base, yard.folder / "second"])
    assert everything[-2:] == source.files()[-2:]
    assert len(everything) >= len(source.files())
    archive.prune(source.archive, [yard.folder / "second"])
    kept = source.files()
    assert 0 < len(kept) < len(everything)
    source.base = yard.folder / "second"
    assert ids(source.recover("r", None)) == [1, 2]
    source.server.stop()
    source.server.snapshot(yard.folder / "third")
    archive.prune(source.archive, [yard.folder / "third"])
    assert len(source.files()) < len(kept)
    archive.prune(source.archive, [])
    assert source.files() == []
    archive.erase_archive(source.archive)
    assert not source.archive.exists()


def test_a_gap_in_the_archive_is_named(yard: Yard) -> None:
    source = Source.make(yard)
    for number in range(3):
        run(source.server, f"INSERT INTO kept VALUES ({number})")
        archive.archive_now(source.server)
    (source.archive / [name for name in source.files() if len(name) == 24][-2]).unlink()
    with pytest.raises(EngineFailed, match="lacks 1 WAL files"):
        source.recover("r", None)
    assert not (yard.folder / "r").exists()


def test_a_recovery_that_fails_leaves_nothing(yard: Yard) -> None:
    source = Source.make(yard)
    source.server.stop()
    (source.base / "data" / "backup_label").unlink()
    (source.base / "data" / "global" / "pg_control").write_bytes(b"broken")
    with pytest.raises(EngineFailed):
        source.recover("r", None)
    assert not (yard.folder / "r").exists()


@pytest.mark.parametrize("after_base", [False, True])
def test_a_source_that_has_got_larger_limits_is_recovered(yard: Yard, after_base: bool) -> None:
    source = Source.make(yard)
    source.server.configure({"max_connections": "90"})
    source.server.stop()
    source.server.start()
    if not after_base:
        source.base = yard.folder / "later"
        source.server.snapshot(source.base)
    run(source.server, "INSERT INTO kept VALUES (1)")
    archive.archive_now(source.server)
    recovered = source.recover("smaller", None)
    assert ids(recovered) == [1]
    assert scalar(recovered, "SHOW max_connections") == "60"
