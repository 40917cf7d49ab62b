"""The archive of a database: every finished WAL file in a folder, from which any moment can be recovered."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.postgres import PostgresServer

ARCHIVE_DEADLINE = 30.0


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
    raise NotImplementedError


def archive_now(server: PostgresServer, seconds: float = ARCHIVE_DEADLINE) -> None:
    """Return when all that a running primary has committed is in the archive; EngineFailed at the deadline."""
    raise NotImplementedError


def health(server: PostgresServer) -> ArchiveHealth:
    """Return what a running server says of its archiving."""
    raise NotImplementedError


def prune(folder: Path, bases: Iterable[Path]) -> None:
    """Delete the WAL files that none of these base snapshots needs; without bases, all."""
    raise NotImplementedError


def erase_archive(folder: Path) -> None:
    """Delete an archive."""
    raise NotImplementedError
