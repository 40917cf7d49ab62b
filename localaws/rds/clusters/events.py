"""Events of DB clusters and their snapshots, in AWS's words."""

from __future__ import annotations

from typing import Any

from localaws.rds.events import Event

MESSAGES: dict[str, tuple[str, str]] = {
    "created": ("creation", "DB cluster created"),
    "deleted": ("deletion", "DB cluster deleted"),
    "stopped": ("notification", "DB cluster stopped"),
    "started": ("notification", "DB cluster started"),
    "password": ("configuration change", "Reset master credentials"),
    "renamed": ("configuration change", "Renamed cluster from {old} to {new}"),
    "group": ("configuration change", "Your DB cluster parameter group changed from {old} to {new}"),
    "failover-started": ("failover", "Started {where} AZ failover to DB instance: {instance}"),
    "failover-completed": ("failover", "Completed failover to DB instance: {instance}"),
    "failover-failed": ("failover", "Failover failed: {reason}"),
    "failed": ("failure", "The DB cluster could not be brought to the requested state: {reason}"),
    "manual-start": ("backup", "Creating manual cluster snapshot"),
    "manual-finish": ("backup", "Manual cluster snapshot created"),
    "automated-start": ("backup", "Creating automated cluster snapshot"),
    "automated-finish": ("backup", "Automated cluster snapshot created"),
    "snapshot-deleted": ("notification", "Deleted cluster snapshot"),
    "snapshot-failed": ("notification", "The cluster snapshot could not be made: {reason}"),
}


def tell(resource: Any, key: str, moment: str | None = None, /, **facts: object) -> None:
    """Record one of AWS's events of a cluster or a cluster snapshot, of now or of an earlier moment."""
    category, message = MESSAGES[key]
    resource.backend.events.append(Event.note(resource, message.format(**facts), [category]).at(moment))
