"""Parameters of the families: defaults, what may be changed, what a server is told.

AWS: "Engine specific parameters" for Valkey and Redis OSS, and for Memcached.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localaws.elasticache import faults
from localaws.elasticache.nodetypes import NODE_TYPES

POLICIES = (
    "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction"
)
EVENTS = frozenset("KEg$lshzxedtmnA")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family; `setting` is what the server calls it, None when it is AWS's own."""

    name: str
    data_type: str
    default: str
    allowed: str
    description: str
    setting: str | None
    modifiable: bool = True
    reboot: bool = False
    since: str = ""

    def describe(self, value: str | None) -> dict[str, Any]:
        """The parameter of an answer; `value` is the group's own."""
        return {
            "ParameterName": self.name,
            "ParameterValue": self.default if value is None else value,
            "Description": self.description,
            "Source": "system" if value is None else "user",
            "DataType": self.data_type,
            "AllowedValues": self.allowed,
            "IsModifiable": self.modifiable,
            "MinimumEngineVersion": self.since,
            "ChangeType": "requires-reboot" if self.reboot else "immediate",
        }

    def check(self, value: str) -> None:
        """Refuse a value that AWS refuses."""
        if not self.modifiable:
            raise faults.invalid(f"The parameter {self.name} cannot be modified.")
        if not self._allows(value):
            raise faults.invalid(
                f"The parameter {self.name} has an invalid value: {value!r}. Allowed values: {self.allowed}."
            )

    def _allows(self, value: str) -> bool:
        if self.name == "notify-keyspace-events":
            return set(value) <= EVENTS
        if self.data_type == "integer":
            low, high = _bounds(self.allowed)
            return value.lstrip("-").isdigit() and low <= int(value) <= high
        if self.data_type == "float":
            low, high = _bounds(self.allowed)
            try:
                return low <= float(value) <= high
            except ValueError:
                return False
        return value in self.allowed.split(",")


def _bounds(allowed: str) -> tuple[float, float]:
    low, _, high = allowed[1:].partition("-") if allowed.startswith("-") else allowed.partition("-")
    return (-float(low) if allowed.startswith("-") else float(low)), float(high)


# name | default | allowed | flags (r: at the next reboot, f: fixed, -: AWS's own) | description
_VALKEY = """
acllog-max-len|128|1-10000||Entries of the ACL log
activerehashing|yes|yes,no|f|Rehash the main dictionary in the background
active-expire-effort|1|1-10||Effort spent on expired keys
appendonly|no|yes,no|f-|Append-only file
close-on-replica-write|yes|yes,no|-|Close the connection of a client that writes to a replica
cluster-enabled|no|yes,no|f-|Cluster mode
databases|16|1-1200000|r|Number of logical databases
hash-max-listpack-entries|512|0-2147483647||Entries of a compact hash
hash-max-listpack-value|64|0-2147483647||Bytes of a value in a compact hash
hll-sparse-max-bytes|3000|1-16000||Bytes of a sparse HyperLogLog
latency-tracking|no|yes,no||Track the latency of each command
lazyfree-lazy-eviction|no|yes,no||Evict in the background
lazyfree-lazy-expire|no|yes,no||Delete expired keys in the background
lazyfree-lazy-server-del|no|yes,no||Delete replaced values in the background
lazyfree-lazy-user-del|no|yes,no||DEL works as UNLINK
lfu-decay-time|1|0-2147483647||Minutes after which an LFU counter decays
lfu-log-factor|10|0-2147483647||How fast an LFU counter saturates
list-compress-depth|0|0-2147483647||Nodes at a list's ends that are not compressed
list-max-listpack-size|-2|-5-2147483647||Size of a list's node
maxclients|65000|1-65000|f|Simultaneous clients
maxmemory-policy|volatile-lru|POLICIES||What is evicted when the memory is full
maxmemory-samples|3|1-64||Keys that are looked at for one eviction
min-replicas-max-lag|10|0-2147483647||Seconds after which a replica is not counted
min-replicas-to-write|0|0-5||Replicas without which writes are refused
notify-keyspace-events||||Events of keys that are published
proto-max-bulk-len|536870912|1048576-2147483647|f|Bytes of one value
repl-backlog-size|1048576|16384-2147483647||Bytes of changes kept for replicas that come back
repl-backlog-ttl|3600|0-2147483647|f|Seconds that they are kept without replicas
repl-timeout|60|11-2147483647|f|Seconds after which a link counts as broken
reserved-memory-percent|25|0-100|-|Percent of the memory that data may not use
set-max-intset-entries|512|0-2147483647||Entries of a compact set of integers
slowlog-log-slower-than|10000|-1-2147483647||Microseconds above which a command is logged
slowlog-max-len|128|0-2147483647||Entries of the slow log
stream-node-max-bytes|4096|0-2147483647||Bytes of a stream's node
stream-node-max-entries|100|0-2147483647||Entries of a stream's node
tcp-keepalive|300|0-2147483647||Seconds between probes of silent clients
timeout|0|0-2147483647||Seconds after which an idle client is disconnected; 0 or at least 20
tracking-table-max-keys|1000000|1-100000000||Keys remembered for client-side caching
zset-max-listpack-entries|128|0-2147483647||Entries of a compact sorted set
zset-max-listpack-value|64|0-2147483647||Bytes of a value in a compact sorted set
"""
_LATER = {"set-max-listpack-entries|128|0-2147483647||Entries of a compact set": ("redis7", "valkey")}
_LAZY = "lazyfree-lazy-"
"""On in Valkey 8 (AWS: "Valkey 8.0 parameter changes")."""

_MEMCACHED = """
chunk_size|48|1-1024|r|Bytes of the smallest item's chunk
chunk_size_growth_factor|1.25|1-1024|r|Growth of the chunks from one slab class to the next
error_on_memory_exhausted|0|0,1|r|Refuse instead of evicting
idle_timeout|0|0-86400|r|Seconds after which an idle client is disconnected
max_item_size|1048576|1024-1073741824|r|Bytes of one item
max_simultaneous_connections|65000|3-65000|f|Simultaneous clients
maxconns_fast|0|0,1|r|Refuse at once when there are too many clients
memcached_connections_overhead|100|0-65536|r-|MiB of the memory that data may not use
cas_disabled|0|0,1|r|Without compare-and-swap
verbosity|0|0-3|r-|What is logged
"""


def _read(line: str) -> Parameter:
    name, default, allowed, flags, description = line.split("|")
    allowed = POLICIES if allowed == "POLICIES" else allowed
    kind = "string"
    if "-" in allowed and allowed not in (POLICIES,):
        kind = "float" if "." in default else "integer"
    if allowed == "0,1":
        kind = "boolean"
    return Parameter(
        name=name,
        data_type=kind,
        default=default,
        allowed=allowed,
        description=description,
        setting=None if "-" in flags else name,
        modifiable="f" not in flags,
        reboot="r" in flags,
    )


@functools.cache
def parameters(family: str) -> Mapping[str, Parameter]:
    """Return the parameters of a family."""
    return {each.name: each for each in _of(family)}


def _of(family: str) -> Iterator[Parameter]:
    if family.startswith("memcached"):
        yield from map(_read, _MEMCACHED.strip().splitlines())
        return
    later = [line for line, families in _LATER.items() if family.startswith(families)]
    for line in [*_VALKEY.strip().splitlines(), *later]:
        name, default, rest = line.split("|", 2)
        if family == "redis6.x":
            name = name.replace("listpack", "ziplist")
        if family == "valkey8" and name.startswith(_LAZY):
            default = "yes"
        yield _read(f"{name}|{default}|{rest}")


def checked(family: str, pairs: list[dict[str, Any]]) -> dict[str, str]:
    """Return the values of a request, all of which AWS would take."""
    if not 1 <= len(pairs) <= 20:
        raise faults.invalid("ParameterNameValues must have 1 to 20 parameters.")
    known = parameters(family)
    values = {}
    for pair in pairs:
        name, value = str(pair.get("ParameterName") or ""), str(pair.get("ParameterValue") or "")
        if name not in known:
            raise faults.invalid(f"The parameter {name} does not exist in the family {family}.")
        known[name].check(value)
        if name == "timeout" and 0 < int(value) < 20:
            raise faults.invalid("The parameter timeout must be 0 or at least 20.")
        values[name] = value
    return values


def settings(family: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what a server of the family is told."""
    known = parameters(family).values()
    return {each.setting: values.get(each.name, each.default) for each in known if each.setting}


def memcached_options(family: str, values: Mapping[str, str], memory: int) -> tuple[str, ...]:
    """Return the words of a memcached command line; `memory` in bytes."""
    given = {each.name: values.get(each.name, each.default) for each in parameters(family).values()}
    words = ["-m", str(max(memory >> 20, 1)), "-c", "1024"]
    words += ["-n", given["chunk_size"], "-f", max(given["chunk_size_growth_factor"], "1.01", key=float)]
    # a large item is kept in pieces of at most half a slab page
    words += ["-I", given["max_item_size"]]
    words += ["-M"] if given["error_on_memory_exhausted"] == "1" else []
    words += ["-C"] if given["cas_disabled"] == "1" else []
    extra = [f"idle_timeout={given['idle_timeout']}"] if int(given["idle_timeout"]) else []
    extra += ["maxconns_fast"] if given["maxconns_fast"] == "1" else ["no_maxconns_fast"]
    return (*words, "-o", ",".join(extra))


def by_node_type(family: str) -> list[dict[str, Any]]:
    """The parameters whose value depends on the node type."""
    memcached = family.startswith("memcached")
    values = [
        {"CacheNodeType": each.name, "Value": str(each.memory >> 20 if memcached else each.memory)}
        for each in NODE_TYPES.values()
    ]
    return [
        {
            "ParameterName": "max_cache_memory" if memcached else "maxmemory",
            "Description": "Memory for data, in " + ("MiB" if memcached else "bytes"),
            "Source": "system",
            "DataType": "integer",
            "AllowedValues": "1-",
            "IsModifiable": False,
            "MinimumEngineVersion": "",
            "CacheNodeTypeSpecificValues": values,
            "ChangeType": "requires-reboot",
        }
    ]
