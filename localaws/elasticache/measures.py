"""CloudWatch metrics of caches, read from their servers.

AWS: "Metrics for Valkey and Redis OSS", "Metrics for Memcached", "Host-level metrics".
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import redis

from localaws.cloudwatch.measure import Dimensions, Measure
from localaws.elasticache import vitals
from localaws.elasticache.folders import Folders
from localaws.elasticache.models import SHARD, CacheCluster, ReplicationGroup
from localaws.elasticache.nodetypes import NODE_TYPES, NodeType, scale_of
from localaws.elasticache.vitals import Value
from localaws.engines.memcached import statistics
from localaws.engines.single import PID_NAME
from localaws.engines.valkey import ADMIN

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.runtime import Runtime

NAMESPACE = "AWS/ElastiCache"
PATIENCE = 2.0


@dataclass(frozen=True)
class Subject:
    """A node as its metrics need it."""

    account_id: str
    region: str
    cluster: str
    number: str
    group: str | None
    primary: bool
    node_type: NodeType
    scale: float
    home: Path
    socket: Path
    traffic: str
    memcached: bool


@dataclass(frozen=True)
class Look:
    """What a server told at one moment."""

    moment: float
    facts: Mapping[str, Any]
    processor: float
    received: int
    sent: int


class Meter:
    """The probe of ElastiCache: turns what the servers tell into AWS's metrics."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._front = runtime.front
        self._folders = Folders(control.state.engines_root, control.state.sockets_root)
        self._clients: dict[Path, redis.Redis] = {}
        self._before: dict[Path, Look] = {}

    def close(self) -> None:
        """Give up the connections."""
        for client in self._clients.values():
            client.close()

    def measures(self) -> Iterator[Measure]:
        """Yield the metrics of all nodes whose server runs."""
        subjects = self._subjects()
        for subject in subjects:
            try:
                look = self._look(subject)
            except (redis.RedisError, OSError, psutil.Error):
                self._before.pop(subject.home, None)
                continue
            yield from self._of(subject, look)
        for home in self._clients.keys() - {subject.home for subject in subjects}:
            self._clients.pop(home).close()
            self._before.pop(home, None)

    def _look(self, subject: Subject) -> Look:
        pid = int((subject.home / PID_NAME).read_text()) if (subject.home / PID_NAME).exists() else 0
        if not pid:
            raise OSError("no server")
        times = psutil.Process(pid).cpu_times()
        facts = dict(statistics(subject.socket)) if subject.memcached else self._ask(subject)
        received, sent = self._front.traffic(subject.traffic)
        return Look(time.monotonic(), {**facts, "pid": pid}, times.user + times.system, received, sent)

    def _ask(self, subject: Subject) -> Mapping[str, Any]:
        if subject.home not in self._clients:
            self._clients[subject.home] = redis.Redis(
                unix_socket_path=str(subject.socket),
                username=ADMIN,
                password=(subject.home / "admin").read_text(),
                decode_responses=True,
                protocol=2,
                socket_timeout=PATIENCE,
            )
        facts: Mapping[str, Any] = self._clients[subject.home].info("everything")
        return facts

    def _subjects(self) -> list[Subject]:
        with self._control.lock:
            return [
                subject
                for account, region, backend in self._control.backends("elasticache")
                for cluster in backend.cache_clusters.values()
                for subject in self._nodes(account, region, backend, cluster)
            ]

    def _nodes(self, account: str, region: str, backend: Any, cluster: CacheCluster) -> Iterator[Subject]:
        group: ReplicationGroup | None = backend.replication_groups.get(cluster.replication_group_id)
        scale = scale_of(backend.tags_of((group or cluster).arn))
        memcached = cluster.shared.engine == "memcached"
        for node in cluster.nodes:
            home, sockets = self._folders.home(cluster.uid), self._folders.sockets(cluster.uid)
            if memcached:
                home, sockets = self._folders.memcached(cluster.uid, node.number)
            yield Subject(
                account_id=account,
                region=region,
                cluster=cluster.cache_cluster_id,
                number=node.number,
                group=group.replication_group_id if group else None,
                primary=group is None or group.primary_id == cluster.cache_cluster_id,
                node_type=NODE_TYPES[cluster.shared.node_type],
                scale=scale,
                home=home,
                socket=sockets / ("memcached.sock" if memcached else "valkey.sock"),
                traffic=f"{cluster.uid}-{node.number}" if memcached else cluster.uid,
                memcached=memcached,
            )

    def _of(self, subject: Subject, look: Look) -> Iterator[Measure]:
        before = self._before.get(subject.home)
        self._before[subject.home] = look
        same = before is not None and before.facts["pid"] == look.facts["pid"] and look.moment > before.moment
        earlier = before if same else None
        values = [*_host(subject, look, earlier)]
        levels = vitals.memcached_levels if subject.memcached else vitals.levels
        rates = vitals.memcached_rates if subject.memcached else vitals.rates
        values += levels(look.facts, subject.node_type.memory, subject.scale)
        if earlier is not None:
            values += rates(earlier.facts, look.facts)
        for dimensions in _dimensions(subject):
            for name, unit, value in values:
                yield Measure(subject.account_id, subject.region, NAMESPACE, name, dimensions, unit, value)


def _dimensions(subject: Subject) -> list[Dimensions]:
    node = ("CacheClusterId", subject.cluster)
    found: list[Dimensions] = [(node, ("CacheNodeId", subject.number)), (node,)]
    if subject.group:
        role = "Primary" if subject.primary else "Replica"
        found.append((("ReplicationGroupId", subject.group), ("NodeGroupId", SHARD), ("Role", role)))
        found.append((("ReplicationGroupId", subject.group),))
    return found


def _host(subject: Subject, look: Look, before: Look | None) -> Iterator[Value]:
    used = 0
    with contextlib.suppress(psutil.Error):
        used = psutil.Process(look.facts["pid"]).memory_info().rss
    yield "FreeableMemory", "Bytes", max(subject.node_type.memory - used * subject.scale, 0)
    yield "SwapUsage", "Bytes", 0
    if before is None:
        return
    seconds = look.moment - before.moment
    share = max(look.processor - before.processor, 0.0) / seconds
    yield "CPUUtilization", "Percent", min(share / subject.node_type.vcpus, 1.0) * 100
    if not subject.memcached:
        yield "EngineCPUUtilization", "Percent", min(share, 1.0) * 100
    yield "NetworkBytesIn", "Bytes", max(look.received - before.received, 0)
    yield "NetworkBytesOut", "Bytes", max(look.sent - before.sent, 0)
