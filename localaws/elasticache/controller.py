"""Keeps the Valkey servers and endpoints as the ElastiCache model asks, and tells the model what happened."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import redis

from localaws import zones
from localaws.elasticache.changes import RESTARTING
from localaws.elasticache.doors import Doors
from localaws.elasticache.folders import Folders
from localaws.elasticache.squad import CacheDown, Squad
from localaws.elasticache.view import Chore, Model, OwnerView, Place
from localaws.engines.binaries import EngineMissing
from localaws.engines.process import EngineFailed
from localaws.relay.front import EndpointError

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

TRIES = 4
"""How often what may have failed by accident is tried."""


class CacheController:
    """The reconciler's controller of ElastiCache's Valkey and Redis OSS."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._state = control.state
        self._reconciler = runtime.reconciler
        self._model = Model(control)
        self._doors = Doors(self._model, runtime)
        self._folders = Folders(control.state.engines_root, control.state.sockets_root)
        self._squads: dict[str, Squad] = {}
        self._tries: dict[str, int] = {}
        self._placed: dict[str, object] = {}
        self._work: dict[str, Callable[[OwnerView, Mapping[str, Any]], None]] = {
            "create": self._create,
            "modify": self._modify,
            "scale": self._scale,
            "reboot": self._reboot,
            "failover": self._fail_over,
            "snapshot": self._snapshot,
            "delete": self._delete,
        }
        for view in self._model.owners(memcached=False):
            # nothing runs yet: no caller may read "available" before it is true
            for member in view.members:
                if member.state == "available":
                    self._model.settle(view.place, "down", member=member.uid, crash=False)

    def reconcile(self) -> None:
        """Submit a job for each cache that needs attention."""
        failed = zones.failed(self._state)
        for view in self._model.owners(memcached=False):
            squad = self._squads.get(view.uid)
            resting = not view.head and view.status not in ("create-failed", "restore-failed")
            if view.head or (resting and (squad is None or not squad.healthy(view, failed))):
                self._reconciler.submit(view.uid, functools.partial(self._attend, view.place))
        for chore in self._model.chores():
            self._reconciler.submit(chore.place.uid, functools.partial(self._do, chore))

    def shutdown(self) -> None:
        """Stop all servers in order."""
        for squad in list(self._squads.values()):
            squad.stop()

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for view in self._model.owners(memcached=False):
            squad = self._squads.get(view.uid)
            for member in view.members:
                unit = squad.units.get(member.uid) if squad else None
                pid = unit.server.pid if unit else None
                status = member.state if view.grouped and not view.head else view.status
                found.append({"name": member.identifier, "kind": "valkey", "status": status, "pid": pid})
        return found

    def _attend(self, place: Place) -> None:
        """Do all the work of a cache, then have its servers run as they should."""
        try:
            while (view := self._model.owner(place)) is not None and view.head:
                self._work[view.head["do"]](view, view.head)
                self._tries.pop(place.uid, None)
            if view is not None and view.status not in ("create-failed", "restore-failed"):
                self._keep(view)
        except (redis.RedisError, OSError) as error:
            raise CacheDown(f"{place.uid}: {error}") from error

    def _do(self, chore: Chore) -> None:
        """Do what is due by the clock, or with a snapshot's file."""
        if chore.settle == "snapshot_copied" and chore.source:
            shutil.copyfile(self._folders.snapshot(chore.source), self._folders.snapshot(chore.place.uid))
            self._folders.snapshot(chore.place.uid).chmod(0o600)
        elif chore.settle == "discarded":
            self._folders.erase_snapshot(chore.place.uid)
        else:
            self._model.settle(chore.place, chore.settle)
            return
        self._model.settle_snapshot(chore.place, chore.settle)

    def _squad(self, view: OwnerView) -> Squad:
        if view.uid not in self._squads:
            self._squads[view.uid] = Squad(
                self._folders, self._doors, durable=self._state.durable, wake=self._reconciler.wake
            )
        return self._squads[view.uid]

    def _stand(self, view: OwnerView) -> Squad:
        """Have the servers in their roles, and the model know of them; CacheDown while nobody can lead."""
        squad = self._squad(view)
        self._tell_of_the_dead(view, squad)
        failed = zones.failed(self._state)
        head = view.head or {}
        restored = head.get("snapshot") if head.get("do") == "create" else None
        leads = squad.stand(view, failed, self._folders.snapshot(restored) if restored else None)
        if squad.leader != view.primary:
            self._model.settle(view.place, "failed_over", member=squad.leader)
        if leads:
            self._place(view, squad)
        for member in view.members:
            unit = squad.unit(member.uid)
            if unit.held and member.state == "available":
                self._model.settle(view.place, "down", member=member.uid, crash=True)
            elif unit.runs and member.state != "available" and squad.serves(member.uid):
                self._model.settle(view.place, "up", member=member.uid)
        if not leads:
            raise CacheDown(f"{view.identifier} has no node that may lead: its zone is down")
        return squad

    def _tell_of_the_dead(self, view: OwnerView, squad: Squad) -> None:
        for member in view.members:
            unit = squad.units.get(member.uid)
            if (
                unit is not None
                and unit.applied is not None
                and not unit.runs
                and member.state == "available"
            ):
                log.warning("the server of the cache %s has ended", member.identifier)
                self._model.settle(view.place, "down", member=member.uid, crash=True)

    def _place(self, view: OwnerView, squad: Squad) -> None:
        nodes, endpoints = squad.open(view)
        if self._placed.get(view.uid) != (nodes, endpoints):
            self._model.settle(view.place, "placed", nodes=nodes, endpoints=endpoints)
            self._placed[view.uid] = (nodes, endpoints)

    def _keep(self, view: OwnerView) -> None:
        if not self._squad(view).healthy(view, zones.failed(self._state)):
            self._stand(view)

    # -- work

    def _create(self, view: OwnerView, _head: Mapping[str, Any]) -> None:
        for member in view.members:
            if view.grouped and member.uid in self._squads:
                # it stood alone so far: its server starts again as one of the group's
                del self._squads[member.uid]
                self._doors.shut(member.uid)
        try:
            squad = self._stand(view)
            for member in view.members:
                if member.uid != squad.leader and not squad.unit(member.uid).held:
                    squad.await_sync(member.uid)
        except (EngineMissing, EngineFailed, EndpointError) as error:
            self._tries[view.uid] = self._tries.get(view.uid, 0) + 1
            if self._tries[view.uid] < TRIES and not isinstance(error, EngineMissing):
                raise
            log.error("the cache %s was not created: %s", view.identifier, error)
            self._model.settle(view.place, "failed")
            return
        self._finish(view, "create")

    def _finish(self, view: OwnerView, do: str) -> None:
        """Tell the model of new nodes, and that the work is done."""
        self._stand(view)
        for member in view.members:
            if member.state == "creating":
                self._model.settle(view.place, "made", member=member.uid)
        self._model.settle(view.place, "finished", do=do)

    def _modify(self, view: OwnerView, head: Mapping[str, Any]) -> None:
        squad = self._stand(view)
        if RESTARTING & head["changes"].keys():
            # replicas first, so that the primary is away only once
            for member in sorted(view.members, key=lambda each: each.uid == squad.leader):
                if not squad.unit(member.uid).held:
                    squad.restart(view, member, member.config, empty=False)
        self._finish(view, "modify")

    def _scale(self, view: OwnerView, _head: Mapping[str, Any]) -> None:
        squad = self._stand(view)
        for member in view.members:
            if member.state == "deleting":
                self._doors.close(member.uid)
                squad.remove(member.uid)
                self._model.settle(view.place, "gone", member=member.uid)
            elif member.state == "creating" and not squad.unit(member.uid).held:
                squad.await_sync(member.uid)
        left = self._model.owner(view.place)
        if left is not None:
            self._finish(left, "scale")

    def _reboot(self, view: OwnerView, head: Mapping[str, Any]) -> None:
        """Restart nodes; as on AWS, a node that nobody replicates comes back without its data."""
        squad = self._stand(view)
        for member in view.members:
            if member.uid in head["members"] and not squad.unit(member.uid).held:
                squad.restart(view, member, member.fresh, empty=len(view.members) == 1)
        self._model.settle(view.place, "finished", do="reboot")

    def _fail_over(self, view: OwnerView, head: Mapping[str, Any]) -> None:
        """Have a replica lead; one that has taken over before a crash already counts."""
        former = view.primary
        squad = self._stand(view)
        pending = squad.leader == former and not head.get("done")
        if pending and not squad.hand_over(view, head["target"]):
            self._tries[view.uid] = self._tries.get(view.uid, 0) + 1
            if self._tries[view.uid] < 2 * TRIES:
                raise CacheDown(f"no replica of {view.identifier} can take over now")
            log.error("no replica of %s could take over", view.identifier)
        if squad.leader != former:
            self._model.settle(view.place, "failed_over", member=squad.leader)
        after = self._model.owner(view.place) or view
        self._stand(after)
        for member in after.members:
            if member.uid != squad.leader and not squad.unit(member.uid).held:
                squad.await_sync(member.uid)
        self._stand(after)
        self._model.settle(view.place, "finished", do="failover")

    def _snapshot(self, view: OwnerView, head: Mapping[str, Any]) -> None:
        try:
            squad = self._stand(view)
            size = squad.unit(squad.leader).server.save(self._folders.snapshot(head["snapshot"]))
        except (EngineFailed, CacheDown, redis.RedisError, OSError) as error:
            self._tries[view.uid] = self._tries.get(view.uid, 0) + 1
            if self._tries[view.uid] < TRIES:
                raise
            log.error("no snapshot of %s: %s", view.identifier, error)
            self._model.settle(view.place, "snapshot_failed", snapshot=head["snapshot"])
            return
        self._model.settle(view.place, "snapshot_taken", snapshot=head["snapshot"], size=size)

    def _delete(self, view: OwnerView, head: Mapping[str, Any]) -> None:
        if head.get("snapshot"):
            self._snapshot(view, head)
            return
        retained = self._retain(view) if head.get("retain") else None
        squad = self._squads.pop(view.uid, None) or Squad(
            self._folders, self._doors, durable=self._state.durable, wake=self._reconciler.wake
        )
        for member in view.members:
            if member.uid != retained:
                self._doors.close(member.uid)
                squad.remove(member.uid)
            else:
                squad.unit(member.uid).server.stop()
                self._doors.shut(member.uid)
        self._doors.close_group(view.uid)
        self._folders.erase_group(view.uid)
        self._placed.pop(view.uid, None)
        self._model.settle(view.place, "deleted", retained=retained)

    def _retain(self, view: OwnerView) -> str:
        """Return the node that stays: the one that leads, by what the disk says."""
        leader = self._folders.leader(view.uid)
        return leader if leader and view.member(leader) else view.primary
