"""Snapshots: what was asked for, what is automatic, and what can be restored.

AWS: "Snapshot and restore".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.elasticache.exceptions import SnapshotAlreadyExists, SnapshotNotFound
from moto.moto_api._internal import mock_random

from localaws.elasticache import checks, faults
from localaws.elasticache.groups import Groups
from localaws.elasticache.models import NODE, SHARD, CacheCluster, Owner, ReplicationGroup, Shared

_SOURCES = {"system": "automated", "user": "manual"}


@dataclass
class Snapshot:
    """One snapshot; its data are a file of the controller's."""

    uid: str
    name: str
    arn: str
    source: str
    """manual or automated"""
    shared: Shared
    created: datetime
    cluster_id: str | None = None
    group_id: str | None = None
    node_id: str = ""
    """The cluster whose data it has."""
    zone: str = ""
    cluster_created: datetime | None = None
    description: str = ""
    automatic_failover: bool = False
    status: str = "creating"
    size: int = 0
    copy_of: str | None = None
    """uid of the snapshot whose data are to be copied."""
    tags: list[dict[str, str]] = field(default_factory=list)

    def defaults(self) -> dict[str, Any]:
        """What a cache that is restored from it has unless its request says otherwise."""
        return {
            "Engine": self.shared.engine,
            "EngineVersion": self.shared.engine_version,
            "CacheNodeType": self.shared.node_type,
            "CacheParameterGroupName": self.shared.parameter_group_name,
        }

    def describe(self) -> dict[str, Any]:
        """The snapshot of an answer."""
        shared = self.shared
        shown: dict[str, Any] = {
            "SnapshotName": self.name,
            "SnapshotStatus": self.status,
            "SnapshotSource": self.source,
            "CacheNodeType": shared.node_type,
            "Engine": shared.engine,
            "EngineVersion": shared.engine_version,
            "Port": shared.port,
            "CacheParameterGroupName": shared.parameter_group_name,
            "CacheSubnetGroupName": shared.subnet_group,
            "VpcId": shared.vpc_id,
            "PreferredMaintenanceWindow": shared.maintenance_window,
            "AutoMinorVersionUpgrade": shared.auto_minor_version_upgrade,
            "SnapshotRetentionLimit": shared.snapshot_retention_limit,
            "SnapshotWindow": shared.snapshot_window,
            "KmsKeyId": shared.kms_key_id,
            "ARN": self.arn,
            "DataTiering": "disabled",
            "NodeSnapshots": [self._node()] if self.status == "available" else [],
        }
        if self.group_id:
            shown["ReplicationGroupId"] = self.group_id
            shown["ReplicationGroupDescription"] = self.description
            shown["NumNodeGroups"] = 1
            shown["AutomaticFailover"] = "enabled" if self.automatic_failover else "disabled"
        else:
            shown["CacheClusterId"] = self.cluster_id
            shown["CacheClusterCreateTime"] = self.cluster_created
            shown["NumCacheNodes"] = 1
            shown["PreferredAvailabilityZone"] = self.zone
        return shown

    def _node(self) -> dict[str, Any]:
        node = {
            "CacheNodeId": NODE,
            "CacheSize": f"{max(round(self.size / (1 << 20)), 1)} MB",
            "CacheNodeCreateTime": self.cluster_created,
            "SnapshotCreateTime": self.created,
        }
        if self.group_id:
            node |= {"CacheClusterId": self.node_id, "NodeGroupId": SHARD}
        return node


class Snapshots(Groups):
    """The part of the backend that knows snapshots."""

    snapshots: dict[str, Snapshot]

    def snapshot(self, name: str | None) -> Snapshot:
        """Return a snapshot."""
        if not name or name not in self.snapshots:
            raise SnapshotNotFound(name or "")
        return self.snapshots[name]

    def restorable(self, name: str | None) -> Snapshot | None:
        """Return the snapshot that a new cache is to be made of."""
        if not name:
            return None
        found = self.snapshot(name)
        if found.status != "available":
            raise faults.CacheFault("InvalidSnapshotState", f"Snapshot {name} is {found.status}.")
        return found

    def take_snapshot(self, request: dict[str, Any]) -> Snapshot:
        """Have a snapshot taken."""
        group_id, cluster_id = request.get("ReplicationGroupId"), request.get("CacheClusterId")
        if bool(group_id) == bool(cluster_id):
            problem = faults.combination if group_id else faults.invalid
            raise problem("Exactly one of CacheClusterId and ReplicationGroupId must be provided.")
        owner: Owner = self.group(group_id) if group_id else self.cluster(cluster_id)
        source = owner
        if isinstance(owner, CacheCluster) and owner.replication_group_id:
            owner = self.replication_groups[owner.replication_group_id]
        if owner.shared.engine == "memcached":
            raise faults.CacheFault("SnapshotFeatureNotSupportedFault", "Memcached has no snapshots.")
        self._check_new(request.get("SnapshotName"))
        checks.require(owner)
        snapshot = self._begin(owner, source, str(request["SnapshotName"]), "manual")
        self.tag_new(snapshot.arn, request.get("Tags"))
        owner.add({"do": "snapshot", "snapshot": snapshot.uid})
        return snapshot

    def begin_final(self, owner: Owner, name: str | None) -> str | None:
        """Return the uid of the snapshot that is taken before something is deleted."""
        if not name:
            return None
        if owner.shared.engine == "memcached":
            raise faults.CacheFault("SnapshotFeatureNotSupportedFault", "Memcached has no snapshots.")
        self._check_new(name)
        return self._begin(owner, owner, name, "manual").uid

    def take_automatic(self, owner: Owner) -> None:
        """Have the snapshot of the day taken."""
        now = utcnow()
        owner.snapshot_day = now.strftime("%Y-%m-%d")
        subject = owner.cache_cluster_id if isinstance(owner, CacheCluster) else owner.primary_id
        name = f"automatic.{subject}-{now.strftime('%Y-%m-%d-%H-%M')}"
        if name not in self.snapshots:
            snapshot = self._begin(owner, owner, name, "automated")
            owner.add({"do": "snapshot", "snapshot": snapshot.uid})

    def outdated(self, owner: Owner) -> list[Snapshot]:
        """Return automatic snapshots that are older than they are to be kept."""
        limit = utcnow() - timedelta(days=owner.shared.snapshot_retention_limit)
        return [
            each for each in self._automatic(owner) if each.created < limit and each.status == "available"
        ]

    def _automatic(self, owner: Owner) -> list[Snapshot]:
        name = owner.cache_cluster_id if isinstance(owner, CacheCluster) else owner.replication_group_id
        return [
            each
            for each in self.snapshots.values()
            if each.source == "automated" and name in (each.cluster_id, each.group_id)
        ]

    def _check_new(self, name: str | None) -> None:
        checks.identifier("SnapshotName", name, 255)
        if name in self.snapshots:
            raise SnapshotAlreadyExists(str(name))

    def _begin(self, owner: Owner, source: Owner, name: str, kind: str) -> Snapshot:
        group = owner if isinstance(owner, ReplicationGroup) else None
        node = self.cluster(group.primary_id) if group else self.members(owner)[0]
        snapshot = Snapshot(
            uid=mock_random.get_random_hex(20),
            name=name,
            arn=f"arn:aws:elasticache:{self.region_name}:{self.account_id}:snapshot:{name}",
            source=kind,
            shared=replace(owner.shared, tokens=[]),
            created=utcnow(),
            cluster_id=None if source is group else node.cache_cluster_id,
            group_id=group.replication_group_id if group and source is group else None,
            node_id=node.cache_cluster_id,
            zone=node.zone,
            cluster_created=node.created,
            description=group.description if group else "",
            automatic_failover=bool(group and group.failover),
        )
        self.snapshots[name] = snapshot
        return snapshot

    def copy_snapshot(self, request: dict[str, Any]) -> Snapshot:
        """Copy a snapshot under another name."""
        source = self.snapshot(request.get("SourceSnapshotName"))
        if request.get("TargetBucket"):
            raise faults.invalid("Exports to S3 are not available in this local AWS: leave TargetBucket out.")
        if source.status != "available":
            raise faults.CacheFault("InvalidSnapshotState", f"Snapshot {source.name} is {source.status}.")
        name = request.get("TargetSnapshotName")
        self._check_new(name)
        arn = f"arn:aws:elasticache:{self.region_name}:{self.account_id}:snapshot:{name}"
        made = replace(
            source,
            uid=mock_random.get_random_hex(20),
            name=str(name),
            arn=arn,
            source="manual",
            status="copying",
            copy_of=source.uid,
        )
        self.snapshots[made.name] = made
        self.tag_new(arn, request.get("Tags"))
        return made

    def discard_snapshot(self, name: str) -> Snapshot:
        """Have a snapshot deleted."""
        found = self.snapshot(name)
        in_use = any(each.copy_of == found.uid for each in self.snapshots.values())
        owners = [*self.cache_clusters.values(), *self.replication_groups.values()]
        in_use |= any(item.get("snapshot") == found.uid for owner in owners for item in owner.work)
        if found.status not in ("available", "failed") or in_use:
            raise faults.CacheFault("InvalidSnapshotState", f"Snapshot {name} is in use or {found.status}.")
        found.status = "deleting"
        return found

    def find_snapshots(self, request: dict[str, Any]) -> list[Snapshot]:
        """Return the snapshots that a request asks for."""
        if request.get("SnapshotName"):
            return [self.snapshot(request["SnapshotName"])]
        group_id, cluster_id = request.get("ReplicationGroupId"), request.get("CacheClusterId")
        if group_id and cluster_id:
            raise faults.combination("Give CacheClusterId or ReplicationGroupId, not both.")
        source = request.get("SnapshotSource")
        wanted = _SOURCES.get(str(source).lower(), source)
        return [
            each
            for each in self.snapshots.values()
            if (not group_id or each.group_id == group_id.lower())
            and (not cluster_id or cluster_id.lower() in (each.cluster_id, each.node_id))
            and (not source or each.source == wanted)
        ]
