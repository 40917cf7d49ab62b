"""Cache node types: memory for data and virtual processors.

AWS: "Supported node types", "Redis OSS node-type specific parameters".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

GIB, MIB = 1 << 30, 1 << 20
SCALE_TAG = "localaws:mib-per-gib"
"""Tag of a cache: how many MiB one GiB of its node type has here; without it all 1024."""
LEAST = 3 * MIB
"""A server that may use less can hold nothing."""


@dataclass(frozen=True)
class NodeType:
    """One cache node type; memory in bytes, as `maxmemory` says it."""

    name: str
    vcpus: int
    memory: int


_EXACT = {
    "cache.t2.micro": (1, 581959680),
    "cache.t2.small": (1, 1665138688),
    "cache.t2.medium": (2, 3461349376),
    "cache.t3.micro": (2, 536870912),
    "cache.t3.small": (2, 1471026299),
    "cache.t3.medium": (2, 3317862236),
    "cache.t4g.micro": (2, 536870912),
    "cache.t4g.small": (2, 1471026299),
    "cache.t4g.medium": (2, 3317862236),
}
_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}
_GIB = {
    "m5": {2: 6.38, 4: 12.93, 8: 26.04, 16: 52.26, 48: 157.12},
    "r5": {2: 13.07, 4: 26.32, 8: 52.82, 16: 105.81, 48: 317.77},
}
_LIKE = {"m6g": "m5", "m7g": "m5", "m4": "m5", "r6g": "r5", "r7g": "r5", "r4": "r5"}
_NO_SUCH = 8


def _types() -> Iterator[NodeType]:
    for name, (vcpus, memory) in _EXACT.items():
        yield NodeType(name, vcpus, memory)
    for family in (*_GIB, *_LIKE):
        table = _GIB[_LIKE.get(family, family)]
        for size, vcpus in _SIZES.items():
            # where AWS's table has no such size, as much memory for each processor as its neighbours
            gib = table.get(vcpus) or table[_NO_SUCH] * vcpus / _NO_SUCH
            yield NodeType(f"cache.{family}.{size}", vcpus, int(gib * GIB))


NODE_TYPES: Mapping[str, NodeType] = {each.name: each for each in _types()}


def scale_of(tags: list[dict[str, str]]) -> float:
    """Return how many bytes of AWS's one byte here stands for, by the cache's tag."""
    given = next((tag["Value"] for tag in tags if tag["Key"] == SCALE_TAG), "")
    return 1024 / int(given) if given.isdigit() and int(given) else 1.0


def room(node_type: str, reserved: int, scale: float) -> int:
    """Return the `maxmemory` that a server gets: what the type has, less what is reserved."""
    memory = NODE_TYPES[node_type].memory * (100 - reserved) // 100
    return max(int(memory / scale), LEAST)
