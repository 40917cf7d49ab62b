"""Backups and point-in-time recovery: the items that a restored table has, and the settings it has not."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import (
    PROVISIONED,
    attributes,
    definition,
    described,
    fill,
    index,
    items,
    make_table,
    refusal,
)

RECOVERY = {"PointInTimeRecoveryEnabled": True}


@pytest.fixture(scope="module")
def dynamodb(aws: LocalAws) -> Any:
    return aws.client("dynamodb")


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"id": {"S": str(n)}, "total": {"N": str(n % 7)}} for n in range(count)]


def content(dynamodb: Any, name: str, **where: Any) -> dict[str, str]:
    return {item["id"]["S"]: item["total"]["N"] for item in items(dynamodb, name, **where)}


def wait_for(dynamodb: Any, name: str) -> dict[str, Any]:
    eventually(lambda: described(dynamodb, name)["TableStatus"] == "ACTIVE")
    return described(dynamodb, name)


def next_second() -> datetime:
    """The moment at which the clock's next second has begun: requests carry whole seconds."""
    now = datetime.now().astimezone()
    moment = now.replace(microsecond=0) + timedelta(seconds=1)
    time.sleep((moment - now).total_seconds() + 0.01)
    return moment


def indexed(name: str) -> dict[str, Any]:
    return definition(
        name,
        AttributeDefinitions=attributes("id", "total:N"),
        GlobalSecondaryIndexes=[index("by-total", "total")],
    )


def make_indexed(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(**indexed(name))
    dynamodb.get_waiter("table_exists").wait(TableName=name)


def test_a_backup_has_the_items_of_its_moment(aws: LocalAws, dynamodb: Any) -> None:
    make_indexed(dynamodb, "shop")
    fill(dynamodb, "shop", numbered(60))
    made = dynamodb.create_backup(TableName="shop", BackupName="monday")["BackupDetails"]
    arn = made["BackupArn"]
    dynamodb.put_item(TableName="shop", Item={"id": {"S": "1"}, "total": {"N": "99"}})
    dynamodb.delete_item(TableName="shop", Key={"id": {"S": "2"}})
    found = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
    assert found["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    assert found["SourceTableDetails"]["ItemCount"] == 60
    assert found["BackupDetails"]["BackupSizeBytes"] > 0
    begun = dynamodb.restore_table_from_backup(TargetTableName="shop-back", BackupArn=arn)["TableDescription"]
    assert (begun["TableStatus"], begun["RestoreSummary"]["RestoreInProgress"]) == ("CREATING", True)
    table = wait_for(dynamodb, "shop-back")
    assert table["RestoreSummary"]["SourceBackupArn"] == arn
    expected = {item["id"]["S"]: item["total"]["N"] for item in numbered(60)}
    assert content(dynamodb, "shop-back") == expected
    assert content(dynamodb, "shop-back", IndexName="by-total") == expected
    assert content(dynamodb, "shop")["1"] == "99"
    dynamodb.delete_backup(BackupArn=arn)
    assert refusal(dynamodb.describe_backup, BackupArn=arn)[0] == "BackupNotFoundException"
    eventually(lambda: not list((aws.state / "dynamodb" / "backups").glob("*")))


def test_a_backup_outlives_its_table(dynamodb: Any) -> None:
    make_table(dynamodb, "brief")
    dynamodb.put_item(TableName="brief", Item={"id": {"S": "1"}, "total": {"N": "1"}})
    arn = dynamodb.create_backup(TableName="brief", BackupName="last")["BackupDetails"]["BackupArn"]
    dynamodb.delete_table(TableName="brief")
    dynamodb.get_waiter("table_not_exists").wait(TableName="brief")
    listed = dynamodb.list_backups(TableName="brief")["BackupSummaries"]
    assert [backup["BackupArn"] for backup in listed] == [arn]
    dynamodb.restore_table_from_backup(TargetTableName="brief", BackupArn=arn)
    wait_for(dynamodb, "brief")
    assert content(dynamodb, "brief") == {"1": "1"}


def test_backups_are_refused_where_aws_refuses_them(dynamodb: Any) -> None:
    make_table(dynamodb, "there")
    assert (
        refusal(dynamodb.create_backup, TableName="nowhere", BackupName="any")[0] == "TableNotFoundException"
    )
    arn = dynamodb.create_backup(TableName="there", BackupName="any")["BackupDetails"]["BackupArn"]
    code, _ = refusal(dynamodb.restore_table_from_backup, TargetTableName="there", BackupArn=arn)
    assert code == "TableAlreadyExistsException"
    gone = f"{arn}-gone"
    code, _ = refusal(dynamodb.restore_table_from_backup, TargetTableName="elsewhere", BackupArn=gone)
    assert code == "BackupNotFoundException"


def test_a_table_is_restored_to_any_second(dynamodb: Any) -> None:
    make_indexed(dynamodb, "past")
    fill(dynamodb, "past", numbered(30))
    dynamodb.update_continuous_backups(TableName="past", PointInTimeRecoverySpecification=RECOVERY)
    dynamodb.put_item(TableName="past", Item={"id": {"S": "new"}, "total": {"N": "1"}})
    before = content(dynamodb, "past")
    moment = next_second()
    for number in range(30):
        dynamodb.delete_item(TableName="past", Key={"id": {"S": str(number)}})
    dynamodb.put_item(TableName="past", Item={"id": {"S": "new"}, "total": {"N": "2"}})
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="past", TargetTableName="then", RestoreDateTime=moment
    )
    table = wait_for(dynamodb, "then")
    assert content(dynamodb, "then") == before
    assert content(dynamodb, "then", IndexName="by-total") == before
    assert table["ItemCount"] == 31
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="past",
        TargetTableName="now",
        UseLatestRestorableTime=True,
        GlobalSecondaryIndexOverride=[],
        BillingModeOverride="PROVISIONED",
        ProvisionedThroughputOverride=PROVISIONED,
    )
    table = wait_for(dynamodb, "now")
    assert content(dynamodb, "now") == {"new": "2"}
    assert "GlobalSecondaryIndexes" not in table
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert content(dynamodb, "past") == {"new": "2"}


def test_the_restored_table_has_its_own_settings(dynamodb: Any) -> None:
    make_table(
        dynamodb,
        "settings",
        Tags=[{"Key": "team", "Value": "shop"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    ttl = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName="settings", TimeToLiveSpecification=ttl)
    dynamodb.update_continuous_backups(TableName="settings", PointInTimeRecoverySpecification=RECOVERY)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="settings", TargetTableName="plain", UseLatestRestorableTime=True
    )
    table = wait_for(dynamodb, "plain")
    assert "StreamSpecification" not in table
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == []
    described_ttl = dynamodb.describe_time_to_live(TableName="plain")["TimeToLiveDescription"]
    assert described_ttl["TimeToLiveStatus"] == "DISABLED"
    recovery = dynamodb.describe_continuous_backups(TableName="plain")["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


def test_the_restorable_times_move_and_bound(dynamodb: Any) -> None:
    make_table(dynamodb, "bounds")

    def window() -> dict[str, Any]:
        found = dynamodb.describe_continuous_backups(TableName="bounds")["ContinuousBackupsDescription"]
        return dict(found["PointInTimeRecoveryDescription"])

    def restore(moment: datetime) -> str:
        request = {"SourceTableName": "bounds", "TargetTableName": "bounds-2", "RestoreDateTime": moment}
        return refusal(dynamodb.restore_table_to_point_in_time, **request)[0]

    latest = {"SourceTableName": "bounds", "TargetTableName": "bounds-2", "UseLatestRestorableTime": True}
    code, _ = refusal(dynamodb.restore_table_to_point_in_time, **latest)
    assert code == "PointInTimeRecoveryUnavailableException"
    dynamodb.update_continuous_backups(TableName="bounds", PointInTimeRecoverySpecification=RECOVERY)
    first = window()
    assert first["RecoveryPeriodInDays"] == 35
    eventually(lambda: window()["LatestRestorableDateTime"] > first["LatestRestorableDateTime"])
    assert window()["EarliestRestorableDateTime"] == first["EarliestRestorableDateTime"]
    assert restore(first["EarliestRestorableDateTime"] - timedelta(hours=1)) == "InvalidRestoreTimeException"
    assert restore(datetime.now().astimezone() + timedelta(hours=1)) == "InvalidRestoreTimeException"


def test_a_deleted_table_with_recovery_leaves_a_backup_of_the_system(dynamodb: Any) -> None:
    make_table(dynamodb, "mourned")
    dynamodb.update_continuous_backups(TableName="mourned", PointInTimeRecoverySpecification=RECOVERY)
    dynamodb.put_item(TableName="mourned", Item={"id": {"S": "1"}, "total": {"N": "1"}})
    dynamodb.delete_table(TableName="mourned")
    dynamodb.get_waiter("table_not_exists").wait(TableName="mourned")
    assert dynamodb.list_backups(TableName="mourned")["BackupSummaries"] == []
    (backup,) = dynamodb.list_backups(TableName="mourned", BackupType="SYSTEM")["BackupSummaries"]
    kept = backup["BackupExpiryDateTime"] - backup["BackupCreationDateTime"]
    assert (backup["BackupStatus"], kept) == ("AVAILABLE", timedelta(days=35))
    dynamodb.restore_table_from_backup(TargetTableName="mourned", BackupArn=backup["BackupArn"])
    wait_for(dynamodb, "mourned")
    assert content(dynamodb, "mourned") == {"1": "1"}


def test_an_export_has_the_items_of_its_moment(aws: LocalAws, dynamodb: Any) -> None:
    s3 = aws.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="exported")
    arn = make_table(dynamodb, "exported")["TableArn"]
    fill(dynamodb, "exported", numbered(30))
    request = {"TableArn": arn, "S3Bucket": "exported", "S3Prefix": "daily"}
    export = dynamodb.export_table_to_point_in_time
    assert refusal(export, **request)[0] == "PointInTimeRecoveryUnavailableException"
    dynamodb.update_continuous_backups(TableName="exported", PointInTimeRecoverySpecification=RECOVERY)
    moment = next_second()
    dynamodb.delete_item(TableName="exported", Key={"id": {"S": "7"}})
    begun = export(**request, ExportTime=moment)["ExportDescription"]
    lost = export(**{**request, "S3Bucket": "no-such-bucket"})["ExportDescription"]

    def found(begun: dict[str, Any]) -> dict[str, Any]:
        described_export = dynamodb.describe_export(ExportArn=begun["ExportArn"])["ExportDescription"]
        return dict(described_export)

    eventually(lambda: "IN_PROGRESS" not in (found(begun)["ExportStatus"], found(lost)["ExportStatus"]))
    assert (found(begun)["ExportStatus"], found(begun)["ItemCount"]) == ("COMPLETED", 30)
    assert (found(lost)["ExportStatus"], found(lost)["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    summary = json.loads(s3.get_object(Bucket="exported", Key=found(begun)["ExportManifest"])["Body"].read())
    files = json.loads(s3.get_object(Bucket="exported", Key=summary["manifestFilesS3Key"])["Body"].read())
    data = gzip.decompress(s3.get_object(Bucket="exported", Key=files["dataFileS3Key"])["Body"].read())
    exported = [json.loads(line)["Item"] for line in data.splitlines()]
    assert sorted(exported, key=str) == sorted(numbered(30), key=str)
    assert len(dynamodb.list_exports(TableArn=arn)["ExportSummaries"]) == 2


def crash(aws: LocalAws) -> Any:
    """Kill the server and start it again; a new client."""
    os.kill(aws.status()["pid"], signal.SIGKILL)
    aws.start()
    return aws.client("dynamodb")


def test_a_crash_at_once_after_an_answer_leaves_nothing_half_made(own_aws: LocalAws) -> None:
    own_aws.start()
    dynamodb = own_aws.client("dynamodb")
    make_table(dynamodb, "source", AttributeDefinitions=attributes("id"))
    fill(dynamodb, "source", numbered(500))
    dynamodb.update_continuous_backups(TableName="source", PointInTimeRecoverySpecification=RECOVERY)
    arn = dynamodb.create_backup(TableName="source", BackupName="full")["BackupDetails"]["BackupArn"]
    expected = content(dynamodb, "source")
    update = {
        "AttributeDefinitions": attributes("id", "total:N"),
        "GlobalSecondaryIndexUpdates": [{"Create": index("by-total", "total")}],
    }
    dynamodb.create_table(**definition("made"))
    dynamodb.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="source", TargetTableName="recovered", UseLatestRestorableTime=True
    )
    dynamodb = crash(own_aws)
    wait_for(dynamodb, "made")
    dynamodb.update_table(TableName="source", **update)
    dynamodb.delete_table(TableName="made")
    dynamodb = crash(own_aws)
    for name in ("source", "restored", "recovered"):
        wait_for(dynamodb, name)
        assert content(dynamodb, name) == expected
    assert content(dynamodb, "source", IndexName="by-total") == expected
    dynamodb.get_waiter("table_not_exists").wait(TableName="made")
    ids = {described(dynamodb, name)["TableId"] for name in ("source", "restored", "recovered")}
    files = {file.name.partition(".")[0] for file in (own_aws.state / "dynamodb").glob("*/*/*.sqlite")}
    assert files == ids | {"transactions"}
    backups = list((own_aws.state / "dynamodb" / "backups").glob("*"))
    assert [file.stem for file in backups] == [arn.rpartition("/")[2]]
