"""DB instance classes that Aurora PostgreSQL takes ("Supported DB engines for DB instance classes")."""

from __future__ import annotations

import re
from typing import Any

from localaws.rds import faults
from localaws.rds.classes import CLASSES

SERVERLESS = "db.serverless"
STORAGE = ("aurora", "aurora-iopt1")
_BURST = re.compile(r"db\.t(3|4g)\.(medium|large)\Z")
_MEMORY = re.compile(r"db\.(r\w+|x\w+)\.")


def offered() -> list[str]:
    """Every class that a member of an Aurora cluster can have."""
    return [SERVERLESS, *(name for name in CLASSES if _BURST.match(name) or _MEMORY.match(name))]


def check(name: str | None, engine: str, version: str) -> str:
    """A class that can be ordered for Aurora."""
    if not name:
        raise faults.blank("DBInstanceClass")
    if name in offered():
        return name
    if not re.match(r"db\.[a-z0-9]+\.[a-z0-9]+\Z", name):
        raise faults.invalid(f"Invalid DB Instance class: {name}")
    raise faults.combination(
        "RDS does not support creating a DB instance with the following combination: "
        f"DBInstanceClass={name}, Engine={engine}, EngineVersion={version}, LicenseModel=postgresql-license. "
        "For supported combinations of instance class and database engine version, see the documentation."
    )


def size(name: str) -> int:
    """Memory by which members of one promotion tier are ranked."""
    known = CLASSES.get(name)
    return known.memory if known else 0


def orderable(engine: str, version: str, zones: list[str]) -> list[dict[str, Any]]:
    """Every class and storage type as DescribeOrderableDBInstanceOptions answers them."""
    return [_option(name, storage, engine, version, zones) for name in offered() for storage in STORAGE]


def _option(name: str, storage: str, engine: str, version: str, zones: list[str]) -> dict[str, Any]:
    return {
        "Engine": engine,
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": [{"Name": zone} for zone in zones],
        "MultiAZCapable": False,
        "ReadReplicaCapable": False,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": storage,
        "SupportsIops": False,
        "SupportsStorageThroughput": False,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "AvailableProcessorFeatures": [],
        "SupportedEngineModes": ["provisioned"],
        "SupportsStorageAutoscaling": False,
        "SupportsKerberosAuthentication": True,
        "OutpostCapable": False,
        "SupportedActivityStreamModes": [],
        "SupportsGlobalDatabases": False,
        "SupportsClusters": True,
        "SupportedNetworkTypes": ["IPV4"],
    }
