"""What the API does with clusters: create, delete, stop, start and fail them over, in the model only."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import DBClusterNotFoundError, DBClusterToBeDeletedHasActiveMembers, RDSClientError
from moto.rds.utils import ClusterEngine

from localaws.rds import faults, keys, validation, versions
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters import snapshots
from localaws.rds.clusters.groups import check_group
from localaws.rds.clusters.members import ClusterMember
from localaws.rds.clusters.models import ENGINE, DBCluster
from localaws.rds.clusters.work import Create, Delete, Failover, Snapshot, Start, Stop
from localaws.rds.models import DBInstance
from localaws.rds.placement import Placement

QUOTA = 40
DEFAULT_PORT = 5432
_PASSED_ON = ("auto_minor_version_upgrade", "copy_tags_to_snapshot", "deletion_protection", "network_type")
ABSENT = {
    "replication_source_identifier": "Replication between clusters",
    "global_cluster_identifier": "Aurora Global Database",
    "enable_limitless_database": "Aurora Limitless Database",
    "with_express_configuration": "Express configuration",
}
"""Parameters that ask for what is not there, and what it is."""


def check_engine(engine: str | None, request: dict[str, Any]) -> None:
    """Refuse an engine that has no clusters, and one whose server is not on this machine."""
    if not engine:
        raise faults.blank("Engine")
    known = [each for each in ClusterEngine.list_cluster_engines() if each != ClusterEngine.NEPTUNE]
    if engine not in known:
        raise faults.invalid(
            f"Engine '{engine}' is not supported to satisfy constraint: "
            f"Member must satisfy enum value set: {known}"
        )
    if engine == "postgres":
        raise faults.combination(
            "Multi-AZ DB clusters of engine postgres are not offered by localaws. Create a cluster of engine "
            f"{ENGINE}, or a DB instance with MultiAZ."
        )
    if engine != ENGINE:
        raise faults.no_capacity(engine, versions.BINARIES.get(engine))
    for name, title in ABSENT.items():
        if request.get(name):
            raise faults.combination(f"{title} is not offered by localaws.")
    if request.get("engine_mode") not in (None, "provisioned"):
        raise faults.combination(
            f"The engine mode {request['engine_mode']} you requested is currently unavailable. "
            "Use provisioned, with ServerlessV2ScalingConfiguration for Aurora Serverless v2."
        )


def create(backend: Any, request: dict[str, Any], origin: Create | None = None) -> DBCluster:
    """A new cluster with the work that makes its volume; `origin` makes it from a backup."""
    request = {name: value for name, value in request.items() if value is not None}
    name = validation.identifier(request.get("db_cluster_identifier"), "DBClusterIdentifier")
    if name in backend.clusters:
        raise cluster_faults.exists(name)
    check_engine(request.get("engine"), request)
    if len(backend.clusters) >= QUOTA:
        raise RDSClientError(
            "DBClusterQuotaExceededFault", f"Cannot create more than {QUOTA} DB clusters. Delete one first."
        )
    version = versions.resolve(ENGINE, request.get("engine_version"))
    given = {key: request[key] for key in _PASSED_ON if key in request}
    given |= _credentials(request, restored=origin is not None) | _network(backend, request)
    given |= _storage(backend, request) | _records(request, version)
    backup, maintenance = validation.windows(
        request.get("preferred_backup_window"), request.get("preferred_maintenance_window")
    )
    group = request.get("db_cluster_parameter_group_name")
    family = versions.family(ENGINE, version)
    if group:
        check_group(backend, group, family)
    cluster = DBCluster(
        backend,
        **given,
        db_cluster_identifier=name,
        engine=ENGINE,
        engine_version=version,
        license_model=versions.LICENCES[ENGINE],
        db_cluster_parameter_group_name=(group or f"default.{family}").lower(),
        backup_retention_period=retention(request.get("backup_retention_period")),
        preferred_backup_window=backup,
        preferred_maintenance_window=maintenance,
        allocated_storage=1,
        tags=validation.tags(request.get("tags")),
    )
    backend.clusters[name] = cluster
    cluster.queue(origin or Create(do="create", snapshot=None, archive=None, time=None))
    back_up(cluster)
    return cluster


def retention(days: int | None) -> int:
    """Days for which automated backups are kept: a cluster always has some."""
    if days is not None and not 1 <= days <= 35:
        raise faults.invalid(f"Invalid backup retention period: {days}. It must be between 1 and 35.")
    return days or 1


def back_up(cluster: DBCluster) -> None:
    """Queue an automated snapshot of the cluster."""
    snapshot = snapshots.new_automated(cluster)
    cluster.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))


def _credentials(request: dict[str, Any], *, restored: bool) -> dict[str, Any]:
    managed = bool(request.get("manage_master_user_password"))
    password = request.get("master_user_password")
    if managed and password and not restored:
        raise faults.combination(
            "You can't specify MasterUserPassword for a cluster that has ManageMasterUserPassword enabled."
        )
    user = request["master_username"] if restored else validation.user(request.get("master_username"))
    if not managed and not restored:
        validation.password(password)
    return {
        "master_username": user,
        "master_user_password": password or "unset-until-managed",
        "manage_master_user_password": managed,
        "master_user_secret_kms_key_id": request.get("master_user_secret_kms_key_id"),
        "database_name": request.get("database_name")
        if restored
        else validation.database(request.get("database_name")),
        "port": validation.port(request.get("port"), DEFAULT_PORT),
    }


def _network(backend: Any, request: dict[str, Any]) -> dict[str, Any]:
    placement = Placement(backend.account_id, backend.region_name)
    name = request.get("db_subnet_group_name")
    group = backend.describe_db_subnet_groups(name)[0] if name else backend.default_subnet_group()
    zones = list(request.get("availability_zones") or [])
    unknown = [each for each in zones if each not in placement.zones()]
    if unknown:
        raise faults.invalid(f"Invalid Availability Zone: {unknown[0]}. Use zones of {backend.region_name}.")
    return {
        "db_subnet_group_name": group.name,
        # AWS spreads the storage over three zones, whatever was asked for
        "availability_zones": (zones + [each for each in placement.zones() if each not in zones])[:3],
        "vpc_security_group_ids": placement.security_groups(
            list(request.get("vpc_security_group_ids") or []), group.vpc_id
        ),
    }


def _storage(backend: Any, request: dict[str, Any]) -> dict[str, Any]:
    kind = request.get("storage_type") or "aurora"
    if kind not in ("aurora", "aurora-iopt1"):
        raise faults.combination(f"Invalid storage type for DB engine {ENGINE}: {kind}")
    for name, parameter in (("iops", "Iops"), ("allocated_storage", "AllocatedStorage")):
        if request.get(name):
            raise faults.combination(f"{parameter} cannot be specified for an Aurora cluster.")
    if request.get("db_cluster_instance_class"):
        raise faults.combination(
            "DBClusterInstanceClass cannot be specified for an Aurora cluster. "
            "Set DBInstanceClass of its members."
        )
    encrypted, key = bool(request.get("storage_encrypted")), request.get("kms_key_id")
    if key and not encrypted:
        raise faults.combination("You can't specify a KMS key without StorageEncrypted.")
    return {
        "storage_type": kind,
        "storage_encrypted": encrypted,
        "kms_key_id": keys.resolve(backend, key or keys.DEFAULT) if encrypted else None,
    }


def _records(request: dict[str, Any], version: str) -> dict[str, Any]:
    exports = list(request.get("enable_cloudwatch_logs_exports") or [])
    return {
        "enable_cloudwatch_logs_exports": validation.log_exports(ENGINE, version, exports),
        "enable_iam_database_authentication": bool(request.get("enable_iam_database_authentication")),
        "serverless_v2_scaling_configuration": scaling(request.get("serverless_v2_scaling_configuration")),
    }


def scaling(given: Any) -> dict[str, Any] | None:
    """Capacity of Aurora Serverless v2 in steps of half a unit ("Aurora Serverless v2 capacity")."""
    if not given:
        return None
    found = {
        "MinCapacity": given.get("min_capacity", given.get("MinCapacity")),
        "MaxCapacity": given.get("max_capacity", given.get("MaxCapacity")),
        "SecondsUntilAutoPause": given.get("seconds_until_auto_pause", given.get("SecondsUntilAutoPause")),
    }
    low, high = found["MinCapacity"], found["MaxCapacity"]
    if low is None or high is None:
        raise faults.combination(
            "Specify MinCapacity and MaxCapacity of the Serverless v2 scaling configuration."
        )
    low, high = float(low), float(high)
    if not (0 <= low <= high and 1 <= high <= 256 and (low * 2).is_integer() and (high * 2).is_integer()):
        raise faults.combination(
            "The Serverless v2 capacity must be between 0 and 256, the maximum at least 1 and not below "
            "the minimum, in steps of 0.5."
        )
    return {name: value for name, value in found.items() if value is not None} | {
        "MinCapacity": low,
        "MaxCapacity": high,
    }


def named(backend: Any, name: str | None) -> DBCluster:
    """The cluster of that name or ARN."""
    if not name:
        raise faults.blank("DBClusterIdentifier")
    found: DBCluster | None = backend.clusters.get(name.rpartition(":")[2])
    if found is None or (name.startswith("arn:") and found.arn != name):
        raise DBClusterNotFoundError(name)
    return found


def usable(backend: Any, name: str | None) -> DBCluster:
    """The cluster, if its state lets it be changed."""
    cluster = named(backend, name)
    if cluster.status != "available":
        raise cluster_faults.not_available(cluster.db_cluster_identifier, cluster.status)
    return cluster


def delete(
    backend: Any, name: str, *, skip_final: bool, final_id: str | None, drop_backups: bool
) -> DBCluster:
    """Delete a cluster whose members are gone or going, after a final snapshot unless that is skipped."""
    cluster = named(backend, name)
    _check_deletion(cluster, skip_final=skip_final, final_id=final_id)
    if not drop_backups:
        raise faults.combination(
            "localaws does not keep automated backups of deleted clusters. "
            "Take a final snapshot, and leave DeleteAutomatedBackups out."
        )
    if final_id:
        final = snapshots.new(backend, cluster, final_id, "manual")
        cluster.queue(Snapshot(do="snapshot", snapshot=final.data_id))
    snapshots.drop_automated(cluster)
    if cluster.manage_master_user_password:
        cluster.master_user_secret.delete_secret()
        cluster.manage_master_user_password = False
    cluster.queue(Delete(do="delete"))
    return cluster


def _check_deletion(cluster: DBCluster, *, skip_final: bool, final_id: str | None) -> None:
    if cluster.status == "deleting":
        raise cluster_faults.wrong_state(f"Cluster {cluster.db_cluster_identifier} is already being deleted.")
    if cluster.deletion_protection:
        raise faults.combination(
            "Cannot delete protected Cluster, please disable deletion protection and try again."
        )
    if any(each.status != "deleting" for each in cluster.members):
        raise DBClusterToBeDeletedHasActiveMembers()
    if skip_final and final_id:
        raise faults.combination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled."
        )
    if not skip_final and not final_id:
        raise faults.combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    if final_id and cluster.resting_status == "failed":
        raise cluster_faults.wrong_state(
            f"Cannot create a final snapshot of {cluster.db_cluster_identifier} because it is in the "
            "failed state. Specify SkipFinalSnapshot."
        )


def stop(backend: Any, name: str) -> DBCluster:
    """Stop a cluster and all its members."""
    cluster = usable(backend, name)
    busy = [each for each in cluster.members if each.status != "available"]
    if busy:
        raise cluster_faults.wrong_state(
            f"DbCluster {cluster.db_cluster_identifier} has an instance in {busy[0].status} state, "
            f"{busy[0].db_instance_identifier}, but expected all to be available."
        )
    cluster.queue(Stop(do="stop"))
    return cluster


def start(backend: Any, name: str) -> DBCluster:
    """Start a stopped cluster."""
    cluster = named(backend, name)
    if cluster.status not in ("stopped", keys.LOST):
        raise cluster_faults.wrong_state(
            f"DbCluster {cluster.db_cluster_identifier} is in {cluster.status} state but expected it to be "
            "one of stopped,inaccessible-encryption-credentials-recoverable."
        )
    keys.check(cluster)
    for member in cluster.members:
        member.load_parameters()
    cluster.queue(Start(do="start"))
    return cluster


def fail_over(backend: Any, name: str, target: str | None) -> DBCluster:
    """Make a reader the writer: the named one, or the one of the highest promotion tier."""
    found = _target(backend, target) if target else None
    cluster = usable(backend, name)
    readers = [each for each in cluster.members if not each.is_cluster_writer]
    if not readers:
        raise cluster_faults.wrong_state(
            f"Database cluster:{cluster.db_cluster_identifier} should have at least two database instances "
            "for failover"
        )
    chosen = _reader(cluster, found) if found else None
    if chosen is None and not any(each.status == "available" for each in readers):
        raise cluster_faults.wrong_state(
            f"Database cluster:{cluster.db_cluster_identifier} should have at least two database instances "
            "in valid states or a valid target instance for failover."
        )
    cluster.queue(Failover(do="failover", target=chosen.dbi_resource_id if chosen else None))
    return cluster


def _target(backend: Any, name: str) -> DBInstance:
    """The instance that is to be the writer; AWS looks at it before it looks at the cluster."""
    found: DBInstance | None = backend.databases.get(name.lower())
    if found is None:
        raise faults.invalid(f"Cannot find target instance: {name}")
    if found.status != "available":
        raise faults.wrong_state(f"Instance {name} should be in valid state for failover.")
    return found


def _reader(cluster: DBCluster, found: DBInstance) -> ClusterMember:
    name = found.db_instance_identifier
    member = next((each for each in cluster.members if each is found), None)
    if member is None:
        raise faults.invalid(f"Cannot find target instance: {name}")
    if member.is_cluster_writer:
        raise faults.wrong_state(f"Instance {name} is the writer of its cluster already. Name a reader.")
    return member
