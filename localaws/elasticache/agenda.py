"""What is due by the clock or lies about: windows that open, snapshots to copy, to expire, to delete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from localaws.elasticache.models import Owner

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK, _DAY = 7 * 1440, 1440

Due = tuple[str, str, str | None]
"""uid of a cache or snapshot, what is to be settled, and the snapshot to copy."""


def due(backend: Any, now: datetime) -> Iterator[Due]:
    """Yield what is due in an account and Region."""
    for snapshot in backend.snapshots.values():
        if snapshot.status == "copying":
            yield snapshot.uid, "snapshot_copied", snapshot.copy_of
        elif snapshot.status == "deleting":
            yield snapshot.uid, "discarded", None
    for owner in backend.owners():
        if owner.status != "available":
            continue
        if owner.pending and in_maintenance(owner, now):
            yield owner.uid, "maintained", None
        if owner.shared.engine != "memcached":
            if owner.shared.snapshot_retention_limit and in_snapshot_window(owner, now):
                yield owner.uid, "snapshot_due", None
            if backend.outdated(owner):
                yield owner.uid, "snapshots_expired", None


def in_maintenance(owner: Owner, now: datetime) -> bool:
    """Whether the weekly window is open."""
    begin, end = (_minute(part) for part in owner.shared.maintenance_window.split("-"))
    return (now.weekday() * _DAY + now.hour * 60 + now.minute - begin) % _WEEK < (end - begin) % _WEEK


def in_snapshot_window(owner: Owner, now: datetime) -> bool:
    """Whether the daily window is open and nothing was done in it yet."""
    if owner.snapshot_day == now.strftime("%Y-%m-%d"):
        return False
    begin, end = (_clock(part) for part in owner.shared.snapshot_window.split("-"))
    return (now.hour * 60 + now.minute - begin) % _DAY < (end - begin) % _DAY


def _minute(text: str) -> int:
    day, _, clock = text.partition(":")
    return _DAYS.index(day) * _DAY + _clock(clock)


def _clock(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
