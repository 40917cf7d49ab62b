"""The instances of a cluster: what they share with it, and what the API lets one do with them."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import (
    DBClusterNotFoundError,
    DBInstanceAlreadyExists,
    InvalidDBInstanceEngine,
    RDSClientError,
)

from localaws.rds import faults, instances, modify, validation, versions
from localaws.rds.clusters import classes
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters.models import DBCluster
from localaws.rds.models import DBInstance
from localaws.rds.placement import Placement
from localaws.rds.work import Delete, Reboot

MOST = 16
"""A writer and 15 readers."""
SHARED = (
    "backup_retention_period",
    "db_subnet_group_name",
    "enable_iam_database_authentication",
    "engine_version",
    "kms_key_id",
    "license_model",
    "master_user_password",
    "master_username",
    "port",
    "preferred_backup_window",
    "storage_encrypted",
    "storage_type",
    "vpc_security_group_ids",
)
"""Attributes of a member that are its cluster's."""
OF_THE_CLUSTER = {
    "allocated_storage": "AllocatedStorage",
    "backup_retention_period": "BackupRetentionPeriod",
    "character_set_name": "CharacterSetName",
    "db_name": "DBName",
    "deletion_protection": "DeletionProtection",
    "enable_iam_database_authentication": "EnableIAMDatabaseAuthentication",
    "iops": "Iops",
    "kms_key_id": "KmsKeyId",
    "manage_master_user_password": "ManageMasterUserPassword",
    "master_user_password": "MasterUserPassword",
    "master_username": "MasterUsername",
    "max_allocated_storage": "MaxAllocatedStorage",
    "multi_az": "MultiAZ",
    "port": "Port",
    "preferred_backup_window": "PreferredBackupWindow",
    "storage_encrypted": "StorageEncrypted",
    "storage_throughput": "StorageThroughput",
    "vpc_security_group_ids": "VpcSecurityGroupIds",
}
"""What only the cluster has: naming it for a member is refused."""
_PASSED_ON = (
    "auto_minor_version_upgrade",
    "copy_tags_to_snapshot",
    "monitoring_interval",
    "monitoring_role_arn",
)
_HARMLESS = frozenset({"storage_encrypted", "deletion_protection", "multi_az", "manage_master_user_password"})
"""May be given when they ask for nothing."""


class ClusterMember(DBInstance):
    """An instance of a cluster."""

    cluster_id: str = ""

    def __init__(self, backend: Any, cluster: DBCluster, **given: Any) -> None:
        self.cluster_id = cluster.db_cluster_resource_id
        self.cluster_parameters: dict[str, str] = {}
        self.cluster_awaiting_reboot: set[str] = set()
        super().__init__(backend, **given)
        self.db_cluster_identifier = cluster.db_cluster_identifier
        self.promotion_tier = 1
        self.share(cluster)
        self.load_parameters()

    @property
    def cluster(self) -> DBCluster:
        """The cluster that it belongs to."""
        found: DBCluster = next(
            each for each in self.backend.clusters.values() if each.db_cluster_resource_id == self.cluster_id
        )
        return found

    def share(self, cluster: DBCluster) -> None:
        """Take over what is the cluster's."""
        self.db_cluster_identifier = cluster.db_cluster_identifier
        for name in SHARED:
            if name == "enable_iam_database_authentication":
                self.enable_iam_database_authentication = bool(cluster.iam_auth)
            elif name == "storage_type":
                self.storage_type = cluster.storage_type
            else:
                setattr(self, name, getattr(cluster, name))

    @property
    def is_cluster_writer(self) -> bool:
        """Whether it takes writes."""
        return bool(self.cluster.writer_id == self.dbi_resource_id)

    @property
    def archiving(self) -> bool:
        """The WAL of a cluster is always archived: its automated backups cannot be switched off."""
        return True

    @property
    def latest_restorable_time(self) -> None:
        """None: point-in-time recovery is the cluster's."""
        return

    # -- parameters: the instance's group before the cluster's

    @property
    def effective_parameters(self) -> dict[str, str]:
        """What is in force: the cluster's parameters, then the instance's own."""
        return {**self.cluster_parameters, **self.parameters_in_force}

    def load_parameters(self) -> None:
        """Take over both groups whole, as a start of the server does."""
        super().load_parameters()
        cluster = next(
            (
                each
                for each in self.backend.clusters.values()
                if each.db_cluster_resource_id == self.cluster_id
            ),
            None,
        )
        self.cluster_parameters = dict(cluster.group.values()) if cluster is not None else {}
        self.cluster_awaiting_reboot = set()

    @property
    def cluster_group_status(self) -> str:
        """DBClusterParameterGroupStatus of the response."""
        if any(item["do"] == "configure" for item in self.work):
            return "applying"
        return "pending-reboot" if self.cluster_awaiting_reboot else "in-sync"


def cluster_of(backend: Any, name: str) -> DBCluster:
    """The cluster of that name; members are created with it."""
    found: DBCluster | None = backend.clusters.get(name)
    if found is None:
        raise DBClusterNotFoundError(
            name, f"The source cluster could not be found or cannot be accessed: {name}"
        )
    return found


def create(backend: Any, request: dict[str, Any]) -> ClusterMember:
    """A new member of a cluster: its writer when it is the first one."""
    request = {name: value for name, value in request.items() if value is not None}
    instance_id = validation.identifier(request.get("db_instance_identifier"), "DBInstanceIdentifier")
    if instance_id in backend.databases:
        raise DBInstanceAlreadyExists()
    cluster = cluster_of(backend, request["db_cluster_identifier"])
    _check(backend, cluster, request)
    tier = _tier(request.get("promotion_tier"))
    group = request.get("db_parameter_group_name")
    if group:
        instances.check_parameter_group(backend, group, cluster.family)
    given = {name: request[name] for name in _PASSED_ON if name in request}
    given |= _network(backend, cluster, request) | _authority(request)
    window = request.get("preferred_maintenance_window")
    _, maintenance = validation.windows(cluster.preferred_backup_window, window)
    member = ClusterMember(
        backend,
        cluster,
        **given,
        db_instance_identifier=instance_id,
        db_instance_class=classes.check(
            request.get("db_instance_class"), cluster.engine, cluster.engine_version
        ),
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        license_model=versions.LICENCES[cluster.engine],
        db_name=cluster.database_name,
        db_parameter_group_name=group,
        preferred_backup_window=cluster.preferred_backup_window,
        preferred_maintenance_window=maintenance,
        enable_cloudwatch_logs_exports=list(cluster.enabled_cloudwatch_logs_exports),
        tags=validation.tags(request.get("tags")),
        allocated_storage=1,
    )
    member.promotion_tier = tier
    if cluster.writer is None:
        cluster.writer_id = member.dbi_resource_id
    backend.databases[instance_id] = member
    member.queue({"do": "create"})
    return member


def _check(backend: Any, cluster: DBCluster, request: dict[str, Any]) -> None:
    engine = request.get("engine")
    if not engine:
        raise faults.blank("Engine")
    if engine != cluster.engine:
        raise InvalidDBInstanceEngine(engine, cluster.engine)
    _refuse(request)
    version = request.get("engine_version")
    if version and version not in (cluster.engine_version, cluster.engine_version.split(".")[0]):
        raise faults.combination(
            f"The engine version that you requested for your DB instance ({version}) does not match "
            f"the engine version of your DB cluster ({cluster.engine_version})."
        )
    if cluster.status in ("deleting", "failed", "stopped", "stopping"):
        raise cluster_faults.not_available(cluster.db_cluster_identifier, cluster.status)
    if (
        request.get("db_instance_class") == classes.SERVERLESS
        and not cluster.serverless_v2_scaling_configuration
    ):
        raise cluster_faults.wrong_state(
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating "
            "a Serverless v2 DB instance."
        )
    if len(cluster.members) >= MOST:
        raise cluster_faults.wrong_state(
            f"Cluster {cluster.db_cluster_identifier} has {MOST} DB instances already, a writer and "
            f"{MOST - 1} readers. Delete one first."
        )
    if len(backend.databases) >= instances.INSTANCE_QUOTA:
        raise RDSClientError(
            "InstanceQuotaExceededFault",
            f"Cannot create more than {instances.INSTANCE_QUOTA} DB instances. Delete one first.",
        )


def _refuse(request: dict[str, Any]) -> None:
    for name, parameter in OF_THE_CLUSTER.items():
        if name in request and not (name in _HARMLESS and not request[name]):
            raise faults.combination(
                f"The requested DB Instance will be a member of a DB Cluster. "
                f"Set {parameter} for the DB Cluster."
            )
    storage = request.get("storage_type")
    if storage and storage not in classes.STORAGE:
        raise faults.combination(f"Invalid storage type for DB engine aurora-postgresql: {storage}")


def _tier(value: int | None) -> int:
    tier = 1 if value is None else int(value)
    if not 0 <= tier <= 15:
        raise faults.invalid(f"Invalid promotion tier: {tier}. It must be between 0 and 15.")
    return tier


def _network(backend: Any, cluster: DBCluster, request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("db_subnet_group_name")
    if name and name.lower() != cluster.db_subnet_group_name:
        raise faults.combination(
            f"The DB subnet group of a DB Instance is its DB Cluster's: {cluster.db_subnet_group_name}."
        )
    group = backend.describe_db_subnet_groups(cluster.db_subnet_group_name)[0]
    placement = Placement(backend.account_id, backend.region_name)
    asked = request.get("availability_zone")
    taken = [each.availability_zone for each in cluster.members]
    zone = (
        placement.zone(asked, group.zones, multi_az=False)
        if asked
        else min(group.zones, key=lambda each: (taken.count(each), each))
    )
    return {
        "db_subnet_group_name": group.name,
        "availability_zone": zone,
        "publicly_accessible": placement.publicly_accessible(
            request.get("publicly_accessible"), group.vpc_id
        ),
        "vpc_security_group_ids": list(cluster.vpc_security_group_ids),
    }


def _authority(request: dict[str, Any]) -> dict[str, str]:
    name = request.get("ca_certificate_identifier") or versions.CERTIFICATES[0]
    if name not in versions.CERTIFICATES:
        raise faults.certificate_not_found(name)
    return {"ca_certificate_identifier": name}


def change(backend: Any, member: ClusterMember, request: dict[str, Any]) -> DBInstance:
    """Modify a member; what is the cluster's is refused."""
    request = {name: value for name, value in request.items() if value is not None}
    _refuse(request)
    for name in ("db_port_number", "engine_version", "db_subnet_group_name"):
        if name in request:
            raise faults.combination(
                f"The DB Instance {member.db_instance_identifier} is a member of a DB Cluster. "
                "Use ModifyDBCluster to change its port, version or network."
            )
    if "db_instance_class" in request:
        classes.check(request["db_instance_class"], member.engine, member.engine_version)
    tier = _tier(request["promotion_tier"]) if "promotion_tier" in request else member.promotion_tier
    modified: DBInstance = modify.modify(backend, member.db_instance_identifier, request)
    member.promotion_tier = tier
    return modified


def reboot(backend: Any, member: ClusterMember, *, failover: bool) -> DBInstance:
    """Restart a member's server, with both groups whole."""
    instances.usable(backend, member.db_instance_identifier)
    if failover:
        raise faults.combination(
            "ForceFailover cannot be specified for a member of an Aurora DB cluster. Use FailoverDBCluster."
        )
    member.load_parameters()
    member.resting_status = "available"
    member.queue(Reboot(do="reboot", failover=False))
    return member


def delete(member: ClusterMember, *, final_id: str | None) -> DBInstance:
    """Delete a member: a reader takes over from a writer, and the last one leaves the cluster's volume."""
    if member.status == "deleting":
        raise faults.wrong_state(f"Instance {member.db_instance_identifier} is already being deleted.")
    if final_id:
        raise faults.combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance"
        )
    member.work = [item for item in member.work if item["do"] == "create"]
    member.queue(Delete(do="delete"))
    return member


def refuse_stop(member: ClusterMember) -> RDSClientError:
    """Members are stopped and started with their cluster only."""
    return faults.combination(
        f"{member.engine} DB instances are not eligible for stopping and starting. "
        "Use StopDBCluster and StartDBCluster."
    )
