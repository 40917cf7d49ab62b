"""DeleteDBInstance: what is refused, what is kept, and what becomes of read replicas."""

from __future__ import annotations

from typing import Any

from localaws.rds import backups, faults, instances, lineage, replicas
from localaws.rds.models import DBInstance
from localaws.rds.work import Delete, Snapshot

_WITHOUT_SERVER = ("creating", "failed", "incompatible-restore", "incompatible-network")
_KEPT = frozenset({"create", "restore", "replicate", "recover", "snapshot"})


def delete(
    backend: Any, instance_id: str, *, skip_final: bool, final_id: str | None, drop_backups: bool
) -> DBInstance:
    """Delete the instance, after a final snapshot unless that is skipped."""
    instance = instances.named(backend, instance_id)
    _check(instance, skip_final=skip_final, final_id=final_id)
    if not drop_backups:
        backups.check_room(backend)
    instance.retains_backups = not drop_backups
    if drop_backups:
        backups.drop(instance)
    instance.work = [item for item in instance.work if item["do"] in _KEPT]
    if final_id:
        snapshot = backend.new_snapshot(instance, final_id, "manual")
        instance.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))
    if instance.manage_master_user_password:
        instance.master_user_secret.delete_secret()
        instance.manage_master_user_password = False
    for replica in lineage.replicas_of(instance):
        replicas.leave(replica)
    instance.queue(Delete(do="delete"))
    return instance


def gone(backend: Any, instance: DBInstance) -> None:
    """The server is gone: so is the instance; its automated backups stay if that was asked for."""
    del backend.databases[instance.db_instance_identifier]
    if instance.retains_backups:
        backups.retain(instance)
    else:
        backups.drop(instance)


def _check(instance: DBInstance, *, skip_final: bool, final_id: str | None) -> None:
    name = instance.db_instance_identifier
    if instance.status == "deleting":
        raise faults.wrong_state(f"Instance {name} is already being deleted.")
    if instance.deletion_protection:
        raise faults.combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
        )
    if instance.is_replica:
        if final_id:
            raise faults.combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance"
            )
        return
    if skip_final and final_id:
        raise faults.combination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled."
        )
    if not skip_final and not final_id:
        raise faults.combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )
    if final_id and instance.status in _WITHOUT_SERVER:
        raise faults.wrong_state(
            f"Cannot create a final snapshot of {name} because it is in the {instance.status} state. "
            "Specify SkipFinalSnapshot."
        )
