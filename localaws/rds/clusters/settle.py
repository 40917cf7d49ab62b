"""Settlements of clusters: what the controller writes back once it has really happened.

One that finds its cluster gone, or the fact settled already, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow

from localaws.rds.clusters import snapshots
from localaws.rds.clusters.events import tell


def cluster_created(backend: Any, *, resource_id: str, addresses: dict[str, str]) -> None:
    """The volume is there, and the endpoints listen."""
    cluster = _cluster(backend, resource_id)
    if cluster is None:
        return
    _place(backend, cluster, addresses)
    if cluster.finish("create"):
        tell(cluster, "created")


def cluster_endpoints(backend: Any, *, resource_id: str, addresses: dict[str, str]) -> None:
    """The endpoints listen at these addresses; a custom one that is not named is gone."""
    cluster = _cluster(backend, resource_id)
    if cluster is not None:
        _place(backend, cluster, addresses)


def _place(backend: Any, cluster: Any, addresses: dict[str, str]) -> None:
    cluster.addresses = dict(addresses)
    for endpoint in backend.endpoints_of(cluster):
        if endpoint.status == "deleting" and endpoint.key not in addresses:
            del backend.cluster_endpoints[endpoint.db_cluster_endpoint_identifier]
        elif endpoint.status in ("creating", "modifying") and endpoint.key in addresses:
            endpoint.status = "available"


def cluster_snapshot_taken(backend: Any, *, resource_id: str, snapshot: str) -> None:
    """The data of a cluster are in the snapshot's folder."""
    cluster, found = _cluster(backend, resource_id), _snapshot(backend, snapshot)
    if cluster is not None and cluster.work and cluster.work[0].get("snapshot") == snapshot:
        cluster.finish("snapshot")
    if found is None:
        backend.discard_folder(f"snapshot-{snapshot}")
    elif found.status == "creating":
        found.complete()
        tell(found, f"{found.snapshot_type}-finish")
        if found.snapshot_type == "automated" and cluster is not None:
            cluster.backed_up = utcnow()
            _expire(cluster)


def _expire(cluster: Any) -> None:
    for old in snapshots.expired(cluster, utcnow()):
        snapshots.remove(old)
    first = next((each.finished for each in snapshots.bases(cluster) if each.finished), None)
    if first is not None:
        cluster.earliest_restorable_time = first


def cluster_modified(backend: Any, *, resource_id: str, addresses: dict[str, str]) -> None:
    """Servers and endpoints have the modification at the head of the work."""
    cluster = _cluster(backend, resource_id)
    if cluster is None or not cluster.work or cluster.work[0]["do"] != "modify":
        return
    changes = cluster.work[0]["changes"]
    before = cluster.db_cluster_identifier
    for name, value in changes.items():
        setattr(cluster, name, value)
    cluster.finish("modify")
    _place(backend, cluster, addresses)
    if "master_user_password" in changes:
        tell(cluster, "password")
    if cluster.db_cluster_identifier != before:
        backend.clusters[cluster.db_cluster_identifier] = backend.clusters.pop(before)
        tell(cluster, "renamed", old=before, new=cluster.db_cluster_identifier)
    for member in cluster.members:
        member.share(cluster)


def cluster_failed_over(backend: Any, *, resource_id: str, writer: str, began: str | None = None) -> None:
    """Another member is the writer now, because it was asked for or the former one has died."""
    cluster = _cluster(backend, resource_id)
    if cluster is None:
        return
    head = cluster.work[0] if cluster.work else None
    if head is not None and head["do"] == "failover" and head["target"] in (None, writer):
        cluster.finish("failover")
    if cluster.writer_id == writer:
        return
    names = {each.dbi_resource_id: each for each in cluster.members}
    former, present = names.get(cluster.writer_id), names.get(writer)
    cluster.writer_id = writer
    if present is None:
        return
    same = former is not None and former.availability_zone == present.availability_zone
    name = present.db_instance_identifier
    tell(cluster, "failover-started", began, where="same" if same else "cross", instance=name)
    tell(cluster, "failover-completed", instance=name)


def cluster_failed(backend: Any, *, resource_id: str, do: str, reason: str) -> None:
    """The work at the head could not be done."""
    cluster = _cluster(backend, resource_id)
    if cluster is None:
        return
    item = cluster.work[0] if cluster.work else None
    cluster.status_reason = reason
    if do == "create":
        cluster.resting_status = "failed"
    if cluster.finish(do) is None or item is None:
        return
    if do == "snapshot":
        cluster_snapshot_failed(backend, snapshot=item["snapshot"], reason=reason)
    if do == "create":
        for left in [each for each in cluster.work if each["do"] == "snapshot"]:
            cluster.work.remove(left)
            cluster_snapshot_failed(backend, snapshot=left["snapshot"], reason=reason)
    cluster.refresh_status()
    tell(cluster, "failover-failed" if do == "failover" else "failed", reason=reason)


def cluster_stopped(backend: Any, *, resource_id: str) -> None:
    """All servers are down because they were asked to be."""
    cluster = _cluster(backend, resource_id)
    if cluster is not None and cluster.work and cluster.work[0]["do"] == "stop":
        cluster.resting_status = "stopped"
        cluster.finish("stop")
        for member in cluster.members:
            member.resting_status = "stopped"
            member.refresh_status()
        tell(cluster, "stopped")


def cluster_started(backend: Any, *, resource_id: str) -> None:
    """The servers of a stopped cluster may run again; each member tells of itself."""
    cluster = _cluster(backend, resource_id)
    if cluster is not None and cluster.work and cluster.work[0]["do"] == "start":
        cluster.resting_status = "available"
        cluster.finish("start")
        for member in cluster.members:
            if member.resting_status == "stopped":
                member.resting_status = "starting"
                member.refresh_status()
        tell(cluster, "started")


def cluster_deleted(backend: Any, *, resource_id: str) -> None:
    """Endpoints, servers and volume are gone."""
    cluster = _cluster(backend, resource_id)
    if cluster is None:
        return
    for endpoint in backend.endpoints_of(cluster):
        del backend.cluster_endpoints[endpoint.db_cluster_endpoint_identifier]
    tell(cluster, "deleted")
    backend.clusters.pop(cluster.db_cluster_identifier)


def cluster_maintained(backend: Any, *, resource_id: str) -> None:
    """The maintenance window has opened: what was deferred becomes work."""
    cluster = _cluster(backend, resource_id)
    if cluster is not None and cluster.deferred:
        backend.begin_deferred_cluster(cluster)


def cluster_backup_due(backend: Any, *, resource_id: str) -> None:
    """The backup window has opened: the day's automated snapshot is taken."""
    cluster = _cluster(backend, resource_id)
    if cluster is not None and snapshots.backup_due(cluster, utcnow()):
        backend.back_up_cluster(cluster)


def cluster_snapshot_copied(backend: Any, *, snapshot: str) -> None:
    """The folder of a copied snapshot is complete."""
    found = _snapshot(backend, snapshot)
    if found is None:
        backend.discard_folder(f"snapshot-{snapshot}")
    elif found.status == "creating":
        found.complete()
        tell(found, "manual-finish")


def cluster_snapshot_failed(backend: Any, *, snapshot: str, reason: str) -> None:
    """The data of a snapshot could not be copied."""
    found = _snapshot(backend, snapshot)
    if found is not None and found.status == "creating":
        found.status, found.work = "failed", []
        tell(found, "snapshot-failed", reason=reason)


def folder_discarded(backend: Any, *, name: str) -> None:
    """A folder that nothing refers to is gone."""
    if name in backend.discarded_folders:
        backend.discarded_folders.remove(name)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        cluster_created,
        cluster_endpoints,
        cluster_snapshot_taken,
        cluster_modified,
        cluster_failed_over,
        cluster_failed,
        cluster_stopped,
        cluster_started,
        cluster_deleted,
        cluster_maintained,
        cluster_backup_due,
        cluster_snapshot_copied,
        cluster_snapshot_failed,
        folder_discarded,
    )
}


def _cluster(backend: Any, resource_id: str) -> Any:
    return next(
        (each for each in backend.clusters.values() if each.db_cluster_resource_id == resource_id), None
    )


def _snapshot(backend: Any, data_id: str) -> Any:
    return next((each for each in backend.cluster_snapshots.values() if each.data_id == data_id), None)
