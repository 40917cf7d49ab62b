"""Settlements: what the controller writes back into the RDS model once it has really happened.

Each function takes the backend and the JSON arguments that `work.SETTLEMENTS` names. One that finds its
instance or snapshot gone, or already settled, does nothing: the controller may settle again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.rds import backups, deletion, growth, keys, replicas, settle_backups
from localaws.rds.backups import announce_backup
from localaws.rds.events import Event
from localaws.rds.settle_backups import instance_of, snapshot_of, tell


def created(backend: Any, *, resource_id: str, address: str, port: int, engine_version: str) -> None:
    """The server of a new instance runs and its endpoint answers."""
    instance = instance_of(backend, resource_id)
    if instance is None:
        return
    item = instance.work[0] if instance.work else None
    instance.engine_version = engine_version
    _place(instance, address, port)
    if instance.finish("create", "restore", "replicate", "recover") is None:
        return
    tell(instance, "created")
    if item is not None and item["do"] == "replicate":
        tell(instance, "replicating")
    if item is not None and item["do"] == "recover":
        facts = {"source": instance.recovered_from, "target": instance.db_instance_identifier}
        tell(instance, "recovered-from", **facts)
    if item is not None and item["do"] == "restore":
        source = snapshot_of(backend, item["snapshot"])
        tell(instance, "restored", snapshot=source.db_snapshot_identifier if source else item["snapshot"])
    announce_backup(instance)


def configured(backend: Any, *, resource_id: str) -> None:
    """The server has read its new configuration."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        instance.finish("configure")


def modified(backend: Any, *, resource_id: str, address: str, port: int) -> None:
    """The server and its endpoint have the modification at the head of the work."""
    instance = instance_of(backend, resource_id)
    if instance is None or not instance.work or instance.work[0]["do"] != "modify":
        return
    item = instance.work[0]
    before = instance.db_instance_identifier
    _tell_changes(instance, item["changes"])
    instance.apply(item)
    instance.finish("modify")
    _place(instance, address, port)
    if item["restart"]:
        instance.load_parameters()
        if instance.resting_status in ("incompatible-parameters", "storage-full"):
            instance.resting_status = "available"
            instance.refresh_status()
    if "allocated_storage" in item["changes"] and instance.resting_status == "storage-full":
        instance.resting_status = "available"
        instance.refresh_status()
    if item["changes"].get("backup_retention_period") == 0:
        backups.drop(instance)
    announce_backup(instance)
    if instance.db_instance_identifier != before:
        backend.databases[instance.db_instance_identifier] = backend.databases.pop(before)
        tell(instance, "renamed", old=before, new=instance.db_instance_identifier)


def rebooted(backend: Any, *, resource_id: str) -> None:
    """The server has been restarted."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.finish("reboot"):
        tell(instance, "shutdown")
        tell(instance, "restarted")


def stopped(backend: Any, *, resource_id: str) -> None:
    """The server is down because it was asked to be."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.work and instance.work[0]["do"] == "stop":
        if instance.resting_status != keys.LOST:
            instance.resting_status = "stopped"
            tell(instance, "stopped")
        instance.finish("stop")


def started(backend: Any, *, resource_id: str, address: str, port: int) -> None:
    """The stopped server runs again."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.work and instance.work[0]["do"] == "start":
        instance.resting_status = "available"
        _place(instance, address, port)
        instance.finish("start")
        tell(instance, "started")


def deleted(backend: Any, *, resource_id: str) -> None:
    """The server and its data are gone."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        tell(instance, "deleted")
        deletion.gone(backend, instance)


def failed(backend: Any, *, resource_id: str, do: str, status: str, reason: str) -> None:
    """The work at the head could not be done; `status` is AWS's (failed, incompatible-parameters, …)."""
    instance = instance_of(backend, resource_id)
    if instance is None:
        return
    instance.resting_status = status
    instance.status_reason = reason
    item = instance.work[0] if instance.work else None
    instance.finish(do)
    if item is not None and item["do"] == "snapshot":
        settle_backups.snapshot_failed(backend, snapshot=item["snapshot"], reason=reason)
    if do == "replicate":
        tell(instance, "replica-failed")
    if status == "failed" and do in ("create", "restore", "replicate", "recover"):
        for left in [each for each in instance.work if each["do"] == "snapshot"]:
            instance.work.remove(left)
            settle_backups.snapshot_failed(backend, snapshot=left["snapshot"], reason=reason)
    instance.refresh_status()
    tell(instance, "failed", reason=reason)


def crashed(backend: Any, *, resource_id: str) -> None:
    """The server of an instance that should run has died."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.resting_status == "available":
        instance.resting_status = "rebooting"
        instance.refresh_status()
        tell(instance, "recovery")


def paused(backend: Any, *, resource_id: str) -> None:
    """The server was stopped in order with the local AWS: no accident, so no event tells."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.resting_status == "available":
        instance.resting_status = "starting"
        instance.refresh_status()


def recovered(backend: Any, *, resource_id: str) -> None:
    """A server that was down runs again; what waited for a restart is in force."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.resting_status in ("rebooting", "starting"):
        died = instance.resting_status == "rebooting"
        instance.resting_status = "available"
        wanted = instance.group.values()
        instance.awaiting_reboot = {
            name
            for name in instance.awaiting_reboot
            if wanted.get(name) != instance.parameters_in_force.get(name)
        }
        instance.refresh_status()
        if died:
            tell(instance, "restarted")
            tell(instance, "recovered")


def endpoint(backend: Any, *, resource_id: str, address: str, port: int) -> None:
    """The endpoint has moved to another address."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        _place(instance, address, port)


def maintained(backend: Any, *, resource_id: str) -> None:
    """The maintenance window has opened: what was deferred becomes work."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.deferred:
        backend.begin_deferred(instance)


def noted(backend: Any, *, resource_id: str, message: str, categories: list[str]) -> None:
    """Something happened that only an event tells of."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        backend.events.append(Event.note(instance, message, categories))


def promoted(backend: Any, *, resource_id: str) -> None:
    """The server of a read replica is a standalone one."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        replicas.promoted(instance)


def replication(backend: Any, *, resource_id: str, status: str, message: str) -> None:
    """How the replication of a read replica does."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        replicas.replicates(instance, status, message)


def failed_over(backend: Any, *, resource_id: str, zone: str, reason: str, began: str | None = None) -> None:
    """The standby of a Multi-AZ instance is the primary; a reboot with failover is done by that."""
    instance = instance_of(backend, resource_id)
    if instance is None:
        return
    head = instance.work[0] if instance.work else None
    asked = head is not None and head["do"] == "reboot" and head["failover"]
    if not asked and zone == instance.availability_zone:
        return
    instance.fail_over(zone)
    if asked:
        instance.finish("reboot")
    elif instance.resting_status in ("rebooting", "starting"):
        instance.resting_status = "available"
        instance.refresh_status()
    backend.events.append(Event.of(instance, "failover-start").at(began))
    tell(instance, "restarted")
    tell(instance, "failover")
    if reason:
        backend.events.append(Event.note(instance, reason, ["failover"]))


def storage_low(backend: Any, *, resource_id: str, free_percent: int) -> None:
    """Little of the storage is free."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        growth.low(instance, free_percent)


def storage_full(backend: Any, *, resource_id: str) -> None:
    """The data have taken all of the storage."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        growth.full(instance)


def outgrown(backend: Any, *, resource_id: str) -> None:
    """Storage autoscaling has to grow the storage."""
    instance = instance_of(backend, resource_id)
    if instance is not None:
        growth.grow(instance)


def key_lost(backend: Any, *, resource_id: str) -> None:
    """The KMS key of an encrypted instance cannot be used any more."""
    instance = instance_of(backend, resource_id)
    if instance is not None and instance.resting_status != keys.LOST:
        instance.resting_status = keys.LOST
        instance.queue({"do": "stop"})
        tell(instance, "key-lost", name=instance.db_instance_identifier)


SETTLEMENTS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        created,
        settle_backups.snapshot_taken,
        configured,
        modified,
        rebooted,
        stopped,
        started,
        deleted,
        failed,
        crashed,
        paused,
        recovered,
        endpoint,
        maintained,
        noted,
        settle_backups.snapshot_copied,
        settle_backups.snapshot_failed,
        settle_backups.discarded,
        settle_backups.archive_discarded,
        promoted,
        replication,
        failed_over,
        settle_backups.backup_due,
        settle_backups.backups_expired,
        storage_low,
        storage_full,
        outgrown,
        key_lost,
    )
}


def _place(instance: Any, address: str, port: int) -> None:
    instance.endpoint_address, instance.port = address, port


_CHANGE_EVENTS = {
    "db_instance_class": "class",
    "allocated_storage": "storage",
    "master_user_password": "password",
}


def _tell_changes(instance: Any, changes: dict[str, Any]) -> None:
    for name, key in _CHANGE_EVENTS.items():
        if name in changes:
            tell(instance, key)
    if "multi_az" in changes:
        tell(instance, "multi-az" if changes["multi_az"] else "single-az")
    if "backup_retention_period" in changes:
        was, becomes = instance.backup_retention_period, changes["backup_retention_period"]
        if bool(was) != bool(becomes):
            tell(instance, "backup-on" if becomes else "backup-off")
