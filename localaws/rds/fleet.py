"""The servers of all DB instances: where their files are, and the group of nodes that each instance has."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from localaws import zones
from localaws.engines import standby
from localaws.engines.binaries import find_postgres
from localaws.engines.postgres import PostgresServer, erase
from localaws.rds.nodes import Group, Node

if TYPE_CHECKING:
    from localaws.rds.doors import Doors
    from localaws.rds.view import InstanceView, Place
    from localaws.state import StateDir

RESOURCE_TAIL = 12
"""Characters of a DbiResourceId in a socket folder's name: its path has a limit of about 100 bytes."""
UPKEEP_SECONDS = 5.0
"""How long whoever makes a standby may need to notice that its primary is gone."""
NAMES = ("a", "b")
"""The nodes of a DB instance; which one leads changes with each failover."""


class Fleet:
    """Knows each instance's servers; makes none by itself."""

    def __init__(self, state: StateDir, doors: Doors, changed: Callable[[], None]) -> None:
        self._state = state
        self._doors = doors
        self._changed = changed
        self._groups: dict[str, Group] = {}
        self._lock = threading.Lock()

    # -- places on the disk

    def home(self, resource_id: str, name: str = NAMES[0]) -> Path:
        """Folder of a node's data and logs."""
        suffix = "" if name == NAMES[0] else f"-{name}"
        return self._state.engines_root / f"postgres-{resource_id}{suffix}"

    def sockets(self, resource_id: str, name: str) -> Path:
        """Folder of a node's socket."""
        return self._state.sockets_root / f"{resource_id[-RESOURCE_TAIL:]}{name}"

    def link(self, resource_id: str) -> Path:
        """The link that leads to the socket folder of an instance's primary, whoever that is."""
        return self._state.sockets_root / resource_id[-RESOURCE_TAIL:]

    def archive(self, resource_id: str) -> Path:
        """Folder of the WAL that an instance archives."""
        return self._state.engines_root / f"archive-{resource_id}"

    def archive_of(self, view: InstanceView) -> Path | None:
        """Where an instance archives its WAL now, if it does."""
        return self.archive(view.place.id) if view.archiving else None

    def snapshot(self, data_id: str) -> Path:
        """Folder of a snapshot's data."""
        return self._state.engines_root / f"snapshot-{data_id}"

    # -- groups

    def known(self, place: Place) -> Group | None:
        """The group of an instance that this process has looked after."""
        return self._groups.get(place.id)

    def named(self, resource_id: str) -> Group | None:
        """The group of the instance with this DbiResourceId."""
        return self._groups.get(resource_id)

    def groups(self) -> Iterator[Group]:
        """All groups."""
        yield from list(self._groups.values())

    def group(self, view: InstanceView) -> Group:
        """The group of an instance, with the servers that it has on the disk."""
        with self._lock:
            group = self._groups.get(view.place.id)
            if group is None:
                group = Group(
                    self.link(view.place.id),
                    moved=functools.partial(self._moved, view.place),
                    changed=self._changed,
                )
                self._groups[view.place.id] = group
        for name in NAMES:
            if name == NAMES[0] or self.home(view.place.id, name).exists():
                self.node(view, group, name)
        return group

    def node(self, view: InstanceView, group: Group, name: str) -> Node:
        """A node of an instance, with the binaries of its version and its present settings."""
        binaries = find_postgres(view.engine_version)
        node = group.nodes.get(name)
        if node is not None and node.server.binaries.version != binaries.version:
            group.halt(node)
            node = None
        if node is None:
            node = Node(name, self._server(view, name))
            node.settings = view.settings
            self.hold(node, view.zone)
            group.add(node)
        node.settings = view.settings
        return node

    def _server(self, view: InstanceView, name: str) -> PostgresServer:
        return PostgresServer(
            self.home(view.place.id, name),
            self.sockets(view.place.id, name),
            binaries=find_postgres(view.engine_version),
            durable=self._state.durable,
        )

    def hold(self, node: Node, zone: str) -> None:
        """Note whether the Availability Zone of a node, which is `zone` if it has none yet, is down."""
        node.held = (node.zone or zone) in zones.failed(self._state)

    def feel(self, failed: frozenset[str]) -> None:
        """Kill what stands in Availability Zones that are down, and let the others run."""
        for group in self.groups():
            for node in group.members:
                node.held = node.zone in failed
                if node.held and node.server.alive():
                    standby.fence(node.server)

    def erase(self, place: Place) -> None:
        """Stop an instance's servers at once and delete all they had; works without their programs too."""
        with self._lock:
            group = self._groups.pop(place.id, None)
        if group is not None:
            self._end(group)
        for name in NAMES:
            erase(self.home(place.id, name), self.sockets(place.id, name))
        self.link(place.id).unlink(missing_ok=True)

    @staticmethod
    def _end(group: Group) -> None:
        """Stop all servers of a group, and a standby that is being made for it."""
        for node in group.members:
            group.halt(node, immediate=True)
        ended = group.upkeep.acquire(timeout=UPKEEP_SECONDS)
        for node in group.members:
            group.halt(node, immediate=True)
        if ended:
            group.upkeep.release()

    def _moved(self, place: Place, node: Node | None) -> None:
        self._doors.point(place.id, node.server if node is not None else None)

    def discard(self, folder: Path) -> None:
        """Remove a folder, if there is one."""
        if folder.exists():
            shutil.rmtree(folder)
