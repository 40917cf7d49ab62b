"""ElastiCache's operations: requests parsed by moto, answers in AWS's shape."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult, PaginatedResult
from moto.elasticache.responses import ElastiCacheResponse as MotoResponse

from localaws.elasticache import clusters, versions


class ElastiCacheResponse(MotoResponse):
    """The operations that are not moto's own, or answer more than moto's."""

    def create_cache_cluster(self) -> ActionResult:
        return _one(super().create_cache_cluster())

    def delete_cache_cluster(self) -> ActionResult:
        return _one(super().delete_cache_cluster())

    def describe_cache_clusters(self) -> ActionResult:
        found = self._backend.describe_cache_clusters(self._get_param("CacheClusterId"))
        if self._get_bool_param("ShowCacheClustersNotInReplicationGroups"):
            found = [cluster for cluster in found if not cluster.replication_group_id]
        nodes = bool(self._get_bool_param("ShowCacheNodeInfo"))
        return PaginatedResult(
            {"CacheClusters": [clusters.describe(cluster, nodes=nodes) for cluster in found]}
        )

    def modify_cache_cluster(self) -> ActionResult:
        cluster = self._backend.modify_cache_cluster(self._get_param("CacheClusterId"), self._get_params())
        return ActionResult({"CacheCluster": clusters.describe(cluster, nodes=False)})

    def reboot_cache_cluster(self) -> ActionResult:
        nodes = self._get_param("CacheNodeIdsToReboot", [])
        cluster = self._backend.reboot_cache_cluster(self._get_param("CacheClusterId"), nodes)
        return ActionResult({"CacheCluster": clusters.describe(cluster, nodes=False)})

    def describe_cache_engine_versions(self) -> ActionResult:
        found = versions.describe(
            self._get_param("Engine"),
            self._get_param("EngineVersion"),
            default_only=bool(self._get_bool_param("DefaultOnly")),
        )
        return PaginatedResult({"CacheEngineVersions": found})

    def delete_cache_subnet_group(self) -> ActionResult:
        self._backend.delete_cache_subnet_group(self._get_param("CacheSubnetGroupName"))
        return EmptyResult()

    @property
    def _backend(self) -> Any:
        return self.elasticache_backend


def _one(answer: Any) -> ActionResult:
    """Describe the cluster of moto's answer as AWS does."""
    return ActionResult({"CacheCluster": clusters.describe(answer.result["CacheCluster"], nodes=False)})
