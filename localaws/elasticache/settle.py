"""Settlements: what the controller writes back into the ElastiCache model once it has really happened.

One that finds its cluster gone, or already settled, does nothing: the controller may settle again
after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.elasticache import clusters, groups


def created(backend: Any, *, uid: str, address: str, port: int) -> None:
    """The server of a new cluster runs and its endpoint answers."""
    _done(backend, uid, "create", address, port)


def modified(backend: Any, *, uid: str, address: str, port: int) -> None:
    """The server has the changed attributes."""
    _done(backend, uid, "modify", address, port)


def rebooted(backend: Any, *, uid: str, address: str, port: int) -> None:
    """The server was restarted."""
    _done(backend, uid, "reboot", address, port)


def crashed(backend: Any, *, uid: str) -> None:
    """The server does not run."""
    cluster = _cluster(backend, uid)
    if cluster is not None and not cluster.work:
        cluster.cache_cluster_status = clusters.STATUS["reboot"]
        groups.follow(backend, cluster)


def recovered(backend: Any, *, uid: str, address: str, port: int) -> None:
    """The server runs again."""
    cluster = _cluster(backend, uid)
    if cluster is not None and not cluster.work:
        cluster.address, cluster.port = address, port
        cluster.cache_cluster_status = "available"
        groups.follow(backend, cluster)


def failed(backend: Any, *, uid: str) -> None:
    """The server of a new cluster cannot be made; the waiters know this state as a failure."""
    cluster = _cluster(backend, uid)
    if cluster is not None:
        cluster.work.clear()
        cluster.cache_cluster_status = "restore-failed"
        groups.follow(backend, cluster)


def deleted(backend: Any, *, uid: str) -> None:
    """The server and its data are gone."""
    cluster = _cluster(backend, uid)
    if cluster is not None and cluster.work[:1] == ["delete"]:
        del backend.cache_clusters[cluster.cache_cluster_id]
        backend.tagging_service.delete_all_tags_for_resource(cluster.arn)
        groups.leave(backend, cluster)


def _done(backend: Any, uid: str, do: str, address: str, port: int) -> None:
    cluster = _cluster(backend, uid)
    if cluster is not None:
        cluster.address, cluster.port = address, port
        clusters.finish(cluster, do)
        groups.follow(backend, cluster)


def _cluster(backend: Any, uid: str) -> Any:
    return next((each for each in backend.cache_clusters.values() if each.uid == uid), None)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (created, modified, rebooted, crashed, recovered, failed, deleted)
}
