"""The RDS backend with its clusters: everything that is not a cluster's is left to the one for instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.rds.exceptions import DBClusterParameterGroupNotFoundError
from moto.rds.models import rds_backends

from localaws.rds import faults
from localaws.rds.backend import RDSBackend
from localaws.rds.clusters import endpoints as custom
from localaws.rds.clusters import faults as cluster_faults
from localaws.rds.clusters import groups, lifecycle, members, modify, snapshots
from localaws.rds.clusters.endpoints import DBClusterEndpoint
from localaws.rds.clusters.groups import DBClusterParameterGroup
from localaws.rds.clusters.members import ClusterMember
from localaws.rds.clusters.models import DBCluster
from localaws.rds.clusters.snapshots import DBClusterSnapshot
from localaws.rds.models import DBInstance


class ClusterBackend(RDSBackend):
    """RDS in one account and Region."""

    @property
    def cluster_endpoints(self) -> dict[str, DBClusterEndpoint]:
        """Custom endpoints by name."""
        found: dict[str, DBClusterEndpoint] = self.__dict__.setdefault("_cluster_endpoints", {})
        return found

    def endpoints_of(self, cluster: DBCluster) -> list[DBClusterEndpoint]:
        """The custom endpoints of a cluster."""
        return [each for each in self.cluster_endpoints.values() if each.cluster is cluster]

    def promote_read_replica_db_cluster(self, db_cluster_identifier: str) -> DBCluster:
        """Promote a read replica cluster; there are none here."""
        cluster = self.describe_db_clusters(db_cluster_identifier)[0]
        raise cluster_faults.wrong_state(
            f"DbCluster {cluster.db_cluster_identifier} is not a read replica, it cannot be promoted."
        )

    @property
    def discarded_folders(self) -> list[str]:
        """Folders of clusters' snapshots and archives that are no longer wanted."""
        found: list[str] = self.__dict__.setdefault("_discarded_folders", [])
        return found

    def discard_folder(self, name: str) -> None:
        """Leave a folder for the controller to remove."""
        if name not in self.discarded_folders:
            self.discarded_folders.append(name)

    def folders_to_remove(self) -> list[str]:
        """Folders that can be removed now: nothing is made from them, nothing writes to them."""
        used = set(_folders_in_use()) if self.discarded_folders else set()
        return [each for each in self.discarded_folders if each not in used]

    # -- members

    def _member(self, name: str) -> ClusterMember | None:
        found = self.databases.get(name or "")
        return found if isinstance(found, ClusterMember) else None

    def create_db_instance(self, db_kwargs: Any) -> DBInstance:
        """Create an instance, on its own or as a member of a cluster."""
        request = dict(db_kwargs)
        if request.get("db_cluster_identifier"):
            return members.create(self, request)
        if str(request.get("engine")).startswith("aurora-postgres"):
            raise faults.combination(
                f"A DB instance of engine {request['engine']} is a member of a DB cluster. "
                "Specify DBClusterIdentifier."
            )
        return super().create_db_instance(db_kwargs)

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> DBInstance:
        """Modify an instance or a member."""
        member = self._member(db_instance_identifier)
        if member is not None:
            return members.change(self, member, dict(db_kwargs))
        return super().modify_db_instance(db_instance_identifier, db_kwargs)

    def reboot_db_instance(self, db_instance_identifier: str, force_failover: bool = False) -> DBInstance:
        """Restart an instance or a member."""
        member = self._member(db_instance_identifier)
        if member is not None:
            return members.reboot(self, member, failover=force_failover)
        return super().reboot_db_instance(db_instance_identifier, force_failover)

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> DBInstance:
        """Stop an instance; a member is refused."""
        member = self._member(db_instance_identifier)
        if member is not None:
            raise members.refuse_stop(member)
        return super().stop_db_instance(db_instance_identifier, db_snapshot_identifier)

    def start_db_instance(self, db_instance_identifier: str) -> DBInstance:
        """Start an instance; a member is refused."""
        member = self._member(db_instance_identifier)
        if member is not None:
            raise members.refuse_stop(member)
        return super().start_db_instance(db_instance_identifier)

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        """Delete an instance or a member."""
        member = self._member(db_instance_identifier)
        if member is not None:
            return members.delete(member, final_id=final_db_snapshot_identifier)
        return super().delete_db_instance(
            db_instance_identifier,
            final_db_snapshot_identifier,
            skip_final_snapshot,
            delete_automated_backups,
        )

    def create_db_instance_read_replica(self, db_kwargs: Any) -> DBInstance:
        """Create a read replica; not of a member."""
        source = str(db_kwargs.get("source_db_instance_identifier") or "").rpartition(":")[2]
        if self._member(source) is not None:
            raise faults.combination(
                f"{source} is a member of an Aurora DB cluster. "
                "Add a reader to the cluster with CreateDBInstance."
            )
        return super().create_db_instance_read_replica(db_kwargs)

    def create_db_snapshot(
        self,
        db_instance_identifier: str,
        db_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: Any = None,
        **rest: Any,
    ) -> Any:
        """Take a manual snapshot; not of a member."""
        if self._member(db_instance_identifier) is not None:
            raise faults.combination(
                "The specified instance is a member of a cluster and a snapshot cannot be created directly. "
                "Please use the CreateDBClusterSnapshot API instead."
            )
        return super().create_db_snapshot(
            db_instance_identifier, db_snapshot_identifier, snapshot_type, tags, **rest
        )

    # -- clusters

    def create_db_cluster(self, kwargs: Any) -> Any:
        """Create a cluster."""
        return lifecycle.create(self, dict(kwargs))

    def modify_db_cluster(self, kwargs: Any) -> Any:
        """Modify a cluster."""
        return modify.modify(self, dict(kwargs))

    def begin_deferred_cluster(self, cluster: DBCluster) -> None:
        """Make work of what waited for the maintenance window."""
        changes, cluster.deferred = cluster.deferred, {}
        modify.begin(cluster, changes)

    def back_up_cluster(self, cluster: DBCluster) -> None:
        """Queue the day's automated snapshot."""
        lifecycle.back_up(cluster)

    def delete_db_cluster(
        self,
        cluster_identifier: str,
        snapshot_name: str | None = None,
        *,
        skip_final: bool = False,
        drop_backups: bool = True,
    ) -> Any:
        """Delete a cluster."""
        return lifecycle.delete(
            self, cluster_identifier, skip_final=skip_final, final_id=snapshot_name, drop_backups=drop_backups
        )

    def start_db_cluster(self, cluster_identifier: str) -> Any:
        """Start a stopped cluster."""
        return lifecycle.start(self, cluster_identifier)

    def stop_db_cluster(self, cluster_identifier: str) -> Any:
        """Stop a cluster."""
        return lifecycle.stop(self, cluster_identifier)

    def failover_db_cluster(
        self, db_cluster_identifier: str, target_db_instance_identifier: str | None = None
    ) -> Any:
        """Make a reader the writer."""
        return lifecycle.fail_over(self, db_cluster_identifier, target_db_instance_identifier)

    # -- snapshots

    def create_db_cluster_snapshot(
        self,
        db_cluster_identifier: str,
        db_cluster_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: Any = None,
    ) -> DBClusterSnapshot:
        """Take a manual snapshot of a cluster."""
        del snapshot_type
        cluster = lifecycle.named(self, db_cluster_identifier)
        return snapshots.take(self, cluster, db_cluster_snapshot_identifier, tags)

    def copy_db_cluster_snapshot(self, **request: Any) -> DBClusterSnapshot:
        """Copy a cluster snapshot."""
        return snapshots.copy(self, request)

    def delete_db_cluster_snapshot(self, db_snapshot_identifier: str) -> DBClusterSnapshot:
        """Delete a manual cluster snapshot."""
        return snapshots.delete(self, db_snapshot_identifier)

    def restore_db_cluster_from_snapshot(self, from_snapshot_id: str, overrides: Any) -> Any:
        """Make a new cluster with the data of a snapshot."""
        snapshot = snapshots.find(self, from_snapshot_id)
        request = snapshots.inherited(snapshot.cluster, dict(overrides))
        return lifecycle.create(self, request, snapshots.origin(snapshot))

    def restore_db_cluster_to_point_in_time(self, **request: Any) -> Any:
        """Make a new cluster with the data that another one had at a moment."""
        source = lifecycle.named(self, request.get("source_db_cluster_identifier"))
        kind = request.get("restore_type") or "full-copy"
        if kind not in ("full-copy", "copy-on-write"):
            raise faults.invalid(f"Invalid restore type: {kind}. Use full-copy or copy-on-write.")
        asked = request.get("restore_to_time")
        if kind == "copy-on-write" and asked is not None:
            raise faults.combination("RestoreToTime cannot be specified when RestoreType is copy-on-write")
        latest = bool(request.get("use_latest_restorable_time")) or kind == "copy-on-write"
        origin = snapshots.moment(source, asked, latest=latest)
        return lifecycle.create(self, snapshots.inherited(source, request), origin)

    # -- tags

    def _get_resource_for_tagging(self, arn: str) -> Any:
        head, _, name = arn.rpartition(":")
        kind = head.rpartition(":")[2]
        if kind == "cluster-endpoint":
            return custom.named(self, name)
        if kind == "cluster-pg":
            found = groups.find(self, name)
            if found is None:
                raise DBClusterParameterGroupNotFoundError(name)
            return found
        if ":cluster-snapshot:" in arn:
            return snapshots.find(self, arn)
        return super()._get_resource_for_tagging(arn)

    # -- cluster parameter groups

    def find_cluster_parameter_group(self, name: str) -> DBClusterParameterGroup | None:
        """A cluster parameter group by name; a default one is made at its first use."""
        return groups.find(self, name)


def _folders_in_use() -> Iterator[str]:
    for _, _, backend in rds_backends.iter_backends():
        for cluster in backend.clusters.values():
            yield f"archive-{cluster.db_cluster_resource_id}"
            for item in getattr(cluster, "work", []):
                if item["do"] == "create":
                    yield f"snapshot-{item['snapshot']}"
                    yield f"archive-{item['archive']}"
        for snapshot in backend.cluster_snapshots.values():
            for item in getattr(snapshot, "work", []):
                yield f"snapshot-{item['source']}"
