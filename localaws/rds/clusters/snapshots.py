"""Cluster snapshots and what is restored from them and from the archive, in the model only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import moto.rds.models as base
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.rds.exceptions import (
    DBClusterSnapshotAlreadyExistsError,
    DBClusterSnapshotNotFoundError,
    SnapshotQuotaExceededFault,
)

from localaws.rds import faults, keys, validation
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters.events import tell
from localaws.rds.clusters.models import DBCluster
from localaws.rds.clusters.work import Create, Snapshot
from localaws.rds.work import Copy

_KEPT = (
    "backup_retention_period",
    "copy_tags_to_snapshot",
    "database_name",
    "engine",
    "engine_version",
    "kms_key_id",
    "master_username",
    "port",
    "preferred_backup_window",
    "preferred_maintenance_window",
    "serverless_v2_scaling_configuration",
    "storage_encrypted",
    "storage_type",
)


class DBClusterSnapshot(base.DBClusterSnapshot):
    """A snapshot whose data lie in the folder `snapshot-<data id>` of the engines."""

    event_source_type = "db-cluster-snapshot"

    def __init__(self, backend: Any, cluster: DBCluster, *given: Any, **named: Any) -> None:
        super().__init__(backend, cluster, *given, **named)
        self.cluster.work = []
        self.cluster.deferred = {}
        self.cluster.__dict__.pop("master_user_secret", None)
        self.cluster.manage_master_user_password = False
        self.kms_key_id = self.cluster.kms_key_id
        self.data_id = mock_random.get_random_hex(16)
        self.work: list[Copy] = []
        self.status = "creating"
        self.percent_progress = 0
        self.finished: datetime | None = None
        self.source_db_cluster_snapshot_arn: str | None = None
        self.availability_zones = list(cluster.availability_zones)
        self.vpc_id = cluster.vpc_id
        self.license_model = cluster.license_model
        self.storage_type = cluster.storage_type
        self.db_cluster_resource_id = cluster.db_cluster_resource_id
        self.iam_database_authentication_enabled = cluster.iam_database_authentication_enabled
        self.engine_mode = cluster.engine_mode

    def complete(self) -> None:
        """The data are there."""
        self.status, self.percent_progress, self.work = "available", 100, []
        self.finished = utcnow()


def new(
    backend: Any, cluster: DBCluster, name: str, kind: str, tags: list[dict[str, str]] | None = None
) -> DBClusterSnapshot:
    """A snapshot of the cluster in state creating; whoever calls queues the work."""
    if kind == "manual":
        name = validation.snapshot_identifier(name, "DBClusterSnapshotIdentifier")
        _check_room(backend, name)
    snapshot = DBClusterSnapshot(backend, cluster, name, kind, tags)
    backend.cluster_snapshots[snapshot.db_cluster_snapshot_identifier] = snapshot
    tell(snapshot, f"{kind}-start")
    return snapshot


def new_automated(cluster: DBCluster) -> DBClusterSnapshot:
    """An automated snapshot in state creating."""
    name = f"rds:{cluster.db_cluster_identifier}-{utcnow().strftime('%Y-%m-%d-%H-%M')}"
    taken = cluster.backend.cluster_snapshots
    if name in taken:
        name = f"{name}-{mock_random.get_random_hex(4)}"
    return new(cluster.backend, cluster, name, "automated")


def _check_room(backend: Any, name: str) -> None:
    if name in backend.cluster_snapshots:
        raise DBClusterSnapshotAlreadyExistsError(name)
    manual = [each for each in backend.cluster_snapshots.values() if each.snapshot_type == "manual"]
    if len(manual) >= backend.SNAPSHOT_QUOTA:
        raise SnapshotQuotaExceededFault()


def take(backend: Any, cluster: DBCluster, name: str, tags: Any) -> DBClusterSnapshot:
    """A manual snapshot of an available cluster."""
    if cluster.status != "available":
        raise cluster_faults.not_available(cluster.db_cluster_identifier, cluster.status)
    keys.check(cluster)
    snapshot = new(backend, cluster, name, "manual", validation.tags(tags) if tags else None)
    cluster.queue(Snapshot(do="snapshot", snapshot=snapshot.data_id))
    return snapshot


def find(backend: Any, name: str | None) -> DBClusterSnapshot:
    """A snapshot by name or ARN: of this account, or shared with it."""
    if not name:
        raise faults.blank("DBClusterSnapshotIdentifier")
    if not name.startswith("arn:"):
        found = backend.cluster_snapshots.get(name)
    else:
        _, _, _, region, account, _, identifier = name.split(":", 6)
        holder = backend.get_backend("rds", region, account)
        found = holder.cluster_snapshots.get(identifier)
        shared = found.attributes["restore"] if found is not None else []
        if account != backend.account_id and not {backend.account_id, "all"} & set(shared):
            found = None
    if found is None:
        raise DBClusterSnapshotNotFoundError(name)
    snapshot: DBClusterSnapshot = found
    return snapshot


def copy(backend: Any, request: dict[str, Any]) -> DBClusterSnapshot:
    """A manual copy of a snapshot, of this Region or another."""
    target = validation.snapshot_identifier(
        request.get("target_db_cluster_snapshot_identifier"), "TargetDBClusterSnapshotIdentifier"
    )
    source = find(backend, request.get("source_db_cluster_snapshot_identifier"))
    _check_room(backend, target)
    _check_usable(source, "copy")
    key = keys.resolve(backend, request["kms_key_id"]) if request.get("kms_key_id") else None
    if source.encrypted and source.region != backend.region_name and key is None:
        raise faults.combination(
            "KmsKeyId of the destination Region must be specified when an encrypted snapshot is copied "
            "across Regions."
        )
    if key and not source.encrypted:
        raise faults.combination(
            "An unencrypted Aurora cluster snapshot cannot be copied with a KmsKeyId. "
            "Restore it to an encrypted cluster instead."
        )
    tags = validation.tags(request.get("tags")) or (source.tags if request.get("copy_tags") else [])
    made = DBClusterSnapshot(backend, source.cluster, target, "manual", tags, key)
    made.source_db_cluster_snapshot_arn = source.arn
    made.work = [Copy(do="copy", source=source.data_id)]
    backend.cluster_snapshots[target] = made
    tell(made, "manual-start")
    return made


def delete(backend: Any, name: str) -> DBClusterSnapshot:
    """Delete a manual snapshot; its data are left for the controller to remove."""
    snapshot = find(backend, name)
    if snapshot.snapshot_type != "manual":
        raise cluster_faults.wrong_snapshot_state(
            f"Only manual snapshots may be deleted; {snapshot.db_cluster_snapshot_identifier} is "
            f"{snapshot.snapshot_type}."
        )
    if snapshot.status == "creating":
        _check_usable(snapshot, "delete")
    remove(snapshot)
    tell(snapshot, "snapshot-deleted")
    return snapshot


def remove(snapshot: DBClusterSnapshot) -> None:
    """Take a snapshot out of the model."""
    snapshot.backend.cluster_snapshots.pop(snapshot.db_cluster_snapshot_identifier)
    snapshot.backend.discard_folder(f"snapshot-{snapshot.data_id}")
    snapshot.status = "deleted"


def _check_usable(snapshot: DBClusterSnapshot, verb: str) -> None:
    if snapshot.status != "available":
        raise cluster_faults.wrong_snapshot_state(
            f"Cannot {verb} the snapshot {snapshot.db_cluster_snapshot_identifier} because it is not "
            "currently in the available state."
        )
    keys.check(snapshot)


# -- automated backups


def automated(cluster: DBCluster) -> list[DBClusterSnapshot]:
    """The automated snapshots of a cluster, oldest first."""
    found = [
        each
        for each in cluster.backend.cluster_snapshots.values()
        if each.snapshot_type == "automated" and each.db_cluster_resource_id == cluster.db_cluster_resource_id
    ]
    return sorted(found, key=lambda each: each.created)


def bases(cluster: DBCluster) -> list[DBClusterSnapshot]:
    """The automated snapshots that a point in time can be restored from."""
    return [each for each in automated(cluster) if each.status == "available"]


def backup_due(cluster: DBCluster, now: datetime) -> bool:
    """Whether the backup window is open and the day's snapshot is not taken yet."""
    if cluster.status != "available":
        return False
    opened = validation.backup_window_opened(cluster.preferred_backup_window, now)
    return opened is not None and all(each.created < opened for each in automated(cluster))


def expired(cluster: DBCluster, now: datetime) -> list[DBClusterSnapshot]:
    """Automated snapshots that are older than they are kept; the last one stays."""
    oldest = now - timedelta(days=cluster.backup_retention_period)
    return [each for each in bases(cluster)[:-1] if each.created < oldest]


def drop_automated(cluster: DBCluster) -> None:
    """Remove the automated backups of a cluster, and the ones that are still to be taken."""
    for snapshot in automated(cluster):
        remove(snapshot)
        cluster.work = [item for item in cluster.work if item.get("snapshot") != snapshot.data_id]
    cluster.backed_up = None
    cluster.backend.discard_folder(f"archive-{cluster.db_cluster_resource_id}")


# -- restoring


def origin(snapshot: DBClusterSnapshot) -> Create:
    """Work that makes a volume from a snapshot."""
    _check_usable(snapshot, "restore")
    return Create(do="create", snapshot=snapshot.data_id, archive=None, time=None)


def moment(cluster: DBCluster, asked: Any, *, latest: bool) -> Create:
    """Work that makes a volume as the cluster was at a moment; None asks for the latest."""
    if latest == (asked is not None):
        raise faults.combination(
            "Specify either RestoreToTime or UseLatestRestorableTime, and not both of them."
        )
    found = bases(cluster)
    if not found or found[0].finished is None or cluster.latest_restorable_time is None:
        raise cluster_faults.restore(
            f"DbCluster {cluster.db_cluster_identifier} has no automated backup yet. "
            "Wait until its first one is available, then try again."
        )
    keys.check(cluster)
    if asked is None:
        return Create(
            do="create", snapshot=found[-1].data_id, archive=cluster.db_cluster_resource_id, time=None
        )
    target = asked.astimezone(UTC).replace(tzinfo=None) if asked.tzinfo else asked
    # a base that was finished within the second counts as finished at its start
    able = [each for each in found if each.finished is not None and each.finished <= target]
    if not able:
        raise cluster_faults.restore(
            f"The specified time is before the earliest restorable time {_written(found[0].finished)}."
        )
    if target > utcnow():
        raise cluster_faults.restore(
            "The specified time is after the latest restorable time "
            f"{_written(cluster.latest_restorable_time)}."
        )
    return Create(
        do="create",
        snapshot=able[-1].data_id,
        archive=cluster.db_cluster_resource_id,
        time=target.replace(tzinfo=UTC).isoformat(),
    )


def _written(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def inherited(source: DBCluster, request: dict[str, Any]) -> dict[str, Any]:
    """A request to create a cluster, with what a backup brings along; the request's own values come first."""
    kept = {name: getattr(source, name) for name in _KEPT}
    asked = {name: value for name, value in request.items() if value is not None}
    if asked.get("engine") and asked["engine"] != source.engine:
        raise faults.combination(f"The engine of the backup is {source.engine}, not {asked['engine']}.")
    version = asked.get("engine_version")
    if version and version.split(".")[0] != source.engine_version.split(".")[0]:
        raise faults.combination(
            f"Cannot restore data of {source.engine} {source.engine_version} with version {version}."
        )
    if asked.get("kms_key_id"):
        asked["storage_encrypted"] = True
    elif kept["storage_encrypted"] and source.region != asked.get("region", source.region):
        kept["kms_key_id"] = None
    return {**kept, "master_user_password": source.master_user_password, **asked}
