"""Work that a cluster's model leaves for its controller, and what the controller settles in return.

As with DB instances: the controller carries out `work[0]` and settles it. `settle` names the settlements;
`resource_id` is a DbClusterResourceId, `writer` and `target` are DbiResourceIds, `snapshot` is a data id.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from localaws.rds.work import JSON


class Create(TypedDict):
    """Make the cluster's volume, empty or from a backup; settled by `cluster_created`."""

    do: Literal["create"]
    snapshot: str | None  # data id of the snapshot or base backup to begin with
    archive: str | None  # DbClusterResourceId of the source whose archived WAL is replayed
    time: str | None  # ISO 8601; None for everything that was archived


class Snapshot(TypedDict):
    """Copy the volume to a snapshot's folder; settled by `cluster_snapshot_taken`."""

    do: Literal["snapshot"]
    snapshot: str  # data id


class Modify(TypedDict):
    """Bring `master_user_password`, `port` or the identifier to servers and endpoints: `cluster_modified`."""

    do: Literal["modify"]
    changes: dict[str, JSON]


class Failover(TypedDict):
    """Make another member the writer; settled by `cluster_failed_over`."""

    do: Literal["failover"]
    target: str | None  # a DbiResourceId; None leaves the choice to the promotion tiers


class Stop(TypedDict):
    """Stop all servers; settled by `cluster_stopped`."""

    do: Literal["stop"]


class Start(TypedDict):
    """Start all servers; settled by `cluster_started`."""

    do: Literal["start"]


class Delete(TypedDict):
    """Remove endpoints and volume; settled by `cluster_deleted`."""

    do: Literal["delete"]


Item = Create | Snapshot | Modify | Failover | Stop | Start | Delete

STATUS = {
    "create": "creating",
    "snapshot": "backing-up",
    "modify": "modifying",
    "failover": "failing-over",
    "stop": "stopping",
    "start": "starting",
    "delete": "deleting",
}
"""What the cluster's `Status` says while an item is at the head of its work."""
