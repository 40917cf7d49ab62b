"""The archive of a database: every finished WAL file in a folder, from which any moment can be recovered."""

from __future__ import annotations

import datetime
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from localaws.engines.account import private_folder
from localaws.engines.backup import one_row
from localaws.engines.binaries import find_postgres
from localaws.engines.controlfile import ControlFile
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling
from localaws.engines.role import Role
from localaws.engines.standby import apply

ARCHIVE_DEADLINE = 30.0
NUDGE = 1.0
PLACE = re.compile(r"^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)", re.MULTILINE)
WAL_FILE = re.compile(r"\.?[0-9A-F]{8}([0-9A-F]{16})(\.|$)")
"""A WAL file, one that a promotion cut short, or one whose copy was; not a timeline's history."""
STATISTICS = "SELECT archived_count, failed_count, last_archived_time, last_failed_time FROM pg_stat_archiver"


@dataclass(frozen=True)
class ArchiveHealth:
    """What a running server says of its archiving (pg_stat_archiver)."""

    archived: int
    failed: int
    last_archived: datetime.datetime | None
    last_failed: datetime.datetime | None
    waiting: int
    """Finished WAL files that are not in the archive yet."""

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self.last_failed is not None and (
            self.last_archived is None or self.last_archived < self.last_failed
        )


def set_archive(server: PostgresServer, folder: Path | None) -> None:
    """Have a server, running or stopped, archive its WAL to a folder from now on, or not at all (None).

    Needs no restart. Standbys archive too. Take a base snapshot after it: the archive begins here.
    """
    part = replace(Role.load(server.home), archive=folder)
    if folder is not None:
        private_folder(folder, server.account)
    part.store(server.home, durable=server.durable)
    if server.alive():
        server.write_role()
        apply(server, "archive_command", part.settings(server.home, durable=server.durable))


def archive_now(server: PostgresServer, seconds: float = ARCHIVE_DEADLINE) -> None:
    """Return when all that a running primary has committed is archived; EngineFailed at the deadline."""
    folder = Role.load(server.home).archive
    if folder is None:
        raise EngineFailed("the server has no archive: set one first")
    with server.connect() as connection:
        (end,) = one_row(connection, "SELECT (pg_switch_wal() - '0/0')::bigint")
        last = f"{(end - 1) >> 32:X}/{(end - 1) & 0xFFFFFFFF:X}"
        (name,) = one_row(connection, f"SELECT pg_walfile_name('{last}')")
        # an idle server's last file may be older than the archive: nothing waits then
        waiting = server.data / "pg_wal" / "archive_status" / f"{name}.ready"
        end_of_wait = time.monotonic() + seconds
        while (left := end_of_wait - time.monotonic()) > 0:
            if any(not waiting.exists() for _ in polling(min(left, NUDGE))):
                return
            # after a failure the archiver would rest for a minute
            connection.execute("SELECT pg_reload_conf()")
    raise EngineFailed(f"{name} was not archived within {seconds:.0f} s: see {server.home / 'log'}")


def health(server: PostgresServer) -> ArchiveHealth:
    """Return what a running server says of its archiving."""
    with server.connect() as connection:
        archived, failed, last_archived, last_failed = one_row(connection, STATISTICS)
    waiting = sum(1 for _ in (server.data / "pg_wal" / "archive_status").glob("*.ready"))
    return ArchiveHealth(archived, failed, last_archived, last_failed, waiting)


def prune(folder: Path, bases: Iterable[Path]) -> None:
    """Delete the WAL files that none of these base snapshots needs; without bases, all."""
    oldest = min((first_file(base)[8:] for base in bases), default=None)
    for path in folder.iterdir() if folder.is_dir() else ():
        found = WAL_FILE.match(path.name)
        if oldest is None or (found is not None and found.group(1) < oldest):
            path.unlink(missing_ok=True)


def first_file(base: Path) -> str:
    """Return the name of the first WAL file that a base snapshot needs."""
    label = base / "data" / "backup_label"
    if label.exists():
        found = PLACE.search(label.read_text())
        if found is None:
            raise EngineFailed(f"{label} does not name a WAL file: take another snapshot")
        return found.group(1)
    version = (base / "data" / "PG_VERSION").read_text().strip()
    return ControlFile.read(base / "data", find_postgres(version)).redo_file


def erase_archive(folder: Path) -> None:
    """Delete an archive."""
    shutil.rmtree(folder, ignore_errors=True)
