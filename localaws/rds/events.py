"""RDS events: AWS's messages and categories, and the search that DescribeEvents makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow

from localaws.rds import faults

KEPT = timedelta(days=14)

MESSAGES: dict[str, tuple[str, str]] = {
    "created": ("creation", "DB instance created"),
    "deleted": ("deletion", "DB instance deleted"),
    "restored": ("restoration", "Restored from snapshot {snapshot}"),
    "recovered-from": ("restoration", "Restored from DB instance {source} to {target}"),
    "restarted": ("availability", "DB instance restarted"),
    "shutdown": ("availability", "DB instance shutdown"),
    "stopped": ("notification", "DB instance stopped"),
    "started": ("notification", "DB instance started"),
    "backup-start": ("backup", "Backing up DB instance"),
    "backup-finish": ("backup", "Finished DB instance backup"),
    "backup-on": ("configuration change", "Automated backups enabled"),
    "backup-off": ("configuration change", "Disabled automated backups"),
    "password": ("configuration change", "Reset master credentials"),
    "class-start": ("configuration change", "Applying modification to database instance class"),
    "class": ("configuration change", "Finished applying modification to DB instance class"),
    "storage-start": ("configuration change", "Applying modification to allocated storage"),
    "storage": ("configuration change", "Finished applying modification to allocated storage"),
    "multi-az-start": (
        "configuration change",
        "Applying modification to convert to a Multi-AZ DB instance",
    ),
    "single-az-start": (
        "configuration change",
        "Applying modification to convert to a standard (Single-AZ) DB instance",
    ),
    "multi-az": (
        "configuration change",
        "Finished applying modification to convert to a Multi-AZ DB instance",
    ),
    "single-az": (
        "configuration change",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance",
    ),
    "autoscaling-start": (
        "configuration change",
        "Applying autoscaling-initiated modification to allocated storage",
    ),
    "autoscaling-limit": (
        "failure",
        "Storage autoscaling has triggered a pending scale storage task that will reach or exceed the "
        "maximum storage threshold. Increase the maximum storage threshold.",
    ),
    "storage-low": (
        "low storage",
        "The free storage capacity for DB instance: {name} is low at {percent}% of the provisioned storage "
        "[Provisioned Storage: {size} GB]. You may want to increase the provisioned storage to address this "
        "issue.",
    ),
    "storage-full": (
        "low storage",
        "The allocated storage for the DB instance has been consumed. To resolve this issue, allocate "
        "additional storage for the DB instance.",
    ),
    "key-lost": (
        "failure",
        "Amazon RDS is unable to access the KMS encryption key for database instance {name}. This is likely "
        "due to the key being disabled or Amazon RDS being unable to access it. Enable the key, then start "
        "the DB instance.",
    ),
    "failover-start": ("failover", "Multi-AZ instance failover started."),
    "failover": ("failover", "Multi-AZ instance failover completed"),
    "standby-start": ("recovery", "Recovery of standby DB instance has started."),
    "standby": ("recovery", "Recovery of standby DB instance has completed."),
    "replicating": ("read replica", "Replication for the Read Replica resumed"),
    "replication-error": ("read replica", "Replication has stopped. {reason}"),
    "replication-stopped": ("read replica", "Replication for the Read Replica has been manually stopped."),
    "replication-terminated": ("read replica", "Replication streaming has been terminated."),
    "replica-failed": ("read replica", "Read replica creation failed."),
    "renamed": ("configuration change", "Renamed instance from {old} to {new}"),
    "parameter": (
        "configuration change",
        "Updated parameter {name} to {value} with apply method {method}",
    ),
    "group-attached": (
        "configuration change",
        "Your DB parameter group changed from {old} to {new}. Reboot the DB instance to apply it.",
    ),
    "recovery": (
        "recovery",
        "Recovery of the DB instance has started. "
        "Recovery time will vary with the amount of data to be recovered.",
    ),
    "recovered": ("recovery", "Recovery of the DB instance is complete."),
    "failed": ("failure", "The DB instance could not be brought to the requested state: {reason}"),
    "manual-start": ("creation", "Creating manual snapshot"),
    "manual-finish": ("creation", "Manual snapshot created"),
    "automated-start": ("creation", "Creating automated snapshot"),
    "automated-finish": ("creation", "Automated snapshot created"),
    "snapshot-deleted": ("deletion", "Deleted manual snapshot"),
    "copy-start": ("notification", "Started copy of snapshot {source} in region {region}"),
    "copy-finish": ("notification", "Finished copy of snapshot {source} in region {region}"),
    "copy-from-start": ("notification", "Started copy of snapshot {source} from region {region}"),
    "copy-from-finish": ("notification", "Finished copy of snapshot {source} from region {region}"),
    "snapshot-restored": ("restoration", "Restored from snapshot to DB instance {instance}"),
    "snapshot-failed": ("failure", "The snapshot could not be made: {reason}"),
}

CATEGORIES: dict[str, list[str]] = {
    "db-instance": [
        "availability",
        "backtrack",
        "backup",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security",
    ],
    "db-security-group": ["configuration change", "failure"],
    "db-parameter-group": ["configuration change"],
    "db-snapshot": ["creation", "deletion", "failure", "notification", "restoration"],
    "db-cluster": [
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "maintenance",
        "notification",
    ],
    "db-cluster-snapshot": ["backup", "notification"],
}

_SOURCES = {"pg": "db-parameter-group", "secgrp": "db-security-group"}


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource."""

    source_identifier: str
    source_type: str
    message: str
    event_categories: list[str]
    source_arn: str
    date: datetime = field(default_factory=utcnow)

    @classmethod
    def of(cls, resource: Any, key: str, **facts: object) -> Event:
        """One of AWS's events, told of a resource of the model."""
        category, message = MESSAGES[key]
        return cls.note(resource, message.format(**facts), [category])

    @classmethod
    def note(cls, resource: Any, message: str, categories: list[str]) -> Event:
        """An event with a text of its own."""
        source = getattr(resource, "event_source_type", None) or _SOURCES[resource.resource_type]
        return cls(resource.resource_id, source, message, categories, resource.arn)

    def at(self, moment: str | None) -> Event:
        """The same of an earlier moment in ISO format (UTC), where that is known."""
        return self if moment is None else replace(self, date=datetime.fromisoformat(moment))


def search(events: Iterable[Any], request: dict[str, Any]) -> list[Any]:
    """The events that DescribeEvents asks for; without times, those of the last 60 minutes."""
    source, kind = request.get("source_identifier"), request.get("source_type")
    if source and not kind:
        raise faults.combination("Cannot specify source identifier without source type")
    if kind and kind not in CATEGORIES:
        raise faults.invalid(f"Invalid source type: {kind}. Use one of {', '.join(CATEGORIES)}.")
    start, end = _span(request)
    categories = set(request.get("event_categories") or [])
    found = [
        event
        for event in events
        if (not source or event.source_identifier == source.lower())
        and (not kind or event.source_type == kind)
        and (not categories or categories & set(event.event_categories))
        and start <= event.date <= end
    ]
    return sorted(found, key=lambda event: event.date)


def _span(request: dict[str, Any]) -> tuple[datetime, datetime]:
    now = utcnow()
    start, end, minutes = (request.get(key) for key in ("start_time", "end_time", "duration"))
    if minutes is not None and not 1 <= minutes <= 20160:
        raise faults.invalid(f"Invalid duration: {minutes}. It must be between 1 and 20160 minutes.")
    if minutes is not None and (start or end):
        raise faults.combination("Duration cannot be specified with StartTime or EndTime.")
    until = _naive(end) if end else now
    since = _naive(start) if start else until - timedelta(minutes=minutes or 60)
    if since > until:
        raise faults.combination("StartTime must not be after EndTime.")
    return max(since, now - KEPT), until


def _naive(moment: datetime) -> datetime:
    return (
        moment.replace(tzinfo=None)
        if moment.tzinfo is None
        else (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None)
    )
