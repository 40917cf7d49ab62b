"""What a cluster's work, and its members', does to servers, volume and endpoints."""

from __future__ import annotations

import datetime
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localaws.engines import archive, recovery, standby
from localaws.engines.backup import copy_snapshot, unfinished
from localaws.engines.binaries import find_postgres
from localaws.engines.postgres import PostgresServer
from localaws.engines.role import Upstream
from localaws.rds.accidents import SourceAway
from localaws.rds.clusters import functions
from localaws.rds.clusters.view import ClusterModel, ClusterView, MemberView
from localaws.rds.clusters.work import Create, Failover, Modify, Snapshot
from localaws.rds.failover import PATIENCE, PAUSE, bring_in
from localaws.rds.nodes import Group, Node, NodeDown
from localaws.rds.provision import SnapshotMissing

if TYPE_CHECKING:
    from localaws.rds.clusters.doors import ClusterDoors
    from localaws.rds.clusters.fleet import ClusterFleet
    from localaws.rds.doors import Doors
    from localaws.rds.view import Place
    from localaws.state import StateDir

log = logging.getLogger(__name__)

SYNC_SECONDS = 60.0
"""How long a failover waits for a reader that holds every acknowledged commit."""
REQUESTED = "failover requested"
WRITER_DELETED = "the writer is deleted"


class ClusterProvision:
    """Carries out work items; each can be carried out again after a crash."""

    def __init__(
        self, state: StateDir, model: ClusterModel, fleet: ClusterFleet, doors: ClusterDoors, own: Doors
    ) -> None:
        self._state = state
        self._model = model
        self._fleet = fleet
        self._doors = doors
        self._own = own
        self._silent: dict[str, int] = {}
        self._of_cluster: dict[str, Callable[[ClusterView, Any], None]] = {
            "create": self._create,
            "snapshot": self._snapshot,
            "modify": self._modify,
            "failover": self._fail_over,
            "stop": self._stop,
            "start": self._start,
            "delete": self._delete,
        }
        self._of_member: dict[str, Callable[[ClusterView, MemberView], None]] = {
            "create": self._create_member,
            "configure": self._configure_member,
            "modify": self._modify_member,
            "reboot": self._reboot_member,
            "delete": self._delete_member,
        }

    def perform(self, view: ClusterView) -> None:
        """Carry out the head of a cluster's work and settle it."""
        if view.item is not None:
            self._of_cluster[view.item["do"]](view, view.item)

    def perform_member(self, view: ClusterView, member: MemberView) -> None:
        """Carry out the head of a member's work and settle it."""
        self._of_member[member.do](view, member)

    # -- the volume

    def _create(self, view: ClusterView, item: Create) -> None:
        volume = self._fleet.volume(view.place.id)
        if not volume.exists() and not any(self._fleet.home(each.id).exists() for each in view.members):
            server = self._make(view, item)
            archive.set_archive(server, self._fleet.archive(view.place.id))
            server.stop()
            # an interrupted attempt leaves nothing that looks whole
            server.home.rename(volume)
        self._model.settle(view.place, "cluster_created", addresses=self.lead(view))

    def _make(self, view: ClusterView, item: Create) -> PostgresServer:
        server = self._fleet.volume_server(view, unfinished=True)
        server.remove()
        archive.erase_archive(self._fleet.archive(view.place.id))
        if item["snapshot"] is None:
            server.create(username=view.username, password=view.password, database=view.database, settings={})
            functions.furnish(server, view.database)
            return server
        source = self._fleet.snapshot(item["snapshot"])
        if not (source / "data").is_dir():
            raise SnapshotMissing(f"the data of the snapshot are not in {source}: take another snapshot")
        binaries, durable = find_postgres(view.engine_version), self._state.durable
        if item["archive"] is None:
            return PostgresServer.restore(
                source, server.home, server.sockets, binaries=binaries, durable=durable, settings={}
            )
        self._complete_archive(view, item["archive"])
        return recovery.recover(
            source,
            self._fleet.archive(item["archive"]),
            server.home,
            server.sockets,
            binaries=binaries,
            durable=durable,
            settings={},
            target=datetime.datetime.fromisoformat(item["time"]) if item["time"] else None,
        )

    def _complete_archive(self, view: ClusterView, cluster_id: str) -> None:
        """Have what a running source has committed in its archive."""
        running = self._fleet.known(cluster_id)
        if running is not None and running.primary is not None and running.alive():
            archive.archive_now(running.primary.server)
            return
        source = self._model.view(replace(view.place, id=cluster_id))
        if source is not None and source.writer_id and source.resting != "stopped":
            raise SourceAway("the source is being brought back")

    def _snapshot(self, view: ClusterView, item: Snapshot) -> None:
        group = self._fleet.group(view)
        made = group.primary if group.primary is not None and group.primary.exists else None
        if made is not None and view.resting != "stopped":
            made = group.start()
        server = made.server if made is not None else self._fleet.volume_server(view)
        if not (server.data / "PG_VERSION").exists():
            raise NodeDown("its volume is not here")
        server.snapshot(self._fleet.snapshot(item["snapshot"]))
        self._model.settle(view.place, "cluster_snapshot_taken", snapshot=item["snapshot"])
        bases = [self._fleet.snapshot(each) for each in view.bases]
        kept = [each for each in bases if (each / "data").is_dir()]
        if kept:
            archive.prune(self._fleet.archive(view.place.id), kept)

    # -- the cluster

    def _modify(self, view: ClusterView, item: Modify) -> None:
        password = item["changes"].get("master_user_password")
        if password is not None:
            group = self._fleet.group(view)
            if group.primary is not None and group.primary.exists:
                group.start().server.set_password(view.username, str(password))
            else:
                server = self._fleet.volume_server(view)
                # its settings name the home that it had before
                server.configure({})
                server.start()
                server.set_password(view.username, str(password))
                server.stop()
        self._model.settle(view.place, "cluster_modified", addresses=self.lead(view))

    def _fail_over(self, view: ClusterView, item: Failover) -> None:
        group = self._fleet.group(view)
        primary = group.start()
        if item["target"] != primary.name:
            self._wait_in_sync(view, group, item["target"])
            primary = group.start()
        if item["target"] != primary.name:
            primary = group.fail_over(REQUESTED, to=item["target"])
        self._model.settle(view.place, "cluster_failed_over", writer=primary.name, began=group.given_up)

    def _wait_in_sync(self, view: ClusterView, group: Group, target: str | None) -> None:
        deadline = time.monotonic() + SYNC_SECONDS
        while time.monotonic() < deadline:
            # the writer may die meanwhile: nobody else would start it then, and the target may take over
            primary = group.start()
            node = group.nodes.get(target) if target else group.successor()
            if node is not None and (node is primary or node.in_sync):
                return
            self.bring_in(view)
            time.sleep(PAUSE)

    def _stop(self, view: ClusterView, _: object) -> None:
        self._fleet.group(view).stop()
        for member in view.members:
            self._own.close(member.id)
            self._fleet.ready.discard(member.id)
        self._model.settle(view.place, "cluster_stopped")

    def _start(self, view: ClusterView, _: object) -> None:
        self._model.settle(view.place, "cluster_started")

    def _delete(self, view: ClusterView, _: object) -> None:
        if view.members:
            raise NodeDown("its members are not deleted yet")
        self._doors.forget(view.place.id)
        self._fleet.erase(view.place.id)
        self._model.settle(view.place, "cluster_deleted")

    # -- members

    def _create_member(self, view: ClusterView, member: MemberView) -> None:
        """The first member takes the volume over; readers are brought in by `bring_in`."""
        group = self._fleet.group(view)
        node, volume = group.nodes[member.id], self._fleet.volume(view.place.id)
        if not node.exists:
            if not volume.exists():
                raise NodeDown("the volume of its cluster is not here")
            shutil.rmtree(node.server.home, ignore_errors=True)
            volume.rename(node.server.home)
            group.add(node)
        archive.set_archive(node.server, self._fleet.archive(view.place.id))
        group.start()
        self._announce(member, node)

    def _announce(self, member: MemberView, node: Node) -> None:
        """Tell that a member's server is there."""
        self._fleet.ready.add(member.id)
        address = self._own.open(member, node.server)
        place = {"address": address.address, "port": address.port}
        if member.do == "create":
            version = node.server.binaries.version
            self._model.settle(member.place, "created", engine_version=version, **place)
        else:
            self._model.settle(member.place, "endpoint", **place)
            self._model.settle(member.place, "recovered")

    def _configure_member(self, view: ClusterView, member: MemberView) -> None:
        node = self._fleet.group(view).nodes[member.id]
        if node.exists:
            node.server.configure(member.settings)
        if node.server.alive():
            node.server.reload()
        self._own.update(member)
        self._model.settle(member.place, "configured")

    def _modify_member(self, view: ClusterView, member: MemberView) -> None:
        group = self._fleet.group(view)
        node = group.nodes[member.id]
        if member.item is not None and member.item["do"] == "modify" and member.item["restart"]:
            group.reboot(node)
        elif node.server.alive():
            node.server.configure(member.settings)
            node.server.reload()
        address = self._own.open(member, node.server)
        self._model.settle(member.place, "modified", address=address.address, port=address.port)

    def _reboot_member(self, view: ClusterView, member: MemberView) -> None:
        group = self._fleet.group(view)
        group.reboot(group.nodes[member.id])
        self._model.settle(member.place, "rebooted")

    def _delete_member(self, view: ClusterView, member: MemberView) -> None:
        group = self._fleet.group(view)
        node = group.nodes[member.id]
        others = [each for each in view.members if each.id != member.id and each.do != "delete"]
        if node is group.primary and node.exists:
            self._leave(view, group, node, others)
        with group.upkeep:
            self._fleet.ready.discard(member.id)
            self._own.forget(member.id)
            group.remove(node)
        self._model.settle(member.place, "deleted")

    def _leave(self, view: ClusterView, group: Group, node: Node, others: list[MemberView]) -> None:
        """Have a reader lead in the place of a writer that goes, or keep its data as the volume."""
        if any(group.nodes[each.id].exists for each in others):
            self._wait_in_sync(view, group, None)
            primary = group.start()
            if primary is node:
                primary = group.fail_over(WRITER_DELETED)
            self._model.settle(view.place, "cluster_failed_over", writer=primary.name, began=group.given_up)
            if view.resting == "stopped":
                group.stop()
            return
        group.stop()
        self._doors.lead(view.place.id, None, [])
        volume = self._fleet.volume(view.place.id)
        if not volume.exists():
            node.server.home.rename(volume)
        group.primary = None

    # -- keeping it running

    def run(self, view: ClusterView) -> None:
        """Have the writer of a cluster run, and its endpoints open; tell the model who it is."""
        group = self._fleet.group(view)
        due = [each for each in view.members if each.should_run]
        if due and view.resting != "stopped" and any(node.exists for node in group.nodes.values()):
            primary = group.start()
            began = group.given_up
            del group.takeovers[:]
            if primary.name != view.writer_id:
                self._model.settle(view.place, "cluster_failed_over", writer=primary.name, began=began)
            member = view.member(primary.name)
            if member is not None and (member.resting != "available" or member.id not in self._fleet.ready):
                self._announce(member, primary)
        addresses = self.lead(view)
        if addresses != view.addresses or view.unsettled:
            self._model.settle(view.place, "cluster_endpoints", addresses=addresses)

    def lead(self, view: ClusterView) -> dict[str, str]:
        """Have the endpoints of a cluster lead to its servers, and return their addresses."""
        group = self._fleet.group(view)
        primary = group.primary if group.alive() else None
        for member in view.members:
            node = group.nodes[member.id]
            if node.server.alive() and member.id in self._fleet.ready:
                self._own.open(member, node.server)
        return self._doors.keep(view, primary, self.readers(group))

    def readers(self, group: Group) -> list[Node]:
        """The nodes that serve readers."""
        return [node for node in group.standbys if node.name in self._fleet.ready and node.server.alive()]

    def lacks(self, view: ClusterView, group: Group) -> list[MemberView]:
        """The readers that have to be brought in."""
        if not group.alive() or view.resting == "stopped":
            return []
        return [each for each in view.members if each.should_run and self._is_out(each, group)]

    def _is_out(self, member: MemberView, group: Group) -> bool:
        node = group.nodes.get(member.id)
        if node is None:
            return True
        if node is group.primary or node.held:
            return False
        well = node.server.alive() and node.name in group.listed and node.in_sync
        return not well or member.do == "create" or member.resting != "available"

    def bring_in(self, view: ClusterView) -> None:
        """Bring in the readers that are missing, one after the other."""
        group = self._fleet.group(view)
        folder = self._fleet.archive(view.place.id)
        with group.upkeep:
            for member in self.lacks(view, group):
                node = group.nodes[member.id]
                if not node.server.alive():
                    self._fleet.ready.discard(member.id)
                upstream = Upstream(group.link, node.name, folder)
                bring_in(group, node, upstream, member.settings, archive=folder, zone=member.zone)
                if node.in_sync:
                    self._announce(member, node)
        self.lead(view)

    def check_readers(self, view: ClusterView) -> None:
        """Go on without a reader that is silent: commits wait for it."""
        group = self._fleet.group(view)
        with group.upkeep:
            primary = group.primary
            if primary is None or not primary.server.alive():
                return
            heard = {each.name for each in standby.followers(primary.server) if each.synchronous}
            for name in group.listed - heard:
                self._silent[name] = self._silent.get(name, 0) + 1
                node = group.nodes.get(name)
                if node is not None and self._silent[name] >= PATIENCE:
                    log.warning("%s receives nothing: its writer goes on without it", node.server.home.name)
                    group.release(node, primary)
            self._silent = {name: count for name, count in self._silent.items() if name not in heard}

    # -- snapshots

    def copy_snapshot(self, place: Place, source: str) -> None:
        """Copy the data of a snapshot for another one."""
        copy_snapshot(
            self._fleet.snapshot(source), self._fleet.snapshot(place.id), durable=self._state.durable
        )
        self._model.settle_snapshot(place, "cluster_snapshot_copied")

    def discard(self, place: Place) -> None:
        """Remove a folder that nothing refers to."""
        folder = self._fleet.folder(place.id)
        for left in (folder, unfinished(folder)):
            if left.exists():
                shutil.rmtree(left)
        self._model.settle_folder(place)
