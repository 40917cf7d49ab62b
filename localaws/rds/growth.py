"""Storage that runs full: events, the state storage-full, and storage autoscaling."""

from __future__ import annotations

import math

from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.work import Modify

STEP = 10
"""GiB by which autoscaling grows at least, and the percentage: whichever is more."""


def low(instance: DBInstance, percent: int) -> None:
    """Little of the storage is free."""
    facts = {"name": instance.db_instance_identifier, "percent": percent, "size": instance.allocated_storage}
    instance.backend.events.append(Event.of(instance, "storage-low", **facts))


def full(instance: DBInstance) -> None:
    """The data have taken all of the storage: nobody is let in until it grows."""
    if instance.resting_status == "available":
        instance.resting_status = "storage-full"
        instance.refresh_status()
        instance.backend.events.append(Event.of(instance, "storage-full"))


def grow(instance: DBInstance) -> None:
    """Queue the growth of an autoscaling instance, as far as its ceiling lets it."""
    ceiling = instance.max_allocated_storage
    if ceiling is None or "allocated_storage" in instance.pending():
        return
    step = max(STEP, math.ceil(instance.allocated_storage * STEP / 100))
    size = min(instance.allocated_storage + step, ceiling)
    key = "autoscaling-start" if size < ceiling else "autoscaling-limit"
    instance.backend.events.append(Event.of(instance, key))
    instance.queue(Modify(do="modify", changes={"allocated_storage": size}, restart=False))
