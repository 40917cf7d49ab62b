"""Read replicas: made, promoted and let go, in the model only.

Rules are those of "Working with DB instance read replicas" and "Using cascading read replicas with RDS for
PostgreSQL".
"""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import DBInstanceNotFoundError, RDSClientError
from moto.rds.utils import split_arn

from localaws.rds import backups, faults, instances, keys, lineage, validation
from localaws.rds.events import Event
from localaws.rds.mariadb import rules
from localaws.rds.models import DBInstance
from localaws.rds.work import Promote, Replicate

MOST = 15
LONGEST_CHAIN = 3

_INHERITED = (
    "allocated_storage",
    "auto_minor_version_upgrade",
    "ca_certificate_identifier",
    "db_instance_class",
    "db_name",
    "engine",
    "engine_version",
    "iops",
    "license_model",
    "master_username",
    "port",
    "preferred_backup_window",
    "preferred_maintenance_window",
    "storage_throughput",
    "storage_type",
)
_INHERITED_IN_REGION = ("option_group_name", "publicly_accessible", "vpc_security_group_ids")


def create(backend: Any, request: dict[str, Any]) -> DBInstance:
    """A read replica of an instance of this Region or, named by its ARN, of another."""
    request = {name: value for name, value in request.items() if value is not None}
    source = _source(backend, request.pop("source_db_instance_identifier", None))
    _check_source(source)
    keys.check(source)
    wanted = {name: getattr(source, name) for name in _INHERITED}
    if source.region == backend.region_name:
        wanted |= _of_region(source, request)
    if "storage_type" in request and request["storage_type"] != source.storage_type:
        wanted |= {"iops": None, "storage_throughput": None}
    wanted |= request | _encryption(backend, source, request.get("kms_key_id"))
    wanted |= {"backup_retention_period": 0, "master_user_password": source.master_user_password}
    if int(wanted["allocated_storage"]) < source.allocated_storage:
        raise faults.invalid("The allocated storage size can't be less than the source instance size.")
    item = Replicate(do="replicate", source=lineage.place(source))
    replica = instances.create(backend, wanted, item)
    replica.follow(source)
    return replica


def _source(backend: Any, name: str | None) -> DBInstance:
    if not name:
        raise faults.blank("SourceDBInstanceIdentifier")
    if not name.startswith("arn:"):
        return instances.named(backend, name)
    if name.count(":") < 6 or split_arn(name)[2] != "db":
        raise faults.invalid(f"Invalid ARN: {name}. It must be that of a DB instance.")
    region, account, _, identifier = split_arn(name)
    other = lineage.backend_of(account, region) if account == backend.account_id else None
    if other is None:
        raise DBInstanceNotFoundError(name)
    return instances.named(other, identifier)


def _check_source(source: DBInstance) -> None:
    name = source.db_instance_identifier
    rules.check_source(source.engine, "read replicas")
    if source.status not in ("available", "backing-up", "modifying"):
        raise faults.not_available(name)
    if not source.backup_retention_period:
        raise faults.wrong_state(
            "Automated backups are not enabled for this database instance. To enable automated backups, use "
            "ModifyDBInstance to set the backup retention period to a non-zero value."
        )
    if source.manage_master_user_password:
        raise faults.combination(
            f"You can't create a read replica of {name} while Secrets Manager manages its master password. "
            "Modify it with ManageMasterUserPassword=false first."
        )
    if len(lineage.replicas_of(source)) >= MOST:
        raise RDSClientError(
            "InstanceQuotaExceededFault",
            f"DB instance {name} already has the maximum of {MOST} read replicas.",
        )
    if source.is_replica and not cascades(source):
        raise faults.wrong_state(
            f"DB instance {name} is a read replica, and PostgreSQL {source.engine_version} has no cascading "
            "read replicas. Use the source of the replica."
        )
    if lineage.depth(source) >= LONGEST_CHAIN:
        raise faults.wrong_state(
            f"DB instance {name} is the last read replica that a chain can have: {LONGEST_CHAIN} may follow "
            "one another. Use a source further up."
        )


def cascades(instance: DBInstance) -> bool:
    """Whether replicas of this version can have backups and replicas of their own: from PostgreSQL 14.1."""
    return int(instance.engine_version.split(".")[0]) >= 14


def _of_region(source: DBInstance, request: dict[str, Any]) -> dict[str, Any]:
    """What only a replica in the source's Region has from it."""
    wanted = {name: getattr(source, name) for name in _INHERITED_IN_REGION}
    wanted["db_parameter_group_name"] = source.db_parameter_group_name
    wanted["db_subnet_group_name"] = source.db_subnet_group.name
    if request.get("db_subnet_group_name", source.db_subnet_group.name) != source.db_subnet_group.name:
        del wanted["vpc_security_group_ids"], wanted["publicly_accessible"]
    return wanted


def _encryption(backend: Any, source: DBInstance, key: str | None) -> dict[str, Any]:
    if not source.storage_encrypted:
        if key:
            raise faults.combination("Cannot create an encrypted read replica from an unencrypted source.")
        return {"storage_encrypted": False}
    if key is None and source.region != backend.region_name:
        raise faults.combination(
            "Cannot create a cross region unencrypted read replica from encrypted source. "
            "Specify KmsKeyId of the destination Region."
        )
    return {"storage_encrypted": True, "kms_key_id": key or source.kms_key_id}


def promote(backend: Any, instance_id: str, days: int | None, window: str | None) -> DBInstance:
    """Make a read replica a standalone instance."""
    instance = instances.usable(backend, instance_id)
    if not instance.is_replica:
        raise faults.wrong_state(f"DB instance {instance.db_instance_identifier} is not a read replica.")
    kept = validation.retention(days if days is not None else instance.backup_retention_period or None)
    backup, _ = validation.windows(
        window or instance.preferred_backup_window, instance.preferred_maintenance_window
    )
    if not kept and lineage.replicas_of(instance):
        raise refused_without_backups(instance)
    instance.queue(Promote(do="promote", backup_retention_period=kept, preferred_backup_window=backup))
    return instance


def refused_without_backups(instance: DBInstance) -> RDSClientError:
    """What AWS says when the automated backups of a source are switched off."""
    return faults.combination(
        f"BackupRetentionPeriod can't be set to 0 because DB instance {instance.db_instance_identifier} is a "
        "source to read replicas. Delete or promote them first."
    )


def promoted(instance: DBInstance) -> None:
    """The server of a replica is a standalone one now; its automated backups begin."""
    item = instance.work[0] if instance.work else None
    if item is None or item["do"] != "promote":
        return
    source, had_backups = lineage.source_of(instance), bool(instance.backup_retention_period)
    if source is not None:
        instance.master_user_password = source.master_user_password
    instance.stand_alone()
    instance.backup_retention_period = item["backup_retention_period"]
    instance.preferred_backup_window = item["preferred_backup_window"]
    instance.load_parameters()
    instance.finish("promote")
    if instance.backup_retention_period and not had_backups:
        backups.automated_backup(instance)
    elif had_backups and not instance.backup_retention_period:
        backups.drop(instance)


def leave(replica: DBInstance) -> None:
    """The source of a replica is being deleted: one of its Region is promoted, another is cut off."""
    source = lineage.source_of(replica)
    if source is None:
        return
    replica.source_name = lineage.name_seen_from(source, replica.region)
    replica.master_user_password = source.master_user_password
    if source.region != replica.region:
        replicates(replica, "terminated", "The source DB instance was deleted.")
    elif not any(item["do"] in ("promote", "delete") for item in replica.work):
        replica.queue(
            Promote(
                do="promote",
                backup_retention_period=replica.backup_retention_period or source.backup_retention_period,
                preferred_backup_window=replica.preferred_backup_window,
            )
        )


_TELLING = {
    "replicating": "replicating",
    "error": "replication-error",
    "stopped": "replication-stopped",
    "terminated": "replication-terminated",
}


def replicates(replica: DBInstance, status: str, message: str) -> None:
    """How a replica's replication does has changed; a terminated one stays so."""
    if not replica.is_replica or replica.replication[0] in (status, "terminated"):
        return
    replica.replication = (status, message)
    replica.backend.events.append(Event.of(replica, _TELLING[status], reason=message))
