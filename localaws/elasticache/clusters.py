"""A cache cluster's life in the model: its state, its work for the controller, and how it is described."""

from __future__ import annotations

from typing import Any

from moto.moto_api._internal import mock_random

from localaws.elasticache.placement import Placement
from localaws.elasticache.versions import Version

STATUS = {
    "create": "creating",
    "modify": "modifying",
    "reboot": "rebooting cluster nodes",
    "delete": "deleting",
}
"""What CacheClusterStatus says while an item is at the head of the work."""

NODE = "0001"


def begin(cluster: Any, version: Version, placement: Placement) -> None:
    """Give moto's new cluster what ours has: an identity, a place, and the work of being created."""
    cluster.uid = mock_random.get_random_hex(20)
    cluster.engine, cluster.engine_version = version.engine, version.number
    cluster.cache_parameter_group_name = cluster.cache_parameter_group_name or version.parameter_group
    cluster.num_cache_nodes = 1
    cluster.port = int(cluster.port)
    cluster.cache_subnet_group_name = placement.subnet_group
    cluster.vpc_id = placement.vpc_id
    cluster.subnet_ids = placement.subnet_ids
    cluster.security_group_ids = placement.security_group_ids
    cluster.preferred_availability_zone = cluster.preferred_availability_zone or placement.zone
    cluster.snapshot_window = getattr(cluster, "snapshot_window", None) or "05:00-06:00"
    cluster.preferred_maintenance_window = cluster.preferred_maintenance_window or "sun:23:00-mon:01:30"
    cluster.transit_encryption_enabled = bool(cluster.transit_encryption_enabled)
    cluster.replication_group_id = getattr(cluster, "replication_group_id", None)
    cluster.address = None
    cluster.work = []
    add_work(cluster, "create")


def add_work(cluster: Any, do: str) -> None:
    """Leave work for the controller; deleting makes all other work needless."""
    if do == "delete":
        cluster.work.clear()
    cluster.work.append(do)
    cluster.cache_cluster_status = STATUS[cluster.work[0]]


def finish(cluster: Any, do: str) -> None:
    """Take finished work away; the state follows."""
    if cluster.work and cluster.work[0] == do:
        del cluster.work[0]
        cluster.cache_cluster_status = STATUS[cluster.work[0]] if cluster.work else "available"


def settings(cluster: Any) -> dict[str, str]:
    """Return the server's configuration: AWS's limit of memory and way to evict."""
    return {
        "maxmemory": str(_MEMORY.get(cluster.cache_node_type, _MEMORY["cache.t3.micro"])),
        "maxmemory-policy": "volatile-lru",
    }


_MEMORY = {
    "cache.t3.micro": 536870912,
    "cache.t3.small": 1471026299,
    "cache.t3.medium": 3317862236,
    "cache.t4g.micro": 536870912,
    "cache.t4g.small": 1471026299,
    "cache.t4g.medium": 3317862236,
}
"""maxmemory in bytes by node type (AWS: "Redis OSS node-type specific parameters")."""


def describe(cluster: Any, *, nodes: bool) -> dict[str, Any]:
    """Return the CacheCluster of an answer; the nodes and their endpoint only when they are asked for."""
    shown = {
        "CacheClusterId": cluster.cache_cluster_id,
        "CacheNodeType": cluster.cache_node_type,
        "Engine": cluster.engine,
        "EngineVersion": cluster.engine_version,
        "CacheClusterStatus": cluster.cache_cluster_status,
        "NumCacheNodes": cluster.num_cache_nodes,
        "PreferredAvailabilityZone": cluster.preferred_availability_zone,
        "CacheClusterCreateTime": cluster.cache_cluster_create_time,
        "PreferredMaintenanceWindow": cluster.preferred_maintenance_window,
        "PendingModifiedValues": {},
        "CacheSecurityGroups": [],
        "CacheParameterGroup": {
            "CacheParameterGroupName": cluster.cache_parameter_group_name,
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": cluster.cache_subnet_group_name,
        "AutoMinorVersionUpgrade": cluster.auto_minor_version_upgrade is not False,
        "SecurityGroups": [
            {"SecurityGroupId": group_id, "Status": "active"} for group_id in cluster.security_group_ids
        ],
        "SnapshotRetentionLimit": cluster.snapshot_retention_limit,
        "SnapshotWindow": cluster.snapshot_window,
        "AuthTokenEnabled": bool(cluster.auth_token),
        "TransitEncryptionEnabled": cluster.transit_encryption_enabled,
        "AtRestEncryptionEnabled": False,
        "ARN": cluster.arn,
        "NetworkType": cluster.network_type or "ipv4",
        "IpDiscovery": cluster.ip_discovery or "ipv4",
        "ReplicationGroupLogDeliveryEnabled": False,
        "LogDeliveryConfigurations": [],
    }
    if cluster.replication_group_id:
        shown["ReplicationGroupId"] = cluster.replication_group_id
    if nodes:
        shown["CacheNodes"] = [_node(cluster)]
    return shown


def _node(cluster: Any) -> dict[str, Any]:
    node = {
        "CacheNodeId": NODE,
        "CacheNodeStatus": cluster.cache_cluster_status,
        "CacheNodeCreateTime": cluster.cache_cluster_create_time,
        "ParameterGroupStatus": "in-sync",
        "CustomerAvailabilityZone": cluster.preferred_availability_zone,
    }
    if cluster.address:
        node["Endpoint"] = {"Address": cluster.address, "Port": cluster.port}
    return node
