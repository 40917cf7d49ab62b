"""Keeps the servers and endpoints of clusters as the model asks, and tells the model what has happened."""

from __future__ import annotations

import concurrent.futures
import functools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from localaws import zones
from localaws.engines.pidfile import PidFile
from localaws.rds.accidents import Accidents
from localaws.rds.clusters.doors import ClusterDoors
from localaws.rds.clusters.fleet import ClusterFleet
from localaws.rds.clusters.provision import ClusterProvision
from localaws.rds.clusters.view import ClusterModel, ClusterView, MemberView
from localaws.rds.doors import Doors
from localaws.rds.failover import LOOK_SECONDS
from localaws.rds.nodes import Group, Node, NodeDown
from localaws.rds.view import Model, Place

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)


class ClusterController:
    """The reconciler's controller of clusters."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._reconciler = runtime.reconciler
        self._state = control.state
        self._model = ClusterModel(control)
        self._accidents = Accidents()
        instances = Model(control)
        self._doors = ClusterDoors(self._model, instances, runtime)
        self.fleet = ClusterFleet(control.state, self._moved, self._reconciler.wake)
        self._provision = ClusterProvision(
            control.state, self._model, self.fleet, self._doors, Doors(instances, runtime)
        )
        self._felt = zones.failed(control.state)
        self._asked: dict[str, float] = {}
        for view in self._model.glance().clusters:
            for member in view.members:
                self._report_stopped(member)

    def _report_stopped(self, member: MemberView) -> None:
        """Nothing runs yet: no caller may read "available" before it is true."""
        if member.should_run and member.item is None:
            in_order = PidFile.read(self.fleet.home(member.id) / "data") is None
            self._model.settle(member.place, "paused" if in_order else "crashed")

    def _moved(self, cluster_id: str, primary: Node | None) -> None:
        group = self.fleet.known(cluster_id)
        if group is not None:
            self._doors.lead(cluster_id, primary, self._provision.readers(group))

    def reconcile(self) -> None:
        """Submit a job for each cluster that needs attention."""
        glance = self._model.glance()
        for place in glance.due:
            self._model.settle(place, "cluster_maintained")
        for place in glance.backups_due:
            self._model.settle(place, "cluster_backup_due")
        failed = zones.failed(self._state)
        moved, self._felt = failed != self._felt, failed
        for view in glance.clusters:
            if moved and self.fleet.known(view.place.id) is not None:
                self.fleet.group(view)
            self._look_at(view)
        for place, item in glance.copies:
            self._reconciler.submit(place.id, functools.partial(self._copy, place, item["source"]))
        for place in glance.folders:
            self._reconciler.submit(place.id, functools.partial(self._provision.discard, place))

    def _look_at(self, view: ClusterView) -> None:
        place, group = view.place, self.fleet.known(view.place.id)
        ending = view.item is not None and view.item["do"] in ("stop", "delete")
        if group is not None and view.resting != "stopped" and not ending:
            # at once: whoever works on the cluster may need long
            self._note_down(view, group)
        if group is None or self._needs(view, group):
            self._reconciler.submit(place.id, functools.partial(self._attend, place))
        if group is not None and self._provision.lacks(view, group):
            job = functools.partial(self._with, place, self._provision.bring_in)
            self._reconciler.submit(f"{place.id}/readers", job)
        elif group is not None and group.alive() and group.listed and self._is_time(place.id):
            job = functools.partial(self._with, place, self._provision.check_readers)
            self._reconciler.submit(f"{place.id}/readers", job)

    def _is_time(self, cluster_id: str) -> bool:
        """Whether the readers of a cluster were last asked some time ago."""
        now = time.monotonic()
        due = now - self._asked.get(cluster_id, 0.0) > LOOK_SECONDS
        if due:
            self._asked[cluster_id] = now
        return due

    def _needs(self, view: ClusterView, group: Group) -> bool:
        """Whether there is something to do that is not only bringing readers in."""
        if view.item is not None or view.unsettled or group.takeovers:
            return True
        if any(self._workable(view, each, group) for each in view.members):
            return True
        if view.resting == "stopped":
            return False
        if any(node.held and node.server.alive() for node in group.nodes.values()):
            return True
        running = [each for each in view.members if each.should_run and each.id in group.nodes]
        down = [each for each in running if not group.nodes[each.id].server.alive()]
        if any(each.resting == "available" and each.item is None for each in down):
            return True
        return (
            bool(running)
            and not group.alive()
            and not group.held
            and any(group.nodes[each.id].exists for each in running)
        )

    def _workable(self, view: ClusterView, member: MemberView, group: Group) -> bool:
        """Whether the head of a member's work can be done now: readers are made by `bring_in`."""
        if member.item is None:
            return False
        if member.do != "create":
            return True
        made = [node for node in group.nodes.values() if node.exists]
        if made:
            return group.primary is not None and group.primary.name == member.id
        return view.writer_id in (member.id, None) or view.member(view.writer_id) is None

    def _attend(self, place: Place) -> None:
        """Do all the work of a cluster and its members, then have it run if it should."""
        while (view := self._model.view(place)) is not None and self._step(view):
            pass
        if view is None or view.resting == "failed":
            return
        self.fleet.hold_down(view)
        self._note_down(view, self.fleet.group(view))
        try:
            self._provision.run(view)
        except NodeDown as error:
            log.warning("%s has no writer: %s", view.identifier, error)

    def _step(self, view: ClusterView) -> bool:
        """Do one thing of the work; False when nothing can be done now."""
        if view.item is not None and view.item["do"] == "create":
            self._perform(view)
            return True
        group = self.fleet.group(view)
        order = sorted(view.members, key=lambda each: (group.primary is group.nodes[each.id], each.rank))
        for member in order:
            if self._workable(view, member, group):
                self._perform_member(view, member)
                return True
        if view.item is None or (view.item["do"] == "delete" and view.members):
            return False
        self._perform(view)
        return True

    def _perform(self, view: ClusterView) -> None:
        do = view.item["do"] if view.item is not None else ""
        try:
            self._provision.perform(view)
            self._accidents.over(view.place.id)
        except Exception as error:
            if do in ("delete", "stop"):
                raise
            self._accidents.check(view.place.id, error)
            log.exception("%s of %s failed", do, view.identifier)
            self._model.settle(view.place, "cluster_failed", do=do, reason=str(error) or type(error).__name__)

    def _perform_member(self, view: ClusterView, member: MemberView) -> None:
        try:
            self._provision.perform_member(view, member)
            self._accidents.over(member.id)
        except Exception as error:
            if member.do == "delete":
                raise
            self._accidents.check(member.id, error)
            log.exception("%s of %s failed", member.do, member.identifier)
            status = "failed" if member.do == "create" else "incompatible-parameters"
            reason = str(error) or type(error).__name__
            self._model.settle(member.place, "failed", do=member.do, status=status, reason=reason)

    def _note_down(self, view: ClusterView, group: Group) -> None:
        """Tell of the members whose servers have died."""
        for member in view.members:
            node = group.nodes.get(member.id)
            idle = member.resting == "available" and member.item is None
            if idle and node is not None and not node.server.alive():
                self.fleet.ready.discard(member.id)
                self._model.settle(member.place, "crashed")

    def _with(self, place: Place, job: Callable[[ClusterView], None]) -> None:
        """Do something with a cluster as it is now."""
        view = self._model.view(place)
        if view is not None:
            job(view)

    def _copy(self, place: Place, source: str) -> None:
        try:
            self._provision.copy_snapshot(place, source)
        except OSError as error:
            self._model.settle_snapshot(place, "cluster_snapshot_failed", reason=str(error))

    def shutdown(self) -> None:
        """Stop all servers in order."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(Group.stop, self.fleet.groups()))

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for view in self._model.glance().clusters:
            group = self.fleet.known(view.place.id)
            for member in view.members:
                node = group.nodes.get(member.id) if group is not None else None
                pid = node.server.pid if node is not None else None
                status = member.do or member.resting
                found.append({"name": member.identifier, "kind": "postgres", "status": status, "pid": pid})
        return found
