"""What is only a record here (proxies, global clusters, exports): moto's model with AWS's errors."""

from __future__ import annotations

from typing import Any

import moto.rds.models as base
from moto.rds.exceptions import (
    DBClusterNotFoundError,
    DBInstanceNotFoundError,
    DBProxyNotFoundFault,
    RDSClientError,
)

from localaws.rds import faults


class Records(base.RDSBackend):
    """The operations that moto lets fail without an error of AWS's."""

    def _require_proxy(self, name: str | None) -> Any:
        if name not in self.db_proxies:
            raise DBProxyNotFoundFault(str(name))
        return self.db_proxies[name]

    def _require_target_group(self, proxy: str | None, name: str | None) -> None:
        if (name or "default") not in self._require_proxy(proxy).proxy_target_groups:
            raise RDSClientError(
                "DBProxyTargetGroupNotFoundFault",
                f"The specified target group {name} doesn't correspond to one of the proxy {proxy}.",
            )

    def delete_db_proxy(self, proxy_name: str) -> Any:
        """Delete a proxy."""
        self._require_proxy(proxy_name)
        return super().delete_db_proxy(proxy_name)

    def describe_db_proxy_targets(self, proxy_name: str) -> Any:
        """The targets of a proxy."""
        self._require_proxy(proxy_name)
        return super().describe_db_proxy_targets(proxy_name)

    def describe_db_proxy_target_groups(self, proxy_name: str) -> Any:
        """The target groups of a proxy."""
        self._require_proxy(proxy_name)
        return super().describe_db_proxy_target_groups(proxy_name)

    def modify_db_proxy_target_group(self, proxy_name: str, config: dict[str, Any]) -> Any:
        """Change how a proxy uses its connections."""
        self._require_proxy(proxy_name)
        return super().modify_db_proxy_target_group(proxy_name, config)

    def register_db_proxy_targets(
        self,
        db_proxy_name: str,
        target_group_name: str,
        db_cluster_identifiers: list[str],
        db_instance_identifiers: list[str],
    ) -> Any:
        """Add targets to a proxy."""
        self._require_target_group(db_proxy_name, target_group_name)
        for name in db_cluster_identifiers or []:
            if name not in self.clusters:
                raise DBClusterNotFoundError(name)
        for name in db_instance_identifiers or []:
            if name not in self.databases:
                raise DBInstanceNotFoundError(name)
        return super().register_db_proxy_targets(
            db_proxy_name, target_group_name, db_cluster_identifiers or [], db_instance_identifiers or []
        )

    def deregister_db_proxy_targets(
        self,
        db_proxy_name: str,
        target_group_name: str,
        db_cluster_identifiers: list[str],
        db_instance_identifiers: list[str],
    ) -> None:
        """Take targets from a proxy."""
        self._require_target_group(db_proxy_name, target_group_name)
        super().deregister_db_proxy_targets(
            db_proxy_name, target_group_name, db_cluster_identifiers or [], db_instance_identifiers or []
        )

    def delete_global_cluster(self, global_cluster_identifier: str) -> Any:
        """Delete a global cluster."""
        if global_cluster_identifier not in self.global_clusters:
            raise RDSClientError(
                "GlobalClusterNotFoundFault", f"Global cluster {global_cluster_identifier} not found"
            )
        return super().delete_global_cluster(global_cluster_identifier)

    def start_export_task(self, kwargs: dict[str, Any]) -> Any:
        """Record an export of a snapshot."""
        source = str(kwargs.get("source_arn") or "")
        if source.count(":") < 6 or source.split(":")[5] not in ("snapshot", "cluster-snapshot"):
            raise faults.invalid(f"The SourceArn {source} is not the ARN of a snapshot.")
        task = super().start_export_task(kwargs)
        task.source_type = "SNAPSHOT"
        return task
