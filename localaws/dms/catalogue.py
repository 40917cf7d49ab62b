"""What DMS offers here: versions, classes, endpoint engines.

AWS: "Choosing the right AWS DMS replication instance for your migration", "Sources for AWS DMS".
"""

from __future__ import annotations

from typing import Any

VERSIONS = ("3.6.1", "3.5.4", "3.5.3")
DEFAULT_VERSION = VERSIONS[0]
SIZES = {
    "t3": ("micro", "small", "medium", "large"),
    "c5": ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge"),
    "c6i": (
        "large",
        "xlarge",
        "2xlarge",
        "4xlarge",
        "8xlarge",
        "12xlarge",
        "16xlarge",
        "24xlarge",
        "32xlarge",
    ),
    "r5": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"),
    "r6i": (
        "large",
        "xlarge",
        "2xlarge",
        "4xlarge",
        "8xlarge",
        "12xlarge",
        "16xlarge",
        "24xlarge",
        "32xlarge",
    ),
}
OLD_CLASSES = ("dms.t2.micro", "dms.t2.small", "dms.t2.medium", "dms.t2.large")
CLASSES = tuple(f"dms.{family}.{size}" for family, sizes in SIZES.items() for size in sizes)

POSTGRES = ("postgres", "aurora-postgresql")
MYSQL = ("mysql", "mariadb", "aurora")
DISPLAY = {
    "postgres": "PostgreSQL",
    "aurora-postgresql": "Amazon Aurora PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "aurora": "Amazon Aurora MySQL",
}
PORTS = {**dict.fromkeys(POSTGRES, 5432), **dict.fromkeys(MYSQL, 3306)}
ELSEWHERE = frozenset(
    {
        "oracle", "sqlserver", "sybase", "db2", "db2-zos", "mongodb", "docdb", "neptune", "redshift",
        "redshift-serverless", "s3", "dynamodb", "kinesis", "kafka", "opensearch", "elasticsearch", "redis",
        "azuredb", "azure-sql-managed-instance", "babelfish", "aurora-serverless", "timestream",
        "aurora-postgresql-serverless", "gcp-mysql",
    }
)  # fmt: skip
"""Engines of AWS's DMS for which there is nothing here."""


def orderable(zones: list[str]) -> list[dict[str, Any]]:
    """Return the OrderableReplicationInstances."""
    return [
        {
            "EngineVersion": version,
            "ReplicationInstanceClass": size,
            "StorageType": "gp2",
            "MinAllocatedStorage": 5,
            "MaxAllocatedStorage": 6144,
            "DefaultAllocatedStorage": 50 if ".t" in size else 100,
            "IncludedAllocatedStorage": 50 if ".t" in size else 100,
            "AvailabilityZones": zones,
            "ReleaseStatus": "prod",
        }
        for version in VERSIONS
        for size in CLASSES
    ]


def endpoint_types() -> list[dict[str, Any]]:
    """Return the SupportedEndpointTypes."""
    found = [
        {
            "EngineName": name,
            "SupportsCDC": name in POSTGRES,
            "EndpointType": "source",
            "EngineDisplayName": shown,
        }
        for name, shown in DISPLAY.items()
    ]
    targets = [
        {
            "EngineName": name,
            "SupportsCDC": True,
            "EndpointType": "target",
            "EngineDisplayName": DISPLAY[name],
        }
        for name in POSTGRES
    ]
    return [*found, *targets]


def engine_versions() -> list[dict[str, Any]]:
    """Return the EngineVersions."""
    return [
        {
            "Version": version,
            "Lifecycle": "supported",
            "ReleaseStatus": "prod",
            "AvailableUpgrades": list(VERSIONS[:index]),
        }
        for index, version in enumerate(VERSIONS)
    ]
