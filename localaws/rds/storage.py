"""Storage that the data may take: a small quota for a lab, autoscaling, and an instance that runs full.

AWS: "Managing capacity automatically with Amazon RDS storage autoscaling". The tag `localaws:mib-per-gib`
says how many MiB of real data one GiB of AllocatedStorage holds; without it nothing is measured.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localaws.rds.vitals import folder_size

if TYPE_CHECKING:
    from localaws.rds.fleet import Fleet
    from localaws.rds.provision import Provision
    from localaws.rds.view import Glance, InstanceView, Model

LOOK_SECONDS = 1.0
LOW_PERCENT = 10
"""Free storage below which AWS tells of it, and grows an instance that may grow."""
REASON = (
    'the storage of "{name}" is full: {used} of {quota} MiB are taken. '
    "Give it more with modify_db_instance(AllocatedStorage=…, ApplyImmediately=True)"
)


class Storage:
    """Compares what the data take with what they may."""

    def __init__(self, fleet: Fleet, model: Model, provision: Provision) -> None:
        self._fleet = fleet
        self._model = model
        self._provision = provision
        self._looked: dict[str, float] = {}
        self._low: set[str] = set()

    def due(self, glance: Glance) -> bool:
        """Whether it is time to look at an instance's storage; quick."""
        if glance.quota is None or glance.busy or glance.status != "available":
            return False
        return time.monotonic() - self._looked.get(glance.place.id, 0.0) > LOOK_SECONDS

    def look(self, view: InstanceView) -> None:
        """Tell the model that the storage runs low, has to grow, or is full."""
        self._looked[view.place.id] = time.monotonic()
        group = self._fleet.known(view.place)
        if group is None or group.primary is None or view.quota is None:
            return
        used = folder_size(group.primary.server.data)
        free = max(100 - 100 * used // view.quota, 0)
        if free < LOW_PERCENT and view.may_grow:
            self._model.settle(view.place, "outgrown")
        elif used >= view.quota:
            self._close(view, used, view.quota)
        elif free < LOW_PERCENT and view.place.id not in self._low:
            self._low.add(view.place.id)
            self._model.settle(view.place, "storage_low", free_percent=free)
        elif free >= LOW_PERCENT:
            self._low.discard(view.place.id)

    def _close(self, view: InstanceView, used: int, quota: int) -> None:
        self._model.settle(view.place, "storage_full")
        reason = REASON.format(name=view.identifier, used=used >> 20, quota=quota >> 20)
        self._provision.refuse(view, reason)
