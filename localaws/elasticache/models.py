"""What the ElastiCache model consists of: clusters, replication groups, and what their nodes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NODE = "0001"
SHARD = "0001"
MODIFYING, AVAILABLE, REBOOTING = "modifying", "available", "rebooting cluster nodes"
STATUS = {
    "create": "creating",
    "modify": MODIFYING,
    "scale": MODIFYING,
    "failover": MODIFYING,
    "reboot": REBOOTING,
    "snapshot": "snapshotting",
    "delete": "deleting",
}
"""What the status says while an item is at the head of the work."""

Item = dict[str, Any]
"""Work for the controller: what to `do`, and its arguments."""


@dataclass
class Shared:
    """What all nodes of a cluster or group have in common."""

    engine: str
    engine_version: str
    node_type: str
    parameter_group_name: str
    subnet_group: str
    vpc_id: str
    subnet_ids: list[str]
    security_group_ids: list[str]
    port: int
    maintenance_window: str
    snapshot_window: str
    snapshot_retention_limit: int = 0
    auto_minor_version_upgrade: bool = True
    encrypted: bool = False
    encryption_mode: str | None = None
    tokens: list[str] = field(default_factory=list)
    token_needed: bool = True
    token_changed: datetime | None = None
    user_group_ids: list[str] = field(default_factory=list)
    topic: str | None = None
    at_rest: bool = False
    kms_key_id: str | None = None


@dataclass
class Node:
    """One server; a Valkey cluster has one, a Memcached cluster up to 40."""

    number: str
    zone: str
    created: datetime
    address: str | None = None
    port: int = 0


@dataclass
class Works:
    """What has work for the controller."""

    uid: str
    arn: str
    shared: Shared
    created: datetime
    work: list[Item] = field(default_factory=list)
    pending: dict[str, Any] = field(default_factory=dict)
    broken: str | None = None
    """The status of what could not be made."""
    snapshot_day: str = ""
    """The day of the last automatic snapshot."""

    @property
    def head(self) -> Item | None:
        """The work to be done first."""
        return self.work[0] if self.work else None

    def add(self, item: Item) -> None:
        """Leave work; deleting makes all other work needless."""
        if item["do"] == "delete":
            self.work.clear()
        self.work.append(item)

    def finish(self, do: str) -> Item | None:
        """Take the work at the head away if it is this."""
        if self.work and self.work[0]["do"] == do:
            return self.work.pop(0)
        return None


@dataclass
class CacheCluster(Works):
    """A cluster; of Valkey and Redis OSS one node, alone or in a group that does its work."""

    cache_cluster_id: str = ""
    replication_group_id: str | None = None
    nodes: list[Node] = field(default_factory=list)
    az_mode: str | None = None
    state: str = "creating"
    """creating, available, down or deleting."""
    in_force: dict[str, str] = field(default_factory=dict)
    """Values of the parameter group that the server has."""
    configuration: tuple[str, int] = ("", 0)
    """Address and port of a Memcached cluster's configuration endpoint."""

    @property
    def zone(self) -> str:
        """The Availability Zone of the only, or first, node."""
        return self.nodes[0].zone

    @property
    def parameter_group_name(self) -> str:
        """The parameter group."""
        return self.shared.parameter_group_name

    @property
    def status(self) -> str:
        """CacheClusterStatus of one that stands alone."""
        if self.broken:
            return self.broken
        if self.head:
            return STATUS[self.head["do"]]
        return self.resting

    @property
    def resting(self) -> str:
        """The status without regard to work."""
        return REBOOTING if self.state == "down" else self.state


@dataclass
class ReplicationGroup(Works):
    """One primary and up to five replicas."""

    replication_group_id: str = ""
    description: str = ""
    member_ids: list[str] = field(default_factory=list)
    primary_id: str = ""
    failover: bool = False
    multi_az: bool = False
    endpoints: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Address and port of the endpoints `primary` and `reader`."""
    failovers: list[datetime] = field(default_factory=list)
    """When failovers were tested."""
    primary_down: bool = False

    @property
    def status(self) -> str:
        """The group's status."""
        if self.broken:
            return self.broken
        if self.head:
            do = self.head["do"]
            return MODIFYING if do == "reboot" else STATUS[do]
        return MODIFYING if self.primary_down else AVAILABLE


Owner = CacheCluster | ReplicationGroup
"""Whose work it is: a group, or a cluster that is in none."""
