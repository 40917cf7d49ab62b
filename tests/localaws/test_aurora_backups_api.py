"""Aurora's snapshots and recovery through the API, the model alone."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from localaws.rds.clusters.settle import SETTLEMENTS

from .fix_aurora_model import ENGINE, AuroraModel
from .fix_rds_model import refused, running_model


@pytest.fixture
def aurora() -> Iterator[AuroraModel]:
    with running_model() as running:
        yield AuroraModel(running)


# -- clusters and members


def test_snapshots_are_taken_copied_shared_and_restored(aurora: AuroraModel) -> None:
    aurora.create("shop", "one", DatabaseName="orders", Tags=[{"Key": "team", "Value": "shop"}])
    made = aurora.rds.create_db_cluster_snapshot(
        DBClusterIdentifier="shop", DBClusterSnapshotIdentifier="before"
    )["DBClusterSnapshot"]
    assert (made["Status"], aurora.shown()["Status"]) == ("creating", "backing-up")
    aurora.carry_out()
    aurora.rds.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier="before", TargetDBClusterSnapshotIdentifier="copy"
    )
    backend = aurora.model.backend()
    copy = backend.cluster_snapshots["copy"]
    assert copy.work == [{"do": "copy", "source": backend.cluster_snapshots["before"].data_id}]
    SETTLEMENTS["cluster_snapshot_copied"](backend, snapshot=copy.data_id)
    aurora.rds.modify_db_cluster_snapshot_attribute(
        DBClusterSnapshotIdentifier="copy", AttributeName="restore", ValuesToAdd=["111122223333"]
    )
    attributes = aurora.rds.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="copy")
    assert attributes["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"] == [
        {"AttributeName": "restore", "AttributeValues": ["111122223333"]}
    ]
    restored = aurora.rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="restored", SnapshotIdentifier="copy", Engine=ENGINE
    )["DBCluster"]
    assert (restored["DatabaseName"], restored["MasterUsername"]) == ("orders", "shop")
    assert aurora.cluster("restored").work[0]["snapshot"] == copy.data_id
    aurora.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier="copy")
    assert backend.folders_to_remove() == []
    aurora.carry_out("restored")
    assert backend.folders_to_remove() == [f"snapshot-{copy.data_id}"]


def test_automated_snapshots_are_not_deleted_by_hand(aurora: AuroraModel) -> None:
    aurora.create()
    (automated,) = aurora.rds.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
    name = automated["DBClusterSnapshotIdentifier"]
    assert refused(aurora.rds.delete_db_cluster_snapshot, DBClusterSnapshotIdentifier=name)[0] == (
        "InvalidDBClusterSnapshotStateFault"
    )


def test_the_restorable_time_moves_and_bounds_a_recovery(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    first = aurora.shown()["LatestRestorableTime"]
    aurora.model.pass_time(hours=2)
    assert aurora.shown()["LatestRestorableTime"] - first == datetime.timedelta(hours=2, seconds=-2)
    request = {"SourceDBClusterIdentifier": "shop", "DBClusterIdentifier": "drill"}
    moment = aurora.model.now() - datetime.timedelta(hours=1)
    calls = [
        {},
        {"UseLatestRestorableTime": True, "RestoreToTime": moment},
        {"RestoreToTime": moment, "RestoreType": "copy-on-write"},
    ]
    codes = [
        refused(aurora.rds.restore_db_cluster_to_point_in_time, **request, **changed)[0] for changed in calls
    ]
    assert codes == ["InvalidParameterCombination"] * 3
    for hours in (-3, 3):
        asked = aurora.model.now() + datetime.timedelta(hours=hours)
        assert (
            refused(aurora.rds.restore_db_cluster_to_point_in_time, **request, RestoreToTime=asked)[0]
            == "InvalidRestoreFault"
        )
    aurora.rds.restore_db_cluster_to_point_in_time(**request, RestoreToTime=moment)
    item = aurora.cluster("drill").work[0]
    assert item["archive"] == aurora.cluster().db_cluster_resource_id
    assert datetime.datetime.fromisoformat(item["time"]) == moment


def test_a_daily_snapshot_is_due_in_the_window_and_old_ones_expire(aurora: AuroraModel) -> None:
    aurora.create("shop", PreferredBackupWindow="12:00-13:00")
    cluster = aurora.cluster()
    facts = {"resource_id": cluster.db_cluster_resource_id}
    for _ in range(3):
        aurora.model.pass_time(days=1)
        SETTLEMENTS["cluster_backup_due"](cluster.backend, **facts)
        SETTLEMENTS["cluster_backup_due"](cluster.backend, **facts)
        assert [item["do"] for item in aurora.carry_out()] == ["snapshot"]
    kept = aurora.rds.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
    assert len(kept) == 2  # of one day, and the one just taken
    assert aurora.shown()["EarliestRestorableTime"] == aurora.model.now() - datetime.timedelta(days=1)


# -- listings
