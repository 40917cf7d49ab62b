"""What one PostgreSQL server tells of itself and its processes at one look."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from localaws.engines.pidfile import PidFile
from localaws.engines.process import works_in
from localaws.engines.rights import ADMIN

SOCKETS_LINE = 4
PATIENCE = 2
OPTIONS = (
    "-c log_statement=none -c log_min_duration_statement=-1 -c log_duration=off -c jit=off "
    "-c pg_stat_statements.track=none -c auto_explain.log_min_duration=-1 "
    f"-c statement_timeout={PATIENCE}s -c idle_session_timeout=0"
)
GENERAL = f"""
WITH position AS (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn)
SELECT (SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND usename <> '{ADMIN}')
          FROM pg_stat_activity),
       (SELECT count(*) FILTER (WHERE wait_event_type = 'IO') FROM pg_stat_activity),
       (SELECT array_agg(pid) FROM pg_stat_activity),
       (SELECT max(age(datfrozenxid)) FROM pg_database),
       (SELECT coalesce(max(pg_wal_lsn_diff(lsn, restart_lsn)), -1)::float
          FROM pg_replication_slots, position),
       pg_is_in_recovery(),
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
       coalesce(pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(), true),
       coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float
"""
READS = "(SELECT sum(blks_read) FROM pg_stat_database)::float"
TRANSFERS = {
    18: """SELECT sum(reads)::float, sum(coalesce(writes, 0) + coalesce(extends, 0))::float,
              coalesce(sum(read_bytes), 0)::float,
              sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0))::float,
              coalesce(sum(read_time), 0)::float, coalesce(sum(write_time), 0)::float FROM pg_stat_io""",
    16: """SELECT sum(reads)::float, sum(coalesce(writes, 0) + coalesce(extends, 0))::float + max(wal_write),
              (sum(reads) * max(op_bytes))::float,
              (sum(coalesce(writes, 0) + coalesce(extends, 0)) * max(op_bytes) + max(wal_bytes))::float,
              coalesce(sum(read_time), 0)::float, coalesce(sum(write_time), 0)::float
           FROM pg_stat_io, pg_stat_wal""",
    14: f"""SELECT {READS}, (buffers_checkpoint + buffers_clean + buffers_backend + wal_write)::float,
              {READS} * 8192,
              (buffers_checkpoint + buffers_clean + buffers_backend)::float * 8192 + wal_bytes::float,
              (SELECT sum(blk_read_time) FROM pg_stat_database)::float,
              (SELECT sum(blk_write_time) FROM pg_stat_database)::float
            FROM pg_stat_bgwriter, pg_stat_wal""",
    0: f"""SELECT {READS}, (buffers_checkpoint + buffers_clean + buffers_backend)::float,
              {READS} * 8192, (buffers_checkpoint + buffers_clean + buffers_backend)::float * 8192,
              (SELECT sum(blk_read_time) FROM pg_stat_database)::float,
              (SELECT sum(blk_write_time) FROM pg_stat_database)::float FROM pg_stat_bgwriter""",
}
"""Blocks read and written, their bytes and milliseconds so far, by the first major version."""


@dataclass(frozen=True)
class Vitals:
    """One look; counters only grow until the server is restarted."""

    moment: float
    pid: int
    connections: int
    queue: int
    age: int
    slot_lag: float
    standby: bool
    lag: float
    """Seconds that a standby is behind; -1 when it does not stream."""
    reads: float
    writes: float
    read_bytes: float
    written_bytes: float
    read_time: float
    write_time: float
    processor: float
    memory: int
    swap: int
    data: int
    log: int


class Patient:
    """Looks at the server of one home through a connection that it keeps."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._connection: psycopg.Connection | None = None
        self._pid = 0
        self._processes: dict[int, psutil.Process] = {}
        self._data = (0.0, 0, 0)

    def close(self) -> None:
        """Give up the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def look(self) -> Vitals | None:
        """Return what there is to tell; None when no server answers."""
        found = PidFile.read(self.home / "data")
        if found is None or not works_in(found.pid, self.home / "data"):
            self.close()
            return None
        try:
            return self._read(found.pid)
        except (psycopg.Error, psutil.Error, OSError):
            self.close()
            return None

    def _read(self, pid: int) -> Vitals:
        connection = self._connected(pid)
        connections, queue, pids, age, slots, standby, streaming, done, behind = _row(connection, GENERAL)
        major = connection.info.server_version // 10000
        transfers = _row(connection, next(sql for first, sql in TRANSFERS.items() if major >= first))
        processor, memory, swap = self._usage([pid, *pids])
        data, log = self._sizes()
        reads, writes, read_bytes, written, read_time, write_time = (float(each or 0) for each in transfers)
        return Vitals(
            moment=time.monotonic(),
            pid=pid,
            connections=int(connections),
            queue=int(queue),
            age=int(age),
            slot_lag=float(slots),
            standby=bool(standby),
            lag=-1.0 if not streaming else 0.0 if done else max(float(behind), 0.0),
            reads=reads,
            writes=writes,
            read_bytes=read_bytes,
            written_bytes=written,
            read_time=read_time,
            write_time=write_time,
            processor=processor,
            memory=memory,
            swap=swap,
            data=data,
            log=log,
        )

    def _connected(self, pid: int) -> psycopg.Connection:
        if self._connection is None or self._pid != pid or self._connection.closed:
            self.close()
            sockets = (self.home / "data" / "postmaster.pid").read_text().splitlines()[SOCKETS_LINE]
            self._connection = psycopg.connect(
                host=sockets,
                port=5432,
                user=ADMIN,
                password=(self.home / "admin").read_text(),
                dbname="postgres",
                autocommit=True,
                application_name="cloudwatch",
                options=OPTIONS,
                channel_binding="disable",
                connect_timeout=PATIENCE,
                prepare_threshold=1,
            )
            self._pid = pid
        return self._connection

    def _usage(self, pids: Sequence[int]) -> tuple[float, int, int]:
        """Seconds of processor time, and bytes of memory and swap, of a server's processes.

        What a process used is counted for its parent once it has ended, so the sum never falls.
        """
        self._processes = {pid: self._processes.get(pid) or psutil.Process(pid) for pid in _living(pids)}
        seconds, private, shared, swapped = 0.0, 0, 0, 0
        for pid, process in self._processes.items():
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
            except psutil.Error:
                continue
            seconds += times.user + times.system
            seconds += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            together = getattr(memory, "shared", 0)
            private += memory.rss - together
            shared = max(shared, together)
            swapped += _swapped(pid)
        return seconds, private + shared, swapped

    def _sizes(self) -> tuple[int, int]:
        """Bytes of the data folder and of its write-ahead log, looked up at most every few seconds."""
        looked, data, log = self._data
        now = time.monotonic()
        if now - looked >= PATIENCE or not looked:
            data, log = folder_size(self.home / "data"), folder_size(self.home / "data" / "pg_wal")
            self._data = (now, data, log)
        return data, log


def _living(pids: Sequence[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid)]


def _swapped(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123 - one of many, many times
            for line in file:
                if line.startswith(b"VmSwap:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _row(connection: psycopg.Connection, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(sql.encode()).fetchone()
    return row or ()


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder; links, as to other volumes, are not followed."""
    total, left = 0, [str(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as found:
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            # the server removes files while it works
            continue
    return total
