"""Timelines that nobody is on: what a promotion leaves that did not come to its end."""

from __future__ import annotations

import re

from localaws.engines.postgres import PostgresServer
from localaws.engines.role import Role
from localaws.engines.standby import timeline

OF_TIMELINE = re.compile(r"\.?([0-9A-F]{8})(?:[0-9A-F]{16})?(?:\.|$)")


def abandon_later(server: PostgresServer) -> None:
    """Delete histories and WAL of timelines later than a stopped primary's own, here and in its archive.

    Nothing on them was acknowledged, as this server leads; but standbys and recoveries would follow them.
    """
    own = timeline(server)
    wal = server.data / "pg_wal"
    archive = Role.load(server.home).archive
    for folder in (archive, wal, wal / "archive_status"):
        if folder is None or not folder.is_dir():
            continue
        for path in folder.iterdir():
            found = OF_TIMELINE.match(path.name)
            if found is not None and int(found.group(1), 16) > own:
                path.unlink(missing_ok=True)
