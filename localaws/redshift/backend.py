"""Clusters: moto's, which are available only once their database is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import moto.redshift.models as base
from moto.redshift.exceptions import ClusterAlreadyExistsFaultError, ClusterNotFoundError
from moto.redshift.models import redshift_backends
from moto.redshift.urls import url_bases, url_paths

from localaws.redshift import faults

CREATING, AVAILABLE, PAUSED = "creating", "available", "paused"
_NODES = frozenset(
    (
        "dc2.large", "dc2.8xlarge", "ra3.large", "ra3.xlplus", "ra3.4xlarge", "ra3.16xlarge", "rg.xlarge",
        "rg.4xlarge",
    )
)  # fmt: skip
_IDENTIFIER = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]|[a-z]")
_DATABASE = re.compile(r"[a-z_][a-z0-9_]{0,63}")
_PASSWORD = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[!#-&(-.0-?A-~]{8,64}")


class Cluster(base.Cluster):
    """A cluster whose SQL is run by the Data API."""

    @property
    def endpoint(self) -> None:
        """None: no server listens, and an address that refuses would be a lie."""
        return


class RedshiftBackend(base.RedshiftBackend):
    """Redshift in one account and Region."""

    @property
    def _url_module(self) -> Any:
        from moto.redshift.responses import RedshiftResponse

        paths = dict.fromkeys(url_paths, RedshiftResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def create_cluster(self, **asked: Any) -> Cluster:
        """Create a cluster; its database is made next."""
        name = asked["cluster_identifier"] or ""
        _check(asked)
        if name in self.clusters:
            raise ClusterAlreadyExistsFaultError()
        cluster = Cluster(self, **asked)
        cluster.status = CREATING
        self.clusters[name] = cluster
        return cluster

    def find(self, name: str) -> Cluster:
        """Return a cluster, or raise AWS's error."""
        if name not in self.clusters:
            raise ClusterNotFoundError(cluster_identifier=name)
        return self.clusters[name]

    def pause_cluster(self, cluster_id: str) -> Cluster:
        """Pause an available cluster."""
        cluster = self.find(cluster_id)
        if cluster.status != AVAILABLE:
            raise faults.state(f"Cluster {cluster_id} is {cluster.status}; only an available one can pause.")
        cluster.status = PAUSED
        return cluster

    def resume_cluster(self, cluster_id: str) -> Cluster:
        """Resume a paused cluster, once its database is there again."""
        cluster = self.find(cluster_id)
        if cluster.status != PAUSED:
            raise faults.state(f"Cluster {cluster_id} is {cluster.status}, not paused.")
        cluster.status = CREATING
        return cluster

    def delete_cluster(self, **asked: Any) -> Cluster:
        """Delete a cluster with its data; of a final snapshot nothing could be restored."""
        cluster = self.find(asked["cluster_identifier"])
        if asked.get("final_cluster_snapshot_identifier"):
            raise faults.absent("Snapshots keep no data in this local AWS. Use SkipFinalClusterSnapshot.")
        asked["skip_final_snapshot"] = True
        super().delete_cluster(**asked)
        cluster.status = "deleting"
        return cluster

    def create_cluster_snapshot(self, *_: Any, **__: Any) -> Any:
        """Refuse: a snapshot without data is none."""
        raise faults.absent(
            "Snapshots of clusters are not available in this local AWS. UNLOAD to S3 instead."
        )

    def restore_from_cluster_snapshot(self, **_: Any) -> Any:
        """Refuse: there are no snapshots."""
        raise faults.absent(
            "Snapshots of clusters are not available in this local AWS. COPY from S3 instead."
        )


def _check(asked: dict[str, Any]) -> None:
    name, node = asked["cluster_identifier"] or "", asked["node_type"]
    if not _IDENTIFIER.fullmatch(name):
        raise faults.value(
            f"The parameter ClusterIdentifier must be 1 to 63 lower-case letters, digits or hyphens: {name}"
        )
    if node not in _NODES:
        raise faults.value(f"Invalid node type: {node}")
    if not _DATABASE.fullmatch(asked.get("db_name") or "dev"):
        raise faults.value(f"Invalid database name: {asked['db_name']}")
    if asked.get("master_user_password") is not None and not _PASSWORD.fullmatch(
        asked["master_user_password"]
    ):
        raise faults.value(
            "The parameter MasterUserPassword must be 8 to 64 characters, with an upper-case letter, a "
            "lower-case letter and a digit."
        )
    if asked.get("cluster_type") == "multi-node" and (asked.get("number_of_nodes") or 0) < 2:
        raise faults.value("Number of nodes for a multi-node cluster must be at least 2.")


def ready(backend: RedshiftBackend, unique_id: str) -> None:
    """Settlement: the database of a cluster is there."""
    for cluster in backend.clusters.values():
        if cluster.unique_cluster_id == unique_id and cluster.status == CREATING:
            cluster.status = AVAILABLE


SETTLEMENTS: dict[str, Callable[..., None]] = {"ready": ready}


def install() -> None:
    """Register our backend with moto."""
    redshift_backends.backend = RedshiftBackend
