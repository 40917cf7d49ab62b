"""Replication groups: one primary, whose state and endpoint the group shows as its own."""

from __future__ import annotations

from typing import Any

from localaws.elasticache import clusters, faults

_STATUS = {"restore-failed": "create-failed", "rebooting cluster nodes": "modifying"}


def check_shape(request: dict[str, Any]) -> None:
    """Refuse what needs more than one server."""
    nodes = max(
        int(request.get("num_cache_clusters") or 1), 1 + int(request.get("replicas_per_node_group") or 0)
    )
    shards = int(request.get("num_node_groups") or 1)
    if nodes > 1 or shards > 1 or request.get("cluster_mode") == "enabled":
        raise faults.no_capacity(
            "This local AWS runs replication groups of one node. Use NumCacheClusters=1, without replicas, "
            "node groups and cluster mode."
        )
    if request.get("automatic_failover_enabled") or request.get("multi_az_enabled"):
        raise faults.combination("Automatic failover needs at least one replica.")


def follow(backend: Any, cluster: Any) -> None:
    """Have the group of a cluster show the state and the endpoint that the cluster has."""
    group = backend.replication_groups.get(cluster.replication_group_id)
    if group is None or group.status == "deleting":
        return
    status = cluster.cache_cluster_status
    group.status = _STATUS.get(status, status)
    [node_group] = group.node_groups
    node_group["status"] = group.status
    [member] = node_group["node_group_members"]
    member["cache_node_id"] = clusters.NODE
    member["preferred_availability_zone"] = cluster.preferred_availability_zone
    endpoint = {"address": cluster.address, "port": cluster.port}
    for owner, name in (
        (node_group, "primary_endpoint"),
        (node_group, "reader_endpoint"),
        (member, "read_endpoint"),
    ):
        if cluster.address:
            owner[name] = dict(endpoint)
        else:
            owner.pop(name, None)


def leave(backend: Any, cluster: Any) -> None:
    """Remove a deleted cluster from its group, and the group with its last one."""
    group = backend.replication_groups.get(cluster.replication_group_id)
    if group is None:
        return
    if cluster.cache_cluster_id in group.member_clusters:
        group.member_clusters.remove(cluster.cache_cluster_id)
    if not group.member_clusters:
        del backend.replication_groups[group.replication_group_id]
        backend.tagging_service.delete_all_tags_for_resource(group.arn)
