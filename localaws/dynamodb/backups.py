"""Backups and point-in-time recovery as the model has them; `recovery` makes tables of them."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time, unix_time_millis, utcnow
from moto.moto_api._internal import mock_random

from localaws.dynamodb import timetolive
from localaws.dynamodb.refusals import constraint
from localaws.dynamodb.tables import NO_THROUGHPUT, Table

if TYPE_CHECKING:
    from localaws.dynamodb.backend import DynamoDBBackend

SYSTEM_DAYS = 35
RECOVERY_DAYS = 35
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")


@dataclass
class Doomed:
    """A deleted backup whose file is still there."""

    identifier: str
    work: str = "remove"


class Backup:
    """A copy of a table; CREATING until the controller has made its file."""

    def __init__(self, table: Table, name: str, kind: str) -> None:
        self.name, self.type = name, kind
        self.table = copy.deepcopy(table)
        self.created = utcnow()
        self.expires = self.created + timedelta(days=SYSTEM_DAYS) if kind == "SYSTEM" else None
        millis = int(unix_time_millis(self.created))
        self.identifier = f"{millis:014d}-{mock_random.uuid4().hex[:8]}"
        self.arn = f"{table.table_arn}/backup/{self.identifier}"
        self.status = "CREATING"
        self.size, self.items = 0, 0

    @property
    def work(self) -> str | None:
        """What the controller has to do."""
        return "copy" if self.status == "CREATING" else None

    @property
    def details(self) -> dict[str, Any]:
        """BackupDetails."""
        described = {
            "BackupArn": self.arn,
            "BackupName": self.name,
            "BackupSizeBytes": self.size,
            "BackupStatus": self.status,
            "BackupType": self.type,
            "BackupCreationDateTime": self.created,
        }
        return described | ({"BackupExpiryDateTime": self.expires} if self.expires else {})

    @property
    def summary(self) -> dict[str, Any]:
        """BackupSummary."""
        table = self.table
        named = {"TableName": table.name, "TableId": table.table_id, "TableArn": table.table_arn}
        return named | self.details

    @property
    def description(self) -> dict[str, Any]:
        """BackupDescription."""
        table = self.table
        source = {
            "TableName": table.name,
            "TableId": table.table_id,
            "TableArn": table.table_arn,
            "TableSizeBytes": self.size,
            "KeySchema": table.schema,
            "TableCreationDateTime": table.created_at,
            "ProvisionedThroughput": {name: table.throughput[name] for name in NO_THROUGHPUT},
            "ItemCount": self.items,
            "BillingMode": table.mode,
        }
        return {
            "BackupDetails": self.details,
            "SourceTableDetails": source,
            "SourceTableFeatureDetails": _features(table),
        }


def _features(table: Table) -> dict[str, Any]:
    described = table.describe()["TableDescription"]
    found: dict[str, Any] = {"TimeToLiveDescription": timetolive.describe(table)}
    for name in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        kept = ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput")
        found[name] = [
            {key: value for key, value in index.items() if key in kept} for index in described.get(name, ())
        ]
    if "StreamSpecification" in described:
        found["StreamDescription"] = described["StreamSpecification"]
    if "SSEDescription" in described:
        found["SSEDescription"] = described["SSEDescription"]
    return found


def user_backup(backend: DynamoDBBackend, table: Table, name: str) -> Backup:
    """CreateBackup."""
    if not 3 <= len(name) <= 255:
        bound = "greater than or equal to 3" if len(name) < 3 else "less than or equal to 255"
        raise constraint(name, "backupName", f"Member must have length {bound}")
    if not _NAME.fullmatch(name):
        rule = f"Member must satisfy regular expression pattern: {_NAME.pattern}"
        raise constraint(name, "backupName", rule)
    return _add(backend, Backup(table, name, "USER"))


def system_backup(backend: DynamoDBBackend, table: Table) -> Backup:
    """The backup that is made when a table with point-in-time recovery is deleted."""
    return _add(backend, Backup(table, f"{table.name}$DeletedTableBackup", "SYSTEM"))


def _add(backend: DynamoDBBackend, backup: Backup) -> Backup:
    backend.backups[backup.arn] = backup
    return backup


def discard(backend: DynamoDBBackend, backup: Backup) -> None:
    """Forget a backup; the controller removes its file."""
    del backend.backups[backup.arn]
    backup.status = "DELETED"
    backend.doomed[backup.identifier] = Doomed(backup.identifier)


# -- point-in-time recovery


def change_recovery(table: Table, given: dict[str, Any]) -> None:
    """UpdateContinuousBackups: changes are kept from now on, or no longer."""
    days = given.get("RecoveryPeriodInDays")
    place = "pointInTimeRecoverySpecification.recoveryPeriodInDays"
    if days is not None and not 1 <= days <= RECOVERY_DAYS:
        bound = "greater than or equal to 1" if days < 1 else f"less than or equal to {RECOVERY_DAYS}"
        raise constraint(days, place, f"Member must have value {bound}")
    if not given["PointInTimeRecoveryEnabled"]:
        table.continuous_backups["PointInTimeRecoveryDescription"] = {"PointInTimeRecoveryStatus": "DISABLED"}
        return
    recovery = dict(table.recovery)
    if recovery["PointInTimeRecoveryStatus"] == "DISABLED":
        recovery = {"PointInTimeRecoveryStatus": "ENABLED", "since": unix_time()}
    recovery["RecoveryPeriodInDays"] = days or recovery.get("RecoveryPeriodInDays", RECOVERY_DAYS)
    table.continuous_backups["PointInTimeRecoveryDescription"] = recovery


def restorable(table: Table) -> tuple[float, float]:
    """The earliest and the latest moment, in epoch seconds, to which a table can be restored."""
    now = unix_time()
    return max(table.recovery["since"], now - table.recovery["RecoveryPeriodInDays"] * 86400), now


def continuous(table: Table) -> dict[str, Any]:
    """ContinuousBackupsDescription."""
    recovery = {name: value for name, value in table.recovery.items() if name != "since"}
    if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        earliest, latest = restorable(table)
        recovery |= {"EarliestRestorableDateTime": earliest, "LatestRestorableDateTime": latest}
    return {**table.continuous_backups, "PointInTimeRecoveryDescription": recovery}


def oldest_kept(table: Table, now: float) -> float:
    """The moment (epoch seconds) before which a table's changes are of no use."""
    oldest = now - timedelta(days=1).total_seconds() if table.streams else now
    if table.recovery["PointInTimeRecoveryStatus"] == "ENABLED":
        oldest = min(oldest, restorable(table)[0])
    return oldest


def is_over(expires: datetime | None, now: datetime) -> bool:
    """Whether a system backup has been kept long enough."""
    return expires is not None and expires <= now
