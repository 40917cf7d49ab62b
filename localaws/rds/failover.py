"""Standbys that may take over: bringing one in, keeping it in sync, going on without it, changing roles.

AWS: "Multi-AZ DB instance deployments for Amazon RDS".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from localaws.engines import standby
from localaws.engines.process import EngineFailed
from localaws.engines.role import Upstream
from localaws.rds.fleet import NAMES, Fleet
from localaws.rds.nodes import REQUESTED, UNHEALTHY, Group, Node

if TYPE_CHECKING:
    from localaws.rds.view import Glance, InstanceView, Model, Place

log = logging.getLogger(__name__)

RESUME_SECONDS = 10.0
"""How long a standby that was down may take to follow again before it is made anew."""
LOOK_SECONDS = 2.0
"""How often a standby that runs is asked whether it still receives."""
PATIENCE = 2
"""Looks in a row at a standby that receives nothing before the primary goes on without it."""
PAUSE = 0.05
FAILOVER_SECONDS = 60.0
"""How long a requested failover waits for a standby in sync."""


def bring_in(
    group: Group,
    node: Node,
    upstream: Upstream,
    settings: Mapping[str, str],
    *,
    archive: Path | None = None,
    zone: str | None = None,
) -> None:
    """Make a node a standby that holds every acknowledged commit, from whatever it has.

    The caller holds `group.upkeep`; the primary serves meanwhile.
    """
    primary = group.primary
    if primary is None or primary is node or not primary.server.alive():
        return
    node.settings = settings
    if not node.server.alive():
        group.drop(node)
    if not _receives(group, node, primary, upstream):
        _rebuild(group, node, primary, upstream, archive)
        standby.wait_streaming(node.server)
    if zone is not None and node.zone != zone:
        node.zone = zone
    group.watch(node)
    group.enlist(node, primary)


def _receives(group: Group, node: Node, primary: Node, upstream: Upstream) -> bool:
    """Have a standby that has its files go on from them; False when it cannot."""
    if not node.exists or node.leads:
        return False
    try:
        if not node.server.alive():
            if standby.timeline(node.server) > standby.timeline(primary.server):
                return False
            node.server.configure(node.settings)
            standby.follow(node.server, upstream)
            node.server.start()
            group.watch(node)
        standby.wait_streaming(node.server, RESUME_SECONDS)
    except (EngineFailed, psycopg.Error) as error:
        log.info("%s cannot go on and is made anew: %s", node.server.home.name, error)
        return False
    return True


def _rebuild(group: Group, node: Node, primary: Node, upstream: Upstream, archive: Path | None) -> None:
    group.release(node, primary)
    standby.rebuild(node.server, primary.server, upstream=upstream, settings=node.settings, archive=archive)
    group.watch(node)


class Standbys:
    """The standbys of Multi-AZ DB instances."""

    def __init__(self, fleet: Fleet, model: Model) -> None:
        self._fleet = fleet
        self._model = model
        self._looked: dict[str, float] = {}
        self._silent: dict[str, int] = {}

    def need(self, glance: Glance) -> bool:
        """Whether an instance's standby needs attention; quick."""
        group = self._fleet.known(glance.place)
        if group is None or not glance.should_run or not group.alive():
            return False
        if glance.standby_zone is None:
            return len(group.nodes) > 1 and not glance.busy
        ready = [node for node in group.standbys if node.server.alive() and node.name in group.listed]
        if not ready:
            return not any(node.held for node in group.standbys)
        return time.monotonic() - self._looked.get(glance.place.id, 0.0) > LOOK_SECONDS

    def changed(self, place: Place) -> bool:
        """Whether a standby has taken over that the model does not know of."""
        group = self._fleet.known(place)
        return group is not None and bool(group.takeovers)

    def keep(self, view: InstanceView) -> None:
        """Have the standby that an instance is to have, or none, and see whether it is well."""
        group = self._fleet.group(view)
        self._looked[view.place.id] = time.monotonic()
        with group.upkeep:
            if view.standby_zone is None:
                for node in group.standbys:
                    group.remove(node)
            elif self._well(group, view.place.id):
                return
            else:
                self._bring_in(view, group, view.standby_zone)

    def _bring_in(self, view: InstanceView, group: Group, zone: str) -> None:
        primary = group.primary
        if primary is None:
            return
        if primary.zone == zone:
            # a failover that the model does not know of yet
            zone = view.zone
        name = next(name for name in NAMES if name != primary.name)
        node = self._fleet.node(view, group, name)
        self._fleet.hold(node, zone)
        if node.held:
            group.drop(node)
            return
        archive = self._fleet.archive_of(view)
        upstream = Upstream(group.link, name, archive)
        bring_in(group, node, upstream, view.settings, archive=archive, zone=zone)

    def _well(self, group: Group, key: str) -> bool:
        """Whether commits are confirmed by a standby; one that is silent for too long is given up."""
        primary = group.primary
        ready = [node for node in group.standbys if node.name in group.listed and node.server.alive()]
        if primary is None or not ready or not ready[0].in_sync:
            return False
        receiving = {each.name for each in standby.followers(primary.server) if each.synchronous}
        if ready[0].name in receiving:
            self._silent[key] = 0
            return True
        self._silent[key] = self._silent.get(key, 0) + 1
        if self._silent[key] < PATIENCE:
            return True
        log.warning("%s receives nothing: its primary goes on without it", ready[0].server.home.name)
        self._silent[key] = 0
        group.release(ready[0], primary)
        return False

    def fail_over(self, view: InstanceView) -> None:
        """Have the standby take over, as soon as it is in sync; one that has done so already counts."""
        group = self._fleet.group(view)
        deadline = time.monotonic() + FAILOVER_SECONDS
        # the primary may die while the standby is waited for: nobody else would start it then
        while group.start().zone != view.standby_zone:
            if group.successor() is not None or time.monotonic() > deadline:
                group.fail_over(REQUESTED)
                return
            self.keep(view)
            time.sleep(PAUSE)

    def report(self, view: InstanceView) -> None:
        """Tell the model of the roles that have changed, in this run or before a crash."""
        group = self._fleet.known(view.place)
        if group is None or group.primary is None:
            return
        seen = list(group.takeovers)
        reason = seen[-1].reason if seen else UNHEALTHY
        zone = group.primary.zone
        if view.standby_zone is not None and zone == view.standby_zone:
            self._model.settle(
                view.place, "failed_over", zone=zone, reason=reason, began=seen[-1].began if seen else None
            )
        del group.takeovers[: len(seen)]
