"""Operations on replication groups, cluster mode disabled: a primary and up to five replicas.

AWS: "High availability using replication groups", "Minimizing downtime in ElastiCache with Multi-AZ".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.elasticache.exceptions import ReplicationGroupAlreadyExists, ReplicationGroupNotFound
from moto.moto_api._internal import mock_random

from localaws.elasticache import changes, checks, faults, versions
from localaws.elasticache.clusters import Clusters
from localaws.elasticache.models import SHARD, CacheCluster, ReplicationGroup, Shared
from localaws.elasticache.placement import place, zones_of

MOST_REPLICAS = 5
MOST_TESTS = 15
"""Failovers that may be tested in 24 hours."""
_DAY = timedelta(hours=24)


class Groups(Clusters):
    """The part of the backend that knows replication groups."""

    def group(self, name: str | None) -> ReplicationGroup:
        """Return a group."""
        found = self.replication_groups.get((name or "").lower())
        if found is None:
            raise ReplicationGroupNotFound(name or "")
        return found

    def create_group(self, request: dict[str, Any]) -> ReplicationGroup:
        """Create a group; the controller starts its servers."""
        name = checks.identifier("ReplicationGroupId", request.get("ReplicationGroupId"), 40)
        if name in self.replication_groups:
            raise ReplicationGroupAlreadyExists(name)
        checks.absent(request)
        if request.get("PrimaryClusterId"):
            return self._create_around(name, request)
        snapshot = self.restorable(request.get("SnapshotName"))  # type: ignore[attr-defined]
        if snapshot:
            request = snapshot.defaults() | {
                key: value for key, value in request.items() if value is not None
            }
        count = _count(request)
        shared = self._new_shared(request)
        zones = self._spread(request, shared.subnet_ids, count)
        names = [f"{name}-{number:03}" for number in range(1, count + 1)]
        group = self._new_group(name, request, shared, names)
        for member, zone in zip(names, zones, strict=True):
            self._join(group, member, zone)
        group.add({"do": "create", "snapshot": snapshot.uid if snapshot else None})
        return group

    def _new_shared(self, request: dict[str, Any]) -> Shared:
        version = versions.find(request.get("Engine") or "redis", request.get("EngineVersion"))
        if version.engine == "memcached":
            raise faults.combination("A replication group is of Engine valkey or redis.")
        parameter_group = self.suitable_group(request.get("CacheParameterGroupName"), version.family)
        placement = place(self, request.get("CacheSubnetGroupName"), request.get("SecurityGroupIds"))
        request = {**request, "CacheNodeType": request.get("CacheNodeType") or "cache.t4g.micro"}
        shared = checks.shared(request, version, placement, parameter_group)
        shared.user_group_ids = self._user_groups(request.get("UserGroupIds") or [], shared)
        return shared

    def _new_group(
        self, name: str, request: dict[str, Any], shared: Shared, names: list[str]
    ) -> ReplicationGroup:
        """Add a group to the model, without its members."""
        failover = bool(request.get("AutomaticFailoverEnabled"))
        multi_az = bool(request.get("MultiAZEnabled"))
        _check_failover(failover, multi_az, len(names))
        self._check_free([each for each in names if each != request.get("PrimaryClusterId")])
        versions.HOST.require_server(shared.engine)
        group = ReplicationGroup(
            uid=mock_random.get_random_hex(20),
            arn=f"arn:aws:elasticache:{self.region_name}:{self.account_id}:replicationgroup:{name}",
            shared=shared,
            created=utcnow(),
            replication_group_id=name,
            description=request.get("ReplicationGroupDescription") or "",
            member_ids=names,
            primary_id=names[0],
            failover=failover,
            multi_az=multi_az,
        )
        self.replication_groups[name] = group
        self.tag_new(group.arn, request.get("Tags"))
        return group

    def _create_around(self, name: str, request: dict[str, Any]) -> ReplicationGroup:
        """Make a cluster that exists the primary of a new group."""
        primary = self.cluster(request["PrimaryClusterId"])
        if primary.replication_group_id or primary.shared.engine == "memcached":
            raise faults.combination(
                f"{primary.cache_cluster_id} cannot become a primary: it is in a group, or of Memcached."
            )
        checks.require(primary)
        count = _count(request)
        zones = self._spread(request, primary.shared.subnet_ids, count)
        names = [primary.cache_cluster_id, *(f"{name}-{number:03}" for number in range(2, count + 1))]
        group = self._new_group(name, request, primary.shared, names)
        primary.replication_group_id, primary.pending = group.replication_group_id, {}
        for member, zone in zip(names[1:], zones[1:], strict=True):
            self._join(group, member, zone)
        group.add({"do": "create", "snapshot": None})
        return group

    def _join(self, group: ReplicationGroup, name: str, zone: str) -> CacheCluster:
        cluster = self.new_cluster(name, group.shared, [zone])
        cluster.replication_group_id = group.replication_group_id
        return cluster

    def _check_free(self, names: list[str]) -> None:
        for name in names:
            if name in self.cache_clusters:
                raise faults.CacheFault("CacheClusterAlreadyExists", f"Cache cluster {name} already exists.")

    def _spread(self, request: dict[str, Any], subnet_ids: list[str], count: int) -> list[str]:
        offered = zones_of(self, subnet_ids)
        wanted = request.get("PreferredCacheClusterAZs") or []
        [given] = (request.get("NodeGroupConfiguration") or [{}])[:1]
        if given.get("PrimaryAvailabilityZone"):
            wanted = [given["PrimaryAvailabilityZone"], *(given.get("ReplicaAvailabilityZones") or [])]
        if wanted and len(wanted) != count:
            raise faults.combination(
                f"PreferredCacheClusterAZs names {len(wanted)} zones for {count} nodes. Name one for each."
            )
        wanted = wanted or [offered[index % len(offered)] for index in range(count)]
        for zone in wanted:
            if zone not in offered:
                raise faults.invalid(
                    f"{zone} is not a valid availability zone: the subnet group has {', '.join(offered)}."
                )
        if request.get("MultiAZEnabled") and count > 1 and len(set(wanted)) == 1:
            raise faults.combination("MultiAZEnabled needs nodes in at least two Availability Zones.")
        return wanted

    def _user_groups(self, names: list[str], shared: Any) -> list[str]:
        if len(names) > 1:
            raise faults.combination("A replication group has at most one user group.")
        for name in names:
            group = self.user_group(name)  # type: ignore[attr-defined]
            if not shared.encrypted:
                raise faults.combination("A user group needs TransitEncryptionEnabled.")
            if group.engine == "valkey" and shared.engine == "redis":
                raise faults.combination(f"The user group {name} is for Valkey.")
        if names and shared.tokens:
            raise faults.combination("A replication group has either an AUTH token or a user group.")
        return names

    def delete_group(self, name: str, *, retain: bool, final: str | None) -> ReplicationGroup:
        """Delete a group, with its primary unless that is to stay."""
        group = self.group(name)
        checks.require(group, "available", "create-failed")
        if retain and final:
            raise faults.combination("Give FinalSnapshotIdentifier, or RetainPrimaryCluster, not both.")
        snapshot = self.begin_final(group, final)  # type: ignore[attr-defined]
        group.add({"do": "delete", "snapshot": snapshot, "retain": retain})
        for member in self.members(group):
            if not (retain and member.cache_cluster_id == group.primary_id):
                member.state = "deleting"
        return group

    def modify_group(self, name: str, request: dict[str, Any]) -> ReplicationGroup:
        """Change a group."""
        group = self.group(name)
        checks.require(group)
        failover, multi_az = group.failover, group.multi_az
        if request.get("AutomaticFailoverEnabled") is not None:
            failover = bool(request["AutomaticFailoverEnabled"])
        if request.get("MultiAZEnabled") is not None:
            multi_az = bool(request["MultiAZEnabled"])
        _check_failover(failover, multi_az, len(group.member_ids))
        if request.get("ClusterMode") not in (None, "disabled"):
            raise _no_cluster_mode()
        primary = self._new_primary(group, request.get("PrimaryClusterId"), failover=failover)
        users = self._changed_user_groups(group, request)
        if request.get("AuthTokenUpdateStrategy") == "DELETE" and not users:
            raise faults.combination("AuthTokenUpdateStrategy DELETE needs a user group that takes over.")
        changes.change(self, group, request, {})
        group.failover, group.multi_az, group.shared.user_group_ids = failover, multi_az, users
        if request.get("ReplicationGroupDescription") is not None:
            group.description = request["ReplicationGroupDescription"]
        if primary:
            group.add({"do": "failover", "target": primary, "reason": "asked"})
        return group

    def _changed_user_groups(self, group: ReplicationGroup, request: dict[str, Any]) -> list[str]:
        present = [] if request.get("RemoveUserGroups") else list(group.shared.user_group_ids)
        leaving = request.get("UserGroupIdsToRemove") or []
        names = [name for name in present if name not in leaving]
        adding = [name for name in request.get("UserGroupIdsToAdd") or [] if name not in names]
        if not adding:
            return names
        if request.get("AuthTokenUpdateStrategy") == "DELETE":
            for name in adding:
                self.user_group(name)  # type: ignore[attr-defined]
            return [*names, *adding]
        return self._user_groups([*names, *adding], group.shared)

    def _new_primary(self, group: ReplicationGroup, wanted: str | None, *, failover: bool) -> str | None:
        if not wanted or wanted == group.primary_id:
            return None
        if failover:
            raise faults.combination("Disable automatic failover before you promote a replica by hand.")
        if wanted not in group.member_ids:
            raise faults.invalid(f"{wanted} is not a member of {group.replication_group_id}.")
        return str(self.cluster(wanted).uid)

    def change_replicas(self, name: str, request: dict[str, Any], *, more: bool) -> ReplicationGroup:
        """Add replicas, or remove some."""
        group = self.group(name)
        checks.require(group)
        if not request.get("ApplyImmediately"):
            raise faults.invalid("ApplyImmediately must be true: the number of replicas changes at once.")
        present = len(group.member_ids) - 1
        named = request.get("ReplicasToRemove") or []
        wanted = request.get("NewReplicaCount")
        if wanted is None and not named:
            raise faults.combination("Give NewReplicaCount.")
        wanted = present - len(named) if wanted is None else int(wanted)
        if wanted == present or (wanted > present) != more:
            raise faults.CacheFault("NoOperationFault", f"The group has {present} replicas.")
        if wanted > MOST_REPLICAS:
            raise faults.CacheFault("NodeQuotaForClusterExceeded", f"At most {MOST_REPLICAS} replicas.")
        if more:
            self._add_replicas(group, wanted, request)
        else:
            self._remove_replicas(group, present - wanted, named)
        return group

    def _add_replicas(self, group: ReplicationGroup, wanted: int, request: dict[str, Any]) -> None:
        offered = zones_of(self, group.shared.subnet_ids)
        [given] = (request.get("ReplicaConfiguration") or [{}])[:1]
        zones = given.get("PreferredAvailabilityZones") or []
        for number in range(len(group.member_ids), wanted + 1):
            zone = zones[number] if number < len(zones) else self._emptiest(group, offered)
            self._add(group, self._next_name(group), zone)

    def _emptiest(self, group: ReplicationGroup, offered: list[str]) -> str:
        taken = [member.zone for member in self.members(group)]
        return min(offered, key=lambda zone: (taken.count(zone), zone))

    def _next_name(self, group: ReplicationGroup) -> str:
        names = (f"{group.replication_group_id}-{number:03}" for number in range(1, 1000))
        return next(name for name in names if name not in self.cache_clusters)

    def _add(self, group: ReplicationGroup, name: str, zone: str) -> CacheCluster:
        self._check_free([name])
        cluster = self._join(group, name, zone)
        group.member_ids.append(name)
        group.add({"do": "scale"})
        return cluster

    def add_member(self, request: dict[str, Any], name: str) -> CacheCluster:
        """Add a replica that was asked for as a cluster of a group."""
        group = self.group(request["ReplicationGroupId"])
        checks.require(group)
        if len(group.member_ids) > MOST_REPLICAS:
            raise faults.CacheFault("NodeQuotaForClusterExceeded", f"At most {MOST_REPLICAS} replicas.")
        offered = zones_of(self, group.shared.subnet_ids)
        zone = request.get("PreferredAvailabilityZone") or self._emptiest(group, offered)
        if zone not in offered:
            raise faults.invalid(f"{zone} is not an availability zone of the group's subnets.")
        cluster = self._add(group, name, zone)
        self.tag_new(cluster.arn, request.get("Tags"))
        return cluster

    def _remove_replicas(self, group: ReplicationGroup, count: int, named: list[str]) -> None:
        for name in named:
            if name not in group.member_ids or name == group.primary_id:
                raise faults.invalid(f"{name} is not a replica of {group.replication_group_id}.")
        if named and len(named) != count:
            raise faults.combination("ReplicasToRemove and NewReplicaCount do not agree.")
        replicas = [name for name in group.member_ids if name != group.primary_id]
        self.remove_members(group, named or replicas[-count:])

    def remove_members(self, group: ReplicationGroup, names: list[str]) -> None:
        """Delete replicas of a group."""
        checks.require(group)
        left = len(group.member_ids) - len(names)
        if left < 2 and (group.failover or group.multi_az):
            raise faults.combination(
                "A group with automatic failover keeps at least one replica. Disable it first."
            )
        for name in names:
            self.cluster(name).state = "deleting"
        group.add({"do": "scale"})

    def test_failover(self, name: str, shard: str) -> ReplicationGroup:
        """Have a replica take the primary's place."""
        group = self.group(name)
        if shard != SHARD:
            raise faults.CacheFault("NodeGroupNotFoundFault", f"Node group {shard} not found. Use {SHARD}.")
        checks.require(group)
        if not group.failover or len(group.member_ids) < 2:
            raise faults.CacheFault(
                "TestFailoverNotAvailableFault",
                f"Automatic failover is not enabled for {name}. Enable it with modify_replication_group.",
            )
        now = utcnow()
        group.failovers = [moment for moment in group.failovers if now - moment < _DAY]
        if len(group.failovers) >= MOST_TESTS:
            raise faults.CacheFault(
                "APICallRateForCustomerExceeded",
                f"A failover is tested at most {MOST_TESTS} times in 24 hours.",
            )
        group.failovers.append(now)
        self.note(group, f"Test Failover API called for node group {shard}")
        group.add({"do": "failover", "target": None, "reason": "test"})
        return group


def _count(request: dict[str, Any]) -> int:
    """Return the number of nodes, in whichever way it was said."""
    shards = int(request.get("NumNodeGroups") or 1)
    configurations = request.get("NodeGroupConfiguration") or []
    if shards > 1 or len(configurations) > 1 or request.get("ClusterMode") in ("enabled", "compatible"):
        raise _no_cluster_mode()
    nodes, replicas = request.get("NumCacheClusters"), request.get("ReplicasPerNodeGroup")
    if replicas is None and configurations:
        replicas = configurations[0].get("ReplicaCount")
    if nodes is None and replicas is None and request.get("PreferredCacheClusterAZs"):
        nodes = len(request["PreferredCacheClusterAZs"])
    if nodes is not None and replicas is not None and int(nodes) != int(replicas) + 1:
        raise faults.combination("NumCacheClusters and ReplicasPerNodeGroup do not agree: give one of them.")
    count = int(nodes) if nodes is not None else int(replicas or 0) + 1
    if not 1 <= count <= MOST_REPLICAS + 1:
        raise faults.CacheFault(
            "NodeQuotaForClusterExceeded",
            f"A group has 1 to {MOST_REPLICAS + 1} nodes, not {count}.",
        )
    return count


def _no_cluster_mode() -> faults.CacheFault:
    return faults.no_capacity(
        "This local AWS runs replication groups with cluster mode disabled: one node group with up to five "
        "replicas. Leave out NumNodeGroups and ClusterMode."
    )


def _check_failover(failover: bool, multi_az: bool, count: int) -> None:
    if (failover or multi_az) and count < 2:
        raise faults.combination(
            "Replication group must have at least one read replica to enable automatic failover or Multi-AZ: "
            "set NumCacheClusters to 2 or more."
        )
    if multi_az and not failover:
        raise faults.combination("Must specify AutomaticFailoverEnabled as true if MultiAZEnabled is true.")
