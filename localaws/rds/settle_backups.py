"""Settlements of snapshots, automated backups and archives: what is on the disk now, or no more."""

from __future__ import annotations

from typing import Any

from moto.core.utils import utcnow

from localaws.rds import backups, snapshots
from localaws.rds.events import Event


def instance_of(backend: Any, resource_id: str) -> Any:
    """The instance that a settlement is about; None when it is gone."""
    return next((each for each in backend.databases.values() if each.dbi_resource_id == resource_id), None)


def snapshot_of(backend: Any, data_id: str) -> Any:
    """The snapshot with these data; None when it is gone."""
    return next((each for each in backend.database_snapshots.values() if each.data_id == data_id), None)


def tell(resource: Any, key: str, **facts: object) -> None:
    """Have an event tell of an instance or a snapshot."""
    resource.backend.events.append(Event.of(resource, key, **facts))


def snapshot_taken(backend: Any, *, resource_id: str, snapshot: str) -> None:
    """The data of an instance are in the snapshot's folder."""
    instance, found = instance_of(backend, resource_id), snapshot_of(backend, snapshot)
    if instance is not None and instance.work and instance.work[0].get("snapshot") == snapshot:
        instance.finish("snapshot")
        if found is not None and found.snapshot_type == "automated":
            instance.backed_up = utcnow()
            tell(instance, "backup-finish")
    if found is None:
        backend.discard(snapshot)
    elif found.status == "creating":
        found.complete()
        tell(found, f"{found.snapshot_type}-finish")


def snapshot_copied(backend: Any, *, snapshot: str) -> None:
    """The folder of a copied snapshot is complete."""
    found = snapshot_of(backend, snapshot)
    if found is None:
        backend.discard(snapshot)
    elif found.status == "creating":
        found.complete()
        snapshots.tell_copy(found, "finish")


def snapshot_failed(backend: Any, *, snapshot: str, reason: str) -> None:
    """The data of a snapshot could not be copied."""
    found = snapshot_of(backend, snapshot)
    if found is not None and found.status == "creating":
        found.status, found.work = "failed", []
        tell(found, "snapshot-failed", reason=reason)


def discarded(backend: Any, *, snapshot: str) -> None:
    """The folder of a snapshot that nothing refers to is gone."""
    if snapshot in backend.discarded:
        backend.discarded.remove(snapshot)


def archive_discarded(backend: Any, *, resource_id: str) -> None:
    """The archived WAL of a resource without automated backups is gone."""
    if resource_id in backend.dropped_archives:
        backend.dropped_archives.remove(resource_id)


def backup_due(backend: Any, *, resource_id: str) -> None:
    """The backup window is open: the day's automated snapshot is taken."""
    instance = instance_of(backend, resource_id)
    if instance is not None and backups.due(instance, utcnow()):
        backups.automated_backup(instance)


def backups_expired(backend: Any, *, resource_id: str) -> None:
    """Automated backups are older than they are kept."""
    backups.expire(backend, resource_id)
