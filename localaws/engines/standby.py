"""Streaming standbys: making one of a running server, following it, promoting it.

Each takes a `PostgresServer`; what is said to work when stopped reads files only.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from localaws.engines import backup, configuration, process, role
from localaws.engines.account import private_folder
from localaws.engines.cluster import make_durable
from localaws.engines.controlfile import ControlFile
from localaws.engines.pidfile import PidFile
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed, polling
from localaws.engines.role import Role, Upstream, is_standby

__all__ = [
    "Follower",
    "Replay",
    "Upstream",
    "clone",
    "fence",
    "follow",
    "followers",
    "is_in_sync",
    "is_standby",
    "mark_in_sync",
    "point",
    "promote",
    "rebuild",
    "replay",
    "set_synchronous",
    "timeline",
    "unmark_in_sync",
    "wait_streaming",
    "wait_synchronous",
]

CATCH_UP_DEADLINE = 60.0
RELOAD_DEADLINE = 10.0
MARKER = "in-sync"
PROMOTE = "promote"
UNFINISHED = "data.unfinished"
DISCARDED = "data.discarded"
FOLLOWERS = """
SELECT application_name, state, sync_state IN ('sync', 'quorum'),
       coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                     ELSE pg_current_wal_flush_lsn() END - replay_lsn, 0)::bigint,
       coalesce(extract(epoch FROM replay_lag), 0)::float
FROM pg_stat_replication ORDER BY application_name
"""
REPLAY = """
SELECT coalesce(pg_last_wal_receive_lsn() - '0/0', 0)::bigint,
       coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
       pg_is_in_recovery() AND pg_is_wal_replay_paused()
"""
WRITTEN = """
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END
        - '0/0')::bigint
"""


@dataclass(frozen=True)
class Follower:
    """One row of pg_stat_replication: a standby as its source sees it."""

    name: str
    state: str
    """`startup`, `catchup`, `streaming` or `backup`."""
    synchronous: bool
    """Whether commits wait for it now (sync_state `sync` or `quorum`)."""
    behind_bytes: int
    lag_seconds: float


@dataclass(frozen=True)
class Replay:
    """How far a standby is: log positions in bytes, and what it is behind."""

    received: int
    replayed: int
    lag_seconds: float
    """Age of the last replayed commit while something is left to replay, else 0; -1 when not connected."""
    streaming: bool
    stalled: bool
    """Replay waits for larger settings (the source's max_connections grew): restart the standby."""


def clone(
    source: PostgresServer,
    home: Path,
    sockets: Path,
    *,
    upstream: Upstream,
    settings: Mapping[str, str],
    archive: Path | None = None,
) -> PostgresServer:
    """Make a running hot standby of a running server, a primary or a standby; nothing is left if that fails.

    It answers reads when this returns and follows `upstream.link` (which must lead to the sockets of `source`
    or of its primary) from then on; `wait_streaming` tells when it has caught up. `archive` is its own.
    """
    server = PostgresServer(home, sockets, binaries=source.binaries, durable=source.durable)
    try:
        server.prepare_home()
        _copy(source, server, Role(upstream=upstream, archive=archive), settings)
        server.start()
    except BaseException:
        server.remove()
        raise
    return server


def _copy(source: PostgresServer, server: PostgresServer, part: Role, settings: Mapping[str, str]) -> None:
    """Put a copy of a running cluster into an empty home. Until it is a whole standby it is no cluster."""
    unfinished = server.home / UNFINISHED
    configuration.replace(server.home / "admin", (source.home / "admin").read_text(), None)
    with source.connect() as connection:
        backup.copy_running(connection, source.data, unfinished, server.account)
    role.become_standby(unfinished, server.account)
    part.store(server.home, durable=server.durable)
    if server.durable:
        make_durable(server.home)
    unfinished.rename(server.data)
    server.configure(settings)


def point(link: Path, sockets: Path) -> None:
    """Have a link lead to the socket folder of a server, at once: standbys reconnect through it."""
    if link.is_symlink() and link.readlink() == sockets:
        return
    unfinished = link.with_name(f".{link.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(sockets)
    unfinished.replace(link)


def timeline(server: PostgresServer) -> int:
    """Return the timeline of a cluster: each promotion starts a higher one (works when stopped).

    That of a standby may be behind what it replays.
    """
    return ControlFile.read(server.data, server.binaries).timeline


def fence(server: PostgresServer) -> None:
    """End a server and all its processes at once, surely: it acknowledges nothing any more."""
    server.kill()


def promote(server: PostgresServer, seconds: float = CATCH_UP_DEADLINE) -> None:
    """Make a standby a primary and return when it takes writes; a primary stays as it is.

    One that does not run is started. Raises EngineFailed when it does not happen in time: call it again.
    """
    if not server.alive():
        server.start()
    if is_standby(server.home):
        configuration.replace(server.data / PROMOTE, "", server.account)
        _wait_promoted(server, seconds)
    unmark_in_sync(server.home)
    Role.load(server.home).alone().store(server.home, durable=server.durable)


def _wait_promoted(server: PostgresServer, seconds: float) -> None:
    asked = False
    for _ in polling(seconds):
        found = PidFile.read(server.data)
        if found is None or not server.alive():
            raise EngineFailed(f"the standby ended while it was promoted: see {server.home / 'log'}")
        if not asked:
            process.send(found.pid, signal.SIGUSR1)
            asked = True
        if found.status == "ready" and not is_standby(server.home):
            return
    raise EngineFailed(f"the standby was not promoted within {seconds:.0f} s: see {server.home / 'log'}")


def follow(server: PostgresServer, upstream: Upstream) -> None:
    """Have a standby, running or stopped, receive from another source of the same cluster."""
    replace(Role.load(server.home), upstream=upstream).store(server.home, durable=server.durable)
    if server.alive():
        server.write_role()
        server.reload()


def rebuild(
    server: PostgresServer,
    source: PostgresServer,
    *,
    upstream: Upstream,
    settings: Mapping[str, str],
    archive: Path | None = None,
) -> None:
    """Make a server of any state (a former primary, a broken standby) a running standby of `source` again.

    Its in-sync marker goes first. When this fails, its home may hold no cluster: call it again. Its log files
    stay.
    """
    private_folder(server.home, server.account)
    unmark_in_sync(server.home)
    server.kill()
    _discard_cluster(server.home)
    part = Role(upstream=upstream, archive=archive)
    try:
        _copy(source, server, part, settings)
        server.start()
    except BaseException:
        server.kill()
        raise


def _discard_cluster(home: Path) -> None:
    """Delete a stopped cluster; a look at the home meanwhile finds it whole or not at all."""
    shutil.rmtree(home / DISCARDED, ignore_errors=True)
    if (home / "data").exists():
        (home / "data").rename(home / DISCARDED)
        shutil.rmtree(home / DISCARDED)
    shutil.rmtree(home / UNFINISHED, ignore_errors=True)


def set_synchronous(server: PostgresServer, names: Iterable[str]) -> None:
    """Have commits of a primary wait until each of these standbys has them on its disk; none: until it has.

    Is in force when this returns (`wait_synchronous` makes sure of a new one), and kept over restarts. Take
    the in-sync marker of a standby away before its name.
    """
    part = replace(Role.load(server.home), synchronous=tuple(dict.fromkeys(names)))
    part.store(server.home, durable=server.durable)
    if server.alive():
        server.write_role()
        apply(server, "synchronous_standby_names", part.settings(server.home, durable=server.durable))


def apply(server: PostgresServer, name: str, settings: Mapping[str, str]) -> None:
    """Reload a running server and return when its processes have been told of a setting's value."""
    server.reload()
    for _ in polling(RELOAD_DEADLINE):
        # a new session shows what the postmaster has read and told the others
        with server.connect() as connection:
            if backup.one_row(connection, f"SHOW {name}") == (settings[name],):
                return
    raise EngineFailed(f"the server does not take over {name}: see {server.home / 'log'}")


def followers(server: PostgresServer) -> list[Follower]:
    """Return the standbys that receive from a running server now."""
    with server.connect() as connection:
        return _followers(connection)


def _followers(connection: psycopg.Connection) -> list[Follower]:
    return [Follower(*row) for row in connection.execute(FOLLOWERS)]


def replay(server: PostgresServer) -> Replay:
    """Return how far a running standby is."""
    with server.connect() as connection:
        return _replay(connection)


def _replay(connection: psycopg.Connection) -> Replay:
    received, replayed, age, streaming, stalled = backup.one_row(connection, REPLAY)
    lag = -1.0 if not streaming else 0.0 if replayed >= received else max(float(age), 0.0)
    return Replay(received, replayed, lag, streaming, stalled)


def wait_streaming(server: PostgresServer, seconds: float = CATCH_UP_DEADLINE) -> None:
    """Return when a standby streams and has replayed what its source had at the call; else EngineFailed."""
    upstream = Role.load(server.home).upstream
    if upstream is None:
        raise EngineFailed(f"{server.home} is no standby: there is nothing to wait for")
    wanted: int | None = None
    reason = "it does not stream"
    for _ in polling(seconds):
        if not server.alive():
            raise EngineFailed(f"the standby ended while it caught up: see {server.home / 'log'}")
        try:
            if wanted is None:
                with server.connect_to(upstream.link) as source:
                    (wanted,) = backup.one_row(source, WRITTEN)
            with server.connect() as connection:
                if _has_replayed(connection, wanted, seconds):
                    return
        except psycopg.OperationalError as error:
            reason = str(error).strip()
    raise EngineFailed(f"the standby did not catch up within {seconds:.0f} s ({reason})")


def _has_replayed(connection: psycopg.Connection, wanted: int, seconds: float) -> bool:
    """Look for a while, so that a wait does not open a session for each look."""
    for _ in polling(min(seconds, 0.5)):
        found = _replay(connection)
        if found.streaming and found.replayed >= wanted:
            return True
    return False


def wait_synchronous(
    server: PostgresServer,
    name: str,
    seconds: float = CATCH_UP_DEADLINE,
    *,
    going: Callable[[], bool] = lambda: True,
) -> None:
    """Return when commits of a primary wait for the standby of this name.

    EngineFailed at the deadline, or as soon as the standby is not `going` any more.
    """
    with server.connect() as connection:
        for _ in polling(seconds):
            if not going():
                raise EngineFailed(f"the standby {name} ended before it was synchronous")
            found = [each for each in _followers(connection) if each.name == name]
            if any(each.synchronous and each.state == "streaming" for each in found):
                # the checkpointer switches the waiting on: after a checkpoint it has surely seen its orders
                connection.execute("CHECKPOINT")
                return
    seen = ", ".join(each.state for each in found) or "not connected"
    raise EngineFailed(f"the standby {name} did not become synchronous within {seconds:.0f} s ({seen})")


def mark_in_sync(home: Path) -> None:
    """Note durably that a standby holds every acknowledged commit: it may be promoted."""
    configuration.replace(home / MARKER, "", None, durable=True)


def unmark_in_sync(home: Path) -> None:
    """Take the note away, durably; nothing happens when there is none."""
    try:
        (home / MARKER).unlink()
    except FileNotFoundError:
        return
    configuration.keep_names(home)


def is_in_sync(home: Path) -> bool:
    """Whether a home is marked."""
    return (home / MARKER).exists()
