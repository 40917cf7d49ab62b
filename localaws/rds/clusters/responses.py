"""RDS's operations on clusters; the others are left to the response for instances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.rds.exceptions import DBClusterParameterGroupNotFoundError

from localaws.rds import faults, parameters, validation, versions
from localaws.rds import groups as instance_groups
from localaws.rds.clusters import classes, endpoints, groups, lifecycle, snapshots
from localaws.rds.clusters.models import ENGINE
from localaws.rds.pages import filter_values, filters, page
from localaws.rds.responses import RDSResponse


class ClusterResponse(RDSResponse):
    """The operations on clusters, in AWS's shape and in pages."""

    def _cluster(self, cluster: Any) -> ActionResult:
        return ActionResult({"DBCluster": cluster})

    def describe_db_clusters(self) -> ActionResult:
        """DescribeDBClusters."""
        name = self.params.get("DBClusterIdentifier")
        found = [lifecycle.named(self.backend, name)] if name else list(self.backend.clusters.values())
        found = filters(
            self.params,
            {
                "clone-group-id": lambda _each, _names: False,
                "db-cluster-id": lambda each, names: any(
                    name.lower() in (each.db_cluster_identifier, each.arn.lower()) for name in names
                ),
                "db-cluster-resource-id": lambda each, names: each.db_cluster_resource_id in names,
                "domain": lambda _each, _names: False,
                "engine": lambda each, names: each.engine in names,
            },
            found,
        )
        return ActionResult(page("DBClusters", found, self.params))

    def delete_db_cluster(self) -> ActionResult:
        """DeleteDBCluster."""
        final = self.params.get("FinalDBSnapshotIdentifier")
        if final is not None:
            validation.snapshot_identifier(final, "FinalDBSnapshotIdentifier")
        return self._cluster(
            self.backend.delete_db_cluster(
                self.params.get("DBClusterIdentifier"),
                final,
                skip_final=bool(self.params.get("SkipFinalSnapshot")),
                drop_backups=self.params.get("DeleteAutomatedBackups") is not False,
            )
        )

    def failover_db_cluster(self) -> ActionResult:
        """FailoverDBCluster."""
        return self._cluster(
            self.backend.failover_db_cluster(
                self.params.get("DBClusterIdentifier"), self.params.get("TargetDBInstanceIdentifier")
            )
        )

    def reboot_db_cluster(self) -> ActionResult:
        """RebootDBCluster: only Multi-AZ DB clusters know it."""
        cluster = lifecycle.named(self.backend, self.params.get("DBClusterIdentifier"))
        raise faults.combination(
            f"{cluster.db_cluster_identifier} is an Aurora cluster. Reboot its members with RebootDBInstance."
        )

    # -- endpoints

    def create_db_cluster_endpoint(self) -> ActionResult:
        """CreateDBClusterEndpoint."""
        return ActionResult(endpoints.tell(endpoints.create(self.backend, dict(self.params))))

    def modify_db_cluster_endpoint(self) -> ActionResult:
        """ModifyDBClusterEndpoint."""
        return ActionResult(endpoints.tell(endpoints.modify(self.backend, dict(self.params))))

    def delete_db_cluster_endpoint(self) -> ActionResult:
        """DeleteDBClusterEndpoint."""
        name = self.params.get("DBClusterEndpointIdentifier")
        return ActionResult(endpoints.tell(endpoints.delete(self.backend, name)))

    def describe_db_cluster_endpoints(self) -> ActionResult:
        """DescribeDBClusterEndpoints."""
        found = endpoints.describe(
            self.backend,
            self.params.get("DBClusterIdentifier"),
            self.params.get("DBClusterEndpointIdentifier"),
        )
        keys = {
            "db-cluster-endpoint-type": "EndpointType",
            "db-cluster-endpoint-custom-type": "CustomEndpointType",
            "db-cluster-endpoint-id": "DBClusterEndpointIdentifier",
            "db-cluster-endpoint-status": "Status",
        }
        for name, values in filter_values(self.params).items():
            if name not in keys:
                raise faults.invalid(f"Unrecognized filter name: {name}")
            wanted = [value.lower() for value in values]
            found = [each for each in found if str(each.get(keys[name])).lower() in wanted]
        return ActionResult(page("DBClusterEndpoints", found, self.params))

    # -- snapshots and backups

    def describe_db_cluster_snapshots(self) -> ActionResult:
        """DescribeDBClusterSnapshots."""
        return ActionResult(page("DBClusterSnapshots", self._snapshots(), self.params))

    def _snapshots(self) -> list[Any]:
        name, cluster, kind = (
            self.params.get(key)
            for key in ("DBClusterSnapshotIdentifier", "DBClusterIdentifier", "SnapshotType")
        )
        found = list(self.backend.cluster_snapshots.values())
        if kind == "shared" or self.params.get("IncludeShared"):
            shared = self.backend.get_shared_db_cluster_snapshots()
            found = shared if kind == "shared" else [*found, *shared]
        if name:
            found = [snapshots.find(self.backend, name)]
        if cluster:
            cluster = cluster.rpartition(":")[2].lower()
            found = [each for each in found if each.db_cluster_identifier == cluster]
        if kind in ("manual", "automated"):
            found = [each for each in found if each.snapshot_type == kind]
        elif kind not in (None, "shared", "public", "awsbackup"):
            raise faults.invalid(f"Invalid snapshot type: {kind}. Use automated, manual, shared or public.")
        return filters(
            self.params,
            {
                "db-cluster-id": lambda each, names: any(
                    name.rpartition(":")[2].lower() == each.db_cluster_identifier for name in names
                ),
                "db-cluster-snapshot-id": lambda each, names: (
                    each.db_cluster_snapshot_identifier in [name.lower() for name in names]
                ),
                "engine": lambda each, names: each.engine in names,
                "snapshot-type": lambda each, names: each.snapshot_type in names,
            },
            found,
        )

    def describe_db_cluster_automated_backups(self) -> ActionResult:
        """DescribeDBClusterAutomatedBackups."""
        name, resource = self.params.get("DBClusterIdentifier"), self.params.get("DbClusterResourceId")
        found = [
            _automated_backup(each)
            for each in self.backend.clusters.values()
            if name in (None, each.db_cluster_identifier) and resource in (None, each.db_cluster_resource_id)
        ]
        return ActionResult(page("DBClusterAutomatedBackups", found, self.params))

    # -- cluster parameter groups

    def _group_name(self) -> str:
        return str(self.params.get("DBClusterParameterGroupName") or "")

    def create_db_cluster_parameter_group(self) -> ActionResult:
        """CreateDBClusterParameterGroup."""
        return ActionResult({"DBClusterParameterGroup": groups.create(self.backend, dict(self.params))})

    def describe_db_cluster_parameter_groups(self) -> ActionResult:
        """DescribeDBClusterParameterGroups."""
        name = self._group_name()
        found = list(self.backend.db_cluster_parameter_groups.values())
        if name:
            found = [self._found_group(name)]
        return ActionResult(page("DBClusterParameterGroups", found, self.params))

    def _found_group(self, name: str) -> Any:
        group = groups.find(self.backend, name)
        if group is None:
            raise DBClusterParameterGroupNotFoundError(name)
        return group

    def modify_db_cluster_parameter_group(self) -> ActionResult:
        """ModifyDBClusterParameterGroup."""
        changes = [each.original_dict() for each in self.params.get("Parameters") or []]
        group = groups.modify(self.backend, self._group_name(), changes)
        return ActionResult({"DBClusterParameterGroupName": group.name})

    def reset_db_cluster_parameter_group(self) -> ActionResult:
        """ResetDBClusterParameterGroup."""
        group = groups.reset(
            self.backend,
            self._group_name(),
            everything=bool(self.params.get("ResetAllParameters")),
            changes=[each.original_dict() for each in self.params.get("Parameters") or []],
        )
        return ActionResult({"DBClusterParameterGroupName": group.name})

    def copy_db_cluster_parameter_group(self) -> ActionResult:
        """CopyDBClusterParameterGroup."""
        group = groups.copy(
            self.backend,
            self.params["SourceDBClusterParameterGroupIdentifier"],
            self.params["TargetDBClusterParameterGroupIdentifier"],
            self.params["TargetDBClusterParameterGroupDescription"],
            self.params.get("Tags"),
        )
        return ActionResult({"DBClusterParameterGroup": group})

    def delete_db_cluster_parameter_group(self) -> ActionResult:
        """DeleteDBClusterParameterGroup."""
        groups.delete(self.backend, self._group_name())
        return EmptyResult()

    def describe_db_cluster_parameters(self) -> ActionResult:
        """DescribeDBClusterParameters."""
        group = self._found_group(self._group_name())
        found = instance_groups.describe(group, self.params.get("Source"))
        for each in found:
            each.setdefault("SupportedEngineModes", ["provisioned"])
        found = filters(
            self.params, {"parameter-name": lambda each, names: each["ParameterName"] in names}, found
        )
        return ActionResult(page("Parameters", found, self.params))

    def describe_engine_default_cluster_parameters(self) -> ActionResult:
        """DescribeEngineDefaultClusterParameters."""
        family = self.params["DBParameterGroupFamily"]
        known = parameters.family_parameters(family) if family.startswith(ENGINE) else None
        if known is None and not (family.startswith("aurora") and family in versions.families()):
            raise faults.invalid(
                f"ParameterGroupFamily {family} is not a valid cluster parameter group family"
            )
        found = [each.describe() for each in (known or {}).values()]
        answer = page("Parameters", found, self.params)
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, **answer}})

    # -- what can be ordered

    def describe_orderable_db_instance_options(self) -> ActionResult:
        """DescribeOrderableDBInstanceOptions."""
        if self.params.get("Engine") != ENGINE:
            return super().describe_orderable_db_instance_options()
        version, wanted = self.params.get("EngineVersion"), self.params.get("DBInstanceClass")
        found = [
            option
            for each in versions.offered(ENGINE)
            if version in (None, each.version, each.major)
            for option in classes.orderable(ENGINE, each.version, self._placement().zones())
            if wanted in (None, option["DBInstanceClass"])
        ]
        return ActionResult(page("OrderableDBInstanceOptions", found, self.params, most=1000))


def _automated_backup(cluster: Any) -> dict[str, Any]:
    window: dict[str, datetime] = {}
    found = snapshots.bases(cluster)
    if found:
        window = {
            "EarliestTime": found[0].finished or utcnow(),
            "LatestTime": cluster.latest_restorable_time,
        }
    return {
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "EngineMode": cluster.engine_mode,
        "DBClusterIdentifier": cluster.db_cluster_identifier,
        "DbClusterResourceId": cluster.db_cluster_resource_id,
        "DBClusterArn": cluster.arn,
        "Region": cluster.region,
        "Status": "active" if found else "creating",
        "RestoreWindow": window,
        "MasterUsername": cluster.master_username,
        "ClusterCreateTime": cluster.created,
        "StorageEncrypted": bool(cluster.storage_encrypted),
        "KmsKeyId": cluster.kms_key_id,
        "AllocatedStorage": cluster.allocated_storage,
        "StorageType": cluster.storage_type,
        "BackupRetentionPeriod": cluster.backup_retention_period,
        "PreferredBackupWindow": cluster.preferred_backup_window,
        "Port": cluster.port,
        "VpcId": cluster.vpc_id,
        "AvailabilityZones": list(cluster.availability_zones),
        "IAMDatabaseAuthenticationEnabled": cluster.iam_database_authentication_enabled,
        "LicenseModel": cluster.license_model,
    }
