"""Clusters and groups as the answers of ElastiCache's API show them."""

from __future__ import annotations

from typing import Any

from localaws.elasticache.models import AVAILABLE, NODE, SHARD, CacheCluster, Node, ReplicationGroup, Shared
from localaws.elasticache.parameter_groups import awaits_reboot

_PENDING = {
    "node_type": "CacheNodeType",
    "engine_version": "EngineVersion",
    "num_cache_nodes": "NumCacheNodes",
    "remove_nodes": "CacheNodeIdsToRemove",
    "encrypted": "TransitEncryptionEnabled",
    "encryption_mode": "TransitEncryptionMode",
}


def status_of(cluster: CacheCluster, group: ReplicationGroup | None) -> str:
    """CacheClusterStatus: of a group's member its own, or what the whole group is doing."""
    if group is None:
        return cluster.status
    head = group.head
    if cluster.state in ("creating", "deleting") or cluster.broken or head is None:
        return cluster.broken or cluster.resting
    if head["do"] == "reboot":
        return cluster.resting if cluster.uid not in head["members"] else "rebooting cluster nodes"
    if head["do"] == "snapshot" and cluster.cache_cluster_id != group.primary_id:
        return cluster.resting
    return group.status if cluster.state == AVAILABLE else cluster.resting


def cluster(backend: Any, found: CacheCluster, *, nodes: bool) -> dict[str, Any]:
    """Return the CacheCluster of an answer; the nodes and their endpoints only when they are asked for."""
    shared = found.shared
    group = backend.replication_groups.get(found.replication_group_id)
    status = status_of(found, group)
    owner = group or found
    shown = {
        "CacheClusterId": found.cache_cluster_id,
        "CacheNodeType": shared.node_type,
        "Engine": shared.engine,
        "EngineVersion": shared.engine_version,
        "CacheClusterStatus": status,
        "NumCacheNodes": len(found.nodes),
        "PreferredAvailabilityZone": found.zone if len({n.zone for n in found.nodes}) == 1 else "Multiple",
        "CacheClusterCreateTime": found.created,
        "PreferredMaintenanceWindow": shared.maintenance_window,
        "PendingModifiedValues": _pending(owner),
        "CacheSecurityGroups": [],
        "CacheParameterGroup": _parameter_group(backend, found),
        "CacheSubnetGroupName": shared.subnet_group,
        "AutoMinorVersionUpgrade": shared.auto_minor_version_upgrade,
        "SecurityGroups": _security_groups(shared),
        "SnapshotRetentionLimit": shared.snapshot_retention_limit,
        "SnapshotWindow": shared.snapshot_window,
        "ARN": found.arn,
        "ReplicationGroupLogDeliveryEnabled": False,
        "LogDeliveryConfigurations": [],
        **_common(shared),
    }
    if shared.topic:
        shown["NotificationConfiguration"] = {"TopicArn": shared.topic, "TopicStatus": "active"}
    if group is not None:
        shown["ReplicationGroupId"] = group.replication_group_id
    if shared.engine == "memcached" and found.configuration[0]:
        shown["ConfigurationEndpoint"] = _endpoint(found.configuration)
    if nodes:
        shown["CacheNodes"] = [_node(each, status, shown["CacheParameterGroup"]) for each in found.nodes]
    return shown


def _common(shared: Shared) -> dict[str, Any]:
    return {
        "AuthTokenEnabled": bool(shared.tokens),
        "AuthTokenLastModifiedDate": shared.token_changed,
        "TransitEncryptionEnabled": shared.encrypted,
        "TransitEncryptionMode": shared.encryption_mode,
        "AtRestEncryptionEnabled": shared.at_rest,
        "NetworkType": "ipv4",
        "IpDiscovery": "ipv4",
    }


def _security_groups(shared: Shared) -> list[dict[str, str]]:
    return [{"SecurityGroupId": group_id, "Status": "active"} for group_id in shared.security_group_ids]


def _parameter_group(backend: Any, found: CacheCluster) -> dict[str, Any]:
    group = backend.parameter_group(found.parameter_group_name)
    waits = awaits_reboot(group, found.in_force)
    return {
        "CacheParameterGroupName": group.name,
        "ParameterApplyStatus": "pending-reboot" if waits else "in-sync",
        "CacheNodeIdsToReboot": [node.number for node in found.nodes] if waits else [],
    }


def _node(node: Node, status: str, group: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "CacheNodeId": node.number,
        "CacheNodeStatus": status,
        "CacheNodeCreateTime": node.created,
        "ParameterGroupStatus": group["ParameterApplyStatus"],
        "CustomerAvailabilityZone": node.zone,
    }
    if node.address:
        shown["Endpoint"] = _endpoint((node.address, node.port))
    return shown


def _endpoint(place: tuple[str, int]) -> dict[str, Any]:
    return {"Address": place[0], "Port": place[1]}


def _pending(owner: Any) -> dict[str, Any]:
    head = owner.head or {}
    waiting = owner.pending | (head.get("changes") or {} if head.get("do") == "modify" else {})
    shown = {shape: waiting[name] for name, shape in _PENDING.items() if name in waiting}
    if "tokens" in waiting:
        shown["AuthTokenStatus"] = "ROTATING" if len(waiting["tokens"]) > 1 else "SETTING"
    return shown


def group(backend: Any, found: ReplicationGroup) -> dict[str, Any]:
    """Return the ReplicationGroup of an answer."""
    shared = found.shared
    members = [backend.cache_clusters[name] for name in found.member_ids]
    pending = {
        name: value
        for name, value in _pending(found).items()
        if name in ("AuthTokenStatus", "TransitEncryptionEnabled", "TransitEncryptionMode")
    }
    return {
        "ReplicationGroupId": found.replication_group_id,
        "Description": found.description,
        "Status": found.status,
        "PendingModifiedValues": pending,
        "MemberClusters": list(found.member_ids),
        "NodeGroups": [_shard(found, members)],
        "SnapshottingClusterId": found.primary_id if shared.snapshot_retention_limit else None,
        "AutomaticFailover": "enabled" if found.failover else "disabled",
        "MultiAZ": "enabled" if found.multi_az else "disabled",
        "SnapshotRetentionLimit": shared.snapshot_retention_limit,
        "SnapshotWindow": shared.snapshot_window,
        "ClusterEnabled": False,
        "ClusterMode": "disabled",
        "CacheNodeType": shared.node_type,
        "ARN": found.arn,
        "UserGroupIds": list(shared.user_group_ids),
        "LogDeliveryConfigurations": [],
        "ReplicationGroupCreateTime": found.created,
        "DataTiering": "disabled",
        "AutoMinorVersionUpgrade": shared.auto_minor_version_upgrade,
        "KmsKeyId": shared.kms_key_id,
        "Engine": shared.engine,
        **_common(shared),
    }


def _shard(found: ReplicationGroup, members: list[CacheCluster]) -> dict[str, Any]:
    shard: dict[str, Any] = {
        "NodeGroupId": SHARD,
        "Status": found.status,
        "NodeGroupMembers": [_member(found, each) for each in members],
    }
    for name, shape in (("primary", "PrimaryEndpoint"), ("reader", "ReaderEndpoint")):
        if name in found.endpoints:
            shard[shape] = _endpoint(found.endpoints[name])
    return shard


def _member(found: ReplicationGroup, member: CacheCluster) -> dict[str, Any]:
    node = member.nodes[0]
    shown: dict[str, Any] = {
        "CacheClusterId": member.cache_cluster_id,
        "CacheNodeId": NODE,
        "PreferredAvailabilityZone": node.zone,
        "CurrentRole": "primary" if member.cache_cluster_id == found.primary_id else "replica",
    }
    if node.address:
        shown["ReadEndpoint"] = _endpoint((node.address, node.port))
    return shown
