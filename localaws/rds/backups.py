"""Automated backups: snapshots that an instance takes of itself."""

from __future__ import annotations

from moto.core.utils import utcnow

from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.work import Snapshot


def automated_backup(instance: DBInstance) -> None:
    """Queue an automated backup of the instance."""
    moment = utcnow().strftime("%Y-%m-%d-%H-%M")
    snapshot = instance.backend.new_snapshot(
        instance, f"rds:{instance.db_instance_identifier}-{moment}", "automated"
    )
    instance.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))
    announce_backup(instance)


def announce_backup(instance: DBInstance) -> None:
    """Tell of an automated backup once its turn has come."""
    head = instance.work[0] if instance.work else None
    for snapshot in instance.backend.database_snapshots.values():
        if (
            head is not None
            and head.get("snapshot") == snapshot.data_id
            and snapshot.snapshot_type == "automated"
        ):
            instance.backend.events += [
                Event.of(instance, "backup-start"),
                Event.of(snapshot, "automated-start"),
            ]
