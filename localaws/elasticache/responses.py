"""ElastiCache's operations: requests parsed by moto, answers in AWS's shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult, PaginatedResult
from moto.elasticache.responses import ElastiCacheResponse as MotoResponse

from localaws.elasticache import changes, describe, events, faults, parameters, versions
from localaws.elasticache.nodetypes import NODE_TYPES


class ElastiCacheResponse(MotoResponse):
    """The operations; users and subnet groups are created by moto's own."""

    @property
    def _backend(self) -> Any:
        return self.elasticache_backend

    # -- clusters

    def create_cache_cluster(self) -> ActionResult:
        return self._cluster(self._backend.create_cluster(self._get_params()))

    def delete_cache_cluster(self) -> ActionResult:
        params = self._get_params()
        name, final = params.get("CacheClusterId"), params.get("FinalSnapshotIdentifier")
        return self._cluster(self._backend.delete_cluster(name, final))

    def describe_cache_clusters(self) -> ActionResult:
        params = self._get_params()
        name = params.get("CacheClusterId")
        found = [self._backend.cluster(name)] if name else list(self._backend.cache_clusters.values())
        if params.get("ShowCacheClustersNotInReplicationGroups"):
            found = [cluster for cluster in found if not cluster.replication_group_id]
        nodes = bool(params.get("ShowCacheNodeInfo"))
        return PaginatedResult(
            {"CacheClusters": [describe.cluster(self._backend, each, nodes=nodes) for each in found]}
        )

    def modify_cache_cluster(self) -> ActionResult:
        params = self._get_params()
        return self._cluster(self._backend.modify_cluster(params.get("CacheClusterId"), params))

    def reboot_cache_cluster(self) -> ActionResult:
        params = self._get_params()
        nodes = params.get("CacheNodeIdsToReboot") or []
        return self._cluster(self._backend.reboot_cluster(params.get("CacheClusterId"), nodes))

    def describe_cache_engine_versions(self) -> ActionResult:
        params = self._get_params()
        found = versions.describe(
            params.get("Engine"),
            params.get("EngineVersion"),
            params.get("CacheParameterGroupFamily"),
            default_only=bool(params.get("DefaultOnly")),
        )
        return PaginatedResult({"CacheEngineVersions": found})

    def list_allowed_node_type_modifications(self) -> ActionResult:
        params = self._get_params()
        if params.get("ReplicationGroupId"):
            shared = self._backend.group(params["ReplicationGroupId"]).shared
        else:
            shared = self._backend.cluster(params.get("CacheClusterId")).shared
        memory = NODE_TYPES[shared.node_type].memory
        return ActionResult(
            {
                "ScaleUpModifications": [each.name for each in NODE_TYPES.values() if each.memory > memory],
                "ScaleDownModifications": [each.name for each in NODE_TYPES.values() if each.memory < memory],
            }
        )

    # -- replication groups

    def create_replication_group(self) -> ActionResult:
        return self._group(self._backend.create_group(self._get_params()))

    def delete_replication_group(self) -> ActionResult:
        params = self._get_params()
        group = self._backend.delete_group(
            params.get("ReplicationGroupId"),
            retain=bool(params.get("RetainPrimaryCluster")),
            final=params.get("FinalSnapshotIdentifier"),
        )
        return self._group(group)

    def describe_replication_groups(self) -> ActionResult:
        name = self._get_params().get("ReplicationGroupId")
        found = [self._backend.group(name)] if name else list(self._backend.replication_groups.values())
        return PaginatedResult({"ReplicationGroups": [describe.group(self._backend, each) for each in found]})

    def modify_replication_group(self) -> ActionResult:
        params = self._get_params()
        return self._group(self._backend.modify_group(params.get("ReplicationGroupId"), params))

    def increase_replica_count(self) -> ActionResult:
        params = self._get_params()
        return self._group(self._backend.change_replicas(params.get("ReplicationGroupId"), params, more=True))

    def decrease_replica_count(self) -> ActionResult:
        params = self._get_params()
        return self._group(
            self._backend.change_replicas(params.get("ReplicationGroupId"), params, more=False)
        )

    def test_failover(self) -> ActionResult:
        params = self._get_params()
        group = self._backend.test_failover(params.get("ReplicationGroupId"), params.get("NodeGroupId"))
        return self._group(group)

    def modify_replication_group_shard_configuration(self) -> ActionResult:
        group = self._backend.group(self._get_params().get("ReplicationGroupId"))
        raise faults.CacheFault(
            "InvalidReplicationGroupState",
            f"Cluster mode of {group.replication_group_id} is disabled: it has one node group.",
        )

    # -- snapshots

    def create_snapshot(self) -> ActionResult:
        return ActionResult({"Snapshot": self._backend.take_snapshot(self._get_params()).describe()})

    def copy_snapshot(self) -> ActionResult:
        return ActionResult({"Snapshot": self._backend.copy_snapshot(self._get_params()).describe()})

    def delete_snapshot(self) -> ActionResult:
        name = self._get_params().get("SnapshotName")
        return ActionResult({"Snapshot": self._backend.discard_snapshot(name).describe()})

    def describe_snapshots(self) -> ActionResult:
        found = self._backend.find_snapshots(self._get_params())
        return PaginatedResult({"Snapshots": [each.describe() for each in found]})

    # -- parameter groups

    def create_cache_parameter_group(self) -> ActionResult:
        group = self._backend.create_cache_parameter_group(self._get_params())
        return ActionResult({"CacheParameterGroup": group.describe()})

    def describe_cache_parameter_groups(self) -> ActionResult:
        found = self._backend.all_parameter_groups(self._get_params().get("CacheParameterGroupName"))
        return PaginatedResult({"CacheParameterGroups": [each.describe() for each in found]})

    def modify_cache_parameter_group(self) -> ActionResult:
        return self._changed(self._backend.modify_cache_parameter_group(self._get_params()))

    def reset_cache_parameter_group(self) -> ActionResult:
        return self._changed(self._backend.reset_cache_parameter_group(self._get_params()))

    def _changed(self, group: Any) -> ActionResult:
        for owner in self._backend.owners():
            if owner.shared.parameter_group_name == group.name:
                changes.regroup(self._backend, owner)
        events.tell(
            self._backend, "cache-parameter-group", group.name, f"Modified CacheParameterGroup {group.name}"
        )
        return ActionResult({"CacheParameterGroupName": group.name})

    def delete_cache_parameter_group(self) -> ActionResult:
        self._backend.delete_cache_parameter_group(self._get_params().get("CacheParameterGroupName"))
        return EmptyResult()

    def describe_cache_parameters(self) -> ActionResult:
        params = self._get_params()
        group = self._backend.parameter_group(params.get("CacheParameterGroupName"))
        shown = _parameters(group.family, group.values)
        source = params.get("Source")
        shown["Parameters"] = [each for each in shown["Parameters"] if source in (None, each["Source"])]
        if source == "user":
            shown["CacheNodeTypeSpecificParameters"] = []
        return PaginatedResult(shown)

    def describe_engine_default_parameters(self) -> ActionResult:
        family = self._get_params().get("CacheParameterGroupFamily")
        if family not in versions.FAMILIES:
            raise faults.invalid(f"{family} is no family. Choose one of {', '.join(versions.FAMILIES)}.")
        return ActionResult(
            {"EngineDefaults": {"CacheParameterGroupFamily": family, **_parameters(family, {})}}
        )

    # -- users

    def modify_user(self) -> ActionResult:
        return ActionResult(self._backend.modify_user(self._get_params()))

    def create_user_group(self) -> ActionResult:
        return self._user_group(self._backend.create_user_group(self._get_params()))

    def modify_user_group(self) -> ActionResult:
        return self._user_group(self._backend.modify_user_group(self._get_params()))

    def delete_user_group(self) -> ActionResult:
        return self._user_group(self._backend.delete_user_group(self._get_params().get("UserGroupId")))

    def describe_user_groups(self) -> ActionResult:
        name = self._get_params().get("UserGroupId")
        found = [self._backend.user_group(name)] if name else self._backend.user_groups.values()
        return PaginatedResult({"UserGroups": [self._backend.describe_user_group(each) for each in found]})

    # -- the rest

    def describe_events(self) -> ActionResult:
        return PaginatedResult({"Events": events.find(self._backend, self._get_params())})

    def modify_cache_subnet_group(self) -> ActionResult:
        return ActionResult({"CacheSubnetGroup": self._backend.modify_cache_subnet_group(self._get_params())})

    def delete_cache_subnet_group(self) -> ActionResult:
        self._backend.delete_cache_subnet_group(self._get_params().get("CacheSubnetGroupName"))
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self._get_params().get("ResourceName")
        self._backend.require_arn(arn)
        return ActionResult({"TagList": self._backend.tags_of(arn)})

    def add_tags_to_resource(self) -> ActionResult:
        params = self._get_params()
        self._backend.require_arn(params.get("ResourceName"))
        self._backend.add_tags_to_resource(params["ResourceName"], params.get("Tags") or [])
        return ActionResult({"TagList": self._backend.tags_of(params["ResourceName"])})

    def remove_tags_from_resource(self) -> ActionResult:
        params = self._get_params()
        self._backend.require_arn(params.get("ResourceName"))
        self._backend.remove_tags_from_resource(params["ResourceName"], params.get("TagKeys") or [])
        return ActionResult({"TagList": self._backend.tags_of(params["ResourceName"])})

    def _cluster(self, cluster: Any) -> ActionResult:
        return ActionResult({"CacheCluster": describe.cluster(self._backend, cluster, nodes=False)})

    def _group(self, group: Any) -> ActionResult:
        return ActionResult({"ReplicationGroup": describe.group(self._backend, group)})

    def _user_group(self, group: Any) -> ActionResult:
        return ActionResult(self._backend.describe_user_group(group))


def _parameters(family: str, values: dict[str, str]) -> dict[str, Any]:
    known: Iterable[parameters.Parameter] = parameters.parameters(family).values()
    return {
        "Parameters": [each.describe(values.get(each.name)) for each in known],
        "CacheNodeTypeSpecificParameters": parameters.by_node_type(family),
    }
