"""What RDS refuses in a request for a DB instance, field by field and in AWS's words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from localaws.rds import faults
from localaws.rds.classes import CLASSES, GP3_THRESHOLD, STORAGE, Storage

_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*\Z")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")
_BACKUP = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")
_MAINTENANCE = re.compile(
    r"(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)-(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)\Z"
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
DEFAULT_WINDOWS = (("13:14-13:44", "wed:06:38-wed:07:08"), ("03:14-03:44", "wed:16:38-wed:17:08"))

RESERVED_USERS = frozenset(
    [
        "admin",
        "administrator",
        "rdsadmin",
        "rds_superuser",
        "rds_replication",
        "rdsrepladmin",
        "rdstopmgr",
        "rds_password",
        "rds_iam",
        "public",
        "none",
        "user",
        "replication",
    ]
)
RESERVED_DATABASES = frozenset(
    [
        "db",
        "rdsadmin",
        "template0",
        "template1",
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
    ]
)

_MYSQL_LOGS = ("audit", "error", "general", "iam-db-auth-error", "slowquery")
LOG_TYPES: dict[str, tuple[str, ...]] = {
    "postgres": ("postgresql", "upgrade", "iam-db-auth-error"),
    "aurora-postgresql": ("postgresql", "instance", "iam-db-auth-error"),
    "mysql": _MYSQL_LOGS,
    "mariadb": _MYSQL_LOGS,
    "aurora-mysql": (*_MYSQL_LOGS, "instance"),
}
"""What each engine can export to CloudWatch Logs."""


def identifier(value: str | None, parameter: str, *, longest: int = 63) -> str:
    """An identifier that follows AWS's rule; it comes back in lower case."""
    if not value:
        raise faults.blank(parameter)
    if len(value) > longest or not _IDENTIFIER.match(value):
        raise faults.identifier(parameter)
    return value.lower()


def snapshot_identifier(value: str | None, parameter: str) -> str:
    """Identifier of a snapshot, with the other wording that AWS has for a wrong first character."""
    if value and not value[0].isalpha():
        raise faults.invalid(f"Invalid snapshot identifier:  {value}")
    return identifier(value, parameter, longest=255)


def user(name: str | None) -> str:
    """Name of the master user."""
    if not name:
        raise faults.blank("MasterUsername")
    if name.lower() in RESERVED_USERS or name.lower().startswith("pg_"):
        raise faults.invalid(
            f"MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        )
    if len(name) > 63 or not _NAME.match(name):
        raise faults.invalid(
            "The parameter MasterUsername is not a valid user name. It must be 1 to 63 letters, numbers, "
            "or underscores, and begin with a letter."
        )
    return name


def password(value: str | None) -> str:
    """Password of the master user: 8 to 128 printable ASCII characters, no slash, at sign, quote or space."""
    if not value:
        raise faults.blank("MasterUserPassword")
    wrong = "The parameter MasterUserPassword is not a valid password"
    if len(value) < 8:
        raise faults.invalid(f"{wrong} because it is shorter than 8 characters.")
    if len(value) > 128:
        raise faults.invalid(f"{wrong} because it is longer than 128 characters.")
    if any(not 33 <= ord(letter) <= 126 or letter in '/@"' for letter in value):
        raise faults.invalid(
            f"{wrong}. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
        )
    return value


def database(name: str | None) -> str | None:
    """Name of the first database."""
    if not name:
        return None
    if len(name) > 63 or not _NAME.match(name):
        raise faults.invalid("DBName must begin with a letter and contain only alphanumeric characters.")
    if name.lower() in RESERVED_DATABASES:
        raise faults.invalid(f"DBName {name} cannot be used. It is a reserved word for this engine")
    return name


def port(value: int | None, default: int) -> int:
    """Port of the endpoint."""
    if value is None:
        return default
    if not 1150 <= value <= 65535:
        raise faults.invalid(f"Invalid endpoint port {value}, valid range is 1150-65535.")
    return value


def instance_class(name: str | None, engine: str, version: str, licence: str) -> str:
    """A class that can be ordered."""
    if not name:
        raise faults.blank("DBInstanceClass")
    if name not in CLASSES:
        if not re.match(r"db\.[a-z0-9]+\.[a-z0-9]+\Z", name):
            raise faults.invalid(f"Invalid DB Instance class: {name}")
        raise faults.combination(
            "RDS does not support creating a DB instance with the following combination: "
            f"DBInstanceClass={name}, Engine={engine}, EngineVersion={version}, LicenseModel={licence}. "
            "For supported combinations of instance class and database engine version, see the documentation."
        )
    return name


def storage(
    engine: str, kind: str, size: int, iops: int | None, throughput: int | None, most: int | None = None
) -> None:
    """Storage type, GiB, provisioned IOPS, MiB/s and the ceiling of storage autoscaling, together."""
    if kind not in STORAGE:
        raise faults.invalid(f"Invalid storage type: {kind}")
    rule = STORAGE[kind]
    if size not in rule.sizes:
        raise faults.invalid(f"Invalid storage size for engine name {engine} and storage type {kind}: {size}")
    if kind == "gp3":
        _gp3(engine, size, iops, throughput)
    else:
        if throughput is not None:
            raise faults.combination(f"You can't specify storage throughput for storage type {kind}.")
        _iops(engine, kind, rule, size, iops)
    if most is not None and most <= size:
        raise faults.combination("Max storage size must be greater than storage size")


def _gp3(engine: str, size: int, iops: int | None, throughput: int | None) -> None:
    rule = STORAGE["gp3"]
    if size < GP3_THRESHOLD:
        if iops is not None or throughput is not None:
            raise faults.combination(
                f"You can't specify IOPS or storage throughput for engine {engine} and a storage size "
                f"less than {GP3_THRESHOLD}."
            )
        return
    if iops is not None and rule.iops and iops not in rule.iops:
        raise faults.combination(
            f"Invalid iops for engine name {engine} and storage type gp3: {iops}. "
            f"Use {rule.iops[0]} to {rule.iops[-1]}."
        )
    if throughput is not None and rule.throughput and throughput not in rule.throughput:
        raise faults.combination(
            f"Invalid storage throughput for engine name {engine} and storage type gp3: {throughput}. "
            f"Use {rule.throughput[0]} to {rule.throughput[-1]}."
        )


def _iops(engine: str, kind: str, rule: Storage, size: int, iops: int | None) -> None:
    if rule.iops is None or rule.ratio is None:
        if iops is not None:
            raise faults.combination(f"You can't specify IOPS for storage type {kind}.")
        return
    if iops is None:
        raise faults.combination(f"You must specify Iops when the storage type is {kind}.")
    if iops not in rule.iops:
        raise faults.combination(
            f"Invalid iops for engine name {engine} and storage type {kind}: {iops}. "
            f"Use {rule.iops[0]} to {rule.iops[-1]}."
        )
    if not rule.ratio[0] <= iops / size <= rule.ratio[1]:
        raise faults.combination(
            f"Invalid iops to storage (GB) ratio for engine name {engine} and storage type {kind}: "
            f"{iops / size:.4f}"
        )


def retention(days: int | None) -> int:
    """Days for which automated backups are kept."""
    if days is None:
        return 1
    if not 0 <= days <= 35:
        raise faults.invalid(f"Invalid backup retention period: {days}. It must be between 0 and 35.")
    return days


def windows(backup: str | None, maintenance: str | None) -> tuple[str, str]:
    """Backup and maintenance windows that do not overlap; a missing one gets a default."""
    if maintenance is not None:
        maintenance = maintenance.lower()
    for default_backup, default_maintenance in DEFAULT_WINDOWS:
        pair = (backup or default_backup, maintenance or default_maintenance)
        if not _overlap(*pair):
            return pair
    raise faults.invalid("The backup window and maintenance window must not overlap.")


def in_maintenance(window: str, now: datetime) -> bool:
    """Tell whether a maintenance window is open at a moment (UTC)."""
    start, length = _maintenance(window)
    minute = now.weekday() * _DAY + now.hour * 60 + now.minute
    return (minute - start) % (7 * _DAY) < length


def backup_window_opened(window: str, now: datetime) -> datetime | None:
    """When the backup window that is open at a moment (UTC) has opened; None while it is closed."""
    start, length = _backup(window)
    minutes = (now.hour * 60 + now.minute - start) % _DAY
    if minutes >= length:
        return None
    return (now - timedelta(minutes=minutes)).replace(second=0, microsecond=0)


def log_exports(engine: str, version: str, names: list[str]) -> list[str]:
    """Log types that the engine can export to CloudWatch Logs."""
    for name in names:
        if name not in LOG_TYPES.get(engine, ()):
            raise faults.combination(
                f"You cannot use the log types '{name}' with engine version {engine} {version}. "
                "For supported log types, see the documentation."
            )
    return list(dict.fromkeys(names))


def _overlap(backup: str, maintenance: str) -> bool:
    first, first_length = _backup(backup)
    second, second_length = _maintenance(maintenance)
    for shift in range(-1, 8):
        start = first + shift * _DAY
        for week in (-7 * _DAY, 0, 7 * _DAY):
            if start < second + week + second_length and second + week < start + first_length:
                return True
    return False


def _backup(window: str) -> tuple[int, int]:
    match = _BACKUP.match(window)
    if match is None:
        raise faults.invalid(
            f"Invalid backup window format: {window}. Should be specified as a range hh24:mi-hh24:mi "
            "(24H Clock UTC). Example: 23:15-00:30"
        )
    hours = [int(part) for part in match.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    length = (end - start) % _DAY
    if length < 30:
        raise faults.invalid("The backup window must be at least 30 minutes.")
    return start, length


def _maintenance(window: str) -> tuple[int, int]:
    match = _MAINTENANCE.match(window)
    if match is None and re.match(r"[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d\Z", window):
        raise faults.invalid(f"Invalid day:hour:minute value: {window}")
    if match is None:
        raise faults.invalid(
            f"Invalid maintenance window format: {window}. Should be specified as a range "
            "ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC). Example: Sun:23:45-Mon:00:15"
        )
    day, hour, minute, last_day, last_hour, last_minute = match.groups()
    start = _DAYS.index(day) * _DAY + int(hour) * 60 + int(minute)
    end = _DAYS.index(last_day) * _DAY + int(last_hour) * 60 + int(last_minute)
    length = (end - start) % (7 * _DAY)
    if length < 30:
        raise faults.invalid("The maintenance window must be at least 30 minutes.")
    if length > _DAY:
        raise faults.invalid("Maintenance window must be less than 24 hours.")
    return start, length


def tags(given: list[Any] | None) -> list[dict[str, str]]:
    """Tags as plain data; AWS keeps the prefix aws: for itself and takes 50 of them."""
    plain = [{"Key": str(tag["Key"]), "Value": str(tag.get("Value") or "")} for tag in given or []]
    if len(plain) > 50:
        raise faults.invalid("The number of tags must not exceed 50.")
    for tag in plain:
        if tag["Key"].lower().startswith("aws:"):
            raise faults.invalid(f"Invalid tag key: {tag['Key']}. Keys that start with aws: are reserved.")
    return plain
