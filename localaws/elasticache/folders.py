"""Where caches keep what outlives a process, and who leads a group: that is on the disk, not in the model.

A group's `leader` file names its primary. It is replaced, durably, at the one moment in which a replica takes
over: before that moment every start makes the former primary lead, after it every start makes it follow. So
never do two lead, and never does a former primary's data set replace a newer one.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path

from localaws.engines import configuration
from localaws.engines.account import private_folder

SOCKET_CHARACTERS = 12
"""Characters of a uid in a socket folder's name: its path has a limit of about 100 bytes."""


class Folders:
    """Knows the places of all caches below the engines' folder."""

    def __init__(self, root: Path, sockets: Path) -> None:
        self._root = root
        self._sockets = sockets

    def home(self, uid: str) -> Path:
        """Folder of a node's data and log."""
        return self._root / f"valkey-{uid}"

    def sockets(self, uid: str) -> Path:
        """Folder of a node's socket."""
        return self._sockets / uid[:SOCKET_CHARACTERS]

    def memcached(self, uid: str, number: str) -> tuple[Path, Path]:
        """Folders of one node of a Memcached cluster, and of its socket."""
        return self._root / f"memcached-{uid}-{number}", self._sockets / f"{uid[:8]}{number}"

    def memcached_homes(self, uid: str) -> dict[str, Path]:
        """Folders of the nodes that a Memcached cluster has, by their numbers."""
        return {path.name.rpartition("-")[2]: path for path in self._root.glob(f"memcached-{uid}-*")}

    def snapshot(self, uid: str) -> Path:
        """File of a snapshot's data."""
        return private_folder(self._root / "cache-snapshots") / f"{uid}.rdb"

    def erase_snapshot(self, uid: str) -> None:
        """Delete a snapshot's data."""
        file = self.snapshot(uid)
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are there
            file.parent.rmdir()

    def leader(self, group: str) -> str | None:
        """Return the uid of the node that leads a group; None before there was one."""
        path = self._group(group) / "leader"
        return path.read_text() if path.exists() else None

    def lead(self, group: str, node: str) -> None:
        """Have a node lead from now on."""
        private_folder(self._group(group))
        configuration.replace(self._group(group) / "leader", node, None, durable=True)

    def secret(self, group: str) -> str:
        """Return what lets a group's replicas in to their source."""
        path = private_folder(self._group(group)) / "secret"
        if not path.exists():
            configuration.replace(path, secrets.token_hex(24), None)
        return path.read_text()

    def is_made(self, uid: str) -> bool:
        """Whether a node's data set was made to its end."""
        return (self.home(uid) / "made").exists()

    def note_made(self, uid: str) -> None:
        """Remember that it was."""
        configuration.replace(self.home(uid) / "made", "", None)

    def followed(self, uid: str) -> str | None:
        """Return the leader whose whole data set a replica has, and goes on to follow."""
        path = self.home(uid) / "followed"
        return path.read_text() if path.exists() else None

    def note_followed(self, uid: str, leader: str) -> None:
        """Remember that a replica has the leader's data."""
        configuration.replace(self.home(uid) / "followed", leader, None)

    def erase_node(self, uid: str) -> None:
        """Delete what a node had."""
        for folder in (self.home(uid), self.sockets(uid)):
            shutil.rmtree(folder, ignore_errors=True)

    def erase_group(self, group: str) -> None:
        """Delete what a group had besides its nodes."""
        shutil.rmtree(self._group(group), ignore_errors=True)

    def _group(self, uid: str) -> Path:
        return self._root / f"cachegroup-{uid}"
