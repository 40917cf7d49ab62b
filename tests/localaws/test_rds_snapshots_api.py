"""Snapshots through the API: taken, copied, shared out as instances again, and refused by AWS's rules."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from . import fix_rds as fix

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


@pytest.fixture(scope="module")
def network(aws: Any) -> Any:
    return fix.PublicNetwork(aws, "snapping")


@pytest.fixture(scope="module")
def shop(aws: Any, rds: Any, network: Any) -> str:
    tags = [{"Key": "team", "Value": "orders"}]
    request = network.request("origin", CopyTagsToSnapshot=True, Tags=tags, StorageEncrypted=True)
    rds.create_db_instance(**request | {"BackupRetentionPeriod": 7})
    with fix.connect(aws, fix.available(rds, "origin")) as connection:
        connection.execute("create table orders as select n as id from generate_series(1, 1000) n")
    return "origin"


@pytest.fixture(scope="module")
def taken(rds: Any, shop: str) -> dict[str, Any]:
    created = rds.create_db_snapshot(DBInstanceIdentifier=shop, DBSnapshotIdentifier="First")["DBSnapshot"]
    assert (created["DBSnapshotIdentifier"], created["Status"], created["PercentProgress"]) == (
        "first",
        "creating",
        0,
    )
    assert fix.instance(rds, shop)["DBInstanceStatus"] in ("backing-up", "available")
    return snapshot_ready(rds, "first")


def snapshot_ready(rds: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = fix.eventually(
        lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0],
        lambda each: each["Status"] == "available",
    )
    return found


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def test_a_new_instance_is_backed_up(rds: Any, shop: str) -> None:
    found = rds.describe_db_snapshots(DBInstanceIdentifier=shop, SnapshotType="automated")["DBSnapshots"]
    assert [each["DBSnapshotIdentifier"].startswith(f"rds:{shop}-") for each in found] == [True]
    assert found[0]["Status"] == "available"
    assert "LatestRestorableTime" in fix.instance(rds, shop)
    code = refused(rds.delete_db_snapshot, DBSnapshotIdentifier=found[0]["DBSnapshotIdentifier"])
    assert code == "InvalidDBSnapshotState"
    backups = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=shop)[
        "DBInstanceAutomatedBackups"
    ]
    assert [each["DBInstanceIdentifier"] for each in backups] == [shop]


def test_what_a_snapshot_tells(rds: Any, shop: str, taken: dict[str, Any]) -> None:
    shown = fix.instance(rds, shop)
    assert taken["DbiResourceId"] == shown["DbiResourceId"]
    assert (taken["Encrypted"], taken["KmsKeyId"]) == (True, shown["KmsKeyId"])
    assert taken["TagList"] == [{"Key": "team", "Value": "orders"}]
    assert taken["VpcId"] == shown["DBSubnetGroup"]["VpcId"]
    assert (taken["PercentProgress"], taken["SnapshotType"], taken["AllocatedStorage"]) == (100, "manual", 20)
    for request in (
        {"DBSnapshotIdentifier": taken["DBSnapshotArn"]},
        {"DBInstanceIdentifier": shop, "SnapshotType": "manual"},
        {"Filters": [{"Name": "db-snapshot-id", "Values": ["first"]}]},
    ):
        found = rds.describe_db_snapshots(**request)["DBSnapshots"]
        assert [each["DBSnapshotIdentifier"] for each in found] == ["first"]


def test_snapshots_have_rules(rds: Any, shop: str, taken: dict[str, Any]) -> None:
    name = taken["DBSnapshotIdentifier"]
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier=shop, DBSnapshotIdentifier=name) == (
        "DBSnapshotAlreadyExists"
    )
    for wrong in ("1st", "two--hyphens", "under_score"):
        code = refused(rds.create_db_snapshot, DBInstanceIdentifier=shop, DBSnapshotIdentifier=wrong)
        assert code == "InvalidParameterValue"
    assert refused(rds.delete_db_snapshot, DBSnapshotIdentifier="none") == "DBSnapshotNotFound"
    assert (
        refused(rds.copy_db_snapshot, SourceDBSnapshotIdentifier=name, TargetDBSnapshotIdentifier=name)
        == "DBSnapshotAlreadyExists"
    )


def test_restored_instance_has_the_rows(aws: Any, rds: Any, network: Any, taken: dict[str, Any]) -> None:
    with fix.connect(aws, fix.instance(rds, "origin")) as connection:
        connection.execute("delete from orders where id > 10")
    request = {
        "DBInstanceIdentifier": "again",
        "DBSnapshotIdentifier": taken["DBSnapshotIdentifier"],
        "DBSubnetGroupName": network.subnet_group,
        "VpcSecurityGroupIds": [network.security_group],
        "PubliclyAccessible": True,
    }
    assert refused(rds.restore_db_instance_from_db_snapshot, **request, AllocatedStorage=19) == (
        "InvalidParameterValue"
    )
    assert refused(
        rds.restore_db_instance_from_db_snapshot, **request | {"DBInstanceIdentifier": "origin"}
    ) == ("DBInstanceAlreadyExists")
    made = rds.restore_db_instance_from_db_snapshot(**request, DBInstanceClass="db.t3.small")["DBInstance"]
    assert (made["DBInstanceStatus"], made["StorageEncrypted"], made["TagList"]) == ("creating", True, [])
    shown = fix.available(rds, "again")
    with fix.connect(aws, shown) as connection:
        row = connection.execute("select count(*), current_setting('max_connections') from orders").fetchone()
    assert row == (1000, "225")
    events = rds.describe_events(SourceIdentifier="again", SourceType="db-instance")["Events"]
    assert "Restored from snapshot first" in [each["Message"] for each in events]
    rds.delete_db_instance(DBInstanceIdentifier="again", SkipFinalSnapshot=True)


def test_copy_outlives_its_source(aws: Any, rds: Any, network: Any, taken: dict[str, Any]) -> None:
    copied = rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=taken["DBSnapshotArn"], TargetDBSnapshotIdentifier="second", CopyTags=True
    )["DBSnapshot"]
    assert copied["TagList"] == taken["TagList"]
    assert snapshot_ready(rds, "second")["SourceDBSnapshotIdentifier"] == taken["DBSnapshotArn"]
    rds.delete_db_snapshot(DBSnapshotIdentifier="first")
    assert refused(rds.describe_db_snapshots, DBSnapshotIdentifier="first") == "DBSnapshotNotFound"
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="third",
        DBSnapshotIdentifier="second",
        DBSubnetGroupName=network.subnet_group,
        VpcSecurityGroupIds=[network.security_group],
        PubliclyAccessible=True,
    )
    busy = refused(rds.delete_db_snapshot, DBSnapshotIdentifier="second")
    assert busy == "InvalidDBSnapshotState"
    with fix.connect(aws, fix.available(rds, "third")) as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (1000,)
    rds.delete_db_instance(DBInstanceIdentifier="third", SkipFinalSnapshot=True)
    rds.delete_db_snapshot(DBSnapshotIdentifier="second")


def test_retention_zero_removes_the_automated_snapshots(rds: Any, shop: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=shop, BackupRetentionPeriod=0, ApplyImmediately=True)
    shown = fix.available(rds, shop)
    assert shown["BackupRetentionPeriod"] == 0
    assert "LatestRestorableTime" not in shown
    assert rds.describe_db_snapshots(DBInstanceIdentifier=shop, SnapshotType="automated")["DBSnapshots"] == []
    rds.modify_db_instance(DBInstanceIdentifier=shop, BackupRetentionPeriod=7, ApplyImmediately=True)
    fix.available(rds, shop)
    found = rds.describe_db_snapshots(DBInstanceIdentifier=shop, SnapshotType="automated")["DBSnapshots"]
    assert [each["Status"] for each in found] == ["available"]
    rds.delete_db_instance(DBInstanceIdentifier=shop, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=shop, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    left = rds.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]
    assert shop not in [each["DBInstanceIdentifier"] for each in left]
