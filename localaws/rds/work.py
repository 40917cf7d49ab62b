"""Work that the RDS model leaves for its controller, and what the controller settles in return.

`DBInstance.work` is a queue: the controller carries out `work[0]` with the attributes that the instance has,
then settles it; the settlement removes the item and works out the next status. Every item can be carried out
again after a crash. `backend.discards()` lists the data ids of snapshots that nothing refers to any more,
`backend.archive_discards()` the resources whose archived WAL nothing can be recovered from.
"""

from __future__ import annotations

from typing import Literal, TypedDict

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


class Create(TypedDict):
    """Make a new server from the instance's attributes; settled by `created`."""

    do: Literal["create"]


class Restore(TypedDict):
    """Make the server from the folder of a snapshot; settled by `created`."""

    do: Literal["restore"]
    snapshot: str  # data id of the snapshot
    set_password: bool  # the master password was given anew


class Source(TypedDict):
    """The DB instance that a read replica follows; `id` is its DbiResourceId."""

    account: str
    region: str
    id: str


class Replicate(TypedDict):
    """Make the server a streaming standby of another instance; settled by `created`."""

    do: Literal["replicate"]
    source: Source


class Promote(TypedDict):
    """Make the read replica a standalone server; settled by `promoted`.

    `DBInstance.archiving` already counts the retention in.
    """

    do: Literal["promote"]
    backup_retention_period: int
    preferred_backup_window: str


class Recover(TypedDict):
    """Make the server from an automated backup and the archived WAL; settled by `created`."""

    do: Literal["recover"]
    base: str  # data id of the automated snapshot
    archive: str  # DbiResourceId of the source
    time: str | None  # ISO 8601 with its offset; None for everything that was archived
    set_password: bool  # the master password was given anew


class Snapshot(TypedDict):
    """Copy the server's data (a stopped one's too) to a snapshot's folder; settled by `snapshot_taken`."""

    do: Literal["snapshot"]
    snapshot: str  # data id of the snapshot


class Modify(TypedDict):
    """Bring changed attributes to the server; settled by `modified`.

    `changes` holds the model's attribute names. The ones that concern a server: `master_user_password`,
    `port`, `db_instance_class`, `engine_version`, `multi_az` (a standby in `standby_zone`, or none),
    `allocated_storage`, `backup_retention_period` (see `archiving`).
    `DBInstance.settings()` already counts them in.
    """

    do: Literal["modify"]
    changes: dict[str, JSON]
    restart: bool  # whether the server has to be restarted with `DBInstance.settings()`


class Configure(TypedDict):
    """Write `DBInstance.settings()` and reload; the front takes `force_ssl`; settled by `configured`."""

    do: Literal["configure"]


class Reboot(TypedDict):
    """Restart the server with `DBInstance.settings()`; settled by `rebooted`.

    With a failover the standby takes over instead; settled by `failed_over`.
    """

    do: Literal["reboot"]
    failover: bool


class Stop(TypedDict):
    """Stop the server and drop its connections; settled by `stopped`."""

    do: Literal["stop"]


class Start(TypedDict):
    """Start the stopped server with `DBInstance.settings()`; settled by `started`."""

    do: Literal["start"]


class Delete(TypedDict):
    """Close the endpoint, stop the server and remove its folder; settled by `deleted`."""

    do: Literal["delete"]


Item = (
    Create
    | Restore
    | Replicate
    | Promote
    | Recover
    | Snapshot
    | Modify
    | Configure
    | Reboot
    | Stop
    | Start
    | Delete
)


class Copy(TypedDict):
    """Copy the folder of another snapshot (`DBSnapshot.work`); settled by `snapshot_copied`."""

    do: Literal["copy"]
    source: str  # data id of the source


STATUS = {
    "create": "creating",
    "restore": "creating",
    "replicate": "creating",
    "promote": "modifying",
    "recover": "creating",
    "snapshot": "backing-up",
    "modify": "modifying",
    "reboot": "rebooting",
    "stop": "stopping",
    "start": "starting",
    "delete": "deleting",
}
"""What `DBInstanceStatus` says while an item is at the head of the queue (`configure` leaves it as it is)."""

SETTLEMENTS: dict[str, tuple[str, ...]] = {
    "created": ("resource_id", "address", "port", "engine_version"),
    "snapshot_taken": ("resource_id", "snapshot"),
    "configured": ("resource_id",),
    "modified": ("resource_id", "address", "port"),
    "rebooted": ("resource_id",),
    "stopped": ("resource_id",),
    "started": ("resource_id", "address", "port"),
    "deleted": ("resource_id",),
    "failed": ("resource_id", "do", "status", "reason"),
    "crashed": ("resource_id",),
    "paused": ("resource_id",),
    "recovered": ("resource_id",),
    "endpoint": ("resource_id", "address", "port"),
    "maintained": ("resource_id",),
    "noted": ("resource_id", "message", "categories"),
    "snapshot_copied": ("snapshot",),
    "snapshot_failed": ("snapshot", "reason"),
    "discarded": ("snapshot",),
    "promoted": ("resource_id",),
    "replication": ("resource_id", "status", "message"),
    "failed_over": ("resource_id", "zone", "reason", "began"),
    "backup_due": ("resource_id",),
    "backups_expired": ("resource_id",),
    "archive_discarded": ("resource_id",),
    "storage_low": ("resource_id", "free_percent"),
    "storage_full": ("resource_id",),
    "outgrown": ("resource_id",),
    "key_lost": ("resource_id",),
}
"""Settlements and their JSON arguments; `resource_id` is the DbiResourceId, `snapshot` a data id.

`replication`: a replica's `status` is replicating, error, stopped or terminated; `message` says why or is "".
`failed_over`: `zone` is the Availability Zone of the new primary; the standby's is the former one.
`began` says when the former primary was given up, if that is known.
`backup_due`: the backup window is open and the day's automated snapshot is to be taken.
`backups_expired`: automated backups of an instance, or retained ones, are older than they are kept.
`archive_discarded`: the archive of a resource that has no automated backups any more is gone.
`outgrown`: storage autoscaling has to grow the storage; the model queues the modification.
`key_lost`: the KMS key of an encrypted instance cannot be used any more.
"""
