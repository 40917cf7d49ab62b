"""Streaming standbys: making one of a running server, following it, promoting it.

Each takes a `PostgresServer`; what is said to work when stopped reads files only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.postgres import PostgresServer
from localaws.engines.role import Upstream

CATCH_UP_DEADLINE = 60.0


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
    """Make a running hot standby of a running server (a primary or a standby); nothing is left if that fails.

    It answers reads when this returns and follows `upstream.link` (which must lead to `source`'s sockets or to
    its primary's) from then on; `wait_streaming` tells when it has caught up. `archive` is its own archive.
    """
    raise NotImplementedError


def point(link: Path, sockets: Path) -> None:
    """Have a link lead to the socket folder of a server, at once: standbys reconnect through it."""
    raise NotImplementedError


def is_standby(home: Path) -> bool:
    """Whether the cluster in a home is a standby (from files: works when stopped)."""
    raise NotImplementedError


def timeline(server: PostgresServer) -> int:
    """Return the timeline of a cluster: each promotion starts a higher one (works when stopped)."""
    raise NotImplementedError


def fence(server: PostgresServer) -> None:
    """End a server and all its processes at once, surely: it acknowledges nothing any more."""
    raise NotImplementedError


def promote(server: PostgresServer, seconds: float = CATCH_UP_DEADLINE) -> None:
    """Make a running standby a primary and return when it takes writes; a primary stays as it is.

    Raises EngineFailed when it does not happen in time.
    """
    raise NotImplementedError


def follow(server: PostgresServer, upstream: Upstream) -> None:
    """Have a standby, running or stopped, receive from another source of the same cluster."""
    raise NotImplementedError


def rebuild(
    server: PostgresServer,
    source: PostgresServer,
    *,
    upstream: Upstream,
    settings: Mapping[str, str],
    archive: Path | None = None,
) -> None:
    """Make a server of any state (a former primary, a broken standby) a running standby of `source` again.

    Its in-sync marker goes first. When this fails its home is left empty: call it again.
    """
    raise NotImplementedError


def set_synchronous(server: PostgresServer, names: Iterable[str]) -> None:
    """Have commits of a primary wait until one of these standbys has them on its disk; none: until it has.

    Is in force when this returns, and kept over restarts. Take the in-sync marker of a standby away before
    its name.
    """
    raise NotImplementedError


def followers(server: PostgresServer) -> list[Follower]:
    """Return the standbys that receive from a running server now."""
    raise NotImplementedError


def replay(server: PostgresServer) -> Replay:
    """Return how far a running standby is."""
    raise NotImplementedError


def wait_streaming(server: PostgresServer, seconds: float = CATCH_UP_DEADLINE) -> None:
    """Return when a standby streams and has replayed what its source had at the call; else EngineFailed."""
    raise NotImplementedError


def wait_synchronous(server: PostgresServer, name: str, seconds: float = CATCH_UP_DEADLINE) -> None:
    """Return when commits of a primary wait for the standby of this name; EngineFailed at the deadline."""
    raise NotImplementedError


def mark_in_sync(home: Path) -> None:
    """Note durably that a standby holds every acknowledged commit: it may be promoted."""
    raise NotImplementedError


def unmark_in_sync(home: Path) -> None:
    """Take the note away, durably; nothing happens when there is none."""
    raise NotImplementedError


def is_in_sync(home: Path) -> bool:
    """Whether a home is marked."""
    raise NotImplementedError
