"""The servers of clusters: where their files are, and the group of nodes that each cluster has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from localaws import zones
from localaws.engines import standby
from localaws.engines.binaries import find_postgres
from localaws.engines.postgres import PostgresServer, erase
from localaws.rds.fleet import RESOURCE_TAIL
from localaws.rds.nodes import Group, Node

if TYPE_CHECKING:
    from localaws.rds.clusters.view import ClusterView, MemberView
    from localaws.state import StateDir


class ClusterFleet:
    """Knows each cluster's servers; makes none by itself. A node is named after its member's DbiResourceId.

    `ready` holds the members whose servers have caught up and serve readers.
    """

    def __init__(
        self, state: StateDir, moved: Callable[[str, Node | None], None], changed: Callable[[], None]
    ) -> None:
        self._state = state
        self._moved = moved
        self._changed = changed
        self._groups: dict[str, Group] = {}
        self._lock = threading.Lock()
        self.ready: set[str] = set()

    # -- places on the disk

    def home(self, member_id: str) -> Path:
        """Folder of a member's data and logs."""
        return self._state.engines_root / f"postgres-{member_id}"

    def volume(self, cluster_id: str) -> Path:
        """Folder of a cluster's data while it has no member."""
        return self._state.engines_root / f"volume-{cluster_id}"

    def archive(self, cluster_id: str) -> Path:
        """Folder of the WAL that a cluster archives."""
        return self._state.engines_root / f"archive-{cluster_id}"

    def folder(self, name: str) -> Path:
        """A folder of a snapshot or an archive by its name."""
        return self._state.engines_root / name

    def snapshot(self, data_id: str) -> Path:
        """Folder of a snapshot's data."""
        return self.folder(f"snapshot-{data_id}")

    def link(self, cluster_id: str) -> Path:
        """The link that leads to the socket folder of a cluster's writer, whoever that is."""
        return self._state.sockets_root / cluster_id[-RESOURCE_TAIL:]

    # -- servers

    def server(self, view: ClusterView, home: Path, name: str) -> PostgresServer:
        """A server with the binaries of a cluster's version."""
        return PostgresServer(
            home,
            self._state.sockets_root / name,
            binaries=find_postgres(view.engine_version),
            durable=self._state.durable,
        )

    def volume_server(self, view: ClusterView, *, unfinished: bool = False) -> PostgresServer:
        """The server that works on a cluster's volume while there is no member."""
        home = self.volume(view.place.id)
        home = home.with_name(f"{home.name}.unfinished") if unfinished else home
        return self.server(view, home, f"{view.place.id[-RESOURCE_TAIL:]}v")

    def known(self, cluster_id: str) -> Group | None:
        """The group of a cluster that this process has looked after."""
        return self._groups.get(cluster_id)

    def groups(self) -> Iterator[Group]:
        """All groups."""
        yield from list(self._groups.values())

    def group(self, view: ClusterView) -> Group:
        """The group of a cluster, with a node for each member and the members' present settings."""
        place = view.place
        with self._lock:
            group = self._groups.get(place.id)
            if group is None:
                group = Group(
                    self.link(place.id),
                    moved=lambda node: self._moved(place.id, node),
                    changed=self._changed,
                )
                self._groups[place.id] = group
        failed = zones.failed(self._state)
        for member in view.members:
            node = group.nodes.get(member.id)
            if node is None:
                name = f"{member.id[-RESOURCE_TAIL:]}m"
                node = Node(member.id, self.server(view, self.home(member.id), name))
                self._tell(node, member, failed)
                group.add(node)
            self._tell(node, member, failed)
        return group

    @staticmethod
    def _tell(node: Node, member: MemberView, failed: frozenset[str]) -> None:
        node.settings, node.tier, node.held = member.settings, member.rank, member.zone in failed

    def hold_down(self, view: ClusterView) -> None:
        """Kill the servers whose Availability Zone is down: a reader takes over from a writer."""
        for node in list(self.group(view).nodes.values()):
            if node.held and node.server.alive():
                standby.fence(node.server)

    def erase(self, cluster_id: str) -> None:
        """Delete a cluster's volume and what led to it."""
        with self._lock:
            self._groups.pop(cluster_id, None)
        volume = self.volume(cluster_id)
        sockets = self._state.sockets_root / f"{cluster_id[-RESOURCE_TAIL:]}v"
        for home in (volume, volume.with_name(f"{volume.name}.unfinished")):
            erase(home, sockets)
        self.link(cluster_id).unlink(missing_ok=True)
