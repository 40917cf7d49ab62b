"""Recovery to a moment: a base snapshot, and the archived WAL replayed over it, make a new server.

AWS: "Restoring a DB instance to a specified time for Amazon RDS".
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import psycopg

from localaws.engines import backup, role, standby
from localaws.engines.archive import first_file
from localaws.engines.backup import one_row, wal_number
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.cluster import WAL_SEGMENT, copy_file, new_identity
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling
from localaws.engines.role import Role

RECOVERY_DEADLINE = 3600.0
PROGRESS = """
SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint,
       (SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup')
"""
RESTS, PAUSED = "RecoveryRetrieveRetryInterval", "RecoveryPause"
"""What the replay waits for: more WAL, or larger limits, as the source got some."""


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
    # nobody has been promised anything of it before `settle`
    server = PostgresServer(home, sockets, binaries=binaries, durable=False)
    try:
        server.take(base, settings)
        _replay(server, archive, target)
        server.stop()
        server.durable = durable
        server.configure(settings)
        # the copied WAL belongs to the source's identity: only now is it no longer needed
        new_identity(server.data)
        Role().store(home, durable=durable)
        server.start()
        server.settle()
    except psycopg.OperationalError as error:
        server.remove()
        raise EngineFailed(f"the server ended while it replayed the archive: {error}") from error
    except BaseException:
        server.remove()
        raise
    return server


def _replay(server: PostgresServer, archive: Path, target: datetime.datetime | None) -> None:
    """Have the server replay the archive as a standby of nobody, and take writes then."""
    files = _fetch(server, archive)
    if not files:
        server.start(RECOVERY_DEADLINE)
        return
    role.become_standby(server.data, server.account)
    # what is in a file was committed before the file was finished
    latest = max((archive / name).stat().st_mtime for name in files)
    if target is not None and target.timestamp() < latest:
        moment = target.astimezone(datetime.UTC).isoformat(sep=" ")
        Role(target=moment).store(server.home, durable=server.durable)
    server.start(RECOVERY_DEADLINE)
    if not _ends_at_target(server, archive / files[-1]) and Role.load(server.home).target is not None:
        # nothing was committed between the target and the archive's end
        server.stop()
        Role().store(server.home, durable=server.durable)
        server.start(RECOVERY_DEADLINE)
        _ends_at_target(server, archive / files[-1])
    standby.promote(server)


def _fetch(server: PostgresServer, archive: Path) -> list[str]:
    """Copy what the cluster needs of an archive, and return the names of the WAL files in their order.

    To fetch each file by a command of the server's would take several times as long.
    """
    place = server.data / "pg_wal"
    first = first_file(server.home)[8:]
    found = [path for path in archive.iterdir() if WAL_SEGMENT.fullmatch(path.name)]
    needed = sorted((path for path in found if path.name[8:] >= first), key=lambda path: path.name[8:])
    _expect_no_gap(needed, first)
    try:
        for path in (*needed, *archive.glob("*.history")):
            (place / path.name).unlink(missing_ok=True)
            copy_file(path, place / path.name, server.account)
    except FileNotFoundError as error:
        raise EngineFailed(f"{error.filename} went while the archive was read: try again") from error
    return [path.name for path in needed]


def _expect_no_gap(files: list[Path], first: str) -> None:
    if not files:
        return
    size = files[0].stat().st_size
    held = {wal_number(path.name, size) for path in files}
    missing = set(range(wal_number(f"{0:08}{first}", size), max(held))) - held
    if missing:
        raise EngineFailed(
            f"the archive lacks {len(missing)} WAL files after the snapshot: start from a newer snapshot"
        )


def _ends_at_target(server: PostgresServer, last: Path) -> bool:
    """Wait until the replay has ended: whether at the target, or because nothing is left after `last`."""
    # its copy goes when the server leaves this timeline
    size = last.stat().st_size
    begin = wal_number(last.name, size) * size
    with server.connect() as connection:
        for _ in polling(RECOVERY_DEADLINE):
            in_recovery, replayed, waits_for = one_row(connection, PROGRESS)
            if not in_recovery:
                return True
            if replayed >= begin + size or (waits_for == RESTS and replayed >= begin):
                return False
            if waits_for == PAUSED:
                break
        else:
            raise EngineFailed(
                f"the replay did not end within {RECOVERY_DEADLINE:.0f} s: see {server.home / 'log'}"
            )
    # a standby starts with the limits that it has read of while it replayed
    server.stop()
    server.start(RECOVERY_DEADLINE)
    return _ends_at_target(server, last)
