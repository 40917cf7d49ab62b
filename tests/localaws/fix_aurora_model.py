"""Aurora clusters in the model alone, and a controller to whom everything succeeds."""

from __future__ import annotations

from typing import Any

from localaws.rds.clusters.settle import SETTLEMENTS

from .fix_rds_model import PASSWORD, ModelOnly

ENGINE = "aurora-postgresql"


class AuroraModel:
    """Clusters in the model, and a controller to whom everything succeeds."""

    def __init__(self, model: ModelOnly) -> None:
        self.model = model
        self.rds = model.rds

    def request(self, name: str = "shop", **changed: Any) -> dict[str, Any]:
        return {
            "DBClusterIdentifier": name,
            "Engine": ENGINE,
            "MasterUsername": "shop",
            "MasterUserPassword": PASSWORD,
            **changed,
        }

    def create(self, name: str = "shop", *members: str, **changed: Any) -> dict[str, Any]:
        """A cluster with members, available."""
        self.rds.create_db_cluster(**self.request(name, **changed))
        self.carry_out(name)
        for member in members:
            self.add(name, member)
        return self.shown(name)

    def add(self, cluster: str, name: str, **changed: Any) -> dict[str, Any]:
        request = {"DBInstanceClass": "db.r6g.large", "Engine": ENGINE, "DBClusterIdentifier": cluster}
        self.rds.create_db_instance(DBInstanceIdentifier=name, **request | changed)
        self.model.carry_out(name)
        return self.model.shown(name)

    def shown(self, name: str = "shop") -> dict[str, Any]:
        return dict(self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])

    def writer(self, name: str = "shop") -> str | None:
        members = self.shown(name)["DBClusterMembers"]
        return next((each["DBInstanceIdentifier"] for each in members if each["IsClusterWriter"]), None)

    def cluster(self, name: str = "shop") -> Any:
        return self.model.backend().clusters[name]

    def carry_out(self, name: str = "shop") -> list[dict[str, Any]]:
        """Settle all the work of a cluster; what it was."""
        done: list[dict[str, Any]] = []
        clusters = self.model.backend().clusters
        while name in clusters and clusters[name].work:
            cluster, item = clusters[name], dict(clusters[name].work[0])
            self.settle(cluster, item)
            done.append(item)
        return done

    def settle(self, cluster: Any, item: dict[str, Any]) -> None:
        keys = ["writer", "reader", *(each.key for each in cluster.backend.endpoints_of(cluster))]
        addresses = {key: f"127.0.0.{number}" for number, key in enumerate(keys, 20)}
        known: dict[str, dict[str, Any]] = {
            "create": {"addresses": addresses},
            "modify": {"addresses": addresses},
            "snapshot": {"snapshot": item.get("snapshot")},
            "failover": {"writer": item.get("target") or self._reader(cluster)},
        }
        facts = known.get(item["do"], {})
        names = {
            "create": "cluster_created",
            "modify": "cluster_modified",
            "snapshot": "cluster_snapshot_taken",
            "failover": "cluster_failed_over",
            "stop": "cluster_stopped",
            "start": "cluster_started",
            "delete": "cluster_deleted",
        }
        SETTLEMENTS[names[item["do"]]](cluster.backend, resource_id=cluster.db_cluster_resource_id, **facts)

    @staticmethod
    def _reader(cluster: Any) -> str:
        readers = [str(each.dbi_resource_id) for each in cluster.members if not each.is_cluster_writer]
        return readers[0] if readers else ""
