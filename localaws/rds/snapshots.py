"""What the API does with DB snapshots: take, copy, delete and restore them, in the model only."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import (
    DBSnapshotAlreadyExistsError,
    InvalidParameterValue,
    RDSClientError,
    SnapshotQuotaExceededFault,
)
from moto.rds.models import rds_backends
from moto.rds.utils import split_arn

from localaws.rds import faults, instances, validation
from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.resources import DBSnapshot
from localaws.rds.work import Copy, Restore, Snapshot

_KEPT = (
    "allocated_storage",
    "auto_minor_version_upgrade",
    "backup_retention_period",
    "copy_tags_to_snapshot",
    "ca_certificate_identifier",
    "db_instance_class",
    "db_name",
    "enable_iam_database_authentication",
    "engine",
    "engine_version",
    "iops",
    "license_model",
    "master_username",
    "max_allocated_storage",
    "port",
    "preferred_backup_window",
    "preferred_maintenance_window",
    "storage_throughput",
    "storage_type",
)


def take(backend: Any, instance_id: str, snapshot_id: str, tags: list[Any] | None) -> DBSnapshot:
    """A manual snapshot of an available instance."""
    instance = instances.named(backend, instance_id)
    if instance.status not in ("available", "storage-full"):
        raise faults.wrong_state(
            f"Cannot create a snapshot because the database instance {instance.db_instance_identifier} "
            "is not currently in the available state."
        )
    snapshot = new(backend, instance, snapshot_id, "manual", validation.tags(tags))
    instance.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))
    return snapshot


def new(
    backend: Any, instance: DBInstance, snapshot_id: str, kind: str, tags: list[dict[str, str]] | None = None
) -> DBSnapshot:
    """A snapshot of the instance in state creating; whoever calls queues the work."""
    if kind == "manual":
        snapshot_id = validation.snapshot_identifier(snapshot_id, "DBSnapshotIdentifier")
        _check_room(backend, snapshot_id)
    snapshot = DBSnapshot(backend, instance, snapshot_id, kind, tags)
    backend.database_snapshots[snapshot.db_snapshot_identifier] = snapshot
    if kind == "manual":
        backend.events.append(Event.of(snapshot, "manual-start"))
    return snapshot


def _check_room(backend: Any, snapshot_id: str) -> None:
    if snapshot_id in backend.database_snapshots:
        raise DBSnapshotAlreadyExistsError(snapshot_id)
    manual = [each for each in backend.database_snapshots.values() if each.snapshot_type == "manual"]
    if len(manual) >= backend.SNAPSHOT_QUOTA:
        raise SnapshotQuotaExceededFault()


def copy(backend: Any, source_id: str, target_id: str, request: dict[str, Any]) -> DBSnapshot:
    """A manual copy of a snapshot, of this Region or another."""
    target_id = validation.snapshot_identifier(target_id, "TargetDBSnapshotIdentifier")
    if source_id.startswith("arn:") and ":snapshot:" not in source_id:
        raise faults.identifier("SourceDBSnapshotIdentifier")
    _check_room(backend, target_id)
    key = request.get("kms_key_id")
    key = validation.kms_key(backend, key) if key else None
    source: DBSnapshot = backend.get_db_snapshot(source_id)
    if source.status != "available":
        raise _wrong_state(
            f"Cannot copy the snapshot {source.db_snapshot_identifier} because it is not currently "
            "in the available state."
        )
    if source.encrypted and source.region != backend.region_name and key is None:
        raise faults.combination(
            "KmsKeyId of the destination Region must be specified when an encrypted snapshot is copied "
            "across Regions."
        )
    tags = validation.tags(request.get("tags")) or (source.tags if request.get("copy_tags") else [])
    target = DBSnapshot(
        backend, source.database, target_id, "manual", tags, source.original_snapshot_create_time, key
    )
    if not tags:
        target.tags = []
    target.source_db_snapshot_identifier = source.arn
    target.source_region = source.region if source.region != backend.region_name else None
    target.work = [Copy(do="copy", source=source.data_id)]
    backend.database_snapshots[target_id] = target
    return target


def delete(backend: Any, snapshot_id: str) -> DBSnapshot:
    """Delete a manual snapshot; its data are left for the controller to remove."""
    snapshot: DBSnapshot = backend.get_db_snapshot(snapshot_id)
    name = snapshot.db_snapshot_identifier
    if snapshot.snapshot_type != "manual":
        raise _wrong_state(f"Only manual snapshots may be deleted; {name} is {snapshot.snapshot_type}.")
    if snapshot.status == "creating":
        raise _wrong_state(
            f"Cannot delete the snapshot {name} because it is not currently in the available state."
        )
    if snapshot.data_id in _in_use():
        raise _wrong_state(f"Cannot delete the snapshot {name} because it is being restored or copied.")
    remove(backend, snapshot)
    backend.events.append(Event.of(snapshot, "snapshot-deleted"))
    return snapshot


def remove(backend: Any, snapshot: DBSnapshot) -> None:
    """Take a snapshot out of the model."""
    del backend.database_snapshots[snapshot.db_snapshot_identifier]
    backend.discard(snapshot.data_id)
    snapshot.status = "deleted"


def drop_automated(backend: Any, instance: DBInstance) -> None:
    """Remove an instance's automated snapshots, and the ones that are still to be taken."""
    for snapshot in list(backend.database_snapshots.values()):
        if snapshot.snapshot_type == "automated" and snapshot.dbi_resource_id == instance.dbi_resource_id:
            remove(backend, snapshot)
            instance.work = [item for item in instance.work if item.get("snapshot") != snapshot.data_id]
    instance.backed_up = None


def restore(backend: Any, snapshot_id: str, overrides: dict[str, Any]) -> DBInstance:
    """A new instance with the data of a snapshot."""
    if snapshot_id.startswith("arn:") and split_arn(snapshot_id)[2] != "snapshot":
        raise faults.identifier("DBSnapshotIdentifier")
    snapshot: DBSnapshot = backend.get_db_snapshot(snapshot_id)
    if snapshot.status != "available":
        raise _wrong_state(
            f"Cannot restore from the snapshot {snapshot.db_snapshot_identifier} because it is not currently "
            "in the available state."
        )
    overrides = {name: value for name, value in overrides.items() if value is not None}
    _check_overrides(snapshot, overrides)
    source = snapshot.database
    request = {name: getattr(source, name) for name in _KEPT} | overrides
    if "storage_type" in overrides and overrides["storage_type"] != source.storage_type:
        request |= {name: overrides.get(name) for name in ("iops", "storage_throughput")}
    request |= {
        "storage_encrypted": snapshot.encrypted,
        "kms_key_id": snapshot.kms_key_id if snapshot.encrypted else None,
        "master_user_password": source._master_user_password,
    }
    managed = bool(overrides.get("manage_master_user_password"))
    item = Restore(do="restore", snapshot=snapshot.data_id, set_password=managed)
    instance = instances.create(backend, request, item)
    snapshot.backend.events.append(
        Event.of(snapshot, "snapshot-restored", instance=instance.db_instance_identifier)
    )
    return instance


def _check_overrides(snapshot: DBSnapshot, overrides: dict[str, Any]) -> None:
    if overrides.get("allocated_storage", snapshot.allocated_storage) < snapshot.allocated_storage:
        raise InvalidParameterValue(
            "The allocated storage size can't be less than the source snapshot or backup size."
        )
    if overrides.get("engine", snapshot.engine) != snapshot.engine:
        raise faults.combination(
            f"The engine {overrides['engine']} does not match the snapshot's engine {snapshot.engine}."
        )
    if overrides.pop("db_name", None):
        raise faults.combination("DBName must be null when Restoring for this Engine.")


def _in_use() -> set[str]:
    used: set[str] = set()
    for _, _, backend in rds_backends.iter_backends():
        holders = [*backend.databases.values(), *backend.database_snapshots.values()]
        for item in (item for holder in holders for item in getattr(holder, "work", [])):
            if item["do"] in ("restore", "copy"):
                used.add(item.get("snapshot") or item["source"])
    return used


def _wrong_state(message: str) -> RDSClientError:
    return RDSClientError("InvalidDBSnapshotStateFault", message)
