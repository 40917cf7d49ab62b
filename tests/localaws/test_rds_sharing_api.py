"""Snapshots through the API, the model alone: shared with other accounts, copied near and far."""

from __future__ import annotations

from typing import Any

import pytest

from .fix_rds_model import REGION, ModelOnly, automated, refused, snapshot

WEST = "us-west-2"


@pytest.fixture
def shop(model: ModelOnly) -> dict[str, Any]:
    """An instance whose first automated backup is ten minutes old."""
    model.create("shop")
    model.pass_time(minutes=10)
    return model.shown("shop")


def finish_copy(model: ModelOnly, name: str, region: str = REGION) -> dict[str, Any]:
    made = model.backend(region).database_snapshots[name]
    model.settle(region, "snapshot_copied", snapshot=made.data_id)
    answer = model.client("rds", region).describe_db_snapshots(DBSnapshotIdentifier=name)
    return dict(answer["DBSnapshots"][0])


def test_a_restored_instance_is_backed_up(model: ModelOnly, shop: dict[str, Any]) -> None:
    snapshot(model, "shop", "taken")
    restore = model.rds.restore_db_instance_from_db_snapshot
    restore(DBInstanceIdentifier="again", DBSnapshotIdentifier="taken")
    assert model.carry_out("again") == ["restore", "snapshot"]
    assert "LatestRestorableTime" in model.shown("again")


def test_sharing(model: ModelOnly, shop: dict[str, Any]) -> None:
    snapshot(model, "shop", "taken")
    share = model.rds.modify_db_snapshot_attribute
    request = {"DBSnapshotIdentifier": "taken", "AttributeName": "restore"}
    share(**request, ValuesToAdd=["111122223333", "444455556666"])
    answer = share(**request, ValuesToRemove=["444455556666"])["DBSnapshotAttributesResult"]
    assert answer["DBSnapshotAttributes"] == [
        {"AttributeName": "restore", "AttributeValues": ["111122223333"]}
    ]
    described = model.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="taken")
    assert described["DBSnapshotAttributesResult"] == answer
    assert refused(share, **request, ValuesToAdd=["somebody"])[0] == "InvalidParameterValue"
    assert refused(share, **request | {"AttributeName": "colour"}, ValuesToAdd=["all"])[0] == (
        "InvalidParameterValue"
    )
    assert refused(share, **request | {"DBSnapshotIdentifier": "none"}, ValuesToAdd=["all"])[0] == (
        "DBSnapshotNotFound"
    )
    many = [f"{number:012}" for number in range(20)]
    assert refused(share, **request, ValuesToAdd=many)[0] == "SharedSnapshotQuotaExceeded"
    code, _ = refused(share, **request | {"DBSnapshotIdentifier": automated(model)[0]}, ValuesToAdd=["all"])
    assert code == "InvalidParameterValue"


def test_encrypted_snapshots_are_shared_under_a_key_of_ones_own(model: ModelOnly) -> None:
    model.create("shop", StorageEncrypted=True)
    snapshot(model, "shop", "taken")
    share = model.rds.modify_db_snapshot_attribute
    request = {"DBSnapshotIdentifier": "taken", "AttributeName": "restore"}
    code, message = refused(share, **request, ValuesToAdd=["111122223333"])
    assert code == "InvalidParameterCombination"
    assert "default service key" in message
    key = model.client("kms").create_key()["KeyMetadata"]["Arn"]
    model.rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier="taken", TargetDBSnapshotIdentifier="ours", KmsKeyId=key
    )
    assert finish_copy(model, "ours")["KmsKeyId"] == key
    request["DBSnapshotIdentifier"] = "ours"
    assert refused(share, **request, ValuesToAdd=["all"])[0] == "InvalidParameterCombination"
    share(**request, ValuesToAdd=["111122223333"])


def test_copies_and_their_tags(model: ModelOnly, shop: dict[str, Any]) -> None:
    snapshot(model, "shop", "taken", Tags=[{"Key": "team", "Value": "orders"}])
    copy = model.rds.copy_db_snapshot
    for name, request, tags in (
        ("bare", {}, []),
        ("tagged", {"CopyTags": True}, [{"Key": "team", "Value": "orders"}]),
        ("other", {"CopyTags": True, "Tags": [{"Key": "a", "Value": "b"}]}, [{"Key": "a", "Value": "b"}]),
    ):
        copy(SourceDBSnapshotIdentifier="taken", TargetDBSnapshotIdentifier=name, **request)
        assert finish_copy(model, name)["TagList"] == tags
    copy(SourceDBSnapshotIdentifier=automated(model)[0], TargetDBSnapshotIdentifier="kept")
    kept = finish_copy(model, "kept")
    assert (kept["SnapshotType"], kept["Status"]) == ("manual", "available")
    assert model.told("kept", "db-snapshot") == [
        f"Started copy of snapshot {automated(model)[0]} in region us-east-1",
        f"Finished copy of snapshot {automated(model)[0]} in region us-east-1",
    ]
    model.rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
    model.carry_out("shop")
    assert model.rds.describe_db_snapshots(DBSnapshotIdentifier="kept")["DBSnapshots"]


def test_copies_across_regions(model: ModelOnly) -> None:
    model.create("shop", StorageEncrypted=True)
    taken = snapshot(model, "shop", "taken")
    west = model.client("rds", WEST)
    request = {
        "SourceDBSnapshotIdentifier": taken["DBSnapshotArn"],
        "TargetDBSnapshotIdentifier": "away",
        "SourceRegion": "us-east-1",
    }
    code, message = refused(west.copy_db_snapshot, **request | {"SourceDBSnapshotIdentifier": "taken"})
    assert (code, "its ARN" in message) == ("DBSnapshotNotFound", True)
    assert refused(west.copy_db_snapshot, **request)[0] == "InvalidParameterCombination"
    assert refused(west.copy_db_snapshot, **request, KmsKeyId=taken["KmsKeyId"])[0] == (
        "KMSKeyNotAccessibleFault"
    )
    key = model.client("kms", WEST).create_key()["KeyMetadata"]["Arn"]
    made = west.copy_db_snapshot(**request, KmsKeyId=key)["DBSnapshot"]
    assert (made["Status"], made["KmsKeyId"], made["SourceRegion"]) == ("creating", key, "us-east-1")
    away = finish_copy(model, "away", WEST)
    assert (away["Status"], away["SourceDBSnapshotIdentifier"]) == ("available", taken["DBSnapshotArn"])
    west.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="away")
    model.carry_out("again", WEST)
    again = model.shown("again", WEST)
    assert (again["KmsKeyId"], again["AvailabilityZone"][:-1]) == (key, WEST)
    code, _ = refused(
        west.restore_db_instance_from_db_snapshot,
        DBInstanceIdentifier="other",
        DBSnapshotIdentifier=taken["DBSnapshotArn"],
    )
    assert code == "DBSnapshotNotFound"


def test_snapshot_quota_counts_copies(model: ModelOnly, shop: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setenv("MOTO_RDS_SNAPSHOT_LIMIT", "2")
    snapshot(model, "shop", "one")
    copy = model.rds.copy_db_snapshot
    copy(SourceDBSnapshotIdentifier="one", TargetDBSnapshotIdentifier="two")
    code, _ = refused(copy, SourceDBSnapshotIdentifier="one", TargetDBSnapshotIdentifier="three")
    assert code == "SnapshotQuotaExceeded"
    code, _ = refused(model.rds.create_db_snapshot, DBInstanceIdentifier="shop", DBSnapshotIdentifier="three")
    assert code == "SnapshotQuotaExceeded"


def test_another_account_takes_what_is_shared_with_it(model: ModelOnly, shop: dict[str, Any]) -> None:
    taken = snapshot(model, "shop", "taken")
    theirs = model.client_of("111122223333", "rds")
    request = {"DBInstanceIdentifier": "again", "DBSnapshotIdentifier": taken["DBSnapshotArn"]}
    restore = theirs.restore_db_instance_from_db_snapshot
    assert refused(restore, **request)[0] == "DBSnapshotNotFound"
    share = model.rds.modify_db_snapshot_attribute
    attribute = {"DBSnapshotIdentifier": "taken", "AttributeName": "restore"}
    share(**attribute, ValuesToAdd=["111122223333"])
    shared = theirs.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
    assert [each["DBSnapshotArn"] for each in shared] == [taken["DBSnapshotArn"]]
    assert restore(**request)["DBInstance"]["DBInstanceArn"].split(":")[4] == "111122223333"
    share(**attribute, ValuesToRemove=["111122223333"], ValuesToAdd=["all"])
    copied = theirs.copy_db_snapshot(
        SourceDBSnapshotIdentifier=taken["DBSnapshotArn"], TargetDBSnapshotIdentifier="mine"
    )
    assert copied["DBSnapshot"]["SourceDBSnapshotIdentifier"] == taken["DBSnapshotArn"]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:rds:mars-1:123456789012:snapshot:taken",
        "arn:aws:rds:us-east-1:999999999999:snapshot:taken",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:taken",
    ],
)
def test_snapshots_elsewhere_that_do_not_exist(model: ModelOnly, arn: str) -> None:
    code, _ = refused(
        model.rds.copy_db_snapshot, SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="mine"
    )
    assert code == "DBSnapshotNotFound"
