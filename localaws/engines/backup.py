"""Copies of a cluster while it serves: an online base backup with the WAL that makes it whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from localaws.engines import configuration
from localaws.engines.account import Account, engine_account, private_folder
from localaws.engines.cluster import WAL_SEGMENT, copy_file, copy_tree, make_durable
from localaws.engines.process import EngineFailed
from localaws.engines.spread import spread

SLOT = "localaws_snapshot"
LEFT_OUT = (
    "pg_dynshmem/",
    "pg_wal/",
    "pg_replslot/",
    "pg_notify/",
    "pg_serial/",
    "pg_snapshots/",
    "pg_subtrans/",
    "pg_stat_tmp/",
)
LEFT_OUT_NAMES = ("postmaster.pid", "postmaster.opts", "current_logfiles", "pg_internal.init", "backup_label")
PART = frozenset({"standby.signal", "recovery.signal", "promote", "role.conf"})
"""Files that tell what part a server plays: a copy of it plays another."""
CONTROL = "global/pg_control"
FINISHED = "finished"

BACKUP_CALLS = (
    "SELECT pg_backup_start('localaws', fast => true)",
    "SELECT labelfile, lsn - '0/0' FROM pg_backup_stop(wait_for_archive => false)",
)
BACKUP_CALLS_14 = (
    "SELECT pg_start_backup('localaws', true, false)",
    "SELECT labelfile, lsn - '0/0' FROM pg_stop_backup(false, false)",
)


def without_passing_files(name: str) -> bool:
    """Whether a base backup leaves a file out, as pg_basebackup does."""
    last = name.rsplit("/", 1)[-1]
    return name.startswith(LEFT_OUT) or last in LEFT_OUT_NAMES or last.startswith("pgsql_tmp") or name in PART


def without_part(name: str) -> bool:
    """Whether a copy of a stopped cluster leaves a file out."""
    return name == "postmaster.pid" or name.startswith(("pg_replslot/", "pg_dynshmem/")) or name in PART


def copy_running(connection: psycopg.Connection, data: Path, target: Path, account: Account | None) -> None:
    """Copy the cluster, a primary or a standby, that `connection` belongs to.

    The copy recovers to the moment this returns. EngineFailed when the server's files go meanwhile.
    """
    try:
        _copy_running(connection, data, target, account)
    except FileNotFoundError as error:
        raise EngineFailed(f"the server went while it was copied: {error.filename} is missing") from error


def _copy_running(connection: psycopg.Connection, data: Path, target: Path, account: Account | None) -> None:
    # a slot keeps the WAL of the backup from being recycled; it goes with the session
    reserve = "SELECT pg_create_physical_replication_slot(%s, true, true)"
    connection.execute(reserve, [f"{SLOT}_{os.getpid()}_{connection.info.backend_pid}"])
    start, finish = BACKUP_CALLS if connection.info.server_version >= 150000 else BACKUP_CALLS_14
    connection.execute(start)
    copy_tree(data, target, account, skip=lambda name: without_passing_files(name) or name == CONTROL)
    # a standby's backup ends where its pg_control says, so this file comes last
    copy_file(data / CONTROL, target / CONTROL, account)
    label, last = one_row(connection, finish)
    configuration.replace(target / "backup_label", label, account)
    (size,) = one_row(connection, "SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'")
    needed = range(wal_number(_first_segment(label), size), (int(last) - 1) // size + 1)
    _copy_wal(data / "pg_wal", target / "pg_wal", account, needed, size)


def one_row(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    """Return the only row of a query."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise EngineFailed("the server gave no answer: try again")
    return row


def wal_number(name: str, size: int) -> int:
    """Return which WAL file of `size` bytes a name is, counted from the first one, on whatever timeline."""
    return int(name[8:16], 16) * ((1 << 32) // size) + int(name[16:24], 16)


def copy_snapshot(source: Path, target: Path, *, durable: bool) -> None:
    """Copy a snapshot's folder, whole or not at all."""
    account = engine_account()
    with folder_at_once(target, account, durable=durable) as folder:
        copy_tree(source / "data", folder / "data", account)
        for name in ("admin", FINISHED):
            if (source / name).exists():
                configuration.replace(folder / name, (source / name).read_text(), None)


def _first_segment(label: str) -> str:
    """Return the name of the WAL file that a backup label says recovery starts from."""
    return label.split("(file ", 1)[1].split(")", 1)[0]


def _copy_wal(source: Path, target: Path, account: Account | None, needed: range, size: int) -> None:
    def skip(name: str) -> bool:
        return not (WAL_SEGMENT.fullmatch(name) and wal_number(name, size) in needed) and not (
            name.endswith(".history") and "/" not in name
        )

    shutil.rmtree(target)
    copy_tree(source, target, account, skip=skip)


@contextlib.contextmanager
def folder_at_once(target: Path, account: Account | None, *, durable: bool) -> Iterator[Path]:
    """Yield a folder that becomes `target` when all went well, and disappears when not."""
    folder = unfinished(target)
    shutil.rmtree(folder, ignore_errors=True)
    spread(target.parent)
    private_folder(folder, account)
    try:
        yield folder
        if durable:
            make_durable(folder)
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def unfinished(target: Path) -> Path:
    """Return where a folder is prepared before it gets its name."""
    return target.with_name(f"{target.name}.unfinished")
