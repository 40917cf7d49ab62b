"""What each item of a DB instance's work does to its server and its endpoint."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from localaws.addresses import Address
from localaws.engines import archive, recovery, spare, standby
from localaws.engines.backup import copy_snapshot, unfinished
from localaws.engines.binaries import find_all, find_postgres
from localaws.engines.pidfile import PidFile
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import EngineFailed
from localaws.errors import LocalawsError
from localaws.rds.accidents import SourceAway
from localaws.rds.doors import Doors
from localaws.rds.failover import Standbys
from localaws.rds.fleet import NAMES, Fleet
from localaws.rds.nodes import Group, Node, NodeDown
from localaws.rds.replication import Replicas
from localaws.rds.view import InstanceView, Model, Place
from localaws.rds.work import Modify, Promote, Reboot, Recover, Replicate, Restore, Snapshot

if TYPE_CHECKING:
    from localaws.state import StateDir


log = logging.getLogger(__name__)


class SnapshotMissing(LocalawsError):
    """The data of a snapshot are not on this machine."""


class Provision:
    """Carries out work items; each can be carried out again after a crash."""

    def __init__(
        self,
        state: StateDir,
        model: Model,
        doors: Doors,
        fleet: Fleet,
        standbys: Standbys,
        replicas: Replicas,
    ) -> None:
        self._state = state
        self._model = model
        self._doors = doors
        self._fleet = fleet
        self._standbys = standbys
        self._replicas = replicas
        self._actions: dict[str, Callable[[InstanceView, Any], None]] = {
            "create": self._create,
            "restore": self._restore,
            "replicate": self._replicate,
            "promote": self._promote,
            "recover": self._recover,
            "snapshot": self._snapshot,
            "modify": self._modify,
            "configure": self._configure,
            "reboot": self._reboot,
            "stop": self._stop,
            "start": self._start,
            "delete": self._delete,
        }

    def perform(self, view: InstanceView) -> None:
        """Carry out the head of an instance's work and settle it."""
        item = view.item
        if item is not None:
            self._actions[item["do"]](view, item)

    def server(self, place: Place) -> PostgresServer | None:
        """Return the server of an instance, the primary of several, that this process has looked after."""
        group = self._fleet.known(place)
        return group.primary.server if group is not None and group.primary is not None else None

    def alive(self, place: Place) -> bool:
        """Whether the instance's server runs."""
        group = self._fleet.known(place)
        return group is not None and group.alive()

    def ended_in_order(self, place: Place) -> bool:
        """Whether the last servers of an instance ended as those do that were asked to."""
        return all(PidFile.read(self._fleet.home(place.id, name) / "data") is None for name in NAMES)

    def revive(self, view: InstanceView) -> None:
        """Have the server of an instance run that is down though it should run."""
        address = self._run(view)
        self._model.settle(view.place, "endpoint", address=address.address, port=address.port)
        self._model.settle(view.place, "recovered")
        self._standbys.report(view)

    def refuse(self, view: InstanceView, reason: str) -> None:
        """Have the endpoint of an instance tell why it has no server."""
        group = self._fleet.group(view)
        server = (group.primary or group.nodes[NAMES[0]]).server
        address = self._doors.open(view, server, reason=reason)
        self._model.settle(view.place, "endpoint", address=address.address, port=address.port)

    def prepare(self) -> None:
        """Have a spare cluster ready, so that the next database is made quickly."""
        for binaries in find_all()[:1]:
            spare.prepare(self._state.engines_root, binaries, durable=self._state.durable)

    def prepared(self) -> bool:
        """Whether the next database is made quickly already."""
        return all(spare.is_ready(self._state.engines_root, binaries) for binaries in find_all()[:1])

    def stop_all(self) -> None:
        """Stop every server in order, several instances at a time."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(Group.stop, self._fleet.groups()))

    def _run(self, view: InstanceView) -> Address:
        """Have the primary run with the instance's settings, and its endpoint lead to it."""
        group = self._fleet.group(view)
        if not group.alive():
            self._replicas.follow(view, group)
        node = group.start()
        return self._admit(view, node)

    def _reload(self, view: InstanceView) -> Address:
        """Have all running nodes read the instance's settings, and start the primary if it is down."""
        group = self._fleet.group(view)
        for node in group.serving:
            node.server.configure(view.settings)
            node.server.reload()
        return self._run(view)

    def _admit(self, view: InstanceView, node: Node) -> Address:
        """Open the endpoint of a primary that runs."""
        if node.zone is None:
            node.zone = view.zone
        return self._doors.open(view, node.server)

    def _restart(self, view: InstanceView) -> Address:
        group = self._fleet.group(view)
        if group.alive():
            group.restart(view.settings)
        return self._run(view)

    def _create(self, view: InstanceView, _: object) -> None:
        node = self._anew(view)
        node.server.create(
            username=view.username, password=view.password, database=view.database, settings=view.settings
        )
        self._finish(view, node)

    def _restore(self, view: InstanceView, item: Restore) -> None:
        source = self._data_of(item["snapshot"])
        node = self._anew(view)
        node.server = PostgresServer.restore(
            source,
            node.server.home,
            node.server.sockets,
            binaries=find_postgres(view.engine_version),
            durable=self._state.durable,
            settings=view.settings,
        )
        self._finish(view, node, set_password=item["set_password"])

    def _recover(self, view: InstanceView, item: Recover) -> None:
        source = self._data_of(item["base"])
        self._await_source(view, item["archive"])
        self._complete_archive(item["archive"])
        node = self._anew(view)
        node.server = recovery.recover(
            source,
            self._fleet.archive(item["archive"]),
            node.server.home,
            node.server.sockets,
            binaries=find_postgres(view.engine_version),
            durable=self._state.durable,
            settings=view.settings,
            target=datetime.datetime.fromisoformat(item["time"]) if item["time"] else None,
        )
        self._finish(view, node, set_password=item["set_password"])

    def _await_source(self, view: InstanceView, resource_id: str) -> None:
        """A source that is being brought back has not archived all that it has committed."""
        group = self._fleet.named(resource_id)
        source = self._model.instance(replace(view.place, id=resource_id))
        if source is not None and source.should_run and (group is None or not group.alive()):
            raise SourceAway("the source is being brought back")

    def _complete_archive(self, resource_id: str) -> None:
        """Have what a running source has committed in its archive; one that is gone archived all it could."""
        group = self._fleet.named(resource_id)
        if group is not None and group.primary is not None and group.alive():
            archive.archive_now(group.primary.server)

    def _data_of(self, data_id: str) -> Path:
        folder = self._fleet.snapshot(data_id)
        if not (folder / "data").is_dir():
            raise SnapshotMissing(f"the data of the snapshot are not in {folder}: take another snapshot")
        return folder

    def _anew(self, view: InstanceView) -> Node:
        """The first node of an instance that is to be made; what an earlier attempt left is removed."""
        self._fleet.erase(view.place)
        archive.erase_archive(self._fleet.archive(view.place.id))
        return self._fleet.node(view, self._fleet.group(view), NAMES[0])

    def _finish(self, view: InstanceView, node: Node, *, set_password: bool = False) -> None:
        """Have a new primary archive and be followed as it should, and tell of it."""
        server = node.server
        if set_password:
            server.set_password(view.username, view.password)
        if view.archiving:
            archive.set_archive(server, self._fleet.archive(view.place.id))
        node.zone = view.zone
        group = self._fleet.group(view)
        group.lead(node)
        if view.standby_zone is not None:
            self._standbys.keep(view)
        address = self._admit(view, node)
        self._model.settle(
            view.place,
            "created",
            address=address.address,
            port=address.port,
            engine_version=server.binaries.version,
        )

    def _replicate(self, view: InstanceView, item: Replicate) -> None:
        source = self._replicas.primary_of(item["source"])
        node = self._anew(view)
        node.server = standby.clone(
            source.server,
            node.server.home,
            node.server.sockets,
            upstream=self._replicas.upstream(view, item["source"]),
            settings=view.settings,
        )
        standby.wait_streaming(node.server)
        self._finish(view, node)

    def _promote(self, view: InstanceView, _: Promote) -> None:
        group = self._fleet.group(view)
        node = group.start()
        standby.promote(node.server)
        archive.set_archive(node.server, self._fleet.archive_of(view))
        if view.standby_zone is not None:
            self._standbys.keep(view)
        self._admit(view, node)
        self._model.settle(view.place, "promoted")

    def _snapshot(self, view: InstanceView, item: Snapshot) -> None:
        if view.should_run:
            self._run(view)
        group = self._fleet.group(view)
        if group.primary is None:
            raise NodeDown("its data are not here")
        group.primary.server.snapshot(self._fleet.snapshot(item["snapshot"]))
        self._model.settle(view.place, "snapshot_taken", snapshot=item["snapshot"])
        self._prune(view)

    def _prune(self, view: InstanceView) -> None:
        """Delete the archived WAL from before the oldest automated snapshot."""
        bases = [self._fleet.snapshot(data_id) for data_id in self._model.bases(view.place)]
        if not view.archiving or not bases:
            return
        try:
            archive.prune(self._fleet.archive(view.place.id), [base for base in bases if base.exists()])
        except (EngineFailed, OSError):
            # the next backup tries again
            log.exception("the archive of %s keeps more than it needs", view.identifier)

    def _modify(self, view: InstanceView, item: Modify) -> None:
        if view.resting == "stopped":
            self._modify_stopped(view, item)
            return
        changes = item["changes"]
        if "master_user_password" in changes:
            self._run(view)
            self._primary(view).set_password(view.username, str(changes["master_user_password"]))
        if item["restart"] or "port" in changes or "engine_version" in changes:
            address = self._restart(view)
        else:
            address = self._reload(view)
        if "backup_retention_period" in changes:
            self._archive(view)
        if "multi_az" in changes:
            self._standbys.keep(view)
        self._model.settle(view.place, "modified", address=address.address, port=address.port)
        renamed = self._model.instance(view.place)
        if renamed is not None and renamed.dns_name != view.dns_name:
            self._doors.open(renamed, self._primary(renamed))

    def _primary(self, view: InstanceView) -> PostgresServer:
        primary = self._fleet.group(view).primary
        if primary is None:
            raise NodeDown("it has no server")
        return primary.server

    def _archive(self, view: InstanceView) -> None:
        """Have an instance archive as its retention says."""
        for node in self._fleet.group(view).members:
            if node.exists:
                archive.set_archive(node.server, self._fleet.archive_of(view))

    def _modify_stopped(self, view: InstanceView, item: Modify) -> None:
        group = self._fleet.group(view)
        server = self._primary(view)
        server.configure(view.settings)
        if "master_user_password" in item["changes"]:
            group.start()
            server.set_password(view.username, str(item["changes"]["master_user_password"]))
            group.stop()
            self._doors.close(view.place.id)
        if "backup_retention_period" in item["changes"]:
            self._archive(view)
        address = self._doors.reserve(view)
        self._model.settle(view.place, "modified", address=address.address, port=address.port)

    def _configure(self, view: InstanceView, _: object) -> None:
        group = self._fleet.group(view)
        for node in group.serving:
            node.server.configure(view.settings)
            node.server.reload()
        if group.primary is not None and not group.alive():
            group.primary.server.configure(view.settings)
        self._doors.update(view)
        self._model.settle(view.place, "configured")

    def _reboot(self, view: InstanceView, item: Reboot) -> None:
        if item["failover"] and view.standby_zone is not None:
            self._standbys.fail_over(view)
            # after a start the standby may have taken over already, and nothing listens yet
            address = self._run(view)
            self._model.settle(view.place, "endpoint", address=address.address, port=address.port)
            self._standbys.report(view)
        else:
            self._restart(view)
        self._model.settle(view.place, "rebooted")

    def _stop(self, view: InstanceView, _: object) -> None:
        self._doors.close(view.place.id)
        self._fleet.group(view).stop()
        self._model.settle(view.place, "stopped")

    def _start(self, view: InstanceView, _: object) -> None:
        address = self._run(view)
        self._model.settle(view.place, "started", address=address.address, port=address.port)

    def _delete(self, view: InstanceView, _: object) -> None:
        self._doors.forget(view.place.id)
        if view.archiving:
            # its automated backups may outlive it
            with contextlib.suppress(EngineFailed, psycopg.Error):
                self._complete_archive(view.place.id)
        self._fleet.erase(view.place)
        self._model.settle(view.place, "deleted")

    def copy_snapshot(self, place: Place, source: str) -> None:
        """Copy the data of a snapshot for another one."""
        copy_snapshot(
            self._fleet.snapshot(source), self._fleet.snapshot(place.id), durable=self._state.durable
        )
        self._model.settle_snapshot(place, "snapshot_copied")

    def discard_archive(self, place: Place) -> None:
        """Remove the archived WAL of a resource that nothing can be recovered from."""
        if place not in self._model.overview().archives:
            return  # archived again since
        self._fleet.discard(self._fleet.archive(place.id))
        self._model.settle(place, "archive_discarded")

    def discard_snapshot(self, place: Place) -> None:
        """Remove the data of a snapshot that nothing refers to."""
        folder = self._fleet.snapshot(place.id)
        for left in (folder, unfinished(folder)):
            if left.exists():
                shutil.rmtree(left)
        self._model.settle_snapshot(place, "discarded")
