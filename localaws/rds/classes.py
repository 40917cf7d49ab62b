"""DB instance classes: memory, virtual processors, and the storage that can be ordered with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GIB = 1024**3

_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}
_BURST = {
    "micro": (2, 1),
    "small": (2, 2),
    "medium": (2, 4),
    "large": (2, 8),
    "xlarge": (4, 16),
    "2xlarge": (8, 32),
}
_MEMORY_PER_VCPU = {
    "m5": 4,
    "m6g": 4,
    "m6i": 4,
    "m7g": 4,
    "m7i": 4,
    "m8g": 4,
    "r5": 8,
    "r6g": 8,
    "r6i": 8,
    "r7g": 8,
    "r7i": 8,
    "r8g": 8,
    "x2g": 16,
}


@dataclass(frozen=True)
class InstanceClass:
    """One DB instance class; memory in bytes."""

    name: str
    vcpus: int
    memory: int


def _classes() -> Iterable[InstanceClass]:
    for family in ("t3", "t4g"):
        for size, (vcpus, memory) in _BURST.items():
            yield InstanceClass(f"db.{family}.{size}", vcpus, memory * GIB)
    for family, gib in _MEMORY_PER_VCPU.items():
        for size, vcpus in _SIZES.items():
            yield InstanceClass(f"db.{family}.{size}", vcpus, vcpus * gib * GIB)


CLASSES = {each.name: each for each in _classes()}


@dataclass(frozen=True)
class Storage:
    """A storage type: GiB, provisioned IOPS and MiB/s that RDS for PostgreSQL takes."""

    sizes: range
    iops: range | None = None
    throughput: range | None = None
    ratio: tuple[float, float] | None = None  # IOPS per GiB


GP3_THRESHOLD = 400  # GiB from which gp3 takes IOPS and throughput (Amazon RDS DB instance storage)

STORAGE = {
    "gp2": Storage(range(20, 65537)),
    "gp3": Storage(range(20, 65537), range(12000, 64001), range(500, 4001)),
    "io1": Storage(range(100, 65537), range(1000, 256001), ratio=(0.5, 50)),
    "io2": Storage(range(100, 65537), range(1000, 256001), ratio=(0.5, 1000)),
    "standard": Storage(range(5, 3073)),
}


def memory_of(name: str) -> int:
    """Memory of a class in bytes (DBInstanceClassMemory); 1 GiB for a class that is not in the table."""
    known = CLASSES.get(name)
    return known.memory if known else GIB


def orderable(engine: str, version: str, licence: str, zones: list[str]) -> list[dict[str, Any]]:
    """Every class and storage type that can be ordered for an engine version, as AWS describes them."""
    return [
        _option(each, storage, engine, version, licence, zones)
        for each in CLASSES.values()
        for storage in STORAGE
    ]


def _option(
    each: InstanceClass, storage: str, engine: str, version: str, licence: str, zones: list[str]
) -> dict[str, Any]:
    rule = STORAGE[storage]
    option: dict[str, Any] = {
        "Engine": engine,
        "EngineVersion": version,
        "DBInstanceClass": each.name,
        "LicenseModel": licence,
        "AvailabilityZones": [{"Name": zone} for zone in zones],
        "MultiAZCapable": True,
        "ReadReplicaCapable": True,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": storage,
        "SupportsIops": rule.iops is not None,
        "SupportsStorageThroughput": rule.throughput is not None,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "MinStorageSize": rule.sizes[0],
        "MaxStorageSize": rule.sizes[-1],
        "AvailableProcessorFeatures": [],
        "SupportedEngineModes": ["provisioned"],
        "SupportsStorageAutoscaling": storage != "standard",
        "SupportsKerberosAuthentication": True,
        "OutpostCapable": False,
        "SupportedActivityStreamModes": [],
        "SupportsGlobalDatabases": False,
        "SupportsClusters": False,
        "SupportedNetworkTypes": ["IPV4"],
    }
    if rule.iops:
        option |= {"MinIopsPerDbInstance": rule.iops[0], "MaxIopsPerDbInstance": rule.iops[-1]}
    if rule.throughput:
        option["MinStorageThroughputPerDbInstance"] = rule.throughput[0]
        option["MaxStorageThroughputPerDbInstance"] = rule.throughput[-1]
    if rule.ratio:
        option |= {"MinIopsPerGib": rule.ratio[0], "MaxIopsPerGib": rule.ratio[1]}
    return option
