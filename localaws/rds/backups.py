"""Automated backups: daily snapshots of an instance and its archived WAL, also after its deletion."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.rds.exceptions import RDSClientError
from moto.rds.models import rds_backends

from localaws.rds import validation
from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.resources import DBSnapshot
from localaws.rds.work import Snapshot

RETAINED_QUOTA = 40


def automated_backup(instance: DBInstance) -> None:
    """Queue an automated backup of the instance."""
    dropped = instance.backend.dropped_archives
    if instance.dbi_resource_id in dropped:
        dropped.remove(instance.dbi_resource_id)
    moment = utcnow().strftime("%Y-%m-%d-%H-%M")
    snapshot = instance.backend.new_snapshot(
        instance, f"rds:{instance.db_instance_identifier}-{moment}", "automated"
    )
    instance.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))
    announce_backup(instance)


def announce_backup(instance: DBInstance) -> None:
    """Tell of an automated backup once its turn has come."""
    head = instance.work[0] if instance.work else None
    for snapshot in taken(instance):
        if head is not None and head.get("snapshot") == snapshot.data_id:
            instance.backend.events += [
                Event.of(instance, "backup-start"),
                Event.of(snapshot, "automated-start"),
            ]


def taken(instance: DBInstance) -> list[DBSnapshot]:
    """Automated snapshots of an instance, the oldest first; some may still be on their way."""
    found = [
        each
        for each in instance.backend.database_snapshots.values()
        if each.snapshot_type == "automated" and each.dbi_resource_id == instance.dbi_resource_id
    ]
    return sorted(found, key=lambda each: each.created)


def bases(instance: DBInstance) -> list[DBSnapshot]:
    """Automated snapshots that a recovery can start from, the oldest first."""
    return [each for each in taken(instance) if each.status == "available" and each.finished]


def due(instance: DBInstance, now: datetime) -> bool:
    """Whether the backup window is open and the day's automated snapshot has not been taken."""
    if not instance.backup_retention_period or instance.status != "available":
        return False
    opened = validation.backup_window_opened(instance.preferred_backup_window, now)
    return opened is not None and all(each.created < opened for each in taken(instance))


def expired(instance: DBInstance, now: datetime) -> list[DBSnapshot]:
    """Automated snapshots older than they are kept; a living instance keeps its last one."""
    oldest = now - timedelta(days=instance.backup_retention_period)
    found = bases(instance)
    if instance.dbi_resource_id not in instance.backend.retained:
        found = found[:-1]
    return [each for each in found if each.created < oldest]


def expire(backend: Any, resource_id: str) -> None:
    """Remove what is older than it is kept; with its last snapshot a retained backup ends."""
    instance = of_resource(backend, resource_id)
    if instance is None:
        return
    for snapshot in expired(instance, utcnow()):
        remove(backend, snapshot)
    if resource_id in backend.retained and not taken(instance):
        drop(instance)


def of_resource(backend: Any, resource_id: str) -> DBInstance | None:
    """The instance of a DbiResourceId, or what is kept of a deleted one."""
    holders = [*standalone(backend), *backend.retained.values()]
    return next((each for each in holders if each.dbi_resource_id == resource_id), None)


def remove(backend: Any, snapshot: DBSnapshot) -> None:
    """Take a snapshot out of the model."""
    del backend.database_snapshots[snapshot.db_snapshot_identifier]
    backend.discard(snapshot.data_id)
    snapshot.status = "deleted"


def drop(instance: DBInstance) -> None:
    """Remove an instance's automated backups, and the ones that are still to be taken."""
    backend, resource_id = instance.backend, instance.dbi_resource_id
    for snapshot in taken(instance):
        remove(backend, snapshot)
        instance.work = [item for item in instance.work if item.get("snapshot") != snapshot.data_id]
    instance.backed_up = None
    backend.retained.pop(resource_id, None)
    if resource_id not in backend.dropped_archives:
        backend.dropped_archives.append(resource_id)


def check_room(backend: Any) -> None:
    """Refuse to retain more automated backups than AWS does."""
    if len(backend.retained) >= RETAINED_QUOTA:
        raise RDSClientError(
            "DBInstanceAutomatedBackupQuotaExceededFault",
            f"Cannot retain more than {RETAINED_QUOTA} automated backups. Delete one first.",
        )


def retain(instance: DBInstance) -> None:
    """Keep the automated backups of an instance that is deleted; without any there is nothing to keep."""
    if not instance.backup_retention_period or not bases(instance):
        drop(instance)
        return
    kept = copy.copy(instance)
    kept.work, kept.deferred = [], {}
    kept.down_since = kept.down_since or utcnow()
    instance.backend.retained[kept.dbi_resource_id] = kept


def standalone(backend: Any) -> list[DBInstance]:
    """The instances that are no members of a cluster, which has backups of its own."""
    return [each for each in backend.databases.values() if not each.db_cluster_identifier]


def described(backend: Any) -> list[DBInstance]:
    """Instances with automated backups, then deleted ones that have left theirs."""
    active = [each for each in standalone(backend) if each.backup_retention_period]
    return [*active, *backend.retained.values()]


def find(backend: Any, resource_id: str | None, arn: str | None) -> DBInstance:
    """What has the automated backup of this ARN or DbiResourceId."""
    for each in described(backend):
        if arn_of(each) == arn or (resource_id and each.dbi_resource_id.lower() == resource_id.lower()):
            return each
    raise RDSClientError(
        "DBInstanceAutomatedBackupNotFoundFault", f"DBInstanceAutomatedBackup {arn or resource_id} not found."
    )


def delete(backend: Any, resource_id: str | None, arn: str | None) -> dict[str, Any]:
    """Delete the retained automated backup of a deleted instance."""
    found = find(backend, resource_id, arn)
    if found.dbi_resource_id not in backend.retained:
        raise RDSClientError(
            "InvalidDBInstanceAutomatedBackupStateFault",
            f"The automated backup of {found.db_instance_identifier} is associated with an active instance. "
            "Set its BackupRetentionPeriod to 0 instead.",
        )
    told = tell(found) | {"Status": "deleting"}
    drop(found)
    return told


def arn_of(instance: DBInstance) -> str:
    """ARN of an instance's automated backup; its name is made of the DbiResourceId."""
    head = instance.arn.rsplit(":", 2)[0]
    return f"{head}:auto-backup:ab-{instance.dbi_resource_id.removeprefix('db-').lower()}"


def status_of(instance: DBInstance) -> str:
    """Whether the instance lives, and whether there is something to restore yet."""
    if instance.dbi_resource_id in instance.backend.retained:
        return "retained"
    return "active" if bases(instance) else "creating"


def restore_window(instance: DBInstance) -> tuple[datetime, datetime] | None:
    """The first and the last moment that the instance can be restored to."""
    found, latest = bases(instance), instance.latest_restorable_time
    if not found or found[0].finished is None or latest is None:
        return None
    return found[0].finished, latest


def tell(instance: DBInstance) -> dict[str, Any]:
    """An automated backup as DescribeDBInstanceAutomatedBackups answers it."""
    window = restore_window(instance)
    return {
        "DBInstanceArn": instance.arn,
        "DBInstanceAutomatedBackupsArn": arn_of(instance),
        "DbiResourceId": instance.dbi_resource_id,
        "DBInstanceIdentifier": instance.db_instance_identifier,
        "Region": instance.region,
        "Status": status_of(instance),
        "RestoreWindow": {"EarliestTime": window[0], "LatestTime": window[1]} if window else {},
        "BackupRetentionPeriod": instance.backup_retention_period,
        "PreferredBackupWindow": instance.preferred_backup_window,
        "Engine": instance.engine,
        "EngineVersion": instance.engine_version,
        "LicenseModel": instance.license_model,
        "MasterUsername": instance.master_username,
        "AllocatedStorage": instance.allocated_storage,
        "StorageType": instance.storage_type,
        "StorageThroughput": instance.storage_throughput,
        "Iops": instance.iops,
        "Encrypted": bool(instance.storage_encrypted),
        "KmsKeyId": instance.kms_key_id,
        "Port": instance.port,
        "AvailabilityZone": instance.availability_zone,
        "VpcId": instance.vpc_id,
        "OptionGroupName": instance.option_group_name,
        "InstanceCreateTime": instance.created,
        "IAMDatabaseAuthenticationEnabled": instance.iam_database_authentication_enabled,
        "BackupTarget": "region",
    }


def sources_in_use() -> set[str]:
    """Data ids and archives that instances are being made from, in all accounts and Regions."""
    used: set[str] = set()
    for _, _, backend in rds_backends.iter_backends():
        holders = [*backend.databases.values(), *backend.database_snapshots.values()]
        for item in (item for holder in holders for item in getattr(holder, "work", [])):
            if item["do"] == "restore":
                used.add(item["snapshot"])
            elif item["do"] == "copy":
                used.add(item["source"])
            elif item["do"] == "recover":
                used |= {item["base"], item["archive"]}
    return used


def discards(backend: Any) -> list[str]:
    """Data ids of snapshots whose folders are to be removed now."""
    used = sources_in_use() if backend.discarded else set()
    return [each for each in backend.discarded if each not in used]


def archive_discards(backend: Any) -> list[str]:
    """Resources whose archived WAL is to be removed now: nothing writes it, nothing recovers from it."""
    if not backend.dropped_archives:
        return []
    used = sources_in_use()
    used |= {each.dbi_resource_id for each in standalone(backend) if each.archiving}
    return [each for each in backend.dropped_archives if each not in used]
