"""ElastiCache's model: moto's, with AWS's checks, states and identities; it starts nothing itself."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace
from typing import Any

from moto.elasticache.exceptions import CacheSubnetGroupNotFound
from moto.elasticache.models import ElastiCacheBackend as MotoBackend
from moto.elasticache.urls import url_bases

from localaws.bridge.ec2 import Ec2View
from localaws.elasticache import clusters, faults, groups, versions
from localaws.elasticache.placement import check_subnets, checked_groups, place

_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_TOKEN = re.compile(r"[!-~]{16,128}")
_FORBIDDEN_IN_TOKENS = frozenset('@"/')


class ElastiCacheBackend(MotoBackend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.elasticache.responses import ElastiCacheResponse

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": ElastiCacheResponse.dispatch})

    def create_cache_cluster(self, *args: Any, **request: Any) -> Any:
        """Create a cluster; the controller starts its server."""
        _check_identifier("CacheClusterId", request["cache_cluster_id"], 50)
        request["cache_cluster_id"] = request["cache_cluster_id"].lower()
        version = versions.find(request.get("engine") or "redis", request.get("engine_version"))
        _check_node(request)
        _check_token(request.get("auth_token"), bool(request.get("transit_encryption_enabled")))
        versions.HOST.require_server()
        placement = place(self, request.get("cache_subnet_group_name"), request.get("security_group_ids"))
        cluster = super().create_cache_cluster(*args, **request)
        clusters.begin(cluster, version, placement)
        return cluster

    def delete_cache_cluster(self, cache_cluster_id: str) -> Any:
        """Delete a cluster that stands alone."""
        [cluster] = self.describe_cache_clusters(cache_cluster_id)
        if cluster.replication_group_id:
            raise faults.wrong_state(
                f"Cache cluster {cache_cluster_id} is serving as primary for replication group "
                f"{cluster.replication_group_id} and cannot be deleted. Delete the group."
            )
        _require(cluster, "available", "restore-failed")
        clusters.add_work(cluster, "delete")
        return cluster

    def modify_cache_cluster(self, cache_cluster_id: str, request: dict[str, Any]) -> Any:
        """Change a cluster; groups and windows count at once, the rest when the server has it."""
        [cluster] = self.describe_cache_clusters(cache_cluster_id)
        _require(cluster, "available")
        self._check_change(cluster, request)
        for parameter, attribute in _CHANGES.items():
            if request.get(parameter) is not None:
                setattr(cluster, attribute, request[parameter])
        if request.get("AuthTokenUpdateStrategy") == "DELETE":
            cluster.auth_token = None
        if any(request.get(parameter) is not None for parameter in _SERVERS):
            clusters.add_work(cluster, "modify")
        return cluster

    def _check_change(self, cluster: Any, request: dict[str, Any]) -> None:
        if request.get("SecurityGroupIds"):
            checked_groups(
                Ec2View.born(self.account_id, self.region_name), cluster.vpc_id, request["SecurityGroupIds"]
            )
        if request.get("NumCacheNodes") not in (None, 1):
            raise faults.invalid("A Redis or Valkey cache cluster has one node: NumCacheNodes must be 1.")
        if request.get("EngineVersion") is not None:
            request["EngineVersion"] = versions.find(cluster.engine, request["EngineVersion"]).number
        if request.get("CacheNodeType") is not None:
            _check_node({"cache_node_type": request["CacheNodeType"]})
        _check_token(request.get("AuthToken"), cluster.transit_encryption_enabled)

    def reboot_cache_cluster(self, cache_cluster_id: str, nodes: list[str]) -> Any:
        """Restart a cluster's node."""
        [cluster] = self.describe_cache_clusters(cache_cluster_id)
        _require(cluster, "available")
        if nodes != [clusters.NODE]:
            raise faults.invalid(
                f"CacheNodeIdsToReboot must be ['{clusters.NODE}'], the node of {cache_cluster_id}."
            )
        clusters.add_work(cluster, "reboot")
        return cluster

    def create_replication_group(self, *args: Any, **request: Any) -> Any:
        """Create a group and its primary."""
        _check_identifier("ReplicationGroupId", request["replication_group_id"], 40)
        groups.check_shape(request)
        request["engine"] = request.get("engine") or "redis"
        request["cache_node_type"] = request.get("cache_node_type") or "cache.t4g.micro"
        group = super().create_replication_group(*args, **request)
        try:
            [name] = group.member_clusters
            member = self.create_cache_cluster(**_member(request, name))
        except Exception:
            del self.replication_groups[group.replication_group_id]
            raise
        member.replication_group_id = group.replication_group_id
        group.primary_cluster_id = name
        group.port, group.engine, group.engine_version = member.port, member.engine, member.engine_version
        groups.follow(self, member)
        return group

    def delete_replication_group(self, replication_group_id: str, retain_primary_cluster: bool | None) -> Any:
        """Delete a group, with its primary unless that is to stay."""
        [group] = self.describe_replication_groups(replication_group_id)
        if group.status not in ("available", "create-failed"):
            raise faults.CacheFault(
                "InvalidReplicationGroupState",
                f"Replication group {replication_group_id} is {group.status}. Wait until it is available.",
            )
        group.status = "deleting"
        for name in list(group.member_clusters):
            member = self.cache_clusters[name]
            if retain_primary_cluster:
                groups.leave(self, member)
                member.replication_group_id = None
            else:
                clusters.add_work(member, "delete")
        return group

    def create_cache_subnet_group(self, *args: Any, **request: Any) -> Any:
        """Create a subnet group of subnets that exist."""
        check_subnets(self, request["subnet_ids"])
        return super().create_cache_subnet_group(*args, **request)

    def delete_cache_subnet_group(self, name: str) -> None:
        """Delete a subnet group that no cluster uses."""
        if name not in self.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        if any(cluster.cache_subnet_group_name == name for cluster in self.cache_clusters.values()):
            raise faults.CacheFault(
                "CacheSubnetGroupInUse", f"Cache subnet group {name} is in use by a cache cluster."
            )
        del self.cache_subnet_groups[name]


_CHANGES = {
    "SecurityGroupIds": "security_group_ids",
    "PreferredMaintenanceWindow": "preferred_maintenance_window",
    "SnapshotRetentionLimit": "snapshot_retention_limit",
    "SnapshotWindow": "snapshot_window",
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "CacheParameterGroupName": "cache_parameter_group_name",
    "EngineVersion": "engine_version",
    "CacheNodeType": "cache_node_type",
    "AuthToken": "auth_token",
}
_SERVERS = ("CacheNodeType", "AuthToken", "AuthTokenUpdateStrategy", "EngineVersion")


def _check_identifier(parameter: str, value: str | None, longest: int) -> None:
    if not value or len(value) > longest or not _IDENTIFIER.fullmatch(value):
        raise faults.invalid(
            f"The parameter {parameter} is not a valid identifier: up to {longest} letters, digits and "
            "hyphens, beginning with a letter, without two hyphens in a row or one at the end."
        )


def _check_node(request: dict[str, Any]) -> None:
    node_type = request.get("cache_node_type")
    if node_type and not node_type.startswith("cache."):
        raise faults.invalid(
            f"Invalid Cache Node Type: {node_type}. They begin with cache., as cache.t3.micro."
        )
    if int(request.get("num_cache_nodes") or 1) != 1:
        raise faults.invalid("Cannot create a Redis cluster with a NumCacheNodes parameter greater than 1.")
    port = request.get("port")
    if port is not None and not 1 <= int(port) <= 65535:
        raise faults.invalid(f"Invalid port {port}. Choose one from 1 to 65535.")


def _check_token(token: str | None, transit_encryption: bool) -> None:
    if token is None:
        return
    if not transit_encryption:
        raise faults.combination("AuthToken needs TransitEncryptionEnabled: it may not travel in clear text.")
    if not _TOKEN.fullmatch(token) or _FORBIDDEN_IN_TOKENS & set(token):
        raise faults.invalid('AuthToken must have 16 to 128 printable characters, none of them @, " or /.')


def _require(cluster: Any, *states: str) -> None:
    if cluster.cache_cluster_status not in states:
        raise faults.wrong_state(
            f"Cache cluster {cluster.cache_cluster_id} is {cluster.cache_cluster_status}. "
            "Wait until it is available."
        )


def _member(request: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the request for a group's cluster: what a cluster knows of the group's own request."""
    known = inspect.signature(MotoBackend.create_cache_cluster).parameters.keys() - {"self"}
    own = {"cache_cluster_id": name, "num_cache_nodes": 1, "replication_group_id": None, "tags": []}
    return {parameter: request.get(parameter) for parameter in known} | own
