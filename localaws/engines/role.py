"""What part a PostgreSQL server plays: whom it follows, who must confirm its commits, where its WAL is kept.

Kept in `<home>/role.json` and written to `<data>/role.conf` at each start, apart from the caller's settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Upstream:
    """The server that a standby receives from.

    `link`: the folder of the source's socket, or a symbolic link to it, followed at each reconnection (see
    `standby.point`). `name`: what the source calls this standby (application_name). `archive`: the source's
    archive folder, which fills the gaps that streaming cannot.
    """

    link: Path
    name: str
    archive: Path | None = None


@dataclass(frozen=True)
class Role:
    """The part a server plays."""

    upstream: Upstream | None = None
    synchronous: tuple[str, ...] = ()
    archive: Path | None = None
