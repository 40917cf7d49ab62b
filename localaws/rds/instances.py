"""What the API does with DB instances: create, reboot, stop, start and delete them, in the model only."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import (
    DBInstanceAlreadyExists,
    DBParameterGroupNotFoundError,
    OptionGroupNotFoundFaultError,
    RDSClientError,
)
from moto.rds.utils import DbInstanceEngine

from localaws.engines.mariaprograms import find_mariadb
from localaws.rds import faults, keys, lineage, validation, versions
from localaws.rds.backups import automated_backup
from localaws.rds.mariadb import rules
from localaws.rds.models import DBInstance
from localaws.rds.placement import Placement
from localaws.rds.work import Reboot, Recover, Replicate, Restore, Start, Stop

INSTANCE_QUOTA = 40
USABLE = frozenset({"available", "storage-full", "incompatible-parameters", "incompatible-network"})

_PASSED_ON = (
    "auto_minor_version_upgrade",
    "copy_tags_to_snapshot",
    "deletion_protection",
    "enable_cloudwatch_logs_exports",
    "ca_certificate_identifier",
    "character_set_name",
    "domain",
    "domain_fqdn",
    "domain_iam_role_name",
    "domain_ou",
    "domain_auth_secret_arn",
    "domain_dns_ips",
    "enable_iam_database_authentication",
    "iops",
    "max_allocated_storage",
    "master_user_secret_kms_key_id",
    "monitoring_interval",
    "monitoring_role_arn",
    "multi_az",
    "storage_throughput",
)


def check_engine(engine: str | None) -> None:
    """Refuse an engine that RDS does not know, and one whose server is not on this machine."""
    if not engine:
        raise faults.blank("Engine")
    if engine not in DbInstanceEngine.valid_db_instance_engine():
        raise faults.invalid(
            f"Value {engine} for parameter Engine is invalid. Reason: engine {engine} not supported"
        )
    if engine != "postgres" and not (engine == rules.ENGINE and find_mariadb()):
        raise faults.no_capacity(engine, versions.BINARIES.get(engine))


def create(
    backend: Any, request: dict[str, Any], from_data: Restore | Recover | Replicate | None = None
) -> DBInstance:
    """A new instance with the work that makes it real; `request` has the API's names in snake case."""
    request = {name: value for name, value in request.items() if value is not None}
    instance_id = validation.identifier(request.get("db_instance_identifier"), "DBInstanceIdentifier")
    if instance_id in backend.databases:
        raise DBInstanceAlreadyExists()
    check_engine(request.get("engine"))
    rules.check_request(request["engine"], request)
    if len(backend.databases) >= INSTANCE_QUOTA:
        raise RDSClientError(
            "InstanceQuotaExceededFault",
            f"Cannot create more than {INSTANCE_QUOTA} DB instances. Delete one first.",
        )
    given = {name: request[name] for name in _PASSED_ON if name in request}
    given.setdefault("ca_certificate_identifier", versions.CERTIFICATES[0])
    if given["ca_certificate_identifier"] not in versions.CERTIFICATES:
        raise faults.certificate_not_found(given["ca_certificate_identifier"])
    given |= _engine(request)
    given |= _credentials(request, restored=from_data is not None) | _storage(backend, request)
    given["enable_cloudwatch_logs_exports"] = validation.log_exports(
        given["engine"], given["engine_version"], list(request.get("enable_cloudwatch_logs_exports") or [])
    )
    network, standby = _network(backend, request)
    given |= network | _groups(backend, request, given["engine_version"])
    backup, maintenance = validation.windows(
        request.get("preferred_backup_window"), request.get("preferred_maintenance_window")
    )
    instance = DBInstance(
        backend,
        **given,
        db_instance_identifier=instance_id,
        backup_retention_period=validation.retention(request.get("backup_retention_period")),
        preferred_backup_window=backup,
        preferred_maintenance_window=maintenance,
        tags=validation.tags(request.get("tags")),
    )
    instance.standby_zone = standby
    backend.databases[instance_id] = instance
    instance.queue(from_data or {"do": "create"})
    if instance.backup_retention_period:
        automated_backup(instance)
    return instance


def _engine(request: dict[str, Any]) -> dict[str, Any]:
    engine = request["engine"]
    version = versions.resolve(engine, request.get("engine_version"))
    licence = request.get("license_model", versions.LICENCES[engine])
    if licence != versions.LICENCES[engine]:
        raise faults.invalid(
            f"Invalid license model '{licence}' for engine '{engine}'. Valid license models are: "
            f"{versions.LICENCES[engine]}."
        )
    return {
        "engine": engine,
        "engine_version": version,
        "license_model": licence,
        "db_instance_class": validation.instance_class(
            request.get("db_instance_class"), engine, version, licence
        ),
    }


def _credentials(request: dict[str, Any], *, restored: bool) -> dict[str, Any]:
    managed = bool(request.get("manage_master_user_password"))
    password = request.get("master_user_password")
    if managed and password and not restored:
        raise faults.combination(
            "You can't specify MasterUserPassword for an instance that has ManageMasterUserPassword enabled."
        )
    if not managed and not restored:
        validation.password(password)
    return {
        "master_username": request["master_username"]
        if restored
        else validation.user(request.get("master_username")),
        "master_user_password": password,
        "manage_master_user_password": managed,
        "db_name": request.get("db_name") if restored else validation.database(request.get("db_name")),
        "port": validation.port(request.get("port"), DBInstance.default_port(request["engine"])),
    }


def _storage(backend: Any, request: dict[str, Any]) -> dict[str, Any]:
    engine, iops = request["engine"], request.get("iops")
    kind = request.get("storage_type") or ("io1" if iops else "gp2")
    if "allocated_storage" not in request:
        raise faults.invalid(f"Invalid storage size for engine name {engine} and storage type {kind}: 0")
    size = int(request["allocated_storage"])
    validation.storage(
        engine, kind, size, iops, request.get("storage_throughput"), request.get("max_allocated_storage")
    )
    encrypted, key = request.get("storage_encrypted", False), request.get("kms_key_id")
    if key and not encrypted:
        raise faults.combination("You can't specify a KMS key without StorageEncrypted.")
    return {
        "storage_type": kind,
        "allocated_storage": size,
        "storage_encrypted": bool(encrypted),
        "kms_key_id": keys.resolve(backend, key or keys.DEFAULT) if encrypted else None,
    }


def _network(backend: Any, request: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    if request.get("db_security_groups"):
        raise faults.combination("DB security groups are of EC2-Classic. Use VpcSecurityGroupIds.")
    placement = Placement(backend.account_id, backend.region_name)
    name = request.get("db_subnet_group_name")
    group = backend.describe_db_subnet_groups(name)[0] if name else backend.default_subnet_group()
    doubled = bool(request.get("multi_az"))
    zone = placement.zone(request.get("availability_zone"), group.zones, multi_az=doubled)
    network = {
        "db_subnet_group_name": group.name,
        "availability_zone": zone,
        "publicly_accessible": placement.publicly_accessible(
            request.get("publicly_accessible"), group.vpc_id
        ),
        "vpc_security_group_ids": placement.security_groups(
            list(request.get("vpc_security_group_ids") or []), group.vpc_id
        ),
    }
    return network, placement.standby_zone(zone, group.zones) if doubled else None


def _groups(backend: Any, request: dict[str, Any], version: str) -> dict[str, Any]:
    family = versions.family(request["engine"], version)
    option_group = request.get("option_group_name")
    if option_group and option_group.startswith("default:"):
        option_group = None
    if option_group and option_group not in backend.option_groups:
        raise OptionGroupNotFoundFaultError(option_group)
    parameter_group = request.get("db_parameter_group_name")
    if parameter_group:
        check_parameter_group(backend, parameter_group, family)
    return {"option_group_name": option_group, "db_parameter_group_name": parameter_group}


def check_parameter_group(backend: Any, name: str, family: str) -> None:
    """Refuse a parameter group that does not exist or is of another family."""
    group = backend.find_parameter_group(name)
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    if group.family != family:
        raise faults.combination(
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used "
            "for this instance. "
            f"Please use a parameter group with DBParameterGroupFamily {family}"
        )


def named(backend: Any, instance_id: str) -> DBInstance:
    """The instance of that name."""
    instance: DBInstance = backend.describe_db_instances(
        validation.identifier(instance_id, "DBInstanceIdentifier")
    )[0]
    return instance


def usable(backend: Any, instance_id: str) -> DBInstance:
    """The instance, if its state lets it be changed."""
    instance = named(backend, instance_id)
    if instance.status not in USABLE:
        raise faults.not_available(instance.db_instance_identifier)
    return instance


def reboot(backend: Any, instance_id: str, *, failover: bool) -> DBInstance:
    """Restart the server, with the attached parameter group whole."""
    instance = usable(backend, instance_id)
    if failover and not instance.multi_az:
        raise faults.combination("Reboot with failover is only possible for a Multi-AZ DB instance.")
    keys.check(instance)
    instance.load_parameters()
    instance.resting_status = "available"
    instance.queue(Reboot(do="reboot", failover=failover))
    return instance


def stop(backend: Any, instance_id: str, snapshot_id: str | None) -> DBInstance:
    """Stop the server, after a snapshot if one is wanted."""
    instance = usable(backend, instance_id)
    if instance.is_replica:
        raise faults.wrong_state("Cannot stop or start a Read-Replica instance")
    if lineage.replicas_of(instance):
        raise faults.wrong_state(
            "Cannot stop or start a database instance that has Read-Replicas. Delete or promote them first."
        )
    if snapshot_id:
        backend.create_db_snapshot(instance.db_instance_identifier, snapshot_id)
    instance.queue(Stop(do="stop"))
    return instance


def start(backend: Any, instance_id: str) -> DBInstance:
    """Start a stopped server, or one whose key can be used again."""
    instance = named(backend, instance_id)
    if instance.status not in ("stopped", keys.LOST):
        raise faults.wrong_state(
            f"Instance {instance.db_instance_identifier} is not stopped, it cannot be started."
        )
    keys.check(instance)
    instance.load_parameters()
    instance.queue(Start(do="start"))
    return instance
