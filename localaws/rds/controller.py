"""Keeps the PostgreSQL servers and endpoints as the RDS model asks, and tells the model what has happened."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from localaws import zones
from localaws.engines.process import EngineFailed
from localaws.errors import LocalawsError
from localaws.rds.accidents import Accidents
from localaws.rds.doors import Doors
from localaws.rds.failover import Standbys
from localaws.rds.fleet import Fleet
from localaws.rds.nodes import Node, NodeDown
from localaws.rds.provision import Provision, SnapshotMissing
from localaws.rds.replication import Replicas
from localaws.rds.storage import Storage
from localaws.rds.view import Glance, InstanceView, Model, Place

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

FULL = "No space left on device"
MAKING = frozenset({"create", "restore", "replicate", "recover"})
WITHOUT_HARM = frozenset({"snapshot", "configure", "delete"})
"""Work whose failure leaves the instance in the state it had."""


class RdsController:
    """The reconciler's controller of RDS."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._reconciler = runtime.reconciler
        self._state = control.state
        self._model = Model(control)
        doors = Doors(self._model, runtime)
        self.fleet = Fleet(control.state, doors, self._reconciler.wake)
        self._standbys = Standbys(self.fleet, self._model)
        self._replicas = Replicas(self.fleet, self._model)
        self._provision = Provision(
            control.state, self._model, doors, self.fleet, self._standbys, self._replicas
        )
        self._storage = Storage(self.fleet, self._model, self._provision)
        self._noted: set[str] = set()
        self._accidents = Accidents()
        self._felt = zones.failed(control.state)
        for glance in self._model.overview().instances:
            # nothing runs yet: no caller may read "available" before it is true
            self._report_down(glance)
        self._prepares = True
        self._reconciler.submit("rds-spare", self._prepare)

    def reconcile(self) -> None:
        """Submit a job for each resource that needs attention."""
        overview = self._model.overview()
        self._feel_zones()
        for glance in overview.instances:
            self._look_at(glance)
        for place, item in overview.copies:
            self._reconciler.submit(place.id, functools.partial(self._copy, place, item["source"]))
        for place in overview.discarded:
            self._reconciler.submit(place.id, functools.partial(self._provision.discard_snapshot, place))
        for place in overview.archives:
            self._reconciler.submit(place.id, functools.partial(self._provision.discard_archive, place))
        for place, name in overview.chores:
            self._model.settle(place, name)
        idle = not any(glance.busy for glance in overview.instances)
        if idle and self._prepares and not self._provision.prepared():
            self._reconciler.submit("rds-spare", self._prepare)

    def _look_at(self, glance: Glance) -> None:
        place = glance.place
        if glance.due and not glance.busy:
            self._model.settle(place, "maintained")
        if glance.busy or self._is_down(glance) or self._standbys.changed(place):
            self._reconciler.submit(place.id, functools.partial(self._attend, place))
        if self._replicas.broken(glance):
            self._submit(place.id, place, self._replicas.repair)
        if self._storage.due(glance):
            self._submit(place.id, place, self._storage.look)
        if self._standbys.need(glance):
            self._submit(f"{place.id}/standby", place, self._standbys.keep)
        if self._replicas.due(glance):
            self._submit(f"{place.id}/replica", place, self._replicas.look)

    def _is_down(self, glance: Glance) -> bool:
        """Whether a server has to be started that may be."""
        if not glance.should_run or self._provision.alive(glance.place):
            return False
        group = self.fleet.known(glance.place)
        return group is None or not group.held or glance.place.id not in self._noted

    def _feel_zones(self) -> None:
        failed = zones.failed(self._state)
        if failed != self._felt:
            self._felt = failed
            self._reconciler.submit("rds-zones", lambda: self.fleet.feel(zones.failed(self._state)))

    def _submit(self, key: str, place: Place, job: Callable[[InstanceView], None]) -> None:
        self._reconciler.submit(key, functools.partial(self._with, place, job))

    def _with(self, place: Place, job: Callable[[InstanceView], None]) -> None:
        """Do something with an instance as it is now, if it is still to run."""
        view = self._model.instance(place)
        if view is not None and view.should_run:
            job(view)

    def shutdown(self) -> None:
        """Stop all servers in order."""
        self._provision.stop_all()

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for glance in self._model.overview().instances:
            server = self._provision.server(glance.place)
            pid = server.pid if server is not None else None
            found.append({"name": glance.identifier, "kind": "postgres", "status": glance.status, "pid": pid})
            group = self.fleet.known(glance.place)
            for node in group.standbys if group is not None else ():
                found.append(_standby_engine(glance.identifier, node))
        return found

    def _report_down(self, glance: Glance) -> None:
        if glance.should_run and not glance.busy:
            was_stopped = self._provision.ended_in_order(glance.place)
            self._model.settle(glance.place, "paused" if was_stopped else "crashed")

    def _attend(self, place: Place) -> None:
        """Do all the work of an instance, one item after the other, then have it run if it should."""
        while (view := self._model.instance(place)) is not None and view.item is not None:
            self._perform(view)
        if view is not None and view.should_run:
            if not self._provision.alive(place):
                self._revive(view)
            elif self._standbys.changed(place):
                self._standbys.report(view)

    def _perform(self, view: InstanceView) -> None:
        try:
            self._provision.perform(view)
            self._accidents.over(view.place.id)
        except Exception as error:
            self._fail(view, error)

    def _fail(self, view: InstanceView, error: Exception) -> None:
        do = view.item["do"] if view.item is not None else ""
        if do == "delete":
            # the reconciler holds it back a little, then tries again
            raise error
        self._accidents.check(view.place.id, error)
        log.error("%s of %s failed", do, view.identifier, exc_info=error)
        status = _status_after(do, error, view.resting)
        self._model.settle(view.place, "failed", do=do, status=status, reason=_reason(error))

    def _revive(self, view: InstanceView) -> None:
        self._model.settle(view.place, "crashed")
        try:
            self._provision.revive(view)
        except NodeDown as error:
            self._hold(view, error)
            return
        except Exception as error:
            if view.place.id not in self._noted:
                self._noted.add(view.place.id)
                message = f"The database server does not start and will be tried again: {_reason(error)}"
                self._model.settle(view.place, "noted", message=message, categories=["failure"])
            raise
        self._noted.discard(view.place.id)

    def _hold(self, view: InstanceView, error: NodeDown) -> None:
        """Tell clients and the model once that an instance cannot run for now."""
        if view.place.id not in self._noted:
            self._provision.refuse(view, f'"{view.identifier}" is not available: {error}')
            self._model.settle(view.place, "noted", message=f"Not available: {error}", categories=["failure"])
            self._noted.add(view.place.id)

    def _prepare(self) -> None:
        """Make ready for the next database; without that it only takes longer."""
        try:
            self._provision.prepare()
        except (LocalawsError, OSError) as error:
            self._prepares = False
            log.warning("the next database will take longer to make: %s", error)

    def _copy(self, place: Place, source: str) -> None:
        try:
            self._provision.copy_snapshot(place, source)
        except OSError as error:
            self._model.settle_snapshot(place, "snapshot_failed", reason=_reason(error))


def _standby_engine(identifier: str, node: Node) -> Engine:
    pid = node.server.pid
    status = "in sync" if pid is not None and node.in_sync else "catching up" if pid is not None else "down"
    return {"name": f"{identifier} (standby)", "kind": "postgres", "status": status, "pid": pid}


def _status_after(do: str, error: Exception, resting: str) -> str:
    """Return the DBInstanceStatus that a failure leads to."""
    if isinstance(error, SnapshotMissing):
        return "incompatible-restore"
    if do in MAKING:
        return "failed"
    if do in WITHOUT_HARM or isinstance(error, NodeDown):
        return resting
    if _is_full(error):
        return "storage-full"
    return "incompatible-parameters" if isinstance(error, EngineFailed) else "failed"


def _is_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno == errno.ENOSPC) or FULL in str(error)


def _reason(error: Exception) -> str:
    if _is_full(error):
        return f"{FULL}: free some space, then try again. ({error})"
    return str(error) or type(error).__name__
