"""RestoreDBInstanceToPointInTime: a new instance with the data that another one had at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.rds.exceptions import RDSClientError

from localaws.rds import backups, faults, instances, keys, snapshots
from localaws.rds.mariadb import rules
from localaws.rds.models import DBInstance
from localaws.rds.work import Recover


def recover(backend: Any, request: dict[str, Any]) -> DBInstance:
    """A new instance as the source was at RestoreTime, or as late as it can be."""
    request = {name: value for name, value in request.items() if value is not None}
    source = _source(backend, request)
    rules.check_source(source.engine, "point-in-time recovery")
    moment = _moment(request)
    base = _base(source, moment)
    keys.check(source)
    overrides = request | {"db_instance_identifier": request.get("target_db_instance_identifier")}
    if not overrides["db_instance_identifier"]:
        raise faults.blank("TargetDBInstanceIdentifier")
    wanted = snapshots.inherited(source, overrides)
    item = Recover(
        do="recover",
        base=base.data_id,
        archive=source.dbi_resource_id,
        time=moment.replace(tzinfo=UTC).isoformat() if moment else None,
        set_password=bool(request.get("manage_master_user_password")),
    )
    instance = instances.create(backend, wanted, item)
    instance.recovered_from = source.db_instance_identifier
    return instance


def _source(backend: Any, request: dict[str, Any]) -> DBInstance:
    """The source, by the one way in which the request names it."""
    name, resource_id, arn = (
        request.get(key)
        for key in (
            "source_db_instance_identifier",
            "source_dbi_resource_id",
            "source_db_instance_automated_backups_arn",
        )
    )
    if [name, resource_id, arn].count(None) != 2:
        raise faults.combination(
            "Specify exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and "
            "SourceDBInstanceAutomatedBackupsArn."
        )
    if name is not None:
        source = instances.named(backend, name)
        if not source.backup_retention_period:
            raise RDSClientError(
                "PointInTimeRestoreNotEnabledFault",
                f"Automated backups are not enabled for DB instance {name}: BackupRetentionPeriod is 0.",
            )
        return source
    return backups.find(backend, resource_id, arn)


def _moment(request: dict[str, Any]) -> datetime | None:
    """The moment to restore to, naive and in UTC; None for the latest there is."""
    latest, moment = bool(request.get("use_latest_restorable_time")), request.get("restore_time")
    if latest and moment is not None:
        raise faults.combination("RestoreTime can't be specified if UseLatestRestorableTime is true.")
    if not latest and moment is None:
        raise faults.combination("Specify RestoreTime, or UseLatestRestorableTime as true.")
    if not isinstance(moment, datetime):
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _base(source: DBInstance, moment: datetime | None) -> Any:
    """The last automated snapshot that was finished before the moment, which must be restorable."""
    window = backups.restore_window(source)
    if window is None:
        raise faults.wrong_state(
            f"DB instance {source.db_instance_identifier} has no automated backup yet. Wait until it has a "
            "LatestRestorableTime."
        )
    found = backups.bases(source)
    if moment is None:
        return found[-1]
    if moment < window[0]:
        raise faults.invalid(
            f"The specified instance cannot be restored to a time earlier than {_told(window[0])} because "
            f"its backup retention period is set to {source.backup_retention_period} days."
        )
    if moment > window[1]:
        raise faults.invalid(
            f"The specified instance cannot be restored to a time later than {_told(window[1])}."
        )
    return next(each for each in reversed(found) if each.finished is not None and each.finished <= moment)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
