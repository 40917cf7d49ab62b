"""What the API does with DB snapshots: take, copy, delete and restore them, in the model only."""

from __future__ import annotations

import re
from typing import Any, cast

from moto.rds.exceptions import (
    DBSnapshotAlreadyExistsError,
    DBSnapshotNotFoundFault,
    InvalidParameterValue,
    RDSClientError,
    SnapshotQuotaExceededFault,
)
from moto.rds.utils import split_arn

from localaws.rds import backups, faults, instances, keys, lineage, validation
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
    keys.check(instance)
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


def find(backend: Any, name: str) -> DBSnapshot:
    """A snapshot by its identifier or ARN; another account's if it is shared with this one."""
    if not name:
        raise faults.blank("DBSnapshotIdentifier")
    if not name.startswith("arn:"):
        found: DBSnapshot = backend.get_db_snapshot(name)
        return found
    if name.count(":") < 6 or split_arn(name)[2] != "snapshot":
        raise faults.identifier("DBSnapshotIdentifier")
    region, account, _, identifier = split_arn(name)
    holder = lineage.backend_of(account, region)
    shared = holder.database_snapshots.get(identifier) if holder is not None else None
    if shared is None or not (account == backend.account_id or shared.shared_with(backend.account_id)):
        raise DBSnapshotNotFoundFault(name)
    return cast(DBSnapshot, shared)


def copy(backend: Any, source_id: str, target_id: str, request: dict[str, Any]) -> DBSnapshot:
    """A manual copy of a snapshot, of this Region or another."""
    target_id = validation.snapshot_identifier(target_id, "TargetDBSnapshotIdentifier")
    _check_room(backend, target_id)
    key = request.get("kms_key_id")
    key = keys.resolve(backend, key) if key else None
    source = _copied(backend, source_id)
    _check_copy(backend, source, key)
    tags = validation.tags(request.get("tags")) or (source.tags if request.get("copy_tags") else [])
    target = DBSnapshot(
        backend, source.database, target_id, "manual", tags, source.original_snapshot_create_time, key
    )
    target.tags = tags
    target.source_db_snapshot_identifier = source.arn
    target.source_region = source.region if source.region != backend.region_name else None
    target.work = [Copy(do="copy", source=source.data_id)]
    backend.database_snapshots[target_id] = target
    tell_copy(target, "start")
    return target


def _copied(backend: Any, name: str) -> DBSnapshot:
    try:
        return find(backend, name)
    except DBSnapshotNotFoundFault:
        if name.startswith("arn:"):
            raise
        raise RDSClientError(
            "DBSnapshotNotFoundFault",
            f"DBSnapshot {name} not found in {backend.region_name}. Name one of another Region by its ARN.",
        ) from None


def _check_copy(backend: Any, source: DBSnapshot, key: str | None) -> None:
    if source.status != "available":
        raise _wrong_state(
            f"Cannot copy the snapshot {source.db_snapshot_identifier} because it is not currently "
            "in the available state."
        )
    keys.check(source)
    if source.encrypted and key is None:
        if source.region != backend.region_name:
            raise faults.combination(
                "KmsKeyId of the destination Region must be specified when an encrypted snapshot is copied "
                "across Regions."
            )
        if source.account_id != backend.account_id:
            raise faults.combination(
                "KmsKeyId of this account must be specified when another account's encrypted snapshot is "
                "copied."
            )


def tell_copy(target: DBSnapshot, stage: str) -> None:
    """Tell that a copy has started or is finished, as AWS does within a Region and across."""
    source = str(target.source_db_snapshot_identifier).rpartition(":snapshot:")[2]
    key = f"copy-from-{stage}" if target.source_region else f"copy-{stage}"
    region = target.source_region or target.region
    target.backend.events.append(Event.of(target, key, source=source, region=region))


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
    if snapshot.data_id in backups.sources_in_use():
        raise _wrong_state(f"Cannot delete the snapshot {name} because it is being restored or copied.")
    backups.remove(backend, snapshot)
    backend.events.append(Event.of(snapshot, "snapshot-deleted"))
    return snapshot


def restore(backend: Any, snapshot_id: str, overrides: dict[str, Any]) -> DBInstance:
    """A new instance with the data of a snapshot."""
    snapshot = find(backend, snapshot_id)
    if snapshot.region != backend.region_name:
        raise DBSnapshotNotFoundFault(snapshot_id)
    if snapshot.status != "available":
        raise _wrong_state(
            f"Cannot restore from the snapshot {snapshot.db_snapshot_identifier} because it is not currently "
            "in the available state."
        )
    keys.check(snapshot)
    request = inherited(snapshot.database, overrides) | {
        "storage_encrypted": snapshot.encrypted,
        "kms_key_id": snapshot.kms_key_id if snapshot.encrypted else None,
    }
    managed = bool(overrides.get("manage_master_user_password"))
    item = Restore(do="restore", snapshot=snapshot.data_id, set_password=managed)
    instance = instances.create(backend, request, item)
    snapshot.backend.events.append(
        Event.of(snapshot, "snapshot-restored", instance=instance.db_instance_identifier)
    )
    return instance


def inherited(source: DBInstance, overrides: dict[str, Any]) -> dict[str, Any]:
    """What to create an instance with that gets the data of another: its attributes, or what is wished.

    As on AWS it is in one zone, with default groups and without Secrets Manager unless the request says so.
    """
    overrides = {name: value for name, value in overrides.items() if value is not None}
    _check_overrides(source, overrides)
    request = {name: getattr(source, name) for name in _KEPT} | overrides
    if "storage_type" in overrides and overrides["storage_type"] != source.storage_type:
        request |= {name: overrides.get(name) for name in ("iops", "storage_throughput")}
    return request | {
        "storage_encrypted": source.storage_encrypted,
        "kms_key_id": source.kms_key_id if source.storage_encrypted else None,
        "master_user_password": source._master_user_password,
    }


def _check_overrides(source: DBInstance, overrides: dict[str, Any]) -> None:
    if overrides.get("allocated_storage", source.allocated_storage) < source.allocated_storage:
        raise InvalidParameterValue(
            "The allocated storage size can't be less than the source snapshot or backup size."
        )
    if overrides.get("engine", source.engine) != source.engine:
        raise faults.combination(
            f"The engine {overrides['engine']} does not match the source's engine {source.engine}."
        )
    if overrides.pop("db_name", None):
        raise faults.combination("DBName must be null when Restoring for this Engine.")


def share(backend: Any, name: str, attribute: str, add: list[str], remove: list[str]) -> DBSnapshot:
    """Let other accounts restore and copy a manual snapshot, or no longer."""
    snapshot: DBSnapshot = backend.get_db_snapshot(name)
    if snapshot.snapshot_type != "manual":
        raise faults.identifier("DBSnapshotIdentifier")
    if attribute != "restore":
        raise faults.invalid(f"Invalid snapshot attribute {attribute}")
    for account in add:
        if account != "all" and not re.fullmatch(r"\d{12}", account):
            raise faults.invalid(f"Invalid account: {account}. Use 12 digits, or all.")
    if snapshot.encrypted and add:
        if "all" in add:
            raise faults.combination("Encrypted snapshots cannot be shared publicly.")
        if keys.is_default(backend, str(snapshot.kms_key_id)):
            raise faults.combination(
                "Sharing snapshots encrypted with the default service key for RDS is currently not "
                "supported. Copy the snapshot with a key of your own, then share the copy."
            )
    snapshot.modify_attribute(attribute, add, remove)
    return snapshot


def _wrong_state(message: str) -> RDSClientError:
    return RDSClientError("InvalidDBSnapshotStateFault", message)
