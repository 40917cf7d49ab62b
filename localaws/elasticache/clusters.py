"""Operations on cache clusters: a Valkey node that stands alone, or the nodes of Memcached."""

from __future__ import annotations

import copy
from typing import Any

from moto.core.utils import utcnow
from moto.elasticache.exceptions import CacheClusterAlreadyExists, CacheClusterNotFound
from moto.moto_api._internal import mock_random

from localaws.elasticache import changes, checks, faults, versions
from localaws.elasticache.events import tell
from localaws.elasticache.models import CacheCluster, Node, Owner, ReplicationGroup, Shared
from localaws.elasticache.parameter_groups import ParameterGroups
from localaws.elasticache.placement import place, zones_of

MOST_NODES = 40


class Clusters(ParameterGroups):
    """The part of the backend that knows clusters."""

    replication_groups: dict[str, ReplicationGroup]
    events: list[Any]

    def cluster(self, name: str | None) -> CacheCluster:
        """Return a cluster."""
        found = self.cache_clusters.get((name or "").lower())
        if found is None:
            raise CacheClusterNotFound(name or "")
        return found

    def members(self, owner: Owner) -> list[CacheCluster]:
        """Return the clusters of a group, or the one that stands alone."""
        if isinstance(owner, CacheCluster):
            return [owner]
        return [self.cache_clusters[name] for name in owner.member_ids]

    def create_cluster(self, request: dict[str, Any]) -> CacheCluster:
        """Create a cluster; the controller starts its servers."""
        name = checks.identifier("CacheClusterId", request.get("CacheClusterId"), 50)
        if name in self.cache_clusters:
            raise CacheClusterAlreadyExists(name)
        if request.get("ReplicationGroupId"):
            return self.add_member(request, name)  # type: ignore[attr-defined]
        checks.absent(request)
        snapshot = self.restorable(request.get("SnapshotName"))  # type: ignore[attr-defined]
        if snapshot:
            request = snapshot.defaults() | {
                key: value for key, value in request.items() if value is not None
            }
        version = versions.find(request.get("Engine") or "redis", request.get("EngineVersion"))
        count = _count(version.engine, request)
        group = self.suitable_group(request.get("CacheParameterGroupName"), version.family)
        placement = place(self, request.get("CacheSubnetGroupName"), request.get("SecurityGroupIds"))
        shared = checks.shared(request, version, placement, group)
        zones = self._zones(request, shared, count)
        versions.HOST.require_server(version.engine)
        cluster = self.new_cluster(name, shared, zones)
        cluster.az_mode = request.get("AZMode") or "single-az"
        self.tag_new(cluster.arn, request.get("Tags"))
        cluster.add({"do": "create", "snapshot": snapshot.uid if snapshot else None})
        return cluster

    def new_cluster(self, name: str, shared: Shared, zones: list[str]) -> CacheCluster:
        """Add a cluster to the model, with a node in each of the zones."""
        now = utcnow()
        cluster = CacheCluster(
            uid=mock_random.get_random_hex(20),
            arn=f"arn:aws:elasticache:{self.region_name}:{self.account_id}:cluster:{name}",
            shared=shared,
            created=now,
            cache_cluster_id=name,
            nodes=[Node(f"{number:04}", zone, now) for number, zone in enumerate(zones, 1)],
            in_force=dict(self.parameter_group(shared.parameter_group_name).values),
        )
        self.cache_clusters[name] = cluster
        return cluster

    def tag_new(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Tag something new."""
        if tags:
            self.tagging_service.tag_resource(arn, tags)

    def _zones(self, request: dict[str, Any], shared: Shared, count: int) -> list[str]:
        offered = zones_of(self, shared.subnet_ids)
        wanted = request.get("PreferredAvailabilityZones") or []
        if wanted and len(wanted) != count:
            raise faults.combination(
                f"PreferredAvailabilityZones must name {count} zones, one for each node."
            )
        one = request.get("PreferredAvailabilityZone")
        if not wanted and one and one != "Multiple":
            wanted = [one] * count
        if not wanted:
            spread = request.get("AZMode") == "cross-az"
            wanted = [offered[index % len(offered)] if spread else offered[0] for index in range(count)]
        _check_zones(wanted, offered)
        return wanted

    def delete_cluster(self, name: str, final: str | None) -> CacheCluster:
        """Delete a cluster, or a replica of a group."""
        cluster = self.cluster(name)
        group = self.replication_groups.get(cluster.replication_group_id or "")
        if group is not None:
            if cluster.cache_cluster_id == group.primary_id:
                raise faults.wrong_state(
                    f"Cache cluster {name} is serving as primary for replication group "
                    f"{group.replication_group_id} and cannot be deleted. Delete the group."
                )
            self.remove_members(group, [cluster.cache_cluster_id])  # type: ignore[attr-defined]
            return cluster
        checks.require(cluster, "available", "restore-failed", "create-failed")
        snapshot = self.begin_final(cluster, final)  # type: ignore[attr-defined]
        cluster.add({"do": "delete", "snapshot": snapshot})
        return cluster

    def modify_cluster(self, name: str, request: dict[str, Any]) -> CacheCluster:
        """Change a cluster."""
        cluster = self.cluster(name)
        if cluster.replication_group_id:
            raise faults.combination(
                f"Cache cluster {name} is in the replication group {cluster.replication_group_id}. "
                "Modify the group."
            )
        checks.require(cluster)
        offered = zones_of(self, cluster.shared.subnet_ids)
        changes.change(self, cluster, request, _scaling(cluster, request, offered))
        return cluster

    def reboot_cluster(self, name: str, numbers: list[str]) -> CacheCluster:
        """Restart nodes of a cluster."""
        cluster = self.cluster(name)
        owner: Owner = self.replication_groups.get(cluster.replication_group_id or "") or cluster
        checks.require(owner)
        known = [node.number for node in cluster.nodes]
        if not numbers or not set(numbers) <= set(known):
            raise faults.invalid(f"CacheNodeIdsToReboot must be of {known}, the nodes of {name}.")
        owner.add({"do": "reboot", "members": [cluster.uid], "numbers": numbers})
        return cluster

    def release(self, cluster: CacheCluster) -> None:
        """Let a cluster stand alone that was in a group; its server starts again without it."""
        cluster.replication_group_id, cluster.state = None, "down"
        cluster.shared = copy.copy(cluster.shared)

    def note(self, owner: Owner, message: str) -> None:
        """Note an event of a cluster or group."""
        if isinstance(owner, CacheCluster):
            tell(self, "cache-cluster", owner.cache_cluster_id, message)
        else:
            tell(self, "replication-group", owner.replication_group_id, message)


def _count(engine: str, request: dict[str, Any]) -> int:
    count = int(request.get("NumCacheNodes") or 1)
    if engine != "memcached":
        if count != 1:
            raise faults.invalid(
                "Cannot create a Redis cluster with a NumCacheNodes parameter greater than 1."
            )
        return 1
    if not 1 <= count <= MOST_NODES:
        raise faults.CacheFault(
            "NodeQuotaForClusterExceeded", f"NumCacheNodes is 1 to {MOST_NODES} for Memcached."
        )
    for parameter in ("AuthToken", "SnapshotName", "SnapshotRetentionLimit"):
        if request.get(parameter):
            raise faults.combination(f"Memcached does not support {parameter}.")
    return count


def _check_zones(wanted: list[str], offered: list[str]) -> None:
    for zone in wanted:
        if zone not in offered:
            raise faults.invalid(
                f"{zone} is not a valid availability zone: the subnet group has {', '.join(offered)}."
            )


def _scaling(cluster: CacheCluster, request: dict[str, Any], offered: list[str]) -> dict[str, Any]:
    count = request.get("NumCacheNodes")
    if count is None or int(count) == len(cluster.nodes):
        return {}
    count = int(count)
    if cluster.shared.engine != "memcached":
        raise faults.invalid("A Redis or Valkey cache cluster has one node: NumCacheNodes must be 1.")
    if not 1 <= count <= MOST_NODES:
        raise faults.CacheFault("NodeQuotaForClusterExceeded", f"NumCacheNodes is 1 to {MOST_NODES}.")
    present = [[node.number, node.zone] for node in cluster.nodes]
    if count > len(cluster.nodes):
        return {"num_cache_nodes": count, "nodes": present + _more(cluster, request, offered, count)}
    leaving = request.get("CacheNodeIdsToRemove") or []
    known = {node.number for node in cluster.nodes}
    if len(set(leaving)) != len(cluster.nodes) - count or not set(leaving) <= known:
        raise faults.combination(
            f"CacheNodeIdsToRemove must name {len(cluster.nodes) - count} of the nodes {sorted(known)}."
        )
    staying = [pair for pair in present if pair[0] not in leaving]
    return {"num_cache_nodes": count, "remove_nodes": list(leaving), "nodes": staying}


def _more(cluster: CacheCluster, request: dict[str, Any], offered: list[str], count: int) -> list[list[str]]:
    """Return the numbers and zones of nodes to be added."""
    taken = {node.number for node in cluster.nodes}
    numbers = [f"{number:04}" for number in range(1, 10000) if f"{number:04}" not in taken]
    wanted = request.get("NewAvailabilityZones") or []
    added = count - len(taken)
    if wanted and len(wanted) != added:
        raise faults.combination(f"NewAvailabilityZones must name {added} zones, one for each new node.")
    _check_zones(wanted, offered)
    spread = cluster.az_mode == "cross-az"
    for index in range(len(wanted), added):
        wanted = [*wanted, offered[(len(taken) + index) % len(offered)] if spread else cluster.zone]
    return [list(pair) for pair in zip(numbers, wanted, strict=False)]
