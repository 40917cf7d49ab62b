"""ModifyDBCluster: what takes effect at once, and what becomes work."""

from __future__ import annotations

from typing import Any

from localaws.rds import faults, passwords, validation, versions
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters import lifecycle
from localaws.rds.clusters.events import tell
from localaws.rds.clusters.groups import check_group
from localaws.rds.clusters.models import ENGINE, DBCluster
from localaws.rds.clusters.work import Modify
from localaws.rds.placement import Placement
from localaws.rds.work import JSON

_AT_ONCE = ("auto_minor_version_upgrade", "copy_tags_to_snapshot", "deletion_protection")


def modify(backend: Any, request: dict[str, Any]) -> DBCluster:
    """Modify a cluster as asked; everything is checked before anything changes."""
    request = {name: value for name, value in request.items() if value is not None}
    cluster = lifecycle.usable(backend, request.get("db_cluster_identifier"))
    at_once = _immediate(backend, cluster, request)
    later = _later(backend, cluster, request)
    group = request.get("db_cluster_parameter_group_name")
    if group:
        check_group(backend, group, cluster.family)
    for name, value in at_once.items():
        setattr(cluster, name, value)
    _exports(cluster, request)
    later |= _secret(cluster, request)
    if group and group.lower() != cluster.parameter_group:
        _attach(cluster, group.lower())
    for member in cluster.members:
        member.share(cluster)
    if request.get("apply_immediately") or "master_user_password" in later:
        later = cluster.deferred | later
        cluster.deferred = {}
        begin(cluster, later)
    else:
        cluster.deferred |= later
    return cluster


def begin(cluster: DBCluster, changes: dict[str, JSON]) -> None:
    """Make work of changes."""
    if changes:
        cluster.queue(Modify(do="modify", changes=changes))


def _immediate(backend: Any, cluster: DBCluster, request: dict[str, Any]) -> dict[str, Any]:
    changes = {name: request[name] for name in _AT_ONCE if name in request}
    if "preferred_backup_window" in request or "preferred_maintenance_window" in request:
        changes["preferred_backup_window"], changes["preferred_maintenance_window"] = validation.windows(
            request.get("preferred_backup_window", cluster.preferred_backup_window),
            request.get("preferred_maintenance_window", cluster.preferred_maintenance_window),
        )
    if "backup_retention_period" in request:
        changes["backup_retention_period"] = lifecycle.retention(request["backup_retention_period"])
    if "enable_iam_database_authentication" in request:
        changes["iam_auth"] = bool(request["enable_iam_database_authentication"])
    if "serverless_v2_scaling_configuration" in request:
        changes["serverless_v2_scaling_configuration"] = lifecycle.scaling(
            request["serverless_v2_scaling_configuration"]
        )
    if "storage_type" in request:
        if request["storage_type"] not in ("aurora", "aurora-iopt1"):
            raise faults.combination(
                f"Invalid storage type for DB engine {ENGINE}: {request['storage_type']}"
            )
        changes["storage_type"] = request["storage_type"]
    if "vpc_security_group_ids" in request:
        changes["vpc_security_group_ids"] = Placement(
            backend.account_id, backend.region_name
        ).security_groups(list(request["vpc_security_group_ids"]), cluster.vpc_id)
    return changes


def _later(backend: Any, cluster: DBCluster, request: dict[str, Any]) -> dict[str, JSON]:
    changes: dict[str, JSON] = {}
    if "engine_version" in request:
        versions.check_upgrade(
            ENGINE,
            cluster.engine_version,
            request["engine_version"],
            major_allowed=bool(request.get("allow_major_version_upgrade")),
        )
    passwords.check_choice(cluster, request)
    if "master_user_password" in request:
        changes["master_user_password"] = validation.password(request["master_user_password"])
    if "port" in request:
        port = validation.port(request["port"], cluster.port)
        if port != cluster.port:
            changes["port"] = port
    name = request.get("new_db_cluster_identifier")
    if name:
        changes["db_cluster_identifier"] = validation.identifier(name, "NewDBClusterIdentifier")
        if changes["db_cluster_identifier"] in backend.clusters:
            raise cluster_faults.exists(str(name))
    if request.get("rotate_master_user_password") and not request.get("apply_immediately"):
        raise faults.combination("You must specify apply immediately when rotating the master user password.")
    return changes


def _secret(cluster: DBCluster, request: dict[str, Any]) -> dict[str, JSON]:
    managed = request.get("manage_master_user_password")
    if managed is False and cluster.manage_master_user_password:
        cluster.master_user_secret.delete_secret()
        del cluster.master_user_secret
        cluster.manage_master_user_password = False
    if managed and not cluster.manage_master_user_password:
        return {"master_user_password": cluster.manage_password(request.get("master_user_secret_kms_key_id"))}
    if request.get("rotate_master_user_password"):
        if not cluster.manage_master_user_password:
            raise faults.combination("RotateMasterUserPassword needs ManageMasterUserPassword.")
        return {"master_user_password": cluster.master_user_secret.renew()}
    return {}


def _exports(cluster: DBCluster, request: dict[str, Any]) -> None:
    wanted = request.get("cloudwatch_logs_export_configuration") or {}
    off, on = list(wanted.get("DisableLogTypes") or []), list(wanted.get("EnableLogTypes") or [])
    on = validation.log_exports(ENGINE, cluster.engine_version, on)
    kept = [name for name in cluster.enabled_cloudwatch_logs_exports if name not in off]
    cluster.enabled_cloudwatch_logs_exports = list(dict.fromkeys([*kept, *on]))
    for member in cluster.members:
        member.enabled_cloudwatch_logs_exports = list(cluster.enabled_cloudwatch_logs_exports)


def _attach(cluster: DBCluster, group: str) -> None:
    old, cluster.parameter_group = cluster.parameter_group, group
    tell(cluster, "group", old=old, new=group)
    for member in cluster.members:
        member.cluster_awaiting_reboot.add(group)
