"""ElastiCache's model: AWS's checks, states and identities; it starts nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.elasticache.exceptions import CacheSubnetGroupNotFound, InvalidARNFault
from moto.elasticache.models import ElastiCacheBackend as MotoBackend
from moto.elasticache.urls import url_bases

from localaws.elasticache import faults
from localaws.elasticache.models import CacheCluster, Owner
from localaws.elasticache.parameter_groups import ParameterGroup
from localaws.elasticache.placement import check_subnets
from localaws.elasticache.snapshots import Snapshots
from localaws.elasticache.users import UserGroup, Users

_ARN = re.compile(r"arn:aws:elasticache:[a-z0-9-]+:\d{12}:([a-z]+):.+")


class ElastiCacheBackend(Snapshots, Users, MotoBackend):
    """One account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        MotoBackend.__init__(self, region_name, account_id)
        self.parameter_groups: dict[str, ParameterGroup] = {}
        self.user_groups: dict[str, UserGroup] = {}
        self.events: list[Any] = []

    @property
    def _url_module(self) -> Any:
        from localaws.elasticache.responses import ElastiCacheResponse

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": ElastiCacheResponse.dispatch})

    def owners(self) -> Iterator[Owner]:
        """Return everything that may have work: the groups, and the clusters that are in none."""
        yield from self.replication_groups.values()
        for cluster in self.cache_clusters.values():
            if cluster.replication_group_id not in self.replication_groups:
                yield cluster

    def owner(self, uid: str) -> Owner | None:
        """Return a group or a cluster by its uid."""
        return next((each for each in self.owners() if each.uid == uid), None)

    def tags_of(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of something."""
        found: list[dict[str, str]] = self.tagging_service.list_tags_for_resource(arn)["Tags"]
        return found

    def require_arn(self, arn: str) -> None:
        """Refuse an ARN that names nothing here."""
        found = _ARN.fullmatch(arn or "")
        if found is None:
            raise InvalidARNFault(arn)
        things: Iterable[Any] = _things(self, found.group(1))
        if not any(thing.arn == arn for thing in things):
            code = _UNKNOWN.get(found.group(1), "InvalidARN")
            raise faults.CacheFault(code, f"{arn} names nothing here.")

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Return everything with tags, for the Resource Groups Tagging API."""
        for kind in _UNKNOWN:
            for thing in _things(self, kind):
                yield TaggedResource(
                    arn=thing.arn,
                    tags=self.tagging_service.get_tag_dict_for_resource(thing.arn),
                    resource_type=f"elasticache:{kind}",
                    extra={"include_untagged": True},
                )

    def create_cache_subnet_group(self, *args: Any, **request: Any) -> Any:
        """Create a subnet group of subnets that exist."""
        check_subnets(self, request["subnet_ids"])
        return _with_zones(super().create_cache_subnet_group(*args, **request))

    def modify_cache_subnet_group(self, request: dict[str, Any]) -> Any:
        """Change a subnet group's description and subnets."""
        name = request["CacheSubnetGroupName"]
        if name not in self.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        present = self.cache_subnet_groups[name]
        subnet_ids = request.get("SubnetIds") or present.subnet_ids
        check_subnets(self, subnet_ids)
        for cluster in self.cache_clusters.values():
            used = cluster.shared.subnet_group == name and set(cluster.shared.subnet_ids) - set(subnet_ids)
            if used:
                raise faults.CacheFault("SubnetInUse", f"{sorted(used)[0]} is in use by a cache cluster.")
        del self.cache_subnet_groups[name]
        description = request.get("CacheSubnetGroupDescription")
        if description is None:
            description = present.cache_subnet_group_description
        try:
            return _with_zones(super().create_cache_subnet_group(name, description, subnet_ids, None))
        except Exception:
            self.cache_subnet_groups[name] = present
            raise

    def delete_cache_subnet_group(self, name: str) -> None:
        """Delete a subnet group that no cluster uses."""
        if name not in self.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        if any(cluster.shared.subnet_group == name for cluster in self.cache_clusters.values()):
            raise faults.CacheFault(
                "CacheSubnetGroupInUse", f"Cache subnet group {name} is in use by a cache cluster."
            )
        del self.cache_subnet_groups[name]

    def remove_cluster(self, cluster: CacheCluster) -> None:
        """Take a cluster out of the model."""
        del self.cache_clusters[cluster.cache_cluster_id]
        self.tagging_service.delete_all_tags_for_resource(cluster.arn)


def _with_zones(group: Any) -> Any:
    for subnet in group.subnets:
        zone = subnet["subnet_availability_zone"]
        subnet["subnet_availability_zone"] = zone if isinstance(zone, dict) else {"Name": zone}
    return group


_UNKNOWN = {
    "cluster": "CacheClusterNotFound",
    "replicationgroup": "ReplicationGroupNotFoundFault",
    "snapshot": "SnapshotNotFoundFault",
    "subnetgroup": "CacheSubnetGroupNotFoundFault",
    "parametergroup": "CacheParameterGroupNotFound",
    "user": "UserNotFound",
    "usergroup": "UserGroupNotFound",
}


def _things(backend: ElastiCacheBackend, kind: str) -> list[Any]:
    kept: dict[str, dict[str, Any]] = {
        "cluster": backend.cache_clusters,
        "replicationgroup": backend.replication_groups,
        "snapshot": backend.snapshots,
        "subnetgroup": backend.cache_subnet_groups,
        "user": {name: user for name, user in backend.users.items() if name != "default"},
        "usergroup": backend.user_groups,
    }
    if kind == "parametergroup":
        return backend.all_parameter_groups(None)
    return list(kept.get(kind, {}).values())
