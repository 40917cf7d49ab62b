"""Settlements of snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.elasticache.models import CacheCluster, Owner
from localaws.elasticache.snapshots import Snapshot


def snapshot_taken(backend: Any, *, uid: str, snapshot: str, size: int) -> None:
    """The data are in the snapshot's file; a final one is followed by the deletion."""
    found, owner = _of(backend, snapshot), backend.owner(uid)
    if found is not None and found.status == "creating":
        found.status, found.size = "available", size
        if owner is not None:
            backend.note(owner, f"Snapshot succeeded for snapshot with ID '{found.name}'")
    _taken(owner, snapshot)


def snapshot_failed(backend: Any, *, uid: str, snapshot: str) -> None:
    """The snapshot could not be made."""
    found, owner = _of(backend, snapshot), backend.owner(uid)
    if found is not None and found.status in ("creating", "copying"):
        found.status, found.copy_of = "failed", None
        if owner is not None:
            backend.note(owner, f"Snapshot failed for snapshot with ID '{found.name}'")
    _taken(owner, snapshot)


def _taken(owner: Owner | None, snapshot: str) -> None:
    head = owner.head if owner is not None else None
    if owner is None or head is None or head.get("snapshot") != snapshot:
        return
    if head["do"] == "snapshot":
        owner.finish("snapshot")
    elif head["do"] == "delete":
        head["snapshot"] = None


def snapshot_copied(backend: Any, *, snapshot: str) -> None:
    """The copy has its own file."""
    found = _of(backend, snapshot)
    if found is not None and found.status == "copying":
        found.status, found.copy_of = "available", None


def discarded(backend: Any, *, snapshot: str) -> None:
    """The snapshot's file is gone."""
    found = _of(backend, snapshot)
    if found is not None and found.status == "deleting":
        del backend.snapshots[found.name]
        backend.tagging_service.delete_all_tags_for_resource(found.arn)


def snapshot_due(backend: Any, *, uid: str) -> None:
    """The snapshot window has opened."""
    owner = backend.owner(uid)
    if owner is not None and owner.status == "available":
        backend.take_automatic(owner)


def snapshots_expired(backend: Any, *, uid: str) -> None:
    """Automatic snapshots have been kept as long as they were to be."""
    owner = backend.owner(uid)
    for found in backend.outdated(owner) if owner is not None else ():
        found.status = "deleting"


def forget_automatic(backend: Any, owner: Owner) -> None:
    """Have the automatic snapshots of a deleted cache deleted."""
    name = owner.cache_cluster_id if isinstance(owner, CacheCluster) else owner.replication_group_id
    for found in backend.snapshots.values():
        if found.source == "automated" and name in (found.cluster_id, found.group_id):
            found.status = "deleting"


def _of(backend: Any, uid: str) -> Snapshot | None:
    return next((each for each in backend.snapshots.values() if each.uid == uid), None)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        snapshot_taken,
        snapshot_failed,
        snapshot_copied,
        discarded,
        snapshot_due,
        snapshots_expired,
    )
}
