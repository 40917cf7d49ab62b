"""Read replicas: whether they still receive, and what is done for one that cannot go on by itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psycopg

from localaws.engines import standby
from localaws.engines.process import EngineFailed
from localaws.engines.role import Upstream
from localaws.rds.accidents import SourceAway, SourceDown
from localaws.rds.view import Place

if TYPE_CHECKING:
    from localaws.rds.fleet import Fleet
    from localaws.rds.nodes import Group, Node
    from localaws.rds.view import Glance, InstanceView, Model
    from localaws.rds.work import Source

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PATIENCE = 3
"""Looks in a row at a replica that receives nothing before that is told."""
LOST = 8
"""Looks in a row after which a replica of a running source is made anew: the two have gone different ways."""


class Replicas:
    """The read replicas among the DB instances."""

    def __init__(self, fleet: Fleet, model: Model) -> None:
        self._fleet = fleet
        self._model = model
        self._looked: dict[str, float] = {}
        self._silent: dict[str, int] = {}
        self._stalled: set[str] = set()

    def upstream(self, view: InstanceView, source: Source) -> Upstream:
        """What a replica receives from; its source's archive fills the gaps."""
        folder = self._fleet.archive(source["id"])
        return Upstream(self._fleet.link(source["id"]), view.place.id, folder if folder.exists() else None)

    def primary_of(self, source: Source) -> Node:
        """The running server of a source."""
        group = self._fleet.named(source["id"])
        if group is not None and group.primary is not None and group.alive():
            return group.primary
        view = self._model.instance(_place(source))
        if view is not None and view.should_run:
            raise SourceAway("the source is being brought back")
        raise SourceDown("the source does not run: start it, then try again")

    def follow(self, view: InstanceView, group: Group) -> None:
        """Lead a replica that is down to where its source is in this run."""
        for node in group.members if view.source is not None else ():
            if view.source is not None and node.exists and not node.leads:
                standby.follow(node.server, self.upstream(view, view.source))

    def due(self, glance: Glance) -> bool:
        """Whether it is time to look at a replica; quick."""
        if glance.source is None or glance.busy or not glance.should_run:
            return False
        return time.monotonic() - self._looked.get(glance.place.id, 0.0) > LOOK_SECONDS

    def broken(self, glance: Glance) -> bool:
        """Whether a replica has to be restarted, or made anew from its running source; quick."""
        if glance.source is None or glance.busy:
            return False
        source = self._fleet.named(glance.source["id"])
        lost = self._silent.get(glance.place.id, 0) >= LOST and source is not None and source.alive()
        return lost or glance.place.id in self._stalled

    def look(self, view: InstanceView) -> None:
        """Tell the model whether a replica receives."""
        key, group = view.place.id, self._fleet.known(view.place)
        self._looked[key] = time.monotonic()
        if group is None or group.primary is None or view.source is None or not group.alive():
            return
        try:
            found = standby.replay(group.primary.server)
        except psycopg.Error:
            return
        if found.stalled:
            self._stalled.add(key)
        self._silent[key] = 0 if found.streaming else self._silent.get(key, 0) + 1
        if found.streaming:
            self._tell(view, "replicating", "")
        elif self._model.instance(_place(view.source)) is None:
            self._tell(view, "terminated", "The source DB instance was deleted.")
        elif self._silent[key] >= PATIENCE:
            self._tell(view, "error", "The replica receives nothing from its source.")

    def _tell(self, view: InstanceView, status: str, message: str) -> None:
        if view.replication != status:
            self._model.settle(view.place, "replication", status=status, message=message)

    def repair(self, view: InstanceView) -> None:
        """Restart a replica whose limits have become too small, or copy its source again."""
        key, group = view.place.id, self._fleet.group(view)
        if key in self._stalled:
            self._stalled.discard(key)
            group.restart(view.settings)
            return
        node = group.primary
        if node is None or view.source is None:
            return
        log.warning("%s has lost its source and is made anew", view.identifier)
        self._model.settle(view.place, "crashed")
        group.halt(node, immediate=True)
        try:
            standby.rebuild(
                node.server,
                self.primary_of(view.source).server,
                upstream=self.upstream(view, view.source),
                settings=view.settings,
                archive=self._fleet.archive_of(view),
            )
        except EngineFailed:
            log.exception("%s could not be made anew", view.identifier)
            raise
        self._silent[key] = 0
        group.lead(node)
        self._model.settle(view.place, "recovered")


def _place(source: Source) -> Place:
    return Place(source["account"], source["region"], source["id"])
