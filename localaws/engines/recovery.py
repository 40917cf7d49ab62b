"""Recovery to a moment: a base snapshot, and the archived WAL replayed over it, make a new server.

AWS: "Restoring a DB instance to a specified time for Amazon RDS".
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from localaws.engines.binaries import PostgresBinaries
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed


class TargetTooEarly(EngineFailed):
    """The base snapshot was finished after the moment that is asked for."""


def finished_at(base: Path) -> datetime.datetime | None:
    """Return when a snapshot's folder was finished: the earliest moment it can be recovered to (UTC)."""
    raise NotImplementedError


def recover(
    base: Path,
    archive: Path,
    home: Path,
    sockets: Path,
    *,
    binaries: PostgresBinaries,
    durable: bool,
    settings: Mapping[str, str],
    target: datetime.datetime | None,
) -> PostgresServer:
    """Make a running primary of its own identity as the source was at `target`; nothing is left if that fails.

    What was committed at exactly `target` is there. None, or a target after the last commit: to the end of the
    archive (call `archive_now` of the running source before). The new server archives nothing and has no
    standbys. Raises TargetTooEarly.
    """
    raise NotImplementedError
