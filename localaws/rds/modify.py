"""ModifyDBInstance: what takes effect at once, what becomes work, what waits for its window."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import DBInstanceAlreadyExists, OptionGroupNotFoundFaultError

from localaws.rds import faults, lineage, passwords, replicas, validation, versions
from localaws.rds.backups import automated_backup
from localaws.rds.events import Event
from localaws.rds.instances import check_parameter_group, usable
from localaws.rds.mariadb import rules
from localaws.rds.models import DBInstance
from localaws.rds.placement import Placement
from localaws.rds.work import JSON, Modify

_AT_ONCE = (
    "auto_minor_version_upgrade",
    "copy_tags_to_snapshot",
    "deletion_protection",
    "monitoring_interval",
    "monitoring_role_arn",
    "ca_certificate_identifier",
    "license_model",
)
_STORAGE = ("storage_type", "allocated_storage", "iops", "storage_throughput")
_DEFERRABLE = ("db_instance_class", "engine_version", "multi_az", "enable_iam_database_authentication")
_STARTING = {"db_instance_class": "class-start", "allocated_storage": "storage-start"}
_RESTARTING = frozenset({"db_instance_class", "engine_version", "port"})


def modify(backend: Any, instance_id: str, request: dict[str, Any]) -> DBInstance:
    """Modify an instance as asked; everything is checked before anything changes."""
    request = {name: value for name, value in request.items() if value is not None}
    instance = usable(backend, instance_id)
    exports = _exports(instance, request)
    at_once = _immediate(backend, instance, request)
    soon = _soon(instance, request)
    later = _deferrable(backend, instance, request)
    group = request.get("db_parameter_group_name")
    if group:
        check_parameter_group(backend, group, versions.family(instance.engine, instance.engine_version))
    for name, value in at_once.items():
        setattr(instance, name, value)
    instance.enabled_cloudwatch_logs_exports = exports
    soon |= _secret(instance, request)
    if group and group.lower() != instance.group.name:
        _attach(backend, instance, group)
    current = {name: getattr(instance, name) for name in later}
    instance.deferred = {name: value for name, value in instance.deferred.items() if name not in later}
    instance.deferred |= {name: value for name, value in later.items() if value != current[name]}
    if request.get("apply_immediately"):
        soon = instance.deferred | soon
        instance.deferred = {}
    begin(instance, soon)
    return instance


def begin(instance: DBInstance, changes: dict[str, JSON]) -> None:
    """Make work of changes; turning automated backups on includes the first one."""
    if not changes:
        return
    started = not instance.backup_retention_period and changes.get("backup_retention_period")
    restart = not _RESTARTING.isdisjoint(changes)
    if changes.get("multi_az") and instance.standby_zone is None:
        zones = instance.db_subnet_group.zones
        instance.standby_zone = Placement.standby_zone(instance.availability_zone, zones)
    instance.queue(Modify(do="modify", changes=changes, restart=restart))
    if "multi_az" in changes:
        key = "multi-az-start" if changes["multi_az"] else "single-az-start"
        instance.backend.events.append(Event.of(instance, key))
    for name, key in _STARTING.items():
        if name in changes:
            instance.backend.events.append(Event.of(instance, key))
    if started:
        automated_backup(instance)


def _immediate(backend: Any, instance: DBInstance, request: dict[str, Any]) -> dict[str, Any]:
    changes = {name: request[name] for name in _AT_ONCE if name in request}
    if "preferred_backup_window" in request or "preferred_maintenance_window" in request:
        changes["preferred_backup_window"], changes["preferred_maintenance_window"] = validation.windows(
            request.get("preferred_backup_window", instance.preferred_backup_window),
            request.get("preferred_maintenance_window", instance.preferred_maintenance_window),
        )
    option_group = request.get("option_group_name")
    if option_group:
        if option_group not in backend.option_groups and option_group != instance.option_group_name:
            raise OptionGroupNotFoundFaultError(option_group)
        changes["option_group_name"] = option_group
    if "max_allocated_storage" in request:
        if request["max_allocated_storage"] < instance.allocated_storage:
            raise faults.combination("Max storage size must be greater than storage size")
        changes["max_allocated_storage"] = request["max_allocated_storage"]
    if instance.backup_retention_period and request.get("backup_retention_period"):
        changes["backup_retention_period"] = validation.retention(request["backup_retention_period"])
    return changes | _network(backend, instance, request)


def _network(backend: Any, instance: DBInstance, request: dict[str, Any]) -> dict[str, Any]:
    placement = Placement(backend.account_id, backend.region_name)
    changes: dict[str, Any] = {}
    vpc_id = instance.vpc_id
    if "db_subnet_group_name" in request:
        group = backend.describe_db_subnet_groups(request["db_subnet_group_name"])[0]
        changes["db_subnet_group_name"], vpc_id = group.name, group.vpc_id
    if "vpc_security_group_ids" in request or vpc_id != instance.vpc_id:
        changes["vpc_security_group_ids"] = placement.security_groups(
            list(request.get("vpc_security_group_ids") or []), vpc_id
        )
    if "publicly_accessible" in request:
        changes["publicly_accessible"] = placement.publicly_accessible(request["publicly_accessible"], vpc_id)
    return changes


def _soon(instance: DBInstance, request: dict[str, Any]) -> dict[str, JSON]:
    changes: dict[str, JSON] = {}
    passwords.check_choice(instance, request)
    if "master_user_password" in request:
        if instance.is_replica:
            raise faults.combination(
                f"Cannot change master user password on an RDS {instance.engine} Read Replica because it "
                "uses physical replication and therefore cannot differ from its parent."
            )
        changes["master_user_password"] = validation.password(request["master_user_password"])
    if "db_port_number" in request:
        port = validation.port(request["db_port_number"], instance.port)
        if port != instance.port:
            changes["port"] = port
    if request.get("rotate_master_user_password") and not request.get("apply_immediately"):
        raise faults.combination("You must specify apply immediately when rotating the master user password.")
    return changes


def _deferrable(backend: Any, instance: DBInstance, request: dict[str, Any]) -> dict[str, JSON]:
    changes: dict[str, JSON] = {name: request[name] for name in _DEFERRABLE if name in request}
    if "db_instance_class" in changes:
        validation.instance_class(
            request["db_instance_class"], instance.engine, instance.engine_version, instance.license_model
        )
    if "engine_version" in changes:
        changes["engine_version"] = versions.check_upgrade(
            instance.engine,
            instance.engine_version,
            request["engine_version"],
            major_allowed=bool(request.get("allow_major_version_upgrade")),
        )
    days = _retention(instance, request)
    if bool(days) != bool(instance.backup_retention_period):
        changes["backup_retention_period"] = days
    rules.check_request(instance.engine, changes)
    if changes.get("multi_az") and not instance.multi_az:
        Placement.standby_zone(instance.availability_zone, instance.db_subnet_group.zones)
    name = request.get("new_db_instance_identifier")
    if name:
        changes["db_instance_identifier"] = validation.identifier(name, "NewDBInstanceIdentifier")
        if changes["db_instance_identifier"] in backend.databases:
            raise DBInstanceAlreadyExists()
    return changes | _storage(instance, request)


def _retention(instance: DBInstance, request: dict[str, Any]) -> int:
    """Days to keep automated backups, of those that replicas and their sources can have."""
    days = validation.retention(request.get("backup_retention_period", instance.backup_retention_period))
    if not days and instance.backup_retention_period and lineage.replicas_of(instance):
        raise replicas.refused_without_backups(instance)
    if days and instance.is_replica and not replicas.cascades(instance):
        raise faults.wrong_state(f"DB Backups not supported on a read replica for engine {instance.engine}")
    return days


def _storage(instance: DBInstance, request: dict[str, Any]) -> dict[str, JSON]:
    changes: dict[str, JSON] = {name: request[name] for name in _STORAGE if name in request}
    if not changes:
        return {}
    size: int = request.get("allocated_storage") or instance.allocated_storage
    if size < instance.allocated_storage:
        raise faults.combination(
            f"Requested storage size ({size}) cannot be less than the current storage size "
            f"({instance.allocated_storage})."
        )
    if size > instance.allocated_storage:
        size = changes["allocated_storage"] = max(size, -(-instance.allocated_storage * 11 // 10))
    kind = str(request.get("storage_type", instance.storage_type))
    same = kind == instance.storage_type
    iops = request.get("iops", instance.iops if same else None)
    throughput = request.get("storage_throughput", instance.storage_throughput if same else None)
    validation.storage(instance.engine, kind, size, iops, throughput)
    if not same:
        changes |= {"iops": iops, "storage_throughput": throughput}
    return changes


def _exports(instance: DBInstance, request: dict[str, Any]) -> list[str]:
    wanted = request.get("cloudwatch_logs_export_configuration") or {}
    off, on = wanted.get("DisableLogTypes") or [], wanted.get("EnableLogTypes") or []
    validation.log_exports(instance.engine, instance.engine_version, [*off, *on])
    kept = [name for name in instance.enabled_cloudwatch_logs_exports if name not in off]
    return list(dict.fromkeys([*kept, *on]))


def _secret(instance: DBInstance, request: dict[str, Any]) -> dict[str, JSON]:
    managed = request.get("manage_master_user_password")
    if managed is False and instance.manage_master_user_password:
        instance.master_user_secret.delete_secret()
        del instance.master_user_secret
        instance.manage_master_user_password = False
    if managed and not instance.manage_master_user_password:
        return {
            "master_user_password": instance.manage_password(request.get("master_user_secret_kms_key_id"))
        }
    if request.get("rotate_master_user_password"):
        if not instance.manage_master_user_password:
            raise faults.combination("RotateMasterUserPassword needs ManageMasterUserPassword.")
        return {"master_user_password": instance.master_user_secret.renew()}
    return {}


def _attach(backend: Any, instance: DBInstance, group: str) -> None:
    old = instance.group.name
    instance.db_parameter_group_name = group
    instance.group_awaits_reboot = True
    backend.events.append(Event.of(instance, "group-attached", old=old, new=instance.group.name))
