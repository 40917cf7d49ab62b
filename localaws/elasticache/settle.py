"""Settlements: what the controllers write back into the ElastiCache model once it has really happened.

One that finds its cache gone, or already settled, does nothing: a controller may settle again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow

from localaws.elasticache import changes, settle_snapshots
from localaws.elasticache.models import CacheCluster, Node, Owner, ReplicationGroup
from localaws.elasticache.parameter_groups import in_force

Address = list[Any]
"""Address and port, as JSON has them."""


def placed(
    backend: Any, *, uid: str, nodes: dict[str, dict[str, Address]], endpoints: dict[str, Address]
) -> None:
    """Endpoints are open; `nodes` has them by the cluster's uid and the node's number."""
    owner = backend.owner(uid)
    if owner is None:
        return
    for cluster in backend.members(owner):
        for node in cluster.nodes:
            address = nodes.get(cluster.uid, {}).get(node.number)
            if address:
                node.address, node.port = address
        if isinstance(owner, CacheCluster) and "configuration" in endpoints:
            address, port = endpoints["configuration"]
            cluster.configuration = (address, port)
    if isinstance(owner, ReplicationGroup):
        owner.endpoints = {name: (address, port) for name, (address, port) in endpoints.items()}


def made(backend: Any, *, uid: str, member: str) -> None:
    """The server of a new node runs; a replica follows."""
    cluster = _member(backend, uid, member)
    if cluster is not None and cluster.state == "creating":
        cluster.state = "available"
        group = backend.parameter_group(cluster.parameter_group_name)
        cluster.in_force = in_force(group, {}, rebooted=True)
        backend.note(cluster, "Cache cluster created")


def gone(backend: Any, *, uid: str, member: str) -> None:
    """The server of a removed node, and its data, are gone."""
    cluster, owner = _member(backend, uid, member), backend.owner(uid)
    if cluster is not None and isinstance(owner, ReplicationGroup) and cluster.state == "deleting":
        owner.member_ids.remove(cluster.cache_cluster_id)
        backend.remove_cluster(cluster)
        backend.note(cluster, "Cache cluster deleted")


def down(backend: Any, *, uid: str, member: str, crash: bool) -> None:
    """The server of a node does not run."""
    cluster, owner = _member(backend, uid, member), backend.owner(uid)
    if cluster is None or cluster.state != "available":
        return
    cluster.state = "down"
    if crash:
        backend.note(cluster, "Recovering cache nodes 0001")
    if isinstance(owner, ReplicationGroup) and owner.primary_id == cluster.cache_cluster_id:
        owner.primary_down = True


def up(backend: Any, *, uid: str, member: str) -> None:
    """The server of a node runs again."""
    cluster, owner = _member(backend, uid, member), backend.owner(uid)
    if cluster is None or cluster.state != "down":
        return
    cluster.state = "available"
    if isinstance(owner, ReplicationGroup) and owner.primary_id == cluster.cache_cluster_id:
        owner.primary_down = False


def failed_over(backend: Any, *, uid: str, member: str) -> None:
    """A replica has become the primary."""
    owner, cluster = backend.owner(uid), _member(backend, uid, member)
    if not isinstance(owner, ReplicationGroup) or cluster is None:
        return
    owner.primary_down = cluster.state == "down"
    if owner.head and owner.head["do"] == "failover":
        # what is left of the work is that the others follow
        owner.head["done"] = True
    if owner.primary_id == cluster.cache_cluster_id:
        return
    former, owner.primary_id = owner.primary_id, cluster.cache_cluster_id
    message = f"Failover from master node {former} to replica node {cluster.cache_cluster_id} completed"
    backend.note(owner, message)
    backend.note(cluster, message)


def finished(backend: Any, *, uid: str, do: str) -> None:
    """The work at the head is done."""
    owner = backend.owner(uid)
    item = owner.finish(do) if owner is not None else None
    if item is None:
        return
    if do == "create":
        if isinstance(owner, ReplicationGroup):
            backend.note(owner, f"Replication group {owner.replication_group_id} created")
    elif do == "modify":
        _modified(backend, owner, item["changes"])
    elif do == "reboot":
        for cluster in backend.members(owner):
            if cluster.uid in item["members"]:
                group = backend.parameter_group(cluster.parameter_group_name)
                cluster.in_force = in_force(group, {}, rebooted=True)
                for number in item["numbers"]:
                    backend.note(cluster, f"Cache node {number} restarted")


def _modified(backend: Any, owner: Owner, changed: dict[str, Any]) -> None:
    changes.apply(owner, changed)
    if changes.RESTARTING & changed.keys() or "parameter_group_name" in changed:
        group = backend.parameter_group(owner.shared.parameter_group_name)
        for cluster in backend.members(owner):
            cluster.in_force = in_force(group, {}, rebooted=True)
    if "engine_version" in changed:
        backend.note(owner, f"Cache engine version upgraded to {owner.shared.engine_version}")


def scaled(backend: Any, *, uid: str) -> None:
    """A Memcached cluster gets, and gives up, the nodes of the modification at the head of its work."""
    cluster = backend.owner(uid)
    head = cluster.head if isinstance(cluster, CacheCluster) else None
    if head is None or "nodes" not in (head.get("changes") or {}):
        return
    known = {node.number: node for node in cluster.nodes}
    wanted = dict(head["changes"]["nodes"])
    for number in wanted.keys() - known.keys():
        known[number] = Node(number, wanted[number], utcnow())
        backend.note(cluster, f"Added cache node {number} in availability zone {wanted[number]}")
    for number in known.keys() - wanted.keys():
        backend.note(cluster, f"Removed cache node {number}")
    cluster.nodes = [known[number] for number in sorted(wanted)]


def failed(backend: Any, *, uid: str) -> None:
    """The servers of something new cannot be made; the waiters know the state of a cluster as a failure."""
    owner = backend.owner(uid)
    if owner is not None and owner.head and owner.head["do"] == "create":
        owner.work.clear()
        owner.broken = "create-failed" if isinstance(owner, ReplicationGroup) else "restore-failed"
        backend.note(owner, "Failed to create the cache: its server did not start")


def deleted(backend: Any, *, uid: str, retained: str | None) -> None:
    """The servers and their data are gone, but for the primary that is to stay."""
    owner = backend.owner(uid)
    if owner is None or not owner.head or owner.head["do"] != "delete":
        return
    for cluster in backend.members(owner):
        if cluster.uid == retained:
            backend.release(cluster)
        else:
            backend.remove_cluster(cluster)
            backend.note(cluster, "Cache cluster deleted")
    if isinstance(owner, ReplicationGroup):
        del backend.replication_groups[owner.replication_group_id]
        backend.tagging_service.delete_all_tags_for_resource(owner.arn)
        backend.note(owner, f"Replication group {owner.replication_group_id} deleted")
    settle_snapshots.forget_automatic(backend, owner)


def maintained(backend: Any, *, uid: str) -> None:
    """The maintenance window has opened: what was deferred becomes work."""
    owner = backend.owner(uid)
    if owner is not None and owner.pending:
        changes.begin(owner, {})


def _member(backend: Any, uid: str, member: str) -> CacheCluster | None:
    owner = backend.owner(uid)
    if owner is None:
        return None
    return next((each for each in backend.members(owner) if each.uid == member), None)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (placed, made, gone, down, up, failed_over, finished, scaled, failed, deleted, maintained)
} | settle_snapshots.SETTLEMENTS
