"""Recovery to a moment: a base snapshot, and the archived WAL replayed over it, make a new server.

AWS: "Restoring a DB instance to a specified time for Amazon RDS".
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from localaws.engines import backup, role
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.cluster import new_identity
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed
from localaws.engines.role import Recovery, Role

RECOVERY_DEADLINE = 3600.0
NOT_REACHED = "recovery ended before configured recovery target was reached"


class TargetTooEarly(EngineFailed):
    """The base snapshot was finished after the moment that is asked for."""


def finished_at(base: Path) -> datetime.datetime | None:
    """Return when a snapshot's folder was finished: the earliest moment it can be recovered to (UTC)."""
    path = base / backup.FINISHED
    return datetime.datetime.fromisoformat(path.read_text()) if path.exists() else None


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
    """Make a running primary, of its own identity, as the source was at `target`; or leave nothing.

    What was committed at exactly `target` is there. None, or a target after the last commit: to the end of
    the archive (call `archive_now` of the running source before). The new server archives nothing and has no
    standbys. Raises TargetTooEarly.
    """
    earliest = finished_at(base)
    if target is not None and earliest is not None and target < earliest:
        raise TargetTooEarly(
            f"the snapshot was finished at {earliest.isoformat()}, after {target.isoformat()}: "
            "start from an older snapshot, or choose a later time"
        )
    server = PostgresServer(home, sockets, binaries=binaries, durable=durable)
    try:
        server.take(base, settings)
        _replay(server, archive, target)
        server.stop()
        # the copied WAL belongs to the source's identity: only now is it no longer needed
        new_identity(server.data)
        Role().store(home, durable=durable)
        server.start()
        server.settle()
    except BaseException:
        server.remove()
        raise
    return server


def _replay(server: PostgresServer, archive: Path, target: datetime.datetime | None) -> None:
    """Start the server, which replays the archive and then takes writes."""
    role.become(server.data, role.RECOVERY_SIGNAL, server.account)
    moment = None if target is None else target.astimezone(datetime.UTC).isoformat(sep=" ")
    _recovering(server, Recovery(archive, moment))
    try:
        server.start(RECOVERY_DEADLINE)
    except EngineFailed as error:
        if NOT_REACHED not in str(error):
            raise
        # nothing was committed between the archive's end and the target
        _recovering(server, Recovery(archive))
        server.start(RECOVERY_DEADLINE)


def _recovering(server: PostgresServer, recovery: Recovery) -> None:
    Role(recovery=recovery).store(server.home, durable=server.durable)
